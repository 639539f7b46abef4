//! `tbpki report --metrics`: Prometheus text that its grammar takes, with figures that are right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;

use crate::renew::{DEVICE, leaf};

const FILE: &str = "tbpki.prom";

/// The samples of a text, by name and labels.
type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Reads a text strictly by the grammar of the exposition format, version 0.0.4: each family with its help and its type
/// first, its samples together, no sample twice, and a line feed at the end of each line.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text}");
    let (mut samples, mut families) = (Samples::new(), BTreeSet::new());
    let mut lines = text.lines().peekable();
    while let Some(help) = lines.next() {
        let (name, meaning) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(is_name(name, true) && !meaning.is_empty(), "{help}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(["counter", "gauge"].contains(&kind), "{kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        assert!(families.insert(name.to_owned()), "{name} is there twice");
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (labels, value) = sample(line, name);
            let is_new = samples.insert((name.to_owned(), labels), value).is_none();
            assert!(is_new, "{line} is there twice");
        }
    }
    samples
}

fn is_name(text: &str, is_metric: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || is_metric && c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// The labels and the value of a line.
fn sample(line: &str, name: &str) -> (Vec<(String, String)>, f64) {
    let rest = line.strip_prefix(name).unwrap();
    let mut labels = Vec::new();
    let value = match rest.strip_prefix('{') {
        None => rest.strip_prefix(' ').unwrap(),
        Some(inner) => {
            let mut rest = inner;
            loop {
                let (label, quoted) = rest.split_once("=\"").unwrap();
                assert!(is_name(label, false), "{line}");
                let (text, after) = quoted_text(quoted);
                assert!(labels.iter().all(|(known, _)| known != label), "{line}");
                labels.push((label.to_owned(), text));
                match after.strip_prefix(',') {
                    Some(next) => rest = next,
                    None => break after.strip_prefix("} ").unwrap(),
                }
            }
        }
    };
    (labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}

/// The text up to the next quotation mark, without escapes, and what follows it.
fn quoted_text(text: &str) -> (String, &str) {
    let (mut found, mut chars) = (String::new(), text.char_indices());
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return (found, &text[at + 1..]),
            '\\' => found.push(match chars.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                other => panic!("\\{other}"),
            }),
            one => found.push(one),
        }
    }
    panic!("no end in {text}")
}

#[track_caller]
fn figures(sandbox: &Sandbox) -> Samples {
    sandbox.ok(["report", "--metrics", FILE]);
    parse(&sandbox.text(FILE))
}

#[track_caller]
fn figure(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
    let labels = labels.iter().map(|(label, text)| ((*label).to_owned(), (*text).to_owned())).collect();
    #[allow(clippy::cast_possible_truncation, reason = "whole seconds and counts")]
    samples.get(&(name.to_owned(), labels)).map(|value| *value as i64)
}

#[test]
fn the_figures_are_those_of_the_store() {
    let sandbox = Sandbox::with_store();
    let empty = figures(&sandbox);
    assert_eq!(figure(&empty, "tbpki_certificates", &[("kind", "device")]), Some(0));
    assert_eq!(figure(&empty, "tbpki_certificate_next_end_seconds", &[("kind", "device")]), None);
    assert_eq!(figure(&empty, "tbpki_revocation_list_end_seconds", &[("ca", "devices-issuing")]), None);

    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    for name in ["pump-1", "pump-2", "pump-3", "pump-4"] {
        sandbox.ok(["client", "--device", name, "--days", "90"]);
    }
    age(&sandbox.join("pki/ledger.db"), "pump-2", 100);
    sandbox.ok(["revoke", "--device", "pump-3"]);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet", "--days", "400"]);
    let samples = figures(&sandbox);
    let of = |name: &str, kind: &str| figure(&samples, name, &[("kind", kind)]);
    assert_eq!((of("tbpki_certificates", "device"), of("tbpki_certificates", "server")), (Some(5), Some(1)));
    assert_eq!(of("tbpki_certificates", "ca"), Some(4));
    assert_eq!(
        (of("tbpki_certificates_expired", "device"), of("tbpki_certificates_revoked", "device")),
        (Some(1), Some(1))
    );
    // The expired one, and none of a CA.
    assert_eq!((of("tbpki_certificates_due", "device"), of("tbpki_certificates_due", "server")), (Some(1), Some(0)));
    assert_eq!(of("tbpki_certificates_due", "ca"), None);
    // The expired one does not hide the next.
    let end = leaf(&sandbox, DEVICE).not_after().unix_timestamp();
    let next = of("tbpki_certificate_next_end_seconds", "device").unwrap();
    assert!((next - end).abs() < 60, "{next} {end}");
    let root = leaf(&sandbox, "pki/ca/devices-root/cert.pem").not_after().unix_timestamp();
    assert_eq!(figure(&samples, "tbpki_ca_end_seconds", &[("ca", "devices-root")]), Some(root));
    let issuing = leaf(&sandbox, "pki/ca/devices-issuing/cert.pem").not_after().unix_timestamp();
    let shortens = figure(&samples, "tbpki_ca_shortens_from_seconds", &[("ca", "devices-issuing")]);
    assert_eq!(shortens, Some(issuing - 3650 * 86_400));
    let lists = PemBundle::parse(&sandbox.read("pki/devices-crl.pem")).unwrap().crls;
    let list = Crl::from_der(&lists[0]).unwrap();
    let ca = [("ca", "devices-issuing")];
    assert_eq!(
        figure(&samples, "tbpki_revocation_list_end_seconds", &ca),
        list.next_update().map(time::OffsetDateTime::unix_timestamp)
    );
    assert_eq!(figure(&samples, "tbpki_revocation_list_begin_seconds", &ca), Some(list.this_update().unix_timestamp()));
    assert_eq!(figure(&samples, "tbpki_steps_open", &[("of", "revocation")]), Some(0));
    assert_eq!(figure(&samples, "tbpki_jobs", &[("state", "done")]), Some(1));
    // The number of series does not depend on the number of devices, and no device is named.
    sandbox.ok(["fleet", "issue", "--count", "300", "--name-pattern", "t-{}", "--out", "more"]);
    let more = figures(&sandbox);
    assert_eq!(more.keys().collect::<Vec<_>>(), samples.keys().collect::<Vec<_>>());
    assert!(!sandbox.text(FILE).contains("pump-"));
}

