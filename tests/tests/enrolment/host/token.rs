//! Hosts whose key is in a token, which SoftHSM plays.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{Service, password, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::softhsm::{MODULE, PIN};
use tbpki_tests::{Listener, Mosquitto, Outcome, Sandbox, SoftHsm, Tool};

use super::Host;

/// The token of the hosts here.
pub(super) const TOKEN: &str = "gateway";

/// A host with a token in reach.
pub(super) struct TokenHost {
    pub(super) host: Host,
    pub(super) hsm: SoftHsm,
}

/// The URI of the token of these tests, with more attributes behind it.
pub(super) fn uri(more: &str) -> String {
    format!("pkcs11:token={TOKEN}{more}?module-path={MODULE}")
}

impl TokenHost {
    #[track_caller]
    pub(super) fn new(station: &Sandbox, service: &Service) -> Self {
        let host = Host::new(station, service);
        let hsm = SoftHsm::new(&host.sandbox);
        hsm.add(TOKEN);
        Self { host, hsm }
    }

    /// A host with a certificate of gateway-1 for the key `mqtt` in its token.
    #[track_caller]
    pub(super) fn with_certificate(station: &Sandbox, service: &Service) -> Self {
        let host = Self::new(station, service);
        host.fetch("gateway-1", &password(station, "gateway-1"), &uri(";object=mqtt"), &[]).ok();
        host
    }

    /// tbpki with these arguments and those of the server.
    pub(super) fn tbpki(&self, args: &[&str]) -> Tool {
        let server = ["--est", &self.host.url, "--cafile", "root.pem"];
        // `--after` takes all arguments that follow.
        let (verb, rest) = args.split_at(args.len().min(if args[0] == "enroll" { 2 } else { 1 }));
        self.hsm.seen_by(self.host.sandbox.tbpki(verb.iter().chain(&server).chain(rest)))
    }

    /// Fetches the first certificate of a device for the key that `key` names.
    #[track_caller]
    pub(super) fn fetch(&self, device: &str, password: &str, key: &str, more: &[&str]) -> Outcome {
        self.host.sandbox.write("once", format!("{password}\n"));
        fs::set_permissions(self.host.sandbox.join("once"), fs::Permissions::from_mode(0o600)).unwrap();
        let args =
            ["enroll", "fetch", "--device", device, "--password-file", "once", "--cert", "chain.pem", "--key", key];
        self.tbpki(&[&args[..], &["--pin-file", "pin"], more].concat()).run()
    }

    #[track_caller]
    pub(super) fn renew(&self, more: &[&str]) -> Outcome {
        self.tbpki(&[&RENEW[..], &[&uri(";object=mqtt"), "--pin-file", "pin"], more].concat()).run()
    }

    /// The kind and the label of each object in the token, as OpenSC's tool lists them.
    #[track_caller]
    pub(super) fn objects(&self) -> Vec<(String, String)> {
        let listed = self.hsm.pkcs11_tool(TOKEN, &["--list-objects"]).ok().stdout_text();
        let mut found = Vec::new();
        for line in listed.lines() {
            let key = line.split_once(" Object").map(|(kind, _)| kind);
            if let Some(kind) = key.or(line.starts_with("Data object").then_some("Data")) {
                found.push((kind.to_owned(), String::new()));
            } else if let (Some(label), Some(last)) = (line.trim().strip_prefix("label:"), found.last_mut()) {
                last.1 = label.trim().trim_matches('\'').replace("<empty>", "");
            }
        }
        found.sort();
        found
    }

    /// Stops the test unless the token has keys of these labels, both halves of each, and nothing else.
    #[track_caller]
    pub(super) fn has_keys(&self, labels: &[&str]) {
        let halves = ["Private Key", "Public Key"].into_iter();
        let mut expected: Vec<(String, String)> =
            halves.flat_map(|half| labels.iter().map(move |label| (half.to_owned(), (*label).to_owned()))).collect();
        expected.sort();
        assert_eq!(self.objects(), expected);
    }

