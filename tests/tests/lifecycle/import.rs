//! `tbpki import`: certificates that were made elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Snapshot};
use testkit::certificates;
use time::macros::datetime;

use crate::renew::leaf;
use crate::scene::{Scene, json};

/// Makes a self-signed certificate as ThingsBoard's client.keygen.sh does: no key usage, no basic constraints, for 9,999
/// days. The key is in the file that the script calls nopass.
fn keygen(sandbox: &Sandbox, dir: &str, name: &str, days: &str) {
    fs::create_dir_all(sandbox.join(dir)).unwrap();
    let config = sandbox.write(
        format!("{dir}/openssl.cnf"),
        "[req]\ndistinguished_name = dn\nx509_extensions = v3\n[dn]\n[v3]\nsubjectKeyIdentifier = hash\n",
    );
    let (key, cert) = (sandbox.join(dir).join("mqttclient.pk8.pem"), sandbox.join(dir).join("mqttclient.pub.pem"));
    openssl()
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days])
        .args(["-subj", &format!("/C=US/O=ThingsBoard/CN={name}"), "-config"])
        .arg(&config)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .run()
        .ok();
    fs::remove_file(config).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let both = [fs::read(&key).unwrap(), fs::read(&cert).unwrap()].concat();
    let nopass = sandbox.write(format!("{dir}/mqttclient.nopass.pem"), both);
    fs::set_permissions(nopass, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Makes in `other` a CA of others, and STEM.key and STEM.csr with a request for this name.
pub(crate) fn ca_and_request(sandbox: &Sandbox, name: &str, stem: &str) {
    ca_and_request_on(sandbox, name, stem, "prime256v1");
}

/// The same with keys on this curve.
pub(crate) fn ca_and_request_on(sandbox: &Sandbox, name: &str, stem: &str, curve: &str) {
    let path = |file: &str| sandbox.join("other").join(file);
    fs::create_dir_all(sandbox.join("other")).unwrap();
    let curve = format!("ec_paramgen_curve:{curve}");
    let new = ["-newkey", "ec", "-pkeyopt", &curve, "-nodes"];
    let ca = openssl().args(["req", "-x509"]).args(new).args(["-days", "900", "-subj", "/CN=Other CA", "-keyout"]);
    ca.arg(path("ca.key")).arg("-out").arg(path("ca.pem")).run().ok();
    let request = openssl().args(["req", "-new"]).args(new).args(["-subj", &format!("/CN={name}"), "-keyout"]);
    request.arg(path(&format!("{stem}.key"))).arg("-out").arg(path(&format!("{stem}.csr"))).run().ok();
}

/// A CA of others, and a certificate that it has issued for a device.
fn other_ca(sandbox: &Sandbox, name: &str) {
    let path = |file: &str| sandbox.join("other").join(file);
    ca_and_request(sandbox, name, "device");
    let issue = openssl().args(["x509", "-req", "-days", "30", "-set_serial", "1", "-in"]).arg(path("device.csr"));
    issue
        .arg("-CA")
        .arg(path("ca.pem"))
        .arg("-CAkey")
        .arg(path("ca.key"))
        .arg("-out")
        .arg(path("device.pem"))
        .run()
        .ok();
    let chain = [sandbox.read("other/device.pem"), sandbox.read("other/ca.pem")].concat();
    sandbox.write("other/chain.pem", chain);
}

fn rows(sandbox: &Sandbox, name: &str) -> Vec<Value> {
    let listed = json(&sandbox.ok(["list", "--all", "--json", "--name", name]));
    listed["identities"].as_array().unwrap().clone()
}

fn credential(scene: &Scene, name: &str) -> String {
    scene.platform.sim().unwrap().credentials(name).unwrap().id
}

const CERT: &str = "old/mqttclient.pub.pem";

/// The lifetime that another CA has chosen binds the store no more than in a renewal.
#[test]
fn a_new_generation_of_an_imported_device_has_the_lifetime_of_the_store() {
    let sandbox = Sandbox::with_store();
    other_ca(&sandbox, "pump-2");
    sandbox.ok(["import", "--cert", "other/chain.pem", "--name", "pump-2"]);
    sandbox.ok(["client", "pump-2", "--force"]);
    sandbox.ok(["client", "new"]);
    assert_eq!(rows(&sandbox, "pump-2")[1]["days_left"], rows(&sandbox, "new")[0]["days_left"]);
}

#[test]
fn a_device_of_the_old_scripts_is_imported_registered_and_renewed() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    keygen(sandbox, "old", "gateway-host", "9999");
    let first = leaf(sandbox, CERT);
    let import = ["import", "--cert", CERT, "--name", "pump-1", "--json"];
    let before = Snapshot::of(sandbox.path());
    let planned = sandbox.ok(import.iter().chain(&["--dry-run"]));
    assert_eq!(json(&planned)["imported"][0]["done"], "planned");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &planned);
    let report = json(&sandbox.ok(import));
    let device = &report["imported"][0];
    assert_eq!(
        (&device["name"], &device["done"], &device["key"]),
        (&json!("pump-1"), &json!("imported"), &json!(false))
    );
    assert_eq!(device["credentials_id"], first.credentials_id());
    assert_eq!(json(&sandbox.ok(import))["imported"][0]["done"], "unchanged");
    // The key follows, and belongs to the certificate.
    let key = sandbox.ok(import.iter().chain(&["--key", "old/mqttclient.nopass.pem"]));
    assert_eq!(json(&key)["imported"][0]["key"], true);
    let mode = fs::metadata(sandbox.join("pki/devices/pump-1/key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let row = &rows(sandbox, "pump-1")[0];
    assert_eq!((&row["role"], &row["fingerprint"]), (&json!("current"), &json!(first.fingerprint_hex())));
    sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(1);
    sandbox.tbpki(["needs-renewal", "--device", "pump-1", "--within", "30y"]).run().ends(0);
    let due = json(&sandbox.ok(["list", "--expiring-within", "30y", "--kind", "device", "--json"]));
    assert_eq!(due["identities"].as_array().unwrap().len(), 1);

    // The platform has the certificate, as it was pasted: registering changes nothing, and the ledger knows it.
    scene.ok(&["register", "--device", "pump-1"]).prints("created");
    assert_eq!(scene.json(&["register", "--device", "pump-1"])["devices"][0]["done"], "unchanged");

    // The next generation is one of this store, although the certificate before it lives longer.
    let outcome = scene.ok(&["renew", "--device", "pump-1", "--json"]).prints("TBPKI-0354");
    assert_eq!(json(&outcome)["pending"][0]["generation"], 2);
    let second = leaf(sandbox, "pki/devices/pump-1/pending/cert.pem");
    assert_eq!((second.common_name().as_deref(), second.is_self_signed()), (Some("pump-1"), false));
    assert_eq!(credential(&scene, "pump-1"), first.credentials_id());
    sandbox.ok(["verify", "pki/devices/pump-1/pending/chain.pem", "--key", "pki/devices/pump-1/pending/key.pem"]);
    scene.ok(&["register", "--pending", "--device", "pump-1"]);
    assert_eq!(credential(&scene, "pump-1"), second.credentials_id());
    let rows = rows(sandbox, "pump-1");
    let fields = |row: &Value| (row["role"].as_str().unwrap().to_owned(), row["issuer"].as_str().unwrap().to_owned());
    assert_eq!(fields(&rows[1]), ("current".to_owned(), "devices-issuing".to_owned()));
    assert_eq!(fields(&rows[0]).0, "superseded");
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_token_on_the_platform_stops_the_renewal_of_an_imported_device() {
    let scene = Scene::new();
    keygen(&scene.sandbox, "old", "pump-1", "9999");
    scene.ok(&["import", "--cert", CERT]);
    scene.ok(&["register", "--device", "pump-1"]);
    scene.ok(&["renew", "--device", "pump-1"]);
    scene.set_token("pump-1", "a-token-of-another");
    scene.tbpki(&["register", "--pending", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0137");
    assert_eq!(credential(&scene, "pump-1"), "a-token-of-another");
}

#[test]
fn the_certificates_of_a_directory_are_imported_once_each_and_the_rest_is_listed() {
    let sandbox = Sandbox::with_store();
    keygen(&sandbox, "certs", "pump-1", "9999");
    keygen(&sandbox, "two", "pump-2", "9999");
    fs::rename(sandbox.join("two/mqttclient.pub.pem"), sandbox.join("certs/two.pem")).unwrap();
    other_ca(&sandbox, "pump-3");
    fs::copy(sandbox.join("other/chain.pem"), sandbox.join("certs/pump-3.pem")).unwrap();
    fs::copy(sandbox.join("other/ca.pem"), sandbox.join("certs/other-ca.pem")).unwrap();
    sandbox.write("certs/README", "no certificate");
    let outcome = sandbox.ok(["import", "--dir", "certs", "--key", "other/device.key", "--json"]);
    let report = json(&outcome);
    let names: Vec<_> = report["imported"].as_array().unwrap().iter().map(|device| &device["name"]).collect();
    assert_eq!(names, ["pump-1", "pump-3", "pump-2"]);
    let name = |file: &Value| Path::new(file.as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
    let skipped: Vec<_> = report["skipped"].as_array().unwrap().iter().map(|one| name(&one["file"])).collect();
    assert_eq!(skipped, ["README", "mqttclient.pk8.pem", "mqttclient.pub.pem", "other-ca.pem"]);
    assert_eq!(report["imported"][1]["issuer"], "CN=Other CA");
    let chain = sandbox.text("pki/devices/pump-3/chain.pem");
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2, "{chain}");
    // The CA of others lists its own certificates: the revocation leaves no step open, and warns.
    let revoked = sandbox.ok(["revoke", "--device", "pump-3", "--json"]).prints("TBPKI-0355");
    assert_eq!(json(&revoked)["open_steps"], 0);
    sandbox.fails(["import", "--cert", "other/chain.pem"], 1, "TBPKI-0062");
    // A renewal without a key of the present certificate has a new one, and is used at once: no platform knows the device.
    sandbox.ok(["renew", "--device", "pump-2"]);
    sandbox.ok(["verify", "pki/devices/pump-2/chain.pem", "--key", "pki/devices/pump-2/key.pem"]);
    sandbox.fails(["renew", "--device", "pump-1", "--same-key"], 1, "TBPKI-0305");
}

#[test]
fn a_certificate_of_a_ca_of_this_store_belongs_to_it() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    // Another store of the same CA, as a station of its own.
    let other = sandbox.copy();
    other.ok(["client", "--device", "pump-2", "--days", "90"]);
    sandbox.write("pump-2.pem", other.read("pki/devices/pump-2/chain.pem"));
    let report = json(&sandbox.ok(["import", "--cert", "pump-2.pem", "--json"]));
    assert_eq!(report["imported"][0]["issuer"], "devices-issuing");
    sandbox.ok(["revoke", "--device", "pump-2"]);
    sandbox.fails(["verify", "pump-2.pem", "--crl", "pki/devices-crl.pem"], 3, "TBPKI-0062");
}

#[test]
fn a_leaf_alone_of_a_ca_of_this_store_gets_the_path_of_the_store() {
    let sandbox = Sandbox::with_store();
    let other = sandbox.copy();
    other.ok(["client", "--device", "pump-2"]);
    sandbox.write("pump-2.pem", other.read("pki/devices/pump-2/cert.pem"));
    sandbox.ok(["import", "--cert", "pump-2.pem"]);
    assert_eq!(sandbox.read("pki/devices/pump-2/chain.pem"), other.read("pki/devices/pump-2/chain.pem"));
}

#[test]
fn files_of_this_store_are_imported_without_a_change() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "own", "--format", "pem"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.write("own.pem", sandbox.read("pki/devices/own/cert.pem"));
    sandbox.write("in/own.pem", sandbox.read("pki/devices/own/cert.pem"));
    sandbox.write("mqttserver.cer", sandbox.read("pki/servers/tb.example/mqttserver.cer"));
    let before = Snapshot::of(sandbox.path());
    for args in [
        &["import", "--cert", "own.pem"][..],
        &["import", "--dir", "in"],
        &["import", "--server", "--cert", "mqttserver.cer"],
    ] {
        // The prefix of the configuration does not change where the server has its files.
        let outcome =
            sandbox.tbpki(args).env("TBPKI_SERVER_PREFIX", "other").run().ok().prints("is in the ledger already");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
    let chain = sandbox.read("pki/devices/own/chain.pem");
    fs::remove_file(sandbox.join("pki/devices/own/chain.pem")).unwrap();
    sandbox.ok(["import", "--cert", "own.pem"]);
    assert_eq!(sandbox.read("pki/devices/own/chain.pem"), chain);
}

#[test]
fn a_device_of_a_fleet_stays_in_its_shard_when_it_is_imported() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "f"]);
    let taken_out = sandbox.copy();
    taken_out.ok(["client", "s-1"]);
    sandbox.write("s-1.pem", taken_out.read("pki/devices/s-1/cert.pem"));
    sandbox.ok(["import", "--cert", "s-1.pem"]).prints("is in the ledger already");
    assert!(!sandbox.join("pki/devices/s-1").exists());
    // Its key is still found where it is.
    sandbox.ok(["client", "s-1"]);
}

