//! A station bundle of a CA that was replaced: it has the second generation alone, in a ledger that has both.

use std::fs;

use serde_json::{Value, json};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Tool};

use super::{SHARED, station};

const NUMBER: &str = "pki/ca/devices-issuing/generation";

/// A store whose issuing CA was replaced after it issued `old1`, and a station with the bundle of the second generation.
fn home_and_station() -> (Sandbox, Sandbox) {
    let cluster = &SHARED.1;
    let home = station(&cluster.url(&cluster.database()), "").make_store();
    home.ok(["client", "old1"]);
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    home.write("kit.pass", "passphrase on the way\n");
    home.private("kit.pass");
    home.ok(["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"]);
    let other = Sandbox::new();
    Tool::new("cp").arg("-a").arg(home.join("kit/.")).arg(other.path()).run().ok();
    for (file, text) in [("ca.pass", "passphrase on the way\n"), ("ledger-password", testkit::postgres::PASSWORD)] {
        other.write(file, text);
        other.private(file);
    }
    (home, other)
}

fn result(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox.ok([args, &["--json"]].concat()).json()["result"].clone()
}

fn serial(sandbox: &Sandbox, name: &str) -> String {
    result(sandbox, &["list", "--all", "--name", name])["identities"][0]["serial"].as_str().unwrap().to_owned()
}

/// Whether the list of the CA in this directory has a serial number.
fn lists(home: &Sandbox, ca: &str, file: &str, serial: &str) -> bool {
    let issuer = openssl().args(["x509", "-noout", "-subject", "-nameopt", "rfc2253", "-in"]).arg(home.join(ca));
    let issuer = issuer.run().ok().stdout_text().trim().trim_start_matches("subject=").to_owned();
    let text = fs::read_to_string(file).unwrap();
    text.split_inclusive("-----END X509 CRL-----\n").any(|list| {
        let shown =
            openssl().args(["crl", "-noout", "-text", "-nameopt", "rfc2253"]).stdin(list).run().ok().stdout_text();
        shown.contains(&format!("Issuer: {issuer}\n")) && shown.contains(serial)
    })
}

#[test]
fn a_station_puts_revocations_on_the_list_of_the_generation_that_issued() {
    let (home, other) = home_and_station();
    assert_eq!(other.text(NUMBER), "2\n");
    let passphrase = ["--ca-passphrase-file", "ca.pass"];
    other.ok([&["client", "new1"][..], &passphrase].concat());
    let shown = result(&other, &["ca", "list"])["cas"].as_array().unwrap().clone();
    let rows: Vec<_> = shown.iter().filter(|row| row["name"] == "devices-issuing").collect();
    assert_eq!((&rows[0]["generation"], &rows[0]["key"]), (&json!(2), &json!("file")), "{rows:?}");
    assert_eq!((&rows[1]["generation"], &rows[1]["key"]), (&json!(1), &json!("elsewhere")), "{rows:?}");

    other.ok([&["revoke", "new1"][..], &passphrase].concat()).prints("1 revoked");
    let file = other.join("pki/devices-crl.pem").to_string_lossy().into_owned();
    assert!(lists(&home, "pki/ca/devices-issuing/cert.pem", &file, &serial(&other, "new1")));

    // The key of the first generation is in the other store alone, and so is its list.
    let open = other.tbpki([&["revoke", "old1"][..], &passphrase].concat()).run().ends(4);
    open.prints("the key of generation 1 of devices-issuing is not in this store");
    let old = serial(&other, "old1");
    assert!(!lists(&home, "pki/ca/devices-issuing/cert.pem", &file, &old));
    home.ok(["crl"]);
    let ours = home.join("pki/devices-crl.pem").to_string_lossy().into_owned();
    assert!(lists(&home, "pki/ca/devices-issuing/generation-1/cert.pem", &ours, &old));
    assert_eq!(result(&home, &["list", "--all", "--name", "old1"])["identities"][0]["open"], json!(null));
}