    /// The URI of the key in use, which a file next to the certificate names.
    #[track_caller]
    pub(super) fn key_in_use(&self) -> String {
        let text = self.host.sandbox.text("chain.pem.key");
        text.lines().next().unwrap().strip_prefix("Key: ").unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// Stops the test unless the certificate is for the key in the token that the file next to it names, which has this
    /// label. GnuTLS finds the key, and openssl reads the certificate.
    #[track_caller]
    pub(super) fn uses(&self, label: &str) {
        let key = self.key_in_use();
        assert!(key.contains(&format!(";object={label};id=%")), "{key}");
        let chain = self.host.sandbox.join("chain.pem");
        let of_certificate = openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(chain).run().ok().stdout_text();
        assert_eq!(of_certificate, self.hsm.public_key(&key), "{key}");
    }

    #[track_caller]
    pub(super) fn serial(&self) -> String {
        tbpki_tests::est::serial(self.host.sandbox.join("chain.pem"))
    }

    /// A program that succeeds if the file `ready` exists, and writes its variables into `log`.
    pub(super) fn program(&self) -> String {
        let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ntest -e ready || exit 1\necho \"$TBPKI_DEVICES|$TBPKI_KEY_URI\" >> log\n";
        let path = self.host.sandbox.write("load", script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(self.host.sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The files in the directory that have to do with the certificate.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let all = self.host.sandbox.files().into_iter().map(|file| file.to_string_lossy().into_owned());
        all.filter(|file| file.starts_with("chain.pem")).collect()
    }
}

/// A renewal; the key follows.
pub(super) const RENEW: [&str; 4] = ["renew", "--cert", "chain.pem", "--key"];

#[test]
fn a_key_is_made_in_the_token_and_the_next_one_too() {
    let station = station();
    let service = Service::start(&station, &[]);
    for (device, algorithm) in [("gateway-1", "ec-p256"), ("gateway-2", "ec-p384"), ("gateway-3", "rsa-2048")] {
        let host = TokenHost::new(&station, &service);
        let key = uri(";object=mqtt");
        let fetched =
            host.fetch(device, &password(&station, device), &key, &["--alg", algorithm, "--json"]).ok().json();
        host.has_keys(&["mqtt"]);
        host.uses("mqtt");
        assert_eq!(fetched["result"]["key_uri"].as_str(), Some(host.key_in_use().as_str()));
        assert!(fetched["result"]["key"].as_str().unwrap().ends_with("chain.pem.key"));
        let first = host.serial();

        // No program is told, so that the key before stays for those that use it.
        let renewed = host.renew(&["--json"]).ok().json();
        let second = host.serial();
        assert_ne!(first, second);
        host.has_keys(&["mqtt", "mqtt.2"]);
        host.uses("mqtt.2");
        assert_eq!(renewed["result"]["removed_keys"].as_array().unwrap().len(), 0);
        assert!(renewed["result"]["earlier_keys"][0].as_str().unwrap().contains(";object=mqtt;"), "{renewed}");
        let kept = [format!("chain.pem.{second}"), format!("chain.pem.key.{second}")];
        let expected = ["chain.pem".to_owned(), "chain.pem.key".to_owned()].into_iter().chain(kept);
        assert_eq!(host.files(), expected.collect());

        // The next renewal removes the one before the one before.
        host.renew(&[]).ok();
        host.has_keys(&["mqtt.2", "mqtt.3"]);
        host.uses("mqtt.3");
        let inspected = host.host.sandbox.ok(["inspect", "chain.pem", "--json"]).json();
        assert_eq!(inspected["result"]["files"][0]["items"][0]["algorithm"], algorithm, "{inspected}");
    }
}

#[test]
fn the_program_that_loads_the_files_learns_the_key_and_the_one_before_goes() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let program = host.program();
    let failed = host.renew(&["--after", &program]).ends(4);
    failed.prints("TBPKI-0311");
    // A service that was not restarted still signs with the key before.
    host.has_keys(&["mqtt", "mqtt.2"]);
    let serial = host.serial();
    host.host.sandbox.write("ready", "");
    let finished = host.renew(&["--json", "--after", &program]).ok().json();
    assert_eq!(host.serial(), serial, "nothing is renewed again");
    host.has_keys(&["mqtt.2"]);
    host.uses("mqtt.2");
    assert!(finished["result"]["removed_keys"][0].as_str().unwrap().contains(";object=mqtt;"), "{finished}");
    assert_eq!(host.host.sandbox.text("log"), format!("gateway-1|{}\n", host.key_in_use()));
    host.renew(&["--after", &program]).ok();
    host.has_keys(&["mqtt.3"]);
    host.uses("mqtt.3");
    assert!(!host.files().iter().any(|file| file.starts_with("chain.pem.key.")), "{:?}", host.files());
}

#[test]
fn neither_the_key_nor_the_pin_is_in_a_file_or_in_a_message() {
    let station = station();
    let service = Service::start(&station, &["--issuances", "100"]);
    let host = TokenHost::new(&station, &service);
    let secret = password(&station, "gateway-1");
    host.host.sandbox.hides(&secret);
    host.fetch("gateway-1", &secret, &uri(";object=mqtt"), &["-vv"]).ok();
    host.renew(&["-vv", "--json"]).ok();
    let key = uri(";object=mqtt");
    host.tbpki(&[&RENEW[..], &[&key]].concat()).env("TBPKI_KEY_PIN", PIN).run().ok();
    // The same PIN file as other programs of the host have it in the URI.
    let source = format!("{key}&pin-source=file:{}", host.host.sandbox.join("pin").display());
    host.tbpki(&[&RENEW[..], &[&source]].concat()).run().ok();
    assert_eq!(host.key_in_use().split('&').nth(1), source.split('&').nth(1));
    host.tbpki(&[&RENEW[..], &[&key, "--pin-file", "-"]].concat()).stdin(format!("{PIN}\n")).run().ok();
    for file in host.host.sandbox.files() {
        let text = String::from_utf8_lossy(&host.host.sandbox.read(&file)).into_owned();
        assert!(!text.contains(PIN) || file.ends_with("pin"), "the PIN is in {}", file.display());
        assert!(!text.contains("PRIVATE KEY"), "a key is in {}", file.display());
    }
    // OpenSC sees that the key has never been outside.
    let objects = host.hsm.pkcs11_tool(TOKEN, &["--list-objects", "--type", "privkey"]).ok().stdout_text();
    let inside = "Access:     sensitive, always sensitive, never extractable, local";
    assert_eq!(objects.matches(inside).count(), objects.matches("Private Key Object").count(), "{objects}");
}

#[test]
fn the_file_that_names_the_key_is_one_of_openssls_provider() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let parsed =
        openssl().args(["asn1parse", "-strictpem", "-in"]).arg(host.host.sandbox.join("chain.pem.key")).run().ok();
    let parsed = parsed.stdout_text();
    assert!(parsed.contains("VISIBLESTRING     :PKCS#11 Provider URI v1.0"), "{parsed}");
    assert!(parsed.contains(&format!("UTF8STRING        :{}", host.key_in_use())), "{parsed}");
    host.host.sandbox.ok(["inspect", "chain.pem.key"]).prints("private key in a token").prints("mqtt");
}

#[test]
fn the_same_key_is_kept_on_request() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let (first, key) = (host.serial(), host.key_in_use());
    let program = host.program();
    host.host.sandbox.write("ready", "");
    host.renew(&["--same-key", "--after", &program]).ok();
    assert_ne!(host.serial(), first);
    assert_eq!(host.key_in_use(), key);
    host.has_keys(&["mqtt"]);
    host.uses("mqtt");
    // Such a key is still one that tbpki has made.
    host.renew(&["--after", &program]).ok();
    host.has_keys(&["mqtt.2"]);