#[test]
fn a_file_in_the_way_is_named_with_its_source_and_skipped_in_a_directory() {
    let sandbox = Sandbox::with_store();
    keygen(&sandbox, "old", "pump-1", "9999");
    keygen(&sandbox, "in", "pump-2", "9999");
    fs::rename(sandbox.join("old/mqttclient.pub.pem"), sandbox.join("in/pump-1.pem")).unwrap();
    sandbox.write("pki/devices/pump-1/cert.pem", "another");
    let refused = sandbox.fails(["import", "--cert", "in/pump-1.pem"], 1, "TBPKI-0082");
    refused.prints("the certificate of pump-1 in in/pump-1.pem belongs there");
    let report = json(&sandbox.ok(["import", "--dir", "in", "--json"]));
    assert_eq!(report["imported"][0]["name"], "pump-2");
    let skipped = report["skipped"].as_array().unwrap().iter().find(|one| one["file"] == "in/pump-1.pem").unwrap();
    assert_eq!(skipped["why"], "cert.pem is there already, with other contents in pki/devices/pump-1");
}

#[test]
fn no_list_of_this_store_has_the_superseded_certificate_of_another_ca() {
    let sandbox = Sandbox::with_store();
    other_ca(&sandbox, "valve-7");
    sandbox.ok(["import", "--cert", "other/device.pem", "--key", "other/device.key"]);
    sandbox.ok(["renew", "--device", "valve-7"]);
    let lists = sandbox.tbpki(["crl", "--json"]).env("TBPKI_CRL_SUPERSEDED", "true").run().ok();
    assert_eq!(json(&lists)["lists"][0]["revoked"], 0);
    let roles: Vec<_> = rows(&sandbox, "valve-7").iter().map(|row| row["role"].clone()).collect();
    assert_eq!(roles, ["superseded", "current"]);
    // No step is open that nothing could finish.
    sandbox.ok(["revoke", "--open"]);
}

