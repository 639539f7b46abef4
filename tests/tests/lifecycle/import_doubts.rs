//! Certificates that peers or tbpki would not have: `tbpki import` warns of them, and a renewal is without the fault.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox};
use testkit::certificates;
use time::macros::datetime;

use crate::renew::leaf;
use crate::scene::json;

/// The extensions of a device.
const DEVICE: &str =
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";

/// Makes NAME.pem and NAME.key: a certificate by the devices' issuing CA of the store that tbpki did not make.
fn signed(sandbox: &Sandbox, name: &str, subject: &str, days: &str, extensions: &str) {
    let ca = "pki/ca/devices-issuing";
    let path = |suffix: &str| sandbox.join(format!("{name}.{suffix}"));
    let config = sandbox.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
    let request =
        openssl().args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    let request = request.args(["-subj", subject, "-config"]).arg(config).arg("-keyout").arg(path("key"));
    request.arg("-out").arg(path("csr")).run().ok();
    fs::set_permissions(path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let extensions = sandbox.write(format!("{name}.ext"), extensions.replace("\\n", "\n"));
    let issue = openssl().args(["x509", "-req", "-days", days, "-in"]).arg(path("csr")).arg("-CA");
    let issue = issue.arg(sandbox.join(ca).join("cert.pem")).arg("-CAkey").arg(sandbox.join(ca).join("key.pem"));
    issue.arg("-extfile").arg(extensions).arg("-out").arg(path("pem")).run().ok();
}

/// Imports NAME.pem with its key as that device.
#[track_caller]
fn import(sandbox: &Sandbox, name: &str) -> Outcome {
    let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
    sandbox.ok(["import", "--cert", &cert, "--key", &key, "--name", name])
}

#[test]
fn a_renewal_has_one_common_name_and_it_is_the_devices() {
    let sandbox = Sandbox::with_store();
    let alone = format!("{DEVICE}subjectAltName=critical,DNS:x.example\n");
    for (name, subject, extensions, warns) in [
        ("two", "/CN=two/CN=second", DEVICE, true),
        ("shared", "/CN=shared+O=Acme", DEVICE, true),
        ("empty", "/", alone.as_str(), false),
        ("none", "/O=Acme", alone.as_str(), false),
        ("other", "/O=Acme/CN=another", DEVICE, false),
    ] {
        signed(&sandbox, name, subject, "100", extensions);
        let imported = import(&sandbox, name).to_string();
        assert_eq!(imported.contains("warning[TBPKI-0365]"), warns, "{imported}");
        sandbox
            .ok(["renew", "--device", name])
            .prints("note[TBPKI-0365]")
            .prints(&format!("has the subject CN={name}"));
        let cert = format!("pki/devices/{name}/cert.pem");
        assert_eq!(leaf(&sandbox, &cert).subject(), format!("CN={name}"));
        sandbox.ok(["verify", &cert]);
        // The parameters in the ledger are those of the renewal.
        sandbox.ok(["client", name, "--json"]).prints("unchanged");
    }
    // A good subject stays as it is.
    signed(&sandbox, "good", "/O=Acme/CN=good", "100", DEVICE);
    assert!(!import(&sandbox, "good").to_string().contains("TBPKI-0365"));
    sandbox.ok(["renew", "--device", "good"]);
    assert_eq!(leaf(&sandbox, "pki/devices/good/cert.pem").subject(), "CN=good,O=Acme");
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_forged_signature_in_the_name_of_a_ca_of_the_store_is_noticed() {
    let sandbox = Sandbox::with_store();
    let name = leaf(&sandbox, "pki/ca/devices-issuing/cert.pem").common_name().unwrap();
    let evil = certificates::root(&name);
    let forged = evil.issue(&certificates::leaf("forged"));
    sandbox.write("forged.der", &forged.der);
    let key = sandbox.write("forged.key", forged.key_pem());
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    let import = ["import", "--cert", "forged.der", "--key", "forged.key"];
    let report = sandbox.ok(import).prints("warning[TBPKI-0049]").prints("no key of the CA devices-issuing made");
    report.prints("`tbpki renew --device forged`");
    sandbox.fails(["check", "--offline", "--device", "forged"], 3, "TBPKI-0049");
    sandbox.ok(["renew", "--device", "forged"]);
    sandbox.ok(["verify", "pki/devices/forged/chain.pem"]);
    let checked = sandbox.ok(["check", "--offline", "--device", "forged"]).to_string();
    assert!(!checked.contains("TBPKI-0049"), "{checked}");
}

#[test]
fn each_fault_of_an_imported_certificate_is_a_warning() {
    let sandbox = Sandbox::with_store();
    let usage = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=clientAuth\n";
    for (name, extensions, code) in [
        ("enciphers", usage.to_owned(), "TBPKI-0053"),
        ("unknown", format!("{DEVICE}1.2.3.4=critical,DER:0500\n"), "TBPKI-0067"),
        ("policy", format!("{DEVICE}policyConstraints=requireExplicitPolicy:0\n"), "TBPKI-0412"),
    ] {
        signed(&sandbox, name, &format!("/CN={name}"), "100", &extensions);
        import(&sandbox, name).prints(&format!("warning[{code}]"));
        // It is told of once.
        let again = import(&sandbox, name).to_string();
        assert!(!again.contains(code), "{again}");
    }
    let mut params = certificates::leaf("later");
    params.not_before = datetime!(2090-01-01 0:00 UTC);
    params.not_after = datetime!(2091-01-01 0:00 UTC);
    sandbox.write("later.der", certificates::root("Other CA").issue(&params).der);
    sandbox.ok(["import", "--cert", "later.der"]).prints("warning[TBPKI-0046]");
    // The same fault of several is one warning.
    fs::create_dir(sandbox.join("many")).unwrap();
    for name in ["a", "b"] {
        signed(&sandbox, name, &format!("/CN={name}"), "100", usage);
        fs::rename(sandbox.join(format!("{name}.pem")), sandbox.join(format!("many/{name}.pem"))).unwrap();
    }
    let both = sandbox.ok(["import", "--dir", "many"]).prints("a, b").to_string();
    assert_eq!(both.matches("TBPKI-0053").count(), 1, "{both}");
}

/// The lifetime that another program has chosen binds no renewal.
#[test]
fn a_certificate_of_any_lifetime_is_renewed() {
    let sandbox = Sandbox::with_store();
    for (name, days) in [("long", "40000"), ("endless", "2912000")] {
        signed(&sandbox, name, &format!("/CN={name}"), days, DEVICE);
        import(&sandbox, name);
    }
    let renewed = json(&sandbox.ok(["renew", "--all", "--json"]));
    assert_eq!(renewed["renewed"].as_array().unwrap().len(), 2, "{renewed}");
    for name in ["long", "endless"] {
        sandbox.ok(["verify", &format!("pki/devices/{name}/chain.pem")]);
        sandbox.ok(["client", name, "--force"]);
    }
}

#[test]
fn what_is_new_is_not_due_and_no_failure() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "pump-1"]);
    signed(&sandbox, "pump-2", "/CN=pump-2", "100", DEVICE);
    import(&sandbox, "pump-2");
    let first = json(&sandbox.ok(["renew", "--all", "--json"]));
    assert_eq!((&first["renewed"][0]["name"], &first["not_due"]), (&json!("pump-2"), &json!(1)));
    let second = json(&sandbox.ok(["renew", "--all", "--json"]));
    assert_eq!((&second["renewed"], &second["not_due"], &second["left"]), (&json!([]), &json!(2), &json!([])));
    // One that was named is a question with an answer.
    sandbox.fails(["renew", "pump-1"], 1, "TBPKI-0306").prints("pump-1").prints("--due");
}
