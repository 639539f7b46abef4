//! Asked again, a verb writes what is missing, changes nothing else, and names every difference to what was asked for
//! before.

use std::fs;
use std::path::Path;

use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox, Snapshot};

const CLIENT: &[&str] =
    &["client", "--device", "pump-1", "--format", "nopass,pub,cer,p12,jks", "--san", "pump-1.example", "--days", "90"];
const DEVICE: &str = "pki/devices/pump-1";
const SERVER: &[&str] =
    &["server", "--name", "tb.example", "--only-given-names", "--format", "pub,cer,p12,jks", "--out", "out"];
const SERVER_DIR: &str = "pki/servers/tb.example";

/// The fate of a file that is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It comes back as it was.
    Same,
    /// It comes back with the same contents, encrypted again.
    Closed,
    /// Nothing else holds what was in it: it is named, and nothing is changed.
    Named,
    /// It is no file of ours.
    Theirs,
}
use Fate::{Closed, Named, Same, Theirs};

/// Everything but the ledger and the lock, which change with every verb.
fn state(sandbox: &Sandbox) -> Snapshot {
    Snapshot::of(sandbox.path()).without(|name| {
        let name = name.to_string_lossy();
        name.starts_with("pki/ledger.db") || name == "pki/.lock"
    })
}

/// Loses each file of an identity in turn and asks for it again.
#[track_caller]
fn lose_each(start: &Sandbox, args: &[&str], directory: &str, files: &[(&str, Fate)]) {
    let mut there: Vec<String> = fs::read_dir(start.join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    let mut listed: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
    listed.sort_unstable();
    // Compared with the table, so that a file of a later version cannot be forgotten here.
    assert_eq!(there, listed, "the files of {directory}");

    let (sandbox, saved) = (start, start.copy());
    for (file, fate) in files.iter().filter(|(_, fate)| *fate != Theirs) {
        sandbox.restore(&saved);
        let before = state(sandbox);
        let path = sandbox.join(directory).join(file);
        fs::remove_file(&path).unwrap();
        let lost = state(sandbox);
        if *fate != Named {
            announced(sandbox, args, &path);
            lost.is_unchanged(&state(sandbox), "a dry run");
        }
        let outcome = sandbox.tbpki(args).run();
        let after = state(sandbox);
        match fate {
            Same => {
                let outcome = outcome.ok().prints(file);
                before.is_unchanged(&after, &outcome);
            }
            Closed => {
                let outcome = outcome.ok().prints(file);
                let is_it = |name: &Path| name == Path::new(directory).join(file);
                before.clone().without(is_it).is_unchanged(&after.clone().without(is_it), &outcome);
                assert!(path.exists(), "{outcome}");
            }
            Named => {
                let outcome = outcome.ends(1).prints(file).prints("TBPKI-0080");
                lost.is_unchanged(&after, &outcome);
                // The way out that the message names.
                let outcome = sandbox.tbpki([args, &["--force"]].concat()).run();
                assert!(outcome.status == 0 && path.exists(), "{outcome}");
            }
            Theirs => unreachable!(),
        }
        sandbox.ok(args);
    }
}

/// In a dry run this file alone would be written.
#[track_caller]
fn announced(sandbox: &Sandbox, args: &[&str], lost: &Path) {
    let outcome = sandbox.ok([args, &["--dry-run", "--json"]].concat());
    let report = outcome.json();
    assert_eq!(report["result"]["done"], "planned", "{outcome}");
    let files = report["result"]["files"].as_array().unwrap().iter();
    let planned: Vec<_> = files.filter(|file| file["done"] != "unchanged").collect();
    let [only] = planned.as_slice() else { panic!("expected one file from {outcome}") };
    assert!(lost.ends_with(only["path"].as_str().unwrap()) && only["done"] == "planned", "{outcome}");
}

#[test]
fn a_device_that_lost_a_file() {
    let start = Sandbox::with_store();
    start.ok(CLIENT);
    let files = [
        ("key.pem", Named),
        ("cert.pem", Same),
        ("chain.pem", Same),
        ("tb-server-chain.pem", Same),
        ("pump-1.nopass.pem", Same),
        ("pump-1.pub.pem", Same),
        ("pump-1.cer", Same),
        ("pump-1.p12", Closed),
        ("pump-1.jks", Closed),
    ];
    lose_each(&start, CLIENT, DEVICE, &files);
}

#[test]
fn a_server_that_lost_a_file() {
    let start = Sandbox::with_store();
    // In the store alone: copies with another salt would be in the way of the new keystores.
    let args = &SERVER[..SERVER.len() - 2];
    start.write(Path::new(SERVER_DIR).join("thingsboard.conf"), "");
    start.private("pki/servers");
    start.private(SERVER_DIR);
    start.ok(args);
    let files = [
        ("mqttserver_key.pem", Named),
        ("mqttserver.pem", Same),
        ("cafile.pem", Same),
        ("clients-ca.pem", Same),
        ("mqttserver.pub.pem", Same),
        ("mqttserver.cer", Same),
        ("mqttserver.p12", Closed),
        ("mqttserver.jks", Closed),
        ("thingsboard.env", Same),
        ("thingsboard.conf", Theirs),
    ];
    lose_each(&start, args, SERVER_DIR, &files);
}

#[test]
fn copies_that_are_lost_come_back_from_the_store() {
    let start = Sandbox::with_store();
    start.write("out/thingsboard.conf", "");
    start.ok(SERVER);
    let saved = start.copy();
    for entry in fs::read_dir(saved.join("out")).unwrap() {
        let name = entry.unwrap().file_name();
        if name == "thingsboard.conf" {
            continue;
        }
        start.restore(&saved);
        let before = state(&start);
        fs::remove_file(start.join("out").join(name)).unwrap();
        let outcome = start.ok(SERVER);
        before.is_unchanged(&state(&start), &outcome);
    }
}

#[test]
fn with_nothing_to_do_nothing_is_done() {
    let sandbox = Sandbox::with_store();
    for args in [CLIENT, SERVER] {
        sandbox.ok(args);
        let before = state(&sandbox);
        for extra in [&["--json"][..], &["--json", "--dry-run"]] {
            let again = sandbox.ok([args, extra].concat());
            before.is_unchanged(&state(&sandbox), &again);
            let result = &again.json()["result"];
            assert_eq!((&result["done"], &result["generation"]), (&"unchanged".into(), &1.into()), "{again}");
            let files = result["files"].as_array().unwrap();
            assert!(files.iter().all(|file| file["done"] == "unchanged"), "{again}");
        }
    }
    let listed = sandbox.ok(["list", "--all", "--kind", "device,server", "--json"]).json();
    assert_eq!(listed["result"]["identities"].as_array().unwrap().len(), 2);
}

#[test]
fn formats_are_no_parameter_and_add_files() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let before = state(&sandbox);
    let outcome = sandbox.ok(["client", "--device", "pump-1", "--format", "nopass,p12"]);
    let differences = before.differences(&state(&sandbox));
    let expected = [
        "pki/devices/pump-1/pump-1.nopass.pem: new",
        "pki/devices/pump-1/pump-1.p12: new",
        "pki/secrets: new",
        "pki/secrets/device-pump-1.keystore-password: new",
    ];
    assert_eq!(differences, expected, "{outcome}");
    // Fewer take nothing away.
    let before = state(&sandbox);
    let outcome = sandbox.ok(["client", "--device", "pump-1", "--format", "pem"]);
    before.is_unchanged(&state(&sandbox), &outcome);
}

