//! Keystores that hold trusted certificates and nothing else.

use std::fs;

use base::Secret;
use pki::keystore::{Keystore, KeystoreFormat, Passwords, TrustedEntry};
use pki::pem_bundle::PemBundle;
use tbpki_tests::Sandbox;
use tbpki_tests::oracle::{certtool, java, openssl, python};
use time::OffsetDateTime;

const PASSWORD: &str = "trust-password";

#[test]
fn a_truststore_of_either_format_is_one_for_java_and_others() {
    let sandbox = Sandbox::with_store();
    let trusted = ["server-root", "devices-root"].map(|ca| {
        let bundle = PemBundle::parse(&sandbox.read(format!("pki/ca/{ca}/cert.pem"))).unwrap();
        TrustedEntry { alias: ca.to_owned(), certificate: bundle.certificates[0].der().to_vec() }
    });
    let store = Keystore { keys: Vec::new(), trusted: trusted.to_vec() };
    for (format, kind) in [(KeystoreFormat::Pkcs12, "PKCS12"), (KeystoreFormat::Jks, "JKS")] {
        let bytes = store.write(format, &Passwords::same(Secret::from(PASSWORD)), OffsetDateTime::now_utc()).unwrap();
        let file = sandbox.join(kind);
        fs::write(&file, &*bytes).unwrap();

        let found = java("KeystoreCheck").arg(kind).arg(&file).env("STORE_PASSWORD", PASSWORD).run().ok().json();
        assert_eq!(found["format"], kind);
        let mut subjects: Vec<(&str, &str)> = found["entries"]
            .as_array()
            .unwrap()
            .iter()
            .inspect(|entry| assert_eq!(entry["kind"], "trusted"))
            .map(|entry| (entry["alias"].as_str().unwrap(), entry["subject"].as_str().unwrap()))
            .collect();
        subjects.sort_unstable();
        let expected = [("devices-root", "CN=tbpki devices root CA"), ("server-root", "CN=tbpki server root CA")];
        assert_eq!(subjects, expected, "{kind}");

        if format == KeystoreFormat::Jks {
            // The script wants both variables, though this store has no key.
            let read = python("read_with_pyjks.py").arg(&file).env("STORE_PASSWORD", PASSWORD).env("KEY_PASSWORD", "");
            assert_eq!(read.run().ok().json()["trusted"], serde_json::json!(["devices-root", "server-root"]));
            continue;
        }
        let read = openssl().args(["pkcs12", "-passin", "env:PASSWORD", "-in"]).arg(&file).env("PASSWORD", PASSWORD);
        assert_eq!(read.run().ok().stdout_text().matches("BEGIN CERTIFICATE").count(), 2);
        let read = certtool().args(["--p12-info", "--inder", "--password", PASSWORD, "--infile"]).arg(&file);
        // Where keys would be, p12-keystore writes a safe with nothing in it, at which GnuTLS gives up behind the
        // certificates. No verb writes such a file; one that does must fix this first.
        let outcome = read.run().ends(1).prints("The requested data were not available");
        assert_eq!(outcome.stdout_text().matches("BEGIN CERTIFICATE").count(), 2);
        let read = python("read_with_cryptography.py").arg("pkcs12").arg(&file).env("STORE_PASSWORD", PASSWORD);
        assert_eq!(read.run().ok().json()["others"].as_array().map(Vec::len), Some(2));
    }
}
