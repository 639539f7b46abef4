//! CAs that an organization has already take the place of tbpki's own, from any maker and in any kind of files.

use std::path::{Path, PathBuf};

use tbpki_tests::clients::{Files, paho_python};
use tbpki_tests::oracle::openssl;
use tbpki_tests::own_ca::{Maker, OwnCa};
use tbpki_tests::{Listener, Mosquitto, Outcome, Sandbox};

/// The password of PKCS#12 files and encrypted keys.
const PASSWORD: &str = "imported-password";

/// The forms in which a CA is handed over.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Certificates and key in PEM files of their own.
    Pem,
    /// The key encrypted.
    EncryptedPem,
    /// All of it in one PKCS#12.
    Pkcs12,
}

impl Form {
    /// The files to bring, below `directory`, for the issuing CA or, alone, for the root.
    #[track_caller]
    fn files(self, ca: &OwnCa, root_alone: bool, directory: &Path) -> Vec<PathBuf> {
        let (certificate, key) = if root_alone { (&ca.root, &ca.root_key) } else { (&ca.issuing, &ca.issuing_key) };
        let above = (!root_alone).then(|| ca.root.clone());
        let stem = certificate.file_stem().unwrap().to_str().unwrap();
        match self {
            Self::Pem => [certificate.clone(), key.clone()].into_iter().chain(above).collect(),
            Self::EncryptedPem => {
                let encrypted = directory.join(format!("{stem}.encrypted.key"));
                let convert =
                    openssl().args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "env:PASSWORD", "-in"]);
                convert.arg(key).arg("-out").arg(&encrypted).env("PASSWORD", PASSWORD).run().ok();
                above.into_iter().chain([encrypted, certificate.clone()]).collect()
            }
            Self::Pkcs12 => {
                let keystore = directory.join(format!("{stem}.p12"));
                let export = openssl().args(["pkcs12", "-export", "-passout", "env:PASSWORD", "-inkey"]).arg(key);
                let export = export.arg("-in").arg(certificate).arg("-out").arg(&keystore).env("PASSWORD", PASSWORD);
                let export = above.iter().fold(export, |export, root| export.arg("-certfile").arg(root));
                export.run().ok();
                vec![keystore]
            }
        }
    }
}

/// A station below CAs of another maker, with a server and a device.
struct Station {
    sandbox: Sandbox,
    server: OwnCa,
    devices: OwnCa,
    init: Outcome,
}

impl Station {
    #[track_caller]
    fn new(maker: Maker, algorithm: &str, form: Form, roots: bool) -> Self {
        let sandbox = Sandbox::new();
        sandbox.hides(PASSWORD);
        sandbox.write("password", format!("{PASSWORD}\n"));
        let [server, devices] = ["servers", "devices"].map(|name| maker.make(sandbox.path(), name, algorithm));
        let mut args = ["init", "--no-input", "--insecure-no-passphrase", "--brought-passphrase-file", "password"]
            .map(PathBuf::from)
            .to_vec();
        for (flag, ca) in [("--server-ca", &server), ("--devices-ca", &devices)] {
            args.push(flag.into());
            args.extend(form.files(ca, roots, sandbox.path()));
        }
        let init = sandbox.ok(args);
        sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
        sandbox.ok(["client", "--device", "MyDevice"]);
        Self { sandbox, server, devices, init }
    }

    fn device(&self, file: &str) -> PathBuf {
        self.sandbox.join("pki/devices/MyDevice").join(file)
    }

    /// openssl believes both leaves by the very roots that were brought, and mosquitto and its clients each other.
    #[track_caller]
    fn works(&self) {
        let chain = self.sandbox.join("conf/mqttserver.pem");
        for (purpose, root, chain) in
            [("sslserver", &self.server.root, &chain), ("sslclient", &self.devices.root, &self.device("chain.pem"))]
        {
            let verify = openssl().args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"]).arg(root);
            verify.arg("-untrusted").arg(chain).arg(chain).run().ok();
        }
        let listener = Listener::new(&chain, &self.sandbox.join("conf/mqttserver_key.pem"));
        let broker = Mosquitto::start(&listener.requiring_clients_of(&self.sandbox.join("conf/clients-ca.pem")));
        let (anchors, certificate, key) =
            (self.device("tb-server-chain.pem"), self.device("chain.pem"), self.device("key.pem"));
        let files = Files { anchors: &anchors, certificate: &certificate, key: Some(&key) };
        // One client is enough: the other ones are tried with CAs of our own.
        paho_python(broker.port(), &files, "any").succeeds();
        broker.logs("u'MyDevice'");
    }
}

#[test]
fn an_issuing_ca_of_openssl_in_pem_and_pkcs12() {
    Station::new(Maker::Openssl, "ec-p256", Form::Pem, false).works();
    Station::new(Maker::Openssl, "rsa-2048", Form::Pkcs12, false).works();
}

#[test]
fn an_issuing_ca_of_certtool_in_pem_and_pkcs12() {
    Station::new(Maker::Certtool, "rsa-2048", Form::Pem, false).works();
    Station::new(Maker::Certtool, "ec-p256", Form::Pkcs12, false).works();
}

#[test]
fn a_root_gets_an_issuing_ca_below_it() {
    for (maker, form) in [(Maker::Openssl, Form::Pkcs12), (Maker::Certtool, Form::EncryptedPem)] {
        let station = Station::new(maker, "ec-p256", form, true);
        station.works();
        let chain = openssl()
            .args(["x509", "-noout", "-issuer", "-in"])
            .arg(station.sandbox.join("pki/ca/server-issuing/cert.pem"));
        chain.run().ok().prints("servers root");
    }
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn every_algorithm_in_every_form_of_every_maker() {
    for algorithm in pki::Algorithm::ALL {
        for maker in Maker::ALL {
            for form in [Form::Pem, Form::EncryptedPem, Form::Pkcs12] {
                for roots in [false, true] {
                    println!("{algorithm} {maker:?} {form:?} {roots}");
                    Station::new(maker, algorithm.name(), form, roots).works();
                }
            }
        }
    }
}

#[test]
fn one_root_for_servers_and_devices_is_warned_of() {
    let sandbox = Sandbox::new();
    let ca = Maker::Openssl.make(sandbox.path(), "one", "ec-p256");
    let root = [&ca.root, &ca.root_key].map(PathBuf::from);
    let issuing = [&ca.issuing, &ca.issuing_key, &ca.root].map(PathBuf::from);
    for (server, devices) in [(&root[..], &root[..]), (&root, &issuing), (&issuing, &issuing)] {
        let mut args =
            ["init", "--no-input", "--insecure-no-passphrase", "--dry-run", "--server-ca"].map(PathBuf::from).to_vec();
        args.extend_from_slice(server);
        args.push("--devices-ca".into());
        args.extend_from_slice(devices);
        sandbox
            .ok(args)
            .prints("warning[TBPKI-0113]: servers and devices are both below ")
            .prints("could impersonate the broker");
    }
    // CAs of one maker that share nothing are no reason to warn.
    let apart = Station::new(Maker::Openssl, "ec-p256", Form::Pem, false);
    assert!(!apart.init.stderr_text().contains("TBPKI-0113"), "{}", apart.init);
}