#[test]
fn expired_certificates_are_imported_with_a_mark() {
    let sandbox = Sandbox::with_store();
    keygen(&sandbox, "old", "pump-1", "1");
    let mut params = certificates::leaf("pump-2");
    params.not_before = datetime!(2020-01-01 0:00 UTC);
    params.not_after = datetime!(2021-01-01 0:00 UTC);
    sandbox.write("expired.der", certificates::root("Other CA").issue(&params).der);
    let outcome = sandbox.ok(["import", "--cert", "expired.der", CERT]);
    outcome.prints("EXPIRED").prints("has expired").prints("renew it: `tbpki renew --device pump-2`");
    sandbox.ok(["list", "--kind", "device"]).prints("EXPIRED");
    sandbox.tbpki(["needs-renewal", "--device", "pump-2"]).run().ends(0);
    sandbox.ok(["renew", "--device", "pump-2"]);
}

#[test]
fn a_self_signed_certificate_with_the_mark_of_a_ca_needs_a_name() {
    let sandbox = Sandbox::with_store();
    // As `openssl req -x509` makes it, and ThingsBoard's documentation shows.
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"];
    let (key, cert) = (sandbox.join("key.pem"), sandbox.join("cert.pem"));
    openssl().args(new).arg("-keyout").arg(key).arg("-out").arg(cert).run().ok();
    assert!(leaf(&sandbox, "cert.pem").is_ca());
    sandbox.fails(["import", "--cert", "cert.pem"], 1, "TBPKI-0353").prints("--name");
    sandbox.ok(["import", "--cert", "cert.pem", "--name", "pump-1"]);
    sandbox.ok(["store", "check"]);
    sandbox.ok(["renew", "--device", "pump-1"]);
    assert!(!leaf(&sandbox, "pki/devices/pump-1/cert.pem").is_ca());
}