#[test]
fn a_dry_run_of_what_exists_finds_what_is_in_the_way_of_its_copies() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.write("out/cert.pem", "another's");
    let before = state(&sandbox);
    for extra in [&["--dry-run"][..], &[]] {
        let args = [&["client", "--device", "pump-1", "--out", "out"], extra].concat();
        let outcome = sandbox.fails(args, 1, "TBPKI-0082").prints("cert.pem is there already");
        before.is_unchanged(&state(&sandbox), &outcome);
    }
}

#[test]
fn anchors_that_are_not_followed_any_more_are_named() {
    let sandbox = Sandbox::with_store();
    let client = ["client", "--device", "pump-1", "--out", "out"];
    let outcome = sandbox.ok(client);
    assert!(!outcome.stderr_text().contains("TBPKI-0088"), "{outcome}");
    let text = sandbox.text("keygen.toml");
    assert_eq!(text.matches("#anchors = \"ours\"").count(), 1, "{text}");
    sandbox.write("keygen.toml", text.replace("#anchors = \"ours\"", "anchors = \"system\""));
    let outcome = sandbox.ok(client).prints("TBPKI-0088").prints("out/tb-server-chain.pem");
    // Once for the file of the store, and once for the copy.
    assert_eq!(outcome.stderr_text().matches("TBPKI-0088").count(), 2, "{outcome}");
}

#[test]
fn a_replaced_copy_is_kept_under_its_own_serial_number() {
    let sandbox = Sandbox::with_store();
    let serial = |args: &[&str]| {
        let made = sandbox.ok([&["client", "--device", "pump-1", "--json"], args].concat());
        made.json()["result"]["certificate"]["serial"].as_str().unwrap().to_owned()
    };
    let first = serial(&["--out", "out"]);
    let key = sandbox.read("out/key.pem");
    let second = serial(&["--force"]);
    assert_eq!(sandbox.read(format!("out/key.pem.{first}")), key);
    // What is in the directory is of the second generation, whatever the store replaces.
    let third = serial(&["--force", "--out", "elsewhere"]);
    serial(&["--force", "--out", "out"]);
    assert!(sandbox.join(format!("out/key.pem.{second}")).exists());
    assert!(!sandbox.join(format!("out/key.pem.{third}")).exists());
    assert!(sandbox.join(format!("{DEVICE}/key.pem.{third}")).exists());
}

