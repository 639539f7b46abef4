//! PKCS#7: `.p7b` of Windows CAs, in PEM, DER and BER.

use testkit::ber::indefinite;

use crate::{has_error, imported, refused, run, with_root};

#[test]
fn certificates_in_pkcs7_are_read_wherever_certificates_are() {
    let sandbox = with_root();
    let convert = ["crl2pkcs7", "-nocrl", "-certfile", "root.pem"];
    run(&sandbox, &[&convert[..], &["-out", "pem.p7b"]].concat());
    run(&sandbox, &[&convert[..], &["-outform", "DER", "-out", "der.p7b"]].concat());
    // The four outer levels: below are the certificates, which stay as they were signed.
    sandbox.write("ber.p7b", indefinite(&sandbox.read("der.p7b"), 4, 127));
    // What our own helper has rewritten must still be good BER, or the test would prove nothing.
    run(&sandbox, &["pkcs7", "-inform", "DER", "-in", "ber.p7b", "-print_certs", "-noout"]);
    // RFC 7468, section 8, names the label PKCS7; this one is from before it.
    let text = sandbox.text("pem.p7b").replace("PKCS7", "PKCS #7 SIGNED DATA");
    sandbox.write("gnutls.p7b", text);
    for file in ["pem.p7b", "der.p7b", "ber.p7b", "gnutls.p7b"] {
        imported(&sandbox, &[file, "root.key"], &[]);
        let shown = sandbox.ok(["inspect", file]).stdout_text();
        assert!(shown.contains("CN=root,O=Acme") && shown.contains("PKCS#7"), "{file}: {shown}");
        sandbox.ok(["verify", file, "--anchors", file]).prints("the chain verifies");
    }
}

/// PKCS#7 holds a set: the leaf is found whatever the order.
#[test]
fn a_chain_in_pkcs7_is_put_in_order() {
    let sandbox = with_root();
    let request =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf"];
    run(&sandbox, &[&request[..], &["-keyout", "leaf.key", "-out", "leaf.csr"]].concat());
    sandbox.write("leaf.ext", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n");
    let sign =
        ["x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "90"];
    run(&sandbox, &[&sign[..], &["-extfile", "leaf.ext", "-out", "leaf.pem"]].concat());
    for order in [["leaf.pem", "root.pem"], ["root.pem", "leaf.pem"]] {
        let args = ["crl2pkcs7", "-nocrl", "-certfile", order[0], "-certfile", order[1], "-out", "chain.p7b"];
        run(&sandbox, &args);
        let outcome = sandbox.ok(["verify", "chain.p7b", "--anchors", "root.pem", "--key", "leaf.key"]);
        assert!(outcome.stdout_text().starts_with("ok     sent    CN=leaf"), "{outcome}");
    }
}

#[test]
fn pkcs7_without_certificates_is_named() {
    let sandbox = with_root();
    // An enveloped message has the same outer shape, and its certificates are out of reach.
    run(&sandbox, &["cms", "-encrypt", "-in", "root.pem", "-outform", "DER", "-out", "message.p7m", "root.pem"]);
    run(&sandbox, &["crl2pkcs7", "-nocrl", "-out", "empty.p7b"]);
    refused(&sandbox, &["message.p7m", "root.key"], &[], 40, &["PKCS#7", "message"]);
    refused(&sandbox, &["empty.p7b", "root.key"], &[], 40, &["PKCS#7", "no certificate"]);
    let mut torn = sandbox.read("message.p7m");
    torn.truncate(torn.len() / 2);
    sandbox.write("torn.p7b", torn);
    has_error(&sandbox.tbpki(["inspect", "torn.p7b"]).run().ends(1), 40, &["torn.p7b"]);
}
