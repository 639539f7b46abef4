//! pkilint has nothing to say about any kind of certificate.

use tbpki_tests::Sandbox;
use tbpki_tests::pkilint::Pkilint;

#[test]
fn no_certificate_breaks_a_rule() {
    lint(&["ec-p256", "rsa-2048"]);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn no_certificate_of_any_algorithm_breaks_a_rule() {
    let all: Vec<&str> = pki::Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    lint(&all);
}

/// Every kind, with letters and names of every kind.
#[track_caller]
fn lint(algorithms: &[&str]) {
    let pkilint = Pkilint::new();
    for algorithm in algorithms {
        let sandbox = Sandbox::new();
        // Beyond PrintableString and Latin-1: RFC 5280, section 4.1.2.4, leaves UTF8String alone for such a name.
        let name = ["--organization", "Äußerst ‹Große› & Co", "--country", "DE"];
        sandbox.ok(["init", "--no-input", "--insecure-no-passphrase", "--alg", algorithm].iter().chain(&name));
        let server = |name: &str, more: &[&str]| {
            sandbox.ok(["server", "--name", name, "--only-given-names"].iter().chain(more));
        };
        // A name of each type that tbpki takes, and one that has to become punycode.
        server("tb.example", &["--san", "127.0.0.1,2001:db8::1,https://tb.example/x,admin@tb.example,bücher.example"]);
        // A kind of its own, since rules for public names do not fit it.
        server("localhost", &[]);
        server("wildcard.example", &["--san", "*.wildcard.example"]);
        server("self.example", &["--self-signed"]);
        sandbox.ok(["client", "--device", "Gerät 1"]);
        sandbox.ok(["client", "--device", "device-2", "--self-signed"]);
        for (kind, file) in [
            ("root", "ca/server-root/cert.pem"),
            ("root", "ca/devices-root/cert.pem"),
            ("issuing", "ca/server-issuing/cert.pem"),
            ("issuing", "ca/devices-issuing/cert.pem"),
            ("server", "servers/tb.example/mqttserver.pem"),
            ("server-localhost", "servers/localhost/mqttserver.pem"),
            ("server-wildcard", "servers/wildcard.example/mqttserver.pem"),
            ("device", "devices/Gerät 1/cert.pem"),
            ("self-signed-server", "servers/self.example/mqttserver.pem"),
            ("self-signed-device", "devices/device-2/cert.pem"),
        ] {
            let findings = pkilint.unexpected(kind, &sandbox.join("pki").join(file));
            assert!(findings.is_empty(), "{algorithm} {file}: {findings:?}");
        }
    }
    pkilint.assert_all_exceptions_used();
}