    // Also for keys in files.
    let files = Host::new(&station, &service);
    files.fetch("gateway-2", &password(&station, "gateway-2")).ok();
    let (first, key) = (files.serial(), files.sandbox.read("key.pem"));
    files.run(&["renew", "--same-key"]).ok();
    assert!(files.serial() != first && files.sandbox.read("key.pem") == key);
    assert!(!files.sandbox.join("cert.pem.new").exists() && !files.sandbox.join("key.pem.new").exists());
}

#[test]
fn a_key_that_others_have_made_is_used_on_request_and_never_removed() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::new(&station, &service);
    let make = ["--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", "maker", "--id", "07"];
    host.hsm.pkcs11_tool(TOKEN, &make).ok();
    let (key, secret) = (uri(";object=maker"), password(&station, "gateway-1"));
    host.fetch("gateway-1", &secret, &key, &[]).ends(1).prints("TBPKI-0367").prints("--existing-key");
    host.fetch("gateway-1", &secret, &key, &["--existing-key"]).ok();
    host.has_keys(&["maker"]);
    host.uses("maker");
    let program = host.program();
    host.host.sandbox.write("ready", "");
    let renew = [&RENEW[..], &[&key, "--pin-file", "pin", "--after", &program]].concat();
    for label in ["maker.2", "maker.3"] {
        host.tbpki(&renew).run().ok();
        host.has_keys(&["maker", label]);
        host.uses(label);
    }
}

