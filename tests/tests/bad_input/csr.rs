//! Certificate signing requests, believed in their key, subject and names, and in nothing else.

use std::path::PathBuf;

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

use crate::{refused, usage, user};

/// Makes a request with openssl and answers with its path.
#[track_caller]
fn request(sandbox: &Sandbox, name: &str, subject: &str, more: &[&str]) -> PathBuf {
    let path = sandbox.join(format!("{name}.csr"));
    openssl()
        .args(["req", "-new", "-nodes", "-subj", subject, "-keyout"])
        .arg(sandbox.join(format!("{name}.key")))
        .arg("-out")
        .arg(&path)
        .args(more)
        .run()
        .ok();
    path
}

const EC: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

#[test]
fn requests_that_cannot_be_accepted() {
    let sandbox = Sandbox::with_store();
    let pump = request(&sandbox, "pump", "/CN=pump-1", EC);
    request(&sandbox, "valve", "/CN=valve-2", EC);
    request(&sandbox, "weak", "/CN=pump-1", &["-newkey", "rsa:1024"]);
    request(&sandbox, "old", "/CN=pump-1", &["-newkey", "rsa:2048", "-sha1"]);
    request(&sandbox, "curve", "/CN=pump-1", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]);
    request(
        &sandbox,
        "other-name",
        "/CN=pump-1",
        &[EC, &["-addext", "subjectAltName=otherName:1.2.3.4;UTF8:x"]].concat(),
    );
    request(&sandbox, "bad-san", "/CN=pump-1", &[EC, &["-addext", "subjectAltName=DNS:not a host!"]].concat());

    let der = |pem: &PathBuf| openssl().args(["req", "-outform", "DER", "-in"]).arg(pem).run().ok().stdout;
    let mut broken = der(&pump);
    *broken.last_mut().unwrap() ^= 1;
    sandbox.write("broken.csr", broken);
    let mut renamed = der(&pump);
    let at = renamed.windows(6).position(|window| window == b"pump-1").unwrap();
    renamed[at + 5] = b'2';
    sandbox.write("renamed.csr", renamed);
    sandbox.write("long.csr", [der(&pump), vec![0]].concat());
    sandbox.write("cut.csr", &der(&pump)[..90]);
    sandbox.write("garbage.csr", "a request");
    sandbox.write("two.csr", [sandbox.read("pump.csr"), sandbox.read("valve.csr")].concat());

    let rows: &[(&str, u16, &[&str])] = &[
        ("broken.csr", 55, &["broken.csr", "not signed with its own key"]),
        ("renamed.csr", 55, &["renamed.csr", "not signed with its own key"]),
        ("valve.csr", 55, &["valve-2", "pump-1"]),
        ("weak.csr", 35, &["weak.csr"]),
        ("old.csr", 55, &["old.csr", "sha1"]),
        ("curve.csr", 30, &["curve.csr"]),
        ("other-name.csr", 24, &["other-name.csr"]),
        ("bad-san.csr", 24, &["bad-san.csr"]),
        ("long.csr", 54, &["long.csr"]),
        ("cut.csr", 54, &["cut.csr"]),
        ("garbage.csr", 54, &["garbage.csr"]),
        ("two.csr", 54, &["two.csr", "more than one"]),
        ("pump.key", 54, &["pump.key"]),
        ("pki/ca/devices-root/cert.pem", 54, &["cert.pem"]),
        ("missing.csr", 80, &["missing.csr"]),
        ("pki", 80, &["directory"]),
    ];
    for (file, code, words) in rows {
        for extra in [&[][..], &["--dry-run"], &["--force"]] {
            let args = [&["client", "--device", "pump-1", "--csr", file], extra].concat();
            refused(&sandbox, &args, user(*code, words));
        }
    }
}

#[test]
fn what_needs_the_key_cannot_be_made_for_a_request() {
    let sandbox = Sandbox::with_store();
    request(&sandbox, "pump", "/CN=pump-1", EC);
    for format in ["p12", "jks", "nopass", "pub,p12"] {
        let args = ["client", "--device", "pump-1", "--csr", "pump.csr", "--format", format];
        refused(&sandbox, &args, usage(11, &["private key", "pump-1."]));
    }
    for format in ["p12", "jks"] {
        let args = ["server", "--name", "tb.example", "--csr", "pump.csr", "--format", format];
        refused(&sandbox, &args, usage(11, &["private key", &format!("mqttserver.{format}")]));
    }
}

#[test]
fn a_request_for_more_than_a_leaf_gets_a_leaf() {
    let sandbox = Sandbox::with_store();
    let greedy = [
        EC,
        &["-addext", "basicConstraints=critical,CA:TRUE,pathlen:3"],
        &["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        &["-addext", "extendedKeyUsage=serverAuth,codeSigning"],
        &["-addext", "subjectAltName=DNS:pump-1.example,IP:192.0.2.7"],
    ]
    .concat();
    request(&sandbox, "greedy", "/O=Elsewhere/CN=pump-1", &greedy);
    sandbox.ok(["client", "--device", "pump-1", "--csr", "greedy.csr"]);
    let shown = openssl()
        .args(["x509", "-noout", "-subject", "-ext"])
        .arg("basicConstraints,keyUsage,extendedKeyUsage,subjectAltName")
        .arg("-in")
        .arg(sandbox.join("pki/devices/pump-1/cert.pem"))
        .run()
        .ok();
    for word in ["CA:FALSE", "Digital Signature", "TLS Web Client Authentication", "O = Elsewhere, CN = pump-1"] {
        assert!(shown.stdout_text().contains(word), "{word} in {shown}");
    }
    for word in ["CA:TRUE", "Certificate Sign", "Server Authentication", "Code Signing", "pathlen"] {
        assert!(!shown.stdout_text().contains(word), "{word} in {shown}");
    }
    let names = shown.stdout_text();
    assert!(names.contains("DNS:pump-1.example") && names.contains("IP Address:192.0.2.7"), "{shown}");
    assert!(!sandbox.join("pki/devices/pump-1/key.pem").exists());
    // The same request again is the same wish; without it, it is another one.
    sandbox.ok(["client", "--device", "pump-1", "--csr", "greedy.csr"]).says("is up to date");
    refused(&sandbox, &["client", "--device", "pump-1"], user(95, &["csr"]));
}
