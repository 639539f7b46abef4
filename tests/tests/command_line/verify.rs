//! `tbpki verify` as people use it at a station.

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

#[test]
fn a_lone_leaf_finds_its_issuing_ca_in_the_store() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let outcome = sandbox.ok(["verify", "pki/devices/pump-1/cert.pem"]);
    let text = outcome.stdout_text();
    for line in [
        "ok     sent    CN=pump-1",
        "ok     store   CN=tbpki devices issuing CA",
        "ok     anchor  CN=tbpki devices root CA",
    ] {
        assert!(text.contains(line), "{line:?} is not in {outcome}");
    }
    outcome.prints("note[TBPKI-0050]: CN=tbpki devices issuing CA is not in the file and was taken from the store");

    let report = sandbox.ok(["verify", "--json", "pki/devices/pump-1/cert.pem"]).json();
    assert_eq!(report["result"]["links"][1]["source"], "store");
    assert_eq!(report["result"]["trusted"], true);
    let report = sandbox.ok(["verify", "--json", "pki/devices/pump-1/chain.pem"]).json();
    assert_eq!(report["result"]["links"][1]["source"], "sent");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report}");
}

#[test]
fn a_server_that_would_send_its_leaf_alone_is_warned_of() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--format", "cer", "--out", "conf"]);
    sandbox
        // DER holds one certificate. A client without the store of this machine would find no way to its anchor.
        .ok(["verify", "conf/mqttserver.cer"])
        .prints("warning[TBPKI-0050]: CN=tbpki server issuing CA is not in the file");
}

#[test]
fn the_store_helps_neither_foreign_anchors_nor_foreign_leaves() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    // Who names the anchors wants to know what those say.
    let anchors = ["--anchors", "pki/ca/devices-root/cert.pem"];
    sandbox.fails(["verify", "pki/devices/pump-1/cert.pem"].iter().chain(&anchors), 3, "TBPKI-0050");
    let other = Sandbox::with_store();
    other.ok(["client", "--device", "pump-1"]);
    let foreign = other.join("pki/devices/pump-1/cert.pem");
    sandbox.fails(["verify".as_ref(), foreign.as_os_str()], 3, "TBPKI-0049");
}

/// A self-signed leaf for `h.example` with these extensions, in `leaf.pem`.
fn self_signed(sandbox: &Sandbox, extensions: &[&str]) {
    let request =
        openssl().args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    let request = request.args(["-subj", "/CN=h.example", "-days", "30", "-addext", "subjectAltName=DNS:h.example"]);
    let request = request.args(["-addext", "basicConstraints=critical,CA:FALSE"]).args(extensions);
    // The default section of OpenSSL marks it as a CA.
    let config = sandbox.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
    let request = request.arg("-config").arg(config).arg("-keyout").arg(sandbox.join("leaf.key"));
    request.arg("-out").arg(sandbox.join("leaf.pem")).run().ok();
}

#[test]
fn without_a_purpose_the_report_names_those_that_hold() {
    let sandbox = Sandbox::with_store();
    let verify = ["verify", "leaf.pem", "--anchors", "leaf.pem"];
    let host = [&verify[..], &["--host", "h.example"]].concat();
    // OpenSSL and rustls refuse a leaf that has this usage alone, for every purpose.
    self_signed(&sandbox, &["-addext", "extendedKeyUsage=anyExtendedKeyUsage"]);
    sandbox.fails(verify, 3, "TBPKI-0053");
    sandbox.fails(&host, 3, "TBPKI-0053");
    self_signed(&sandbox, &["-addext", "extendedKeyUsage=serverAuth,clientAuth"]);
    sandbox.ok(verify).prints("the chain verifies (purpose: server, device)");
    sandbox.ok(&host).prints("the chain verifies (purpose: server)");
    self_signed(&sandbox, &["-addext", "nsCertType=client"]);
    let report = sandbox.ok([&verify[..], &["--json"]].concat()).json();
    assert_eq!(report["result"]["purposes"], serde_json::json!(["device"]));
    sandbox.fails(&host, 3, "TBPKI-0053");
    // A host is the name of a server.
    self_signed(&sandbox, &["-addext", "extendedKeyUsage=clientAuth"]);
    sandbox.fails(&host, 3, "TBPKI-0053");
}

#[test]
fn a_host_is_named_alone() {
    let sandbox = Sandbox::new();
    let verify = |host: &str| sandbox.tbpki(["verify", "leaf.pem", "--host", host]).run();
    verify("h.example:8883").ends(2).prints("name the host alone: h.example");
    verify("https://h.example/x").ends(2).prints("leave https:// out: h.example");
    verify("a b").ends(2).prints("is not the name of a host").prints("write a host name or an IP address");
}