#[test]
fn the_certificate_of_a_maker_leads_to_the_first_one() {
    let station = station();
    // The CA of a maker, and the certificate of a chip whose key is in the token from the factory on.
    let made = |sandbox: &Sandbox, args: &[&str]| openssl().directory(sandbox.path()).args(args).run().ok();
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let root = ["req", "-x509", "-subj", "/CN=Maker", "-keyout", "maker.key", "-out", "maker.pem", "-days", "30"];
    made(&station, &[&root[..], &ec].concat());
    let environment = [("TBPKI_SERVE_ENROLL_WITH", "maker.pem")];
    let service = Service::start_in(&station, &[], &environment);
    let host = TokenHost::new(&station, &service);
    let chip = ["req", "-new", "-subj", "/CN=gateway-1", "-keyout", "chip.key", "-out", "chip.csr"];
    made(&station, &[&chip[..], &ec].concat());
    // With an extension: openssl makes certificates of version 1 without any, which TLS does not take.
    station.write("chip.cnf", "extendedKeyUsage = clientAuth\n");
    let sign = ["x509", "-req", "-in", "chip.csr", "-CA", "maker.pem", "-CAkey", "maker.key", "-out", "chip.pem"];
    made(&station, &[&sign[..], &["-CAcreateserial", "-days", "30", "-extfile", "chip.cnf"]].concat());
    host.hsm.import(TOKEN, &station.join("chip.key"), "factory", "0a");
    host.host.sandbox.write("factory.pem", station.read("chip.pem"));

    let (factory, key) = (uri(";object=factory"), uri(";object=mqtt"));
    let proof = ["enroll", "fetch", "--device", "gateway-1", "--with-cert", "factory.pem", "--with-key", &factory];
    let fetch = [&proof[..], &["--cert", "chain.pem", "--key", &key, "--pin-file", "pin"]].concat();
    host.tbpki(&fetch).run().ok();
    host.has_keys(&["factory", "mqtt"]);
    host.uses("mqtt");
    // The key of the maker stays: no renewal removes it.
    let program = host.program();
    host.host.sandbox.write("ready", "");
    host.renew(&["--after", &program]).ok();
    host.has_keys(&["factory", "mqtt.2"]);
    // A second first certificate.
    let other_key = uri(";object=second");
    let second = [&proof[..], &["--cert", "second.pem", "--key", &other_key, "--pin-file", "pin"]].concat();
    host.tbpki(&second).run().ends(1).prints("TBPKI-0348").prints("the device has had its first certificate");
    // A certificate that does not belong to the key.
    host.host.sandbox.write("other.pem", station.read("maker.pem"));
    let other = ["enroll", "fetch", "--device", "gateway-1", "--with-cert", "other.pem", "--with-key", &factory];
    let other = [&other[..], &["--cert", "new.pem", "--key", &key, "--pin-file", "pin"]].concat();
    host.tbpki(&other).run().ends(1).prints("TBPKI-0034").prints("other.pem");
}

#[test]
fn a_token_without_the_rsa_signatures_of_tls_1_3_renews_over_tls_1_2() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::new(&station, &service);
    host.hsm.configure("slots.mechanisms = -CKM_DSA,CKM_RSA_PKCS_PSS,CKM_SHA256_RSA_PKCS_PSS\n");
    let fetched =
        host.fetch("gateway-1", &password(&station, "gateway-1"), &uri(";object=mqtt"), &["--alg", "rsa-2048"]);
    fetched.ok();
    host.renew(&[]).ok();
    host.uses("mqtt.2");
}

#[test]
fn a_dry_run_makes_no_key() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let before = host.files();
    host.renew(&["--dry-run"]).ok().prints("would be renewed");
    host.has_keys(&["mqtt"]);
    assert_eq!(host.files(), before);
}

#[test]
fn check_logs_in_to_a_broker_with_the_key_in_the_token() {
    let station = station();
    let service = Service::start(&station, &[]);
    let server = station.join("pki/servers/localhost");
    let listener = Listener::new(&server.join("mqttserver.pem"), &server.join("mqttserver_key.pem"));
    for (device, algorithm, version) in [
        ("gateway-1", "ec-p256", "tlsv1.3"),
        ("gateway-2", "rsa-2048", "tlsv1.3"),
        ("gateway-3", "rsa-2048", "tlsv1.2"),
    ] {
        let listener = listener.clone().requiring_clients_of(&server.join("clients-ca.pem")).at_least(version);
        let broker = Mosquitto::start(&listener);
        let host = TokenHost::new(&station, &service);
        let key = uri(";object=mqtt");
        host.fetch(device, &password(&station, device), &key, &["--alg", algorithm]).ok();
        let target = format!("localhost:{}", broker.port());
        let check = |key: &str| {
            let files = ["--cert", "chain.pem", "--key", key, "--pin-file", "pin", "--cafile", "root.pem"];
            let args = ["check", &target, "--kind", "mqtt"].into_iter().chain(files);
            host.hsm.seen_by(host.host.sandbox.tbpki(args)).run()
        };
        check(&key).ok().prints("all checks passed").prints("the key is in a token");
        broker.logs(&format!("u'{device}'"));
        check(&uri(";object=none")).ends(1).prints("TBPKI-0290");
    }
}