/// A request for another key.
fn request(sandbox: &Sandbox, name: &str) {
    let file = |suffix: &str| sandbox.join(format!("{name}.{suffix}"));
    openssl()
        .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/"])
        .arg("-keyout")
        .arg(file("key"))
        .arg("-out")
        .arg(file("csr"))
        .run()
        .ok();
}

/// Asks for `first` and then, with `change`d flags and variables, for something else, which is refused with `words`.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], variable: Option<(&str, &str)>, words: &[&str]) {
    let before = Snapshot::of(sandbox.path());
    let run = |extra: &[&str]| -> Outcome {
        let tool = sandbox.tbpki([args, extra].concat());
        match variable {
            Some((name, value)) => tool.env(name, value).run(),
            None => tool.run(),
        }
    };
    let outcome = run(&[]).ends(1).prints("TBPKI-0095").prints("--force");
    for word in words {
        assert!(outcome.stderr_text().contains(word), "expected {word:?} from {outcome}");
    }
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    // As a new generation it is made, unless keys of the old one would be left that belong to nothing.
    let copy = sandbox.copy();
    // Named, because the ledger has the directory of the sandbox that was copied.
    let tool = copy.tbpki([args, &["--force", "--out", "out"]].concat());
    let forced = match variable {
        Some((name, value)) => tool.env(name, value).run(),
        None => tool.run(),
    };
    if args.contains(&"--csr") {
        // With a request the key is elsewhere. The old key.pem would look as if it belonged to the new certificate.
        forced.ends(1).prints("TBPKI-0082").prints("key.pem").prints("move them away");
    } else {
        forced.ok();
    }
}

#[test]
fn every_other_parameter_of_a_device_is_named() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(CLIENT);
    request(&sandbox, "other");
    let base = &["client", "--device", "pump-1"];
    let with = |flags: &[&'static str]| [&base[..], flags].concat();
    let same = ["--san", "pump-1.example", "--days", "90"];
    let rows: Vec<(Vec<&str>, &str)> = vec![
        (with(&["--san", "pump-1.example", "--days", "91"]), "days: 90 before, 91 now"),
        (
            with(&["--san", "other.example", "--days", "90"]),
            "san: [\"dns:pump-1.example\"] before, [\"dns:other.example\"] now",
        ),
        ([&with(&same)[..], &["--alg", "ec-p384"]].concat(), "alg: \"ec-p256\" before, \"ec-p384\" now"),
        ([&with(&same)[..], &["--self-signed"]].concat(), "\"self\" now"),
        ([&with(&same)[..], &["--csr", "other.csr"]].concat(), "csr: "),
    ];
    for (args, words) in &rows {
        refused(&sandbox, args, None, &[words]);
    }
    let variables = [
        ("TBPKI_CLIENT_PREFIX", "mqttclient", "prefix: \"pump-1\" before, \"mqttclient\" now"),
        ("TBPKI_SUBJECT_ORGANIZATION", "Acme", "subject: "),
    ];
    for (name, value, words) in variables {
        refused(&sandbox, &with(&same), Some((name, value)), &[words]);
    }
    // Several at once are all named.
    let several = with(&["--alg", "rsa-2048", "--days", "1", "--san", "b.example"]);
    refused(&sandbox, &several, None, &["alg: ", "days: ", "san: "]);
    // What is not given stays as it is.
    sandbox.ok(with(&["--days", "90"])).prints("is up to date");
}

#[test]
fn every_other_parameter_of_a_server_is_named() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER);
    request(&sandbox, "other");
    let base = &["server", "--name", "tb.example", "--only-given-names"];
    let rows: &[(&[&str], &str)] = &[
        (&["--days", "91"], "days: 825 before, 91 now"),
        (&["--san", "10.0.0.1"], "ip:10.0.0.1"),
        (&["--alg", "ec-p384"], "alg: \"ec-p256\" before, \"ec-p384\" now"),
        (&["--self-signed"], "\"self\" now"),
        (&["--csr", "other.csr"], "csr: "),
        (&["--single-file"], "single_file: "),
        (&["--include-root"], "include_root: "),
    ];
    for (flags, words) in rows {
        refused(&sandbox, &[base, *flags].concat(), None, &[words]);
    }
    refused(
        &sandbox,
        base,
        Some(("TBPKI_SERVER_PREFIX", "broker")),
        &["prefix: \"mqttserver\" before, \"broker\" now"],
    );
    // What it is used with is no parameter: the settings follow.
    sandbox.ok([base, &["--credentials", "pem"][..]].concat());
    sandbox.ok([base, &["--service", "http,coap"][..]].concat());
}