#[test]
fn what_cannot_be_imported_is_refused_and_nothing_is_written() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "taken"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    keygen(&sandbox, "old", "pump-1", "9999");
    keygen(&sandbox, "same", "pump-1", "9999");
    keygen(&sandbox, "used", "taken", "9999");
    keygen(&sandbox, "named", "a\\/b", "9999");
    other_ca(&sandbox, "pump-3");
    let several = [sandbox.read(CERT), sandbox.read("same/mqttclient.pub.pem")].concat();
    sandbox.write("several.pem", several);
    sandbox.write("text.pem", "nothing");
    let server = "pki/servers/tb.example/mqttserver.pem";
    for (args, status, code) in [
        (&["--cert", CERT, "same/mqttclient.pub.pem"][..], 1, "TBPKI-0251"),
        (&["--cert", "used/mqttclient.pub.pem"], 1, "TBPKI-0251"),
        (&["--cert", CERT, "--name", "taken"], 1, "TBPKI-0251"),
        (&["--cert", "named/mqttclient.pub.pem"], 1, "TBPKI-0025"),
        (&["--cert", "other/ca.pem"], 1, "TBPKI-0353"),
        (&["--cert", server], 1, "TBPKI-0353"),
        (&["--cert", "several.pem"], 1, "TBPKI-0353"),
        (&["--cert", "old/mqttclient.pk8.pem"], 1, "TBPKI-0353"),
        (&["--cert", "old"], 1, "TBPKI-0353"),
        (&["--cert", "pki/devices/taken/cert.pem", "--name", "other"], 1, "TBPKI-0353"),
        (&["--cert", "text.pem"], 1, "TBPKI-0040"),
        (&["--cert", "absent.pem"], 1, "TBPKI-0080"),
        (&["--cert", CERT, "--key", "other/device.key"], 1, "TBPKI-0034"),
        (&["--dir", "empty"], 1, "TBPKI-0353"),
        (&["--cert", CERT, "other/chain.pem", "--name", "x"], 2, "TBPKI-0011"),
        (&["--dir", "old", "--name", "x"], 2, "TBPKI-0011"),
        (&["--name", "x"], 2, "TBPKI-0011"),
    ] {
        fs::create_dir_all(sandbox.join("empty")).unwrap();
        let before = Snapshot::of(sandbox.path());
        let outcome = sandbox.fails([&["import"], args].concat(), status, code);
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
    let twice = sandbox.tbpki(["import", "--cert", CERT, "same/mqttclient.pub.pem"]).run();
    twice.prints("old/mqttclient.pub.pem").prints("same/mqttclient.pub.pem");
}

#[test]
fn a_certificate_with_the_key_of_another_identity_is_noticed() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.ok(["client", "own"]);
    let with_key = |name: &str, key: &str| {
        let config = sandbox.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        let request =
            openssl().args(["req", "-x509", "-new", "-days", "90", "-subj", &format!("/CN={name}"), "-config"]);
        let request = request.arg(config).arg("-key").arg(sandbox.join(key));
        request.arg("-out").arg(sandbox.join(format!("{name}.pem"))).run().ok();
    };
    with_key("of-ca", "pki/ca/devices-issuing/key.pem");
    with_key("of-server", "pki/servers/tb.example/mqttserver_key.pem");
    with_key("of-device", "pki/devices/own/key.pem");
    for (name, owner) in [("of-ca", "the ca devices-issuing"), ("of-server", "the server tb.example")] {
        let before = Snapshot::of(sandbox.path());
        let outcome = sandbox.fails(["import", "--cert", &format!("{name}.pem")], 1, "TBPKI-0116").prints(owner);
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
    sandbox.ok(["import", "--cert", "of-device.pem"]).prints("warning[TBPKI-0116]").prints("the device own");
    sandbox.fails(["import", "--dir", "none"], 1, "TBPKI-0080");
}
