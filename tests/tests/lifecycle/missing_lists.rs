//! CAs without a revocation list, and files with lists that are gone: brokers refuse every device then.

use std::fs;

use tbpki_tests::Sandbox;

use crate::scene::Scene;

const LISTS: &str = "pki/devices-crl.pem";

/// Whether all verbs that show the store report what the lists lack.
#[track_caller]
fn reported(sandbox: &Sandbox, what: &str, ca: &str) {
    for verb in [&["list"][..], &["store", "check"], &["report", "--out", "report.html", "--force"]] {
        sandbox.ok(verb).prints("TBPKI-0321").prints(what);
    }
    let metrics = metrics(sandbox);
    for name in ["end", "due"] {
        let line = format!("tbpki_revocation_list_{name}_seconds{{ca=\"{ca}\"}} 0\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

fn metrics(sandbox: &Sandbox) -> String {
    sandbox.ok(["report", "--metrics", "tbpki.prom"]);
    sandbox.text("tbpki.prom")
}

#[track_caller]
fn nothing_reported(sandbox: &Sandbox) {
    let listed = sandbox.ok(["list"]);
    assert!(!listed.stderr_text().contains("TBPKI-0321"), "{listed}");
    assert!(!metrics(sandbox).contains("} 0\ntbpki_revocation_list"));
}

#[test]
fn the_ca_of_a_new_profile_is_reported_until_it_has_a_list() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let profile = |name| ["profile", "create", name, "--create-devices", "--accept-issuer-risk"];
    // No broker reads lists.
    let made = scene.ok(&profile("first"));
    assert!(!made.stderr_text().contains("TBPKI-0321"), "{made}");
    nothing_reported(sandbox);
    sandbox.ok(["crl"]);
    nothing_reported(sandbox);
    scene.ok(&profile("vats")).prints("TBPKI-0321").prints("run `tbpki crl`");
    reported(sandbox, "the file has no revocation list of generation 1 of profile-vats", "profile-vats");
    sandbox.ok(["crl"]);
    nothing_reported(sandbox);
    // A generation that is prepared has issued nothing: `ca activate` waits for its list.
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    nothing_reported(sandbox);
}

#[test]
fn a_file_that_is_named_or_lost_is_reported_and_keeps_the_next_ca_from_signing() {
    let sandbox = Sandbox::with_store();
    let settings = sandbox.text("keygen.toml");
    sandbox.write("keygen.toml", settings.replace("\n[crl]\n", "\n[crl]\nout = \"lists.pem\"\n"));
    assert_ne!(sandbox.text("keygen.toml"), settings);
    let missing = "the file with the list of generation 1 of devices-issuing is missing";
    reported(&sandbox, missing, "devices-issuing");
    sandbox.write("keygen.toml", settings);
    nothing_reported(&sandbox);

    sandbox.ok(["crl"]);
    fs::rename(sandbox.join(LISTS), sandbox.join("lost.pem")).unwrap();
    reported(&sandbox, missing, "devices-issuing");
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    let activate = ["ca", "activate", "devices-issuing", "--leave-behind"];
    sandbox.fails(activate, 1, "TBPKI-0321");
    sandbox.ok(["crl"]);
    nothing_reported(&sandbox);
    sandbox.ok(activate);
}