#[test]
fn a_bundle_without_the_number_gets_it_from_the_ledger() {
    let (_, other) = home_and_station();
    // As version 0.2.0 wrote it.
    fs::remove_file(other.join(NUMBER)).unwrap();
    let shown = result(&other, &["ca", "list"])["cas"].as_array().unwrap().clone();
    let row = shown.iter().find(|row| row["name"] == "devices-issuing").unwrap();
    assert_eq!((&row["generation"], &row["key"]), (&json!(2), &json!("file")));
    other.ok(["client", "new1", "--ca-passphrase-file", "ca.pass"]);
    assert_eq!(other.text(NUMBER), "2\n");
    other.ok(["revoke", "new1", "--ca-passphrase-file", "ca.pass"]).prints("1 revoked");
}

/// A dry run fails if the run would: the CA of the station was replaced at the other stations.
#[test]
fn a_dry_run_at_a_station_with_an_outdated_ca_fails_as_the_run_does() {
    let (home, other) = home_and_station();
    let passphrase = ["--ca-passphrase-file", "ca.pass"];
    other.ok([&["client", "st-1", "--days", "90"][..], &passphrase].concat());
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    for args in [&["renew", "st-1"][..], &["client", "st-2"]] {
        for dry in [&[][..], &["--dry-run"]] {
            other.fails([args, &passphrase, dry].concat(), 1, "TBPKI-0098").prints("bring the new station bundle");
        }
    }
}

#[test]
fn a_station_takes_the_next_generation_in_place_and_goes_on_with_the_lists_of_both() {
    let cluster = &SHARED.1;
    let home = station(&cluster.url(&cluster.database()), "").make_store();
    home.write("kit.pass", "passphrase on the way\n");
    home.private("kit.pass");
    let export = ["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"];
    home.ok(export);
    for (file, text) in
        [("kit/ca.pass", "passphrase on the way\n"), ("kit/ledger-password", testkit::postgres::PASSWORD)]
    {
        home.write(file, text);
        home.private(file);
    }
    // The station works in the directory of its bundle.
    let at =
        |args: &[&str]| home.tbpki([args, &["--ca-passphrase-file", "ca.pass"]].concat()).directory(home.join("kit"));
    at(&["client", "old1"]).run().ok();
    at(&["client", "old2"]).run().ok();
    at(&["revoke", "old1"]).run().ok();
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["crl"]);
    home.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    at(&["client", "new1"]).run().ends(1).prints("TBPKI-0098").prints("tbpki ca export devices --out DIR");
    home.fails(export, 1, "TBPKI-0082");

    let before = home.text("kit/keygen.toml");
    home.ok([&export[..], &["--force"]].concat());
    assert_eq!(home.text("kit/keygen.toml"), before);
    at(&["client", "new1"]).run().ok();
    at(&["revoke", "new1"]).run().ok();
    // Below the earlier generation, whose key the station has kept.
    at(&["revoke", "old2"]).run().ok();
    let file = home.join("kit/pki/devices-crl.pem").to_string_lossy().into_owned();
    let (first, second) = ("pki/ca/devices-issuing/generation-1/cert.pem", "pki/ca/devices-issuing/cert.pem");
    for (ca, name) in [(first, "old1"), (first, "old2"), (second, "new1")] {
        assert!(lists(&home, ca, &file, &serial(&home, name)), "{name}");
    }
    home.tbpki(["store", "check"]).directory(home.join("kit")).run().ok();

    // Another CA, and a store with a ledger of its own, are refused.
    let other = Sandbox::with_store();
    other.write("kit.pass", "passphrase on the way\n");
    other.private("kit.pass");
    let kit = home.join("kit");
    let there = ["ca", "export", "devices", "--no-input", "--force", "--passphrase-file", "kit.pass", "--out"];
    other.fails([&there[..], &[kit.to_str().unwrap()]].concat(), 1, "TBPKI-0092");
}