#[test]
fn the_file_is_readable_for_all_and_only_an_earlier_one_is_replaced() {
    let sandbox = Sandbox::with_store();
    figures(&sandbox);
    figures(&sandbox);
    assert_eq!(fs::metadata(sandbox.join(FILE)).unwrap().permissions().mode() & 0o777, 0o644);
    let stdout = sandbox.ok(["report", "--metrics", "-"]).stdout_text();
    assert_eq!(parse(&stdout).len(), figures(&sandbox).len());
    sandbox.ok(["report", "--metrics", FILE, "--out", "page.html"]);
    sandbox.write("other", "precious");
    sandbox.fails(["report", "--metrics", "other"], 1, "TBPKI-0082");
    assert_eq!(sandbox.text("other"), "precious");
    sandbox.fails(["report", "--metrics", "absent/file"], 1, "TBPKI-0081");
    sandbox.fails(["report"], 2, "TBPKI-0011");
    sandbox.fails(["report", "--metrics", "-", "--out", "-"], 2, "TBPKI-0011");
    sandbox.fails(["report", "--metrics", "-", "--json"], 2, "TBPKI-0011");
    let names: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".tbpki")), "{names:?}");
}

#[test]
fn names_of_profiles_are_escaped() {
    let scene = crate::scene::Scene::new();
    scene.ok(&["profile", "create", "a\"b", "--example", "pump-1"]);
    let samples = figures(&scene.sandbox);
    assert!(figure(&samples, "tbpki_ca_end_seconds", &[("ca", "profile-a\"b")]).is_some(), "{samples:?}");
}

/// The figure is the number of rows that `tbpki list` marks with "renew now" or EXPIRED.
#[test]
fn certificates_are_due_by_the_rule_of_renewals() {
    let sandbox = Sandbox::with_store();
    let ledger = sandbox.join("pki/ledger.db");
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "90"]);
    for name in ["a", "b", "c", "d"] {
        sandbox.ok(["client", "--device", name, "--days", "90"]);
    }
    for (name, days) in [("tb.example", 61), ("a", 59), ("b", 61), ("c", 91)] {
        age(&ledger, name, days);
    }
    let due = |before: Option<&str>| {
        let run = |args: &[&str]| {
            let tool = sandbox.tbpki(args);
            before.into_iter().fold(tool, |tool, before| tool.env("TBPKI_RENEWAL_BEFORE", before)).run().ok()
        };
        run(&["report", "--metrics", FILE]);
        let samples = parse(&sandbox.text(FILE));
        let listed = run(&["list", "--json"]).json();
        let rows = listed["result"]["identities"].as_array().unwrap().clone();
        let is_marked = |row: &&serde_json::Value| ["due", "expired"].iter().any(|word| row["renewal"] == *word);
        ["device", "server"].map(|kind| {
            let marked = rows.iter().filter(is_marked).filter(|row| row["kind"] == kind).count();
            let figure = figure(&samples, "tbpki_certificates_due", &[("kind", kind)]).unwrap();
            assert_eq!(usize::try_from(figure), Ok(marked), "{kind}, {before:?}");
            marked
        })
    };
    assert_eq!(due(None), [2, 1]);
    assert_eq!(due(Some("80")), [3, 1]);
    assert_eq!(due(Some("20")), [1, 0]);
    // What was issued by a CA that peers refuse must be renewed, whatever its dates are.
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.tbpki(["revoke", "--ca", "devices-issuing", "--generation", "1"]).run();
    let [devices, _] = due(None);
    assert!(devices >= 2, "{devices}");
}
