//! The check against brokers on the loopback that say what no real one can be made to say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::Code;
use provision::Target;
use provision::check::{
    AnchorSource, BrokerKind, CheckDepth, CheckReport, CheckedCredential, CheckedServer, DeviceCheck, Layer,
    Registered, UnregisteredLeaf, Verdict, check_device,
};
use provision::files::LoginFiles;
use provision::mqtt::Version;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::server::{Ca, Clients, ONLY_1_2, ONLY_1_3, Show, tls_each, tls_for};

/// A server, a device that it could let in, and the device's files.
struct Scene {
    dir: TempDir,
    servers: Ca,
    devices: Ca,
}

impl Scene {
    fn new() -> Self {
        let scene =
            Self { dir: tempfile::tempdir().unwrap(), servers: Ca::root("Servers"), devices: Ca::root("Devices") };
        let (leaf, key) = scene.devices.leaf("device.example");
        scene.write("anchors.pem", &scene.servers.certificate.pem());
        scene.write("key.pem", &key.serialize_pem());
        scene.write("cert.pem", &leaf.pem());
        scene.write("token", "A1_TEST_TOKEN\n");
        scene
    }

    #[allow(clippy::disallowed_methods, reason = "the test prepares what is read")]
    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A server that the device trusts, and that asks for certificates.
    fn show(&self) -> Show {
        let (leaf, key) = self.servers.leaf("127.0.0.1");
        let clients = Clients::Asked(Ca::again(&self.devices));
        Show { clients, ..Show::new([leaf.der().to_vec()], key) }
    }

    fn check(&self, target: &Target) -> DeviceCheck {
        let files =
            LoginFiles { key: Some(self.path("key.pem")), cert: Some(self.path("cert.pem")), ..LoginFiles::default() };
        DeviceCheck {
            profile: None,
            revoked: Vec::new(),
            unregistered: None,
            outdated: None,
            due: None,
            server: CheckedServer {
                target: target.clone(),
                kind: BrokerKind::ThingsBoard,
                trust: AnchorSource::File(self.path("anchors.pem")),
                platform_url: None,
                // Longer than the servers of these tests take on a busy machine; none of the tests waits for it.
                timeout: Duration::from_secs(15),
                now: OffsetDateTime::now_utc(),
            },
            auth: CheckedCredential::Certificate { files, token: None },
            version: Version::V311,
            client_id: None,
            user_name: None,
            registered: None,
            depth: CheckDepth::Login,
        }
    }
}

fn faults(report: &CheckReport) -> Vec<(Layer, Code)> {
    let layers = report.layers.iter().filter(|layer| layer.verdict == Verdict::Fault);
    let of = |layer: &provision::check::LayerReport| {
        let faults = layer.findings.iter().filter(|finding| finding.severity == base::Severity::Fault);
        faults.map(|finding| (layer.layer, finding.code)).collect::<Vec<_>>()
    };
    layers.flat_map(of).collect()
}

fn run(check: &DeviceCheck) -> CheckReport {
    check_device(check, &mut |_| {})
}

/// Checks with a certificate against a broker that answers CONNECT so.
fn answered(version: Version, kind: BrokerKind, answer: &[u8]) -> Vec<(Layer, Code)> {
    let scene = Scene::new();
    // Two connections: the first one only looks at the server, and the second one logs in.
    let (target, server) = tls_for(2, Show { answers: vec![answer.to_vec()], ..scene.show() });
    let mut check = scene.check(&target);
    (check.version, check.server.kind) = (version, kind);
    let report = run(&check);
    server.join().unwrap();
    faults(&report)
}

#[test]
fn every_answer_has_its_own_code() {
    let (old, new) = (Version::V311, Version::V5);
    let (board, broker) = (BrokerKind::ThingsBoard, BrokerKind::Mqtt);
    for (version, kind, answer, code) in [
        (old, board, &[0x20, 2, 0, 5][..], Some(Code::CertificateUnknown)),
        // ThingsBoard sends a DISCONNECT behind its refusal in MQTT 5.
        (new, board, &[0x20, 3, 0, 0x87, 0, 0xE0, 2, 0x87, 0], Some(Code::CertificateUnknown)),
        (old, broker, &[0x20, 2, 0, 5], Some(Code::CertificateUnknown)),
        (old, broker, &[0x20, 2, 0, 4], Some(Code::CertificateUnknown)),
        // What ThingsBoard answers to a client that showed no certificate, although this one did.
        (old, board, &[0x20, 2, 0, 2], Some(Code::CertificateDropped)),
        (new, board, &[0x20, 3, 0, 0x85, 0], Some(Code::CertificateDropped)),
        (new, board, &[0x20, 3, 0, 0x86, 0], Some(Code::CertificateDropped)),
        (old, broker, &[0x20, 2, 0, 2], Some(Code::ClientIdRefused)),
        (new, broker, &[0x20, 3, 0, 0x85, 0], Some(Code::ClientIdRefused)),
        (old, board, &[0x20, 2, 0, 3], Some(Code::BrokerUnavailable)),
        (new, board, &[0x20, 3, 0, 0x9F, 0], Some(Code::BrokerUnavailable)),
        (new, board, &[0x20, 3, 0, 0x88, 0], Some(Code::BrokerUnavailable)),
        (old, board, &[0x20, 2, 0, 1], Some(Code::ProtocolRefused)),
        // A broker without MQTT 5 answers in the form of 3.1.1.
        (new, broker, &[0x20, 2, 0, 1], Some(Code::ProtocolRefused)),
        (new, broker, &[0x20, 3, 0, 0x84, 0], Some(Code::ProtocolRefused)),
        (new, broker, &[0x20, 3, 0, 0x80, 0], Some(Code::BrokerRefused)),
        (old, broker, &[0x20, 2, 0, 77], Some(Code::BrokerRefused)),
        (old, broker, b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(Code::NotMqtt)),
        // MQTT, but not the packet that may follow a CONNECT.
        (old, broker, &[0x40, 2, 0, 1], Some(Code::NotMqtt)),
        (old, broker, &[], Some(Code::NoConnack)),
        (old, broker, &[0x20, 2, 0], Some(Code::NoConnack)),
        (old, board, &[0x20, 2, 0, 0], None),
        (new, broker, &[0x20, 3, 0, 0, 0], None),
    ] {
        let expected: Vec<_> = code.map(|code| (Layer::Login, code)).into_iter().collect();
        assert_eq!(answered(version, kind, answer), expected, "{version} {kind:?} {answer:02x?}");
    }
}

#[test]
fn telemetry_is_sent_only_when_asked_for_and_its_answer_is_read() {
    for (version, answers, expected) in [
        (Version::V311, [&[0x20, 2, 0, 0][..], &[0x40, 2, 0, 1]], None),
        // A message that the client did not ask for comes first.
        (Version::V311, [&[0x20, 2, 0, 0], &[0x30, 3, 0, 1, b'x', 0x40, 2, 0, 1]], None),
        (Version::V5, [&[0x20, 3, 0, 0, 0], &[0x40, 4, 0, 1, 0x99, 0]], Some(Code::TelemetryRefused)),
        (Version::V5, [&[0x20, 3, 0, 0, 0], &[0xE0, 2, 0x97, 0]], Some(Code::TelemetryRefused)),
        (Version::V311, [&[0x20, 2, 0, 0], &[]], Some(Code::TelemetryRefused)),
        (Version::V311, [&[0x20, 2, 0, 0], &[0xFF]], Some(Code::TelemetryRefused)),
    ] {
        let scene = Scene::new();
        let answers = answers.map(<[u8]>::to_vec).to_vec();
        let (target, server) = tls_for(2, Show { answers: answers.clone(), ..scene.show() });
        let report = run(&DeviceCheck { version, depth: CheckDepth::Telemetry, ..scene.check(&target) });
        let expected: Vec<_> = expected.map(|code| (Layer::Telemetry, code)).into_iter().collect();
        assert_eq!(faults(&report), expected, "{answers:02x?}");
        let data = &server.join().unwrap()[1].data;
        assert!(contains(data, b"v1/devices/me/telemetry") && contains(data, b"{\"tbpki_check\":1}"));

        let (target, server) = tls_for(2, Show { answers, ..scene.show() });
        run(&DeviceCheck { version, ..scene.check(&target) });
        assert!(!contains(&server.join().unwrap()[1].data, b"tbpki_check\""));
    }
}

#[test]
fn a_certificate_goes_without_a_token_and_a_token_without_a_certificate() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        let scene = Scene::new();
        let yes = || Show { versions, answers: vec![vec![0x20, 2, 0, 0]], ..scene.show() };
        let (target, server) = tls_for(2, yes());
        let mut check = scene.check(&target);
        if let CheckedCredential::Certificate { token, .. } = &mut check.auth {
            *token = Some(scene.path("token"));
        }
        let report = run(&check);
        let codes: Vec<Code> =
            report.layer(Layer::Files).unwrap().findings.iter().map(|finding| finding.code).collect();
        assert_eq!((codes, report.ok), (vec![Code::TokenIgnored], true));
        let [look, login] = &server.join().unwrap()[..] else { panic!("two connections") };
        assert!(look.data.is_empty() && look.certificates.is_empty(), "the look shows nothing");
        assert!(login.certificates.len() == 1 && !contains(&login.data, b"A1_TEST_TOKEN"));

        let (target, server) = tls_for(2, yes());
        let report = run(&DeviceCheck { auth: CheckedCredential::Token(scene.path("token")), ..scene.check(&target) });
        assert!(report.ok, "{report:?}");
        let login = &server.join().unwrap()[1];
        // With its length in front: the whole token, and not a part of something longer.
        assert!(login.certificates.is_empty() && contains(&login.data, b"\x00\x0dA1_TEST_TOKEN"));
    }
}

#[test]
fn the_token_is_the_password_where_it_belongs_there() {
    for (kind, user_name, expected) in [
        (BrokerKind::ThingsBoard, Some("u"), &b"\x00\x01c\x00\x0dA1_TEST_TOKEN"[..]),
        (BrokerKind::ActorCloud, Some("u"), b"\x00\x01c\x00\x01u\x00\x0dA1_TEST_TOKEN"),
        (BrokerKind::Mqtt, Some("u"), b"\x00\x01c\x00\x01u\x00\x0dA1_TEST_TOKEN"),
        (BrokerKind::Mqtt, None, b"\x00\x01c\x00\x0dA1_TEST_TOKEN"),
    ] {
        let scene = Scene::new();
        let (target, server) = tls_for(2, Show { answers: vec![vec![0x20, 2, 0, 0]], ..scene.show() });
        let mut check = DeviceCheck {
            auth: CheckedCredential::Token(scene.path("token")),
            client_id: Some("c".to_owned()),
            user_name: user_name.map(str::to_owned),
            ..scene.check(&target)
        };
        check.server.kind = kind;
        assert!(run(&check).ok);
        let data = &server.join().unwrap()[1].data;
        assert!(contains(data, expected), "{kind:?} {user_name:?}: {data:02x?}");
        assert_eq!(contains(data, b"\x00\x01u"), kind != BrokerKind::ThingsBoard && user_name.is_some());
    }
}

#[test]
fn a_server_that_does_not_ask_is_sent_nothing() {
    let scene = Scene::new();
    // One connection: after the look there is no reason for a second one.
    let (target, server) = tls_for(1, Show { clients: Clients::Anonymous, ..scene.show() });
    let report = run(&scene.check(&target));
    assert_eq!(faults(&report), [(Layer::ClientCertificate, Code::CertificateNotAsked)]);
    assert_eq!(report.layer(Layer::Login).unwrap().verdict, Verdict::Skipped);
    assert!(server.join().unwrap()[0].data.is_empty());
}

#[test]
fn alerts_about_the_certificate_are_heard_under_both_versions() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        let scene = Scene::new();
        // Another CA than the device's, as after a mistake in the server's trust store.
        let strangers = || Clients::Required(Ca::root("Strangers"));
        let (target, server) = tls_for(2, Show { versions, clients: strangers(), ..scene.show() });
        let report = run(&scene.check(&target));
        server.join().unwrap();
        assert_eq!(faults(&report), [(Layer::ClientCertificate, Code::CertificateRefused)], "{report:?}");
        let named = &report.layer(Layer::ClientCertificate).unwrap().findings;
        assert!(named.iter().any(|finding| finding.code == Code::IssuersNotNamed), "{named:?}");

        let (target, server) = tls_for(2, Show { versions, clients: strangers(), ..scene.show() });
        let report = run(&DeviceCheck { auth: CheckedCredential::Token(scene.path("token")), ..scene.check(&target) });
        server.join().unwrap();
        assert_eq!(faults(&report), [(Layer::ClientCertificate, Code::CertificateRequired)], "{report:?}");
    }
}

#[test]
fn a_key_that_the_server_takes_no_signature_of_is_named() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        let scene = Scene::new();
        let clients = Clients::AskedForRsa(Ca::again(&scene.devices));
        let (target, server) = tls_for(2, Show { versions, clients, ..scene.show() });
        let report = run(&scene.check(&target));
        assert_eq!(faults(&report), [(Layer::ClientCertificate, Code::KeyNotAccepted)], "{report:?}");
        let login = &server.join().unwrap()[1];
        assert!(login.data.is_empty() && login.certificates.is_empty());
    }
}

#[test]
fn a_registration_that_is_known_changes_the_advice() {
    for (id, expected) in [("", "its credentials id is"), ("own", "it was registered on 2026-01-31")] {
        let scene = Scene::new();
        let (target, server) = tls_for(2, Show { answers: vec![vec![0x20, 2, 0, 5]], ..scene.show() });
        let mut check = scene.check(&target);
        let leaf = pki::pem_bundle::PemBundle::parse(&base::file::read(scene.path("cert.pem"), 9000).unwrap()).unwrap();
        let own = leaf.certificates[0].credentials_id();
        let credentials_id = if id == "own" { own } else { id.to_owned() };
        check.registered = Some(Registered { credentials_id, at: time::macros::datetime!(2026-01-31 12:00 UTC) });
        let report = run(&check);
        server.join().unwrap();
        let login = report.layer(Layer::Login).unwrap();
        let why = login.worst().unwrap().why.clone().unwrap();
        assert!(login.worst().unwrap().code == Code::CertificateUnknown && why.contains(expected), "{why}");
    }
}

#[test]
fn nothing_is_sent_to_a_server_that_cannot_be_trusted() {
    let scene = Scene::new();
    let (other_name, other_key) = scene.servers.leaf("other.example");
    let (unnamed, unnamed_key) = {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::default().signed_by(&key, &scene.servers.issuer).unwrap(), key)
    };
    let (foreign, foreign_key) = Ca::root("Strangers").leaf("127.0.0.1");
    let (own, _) = scene.servers.leaf("127.0.0.1");
    for (leaf, key, fault) in [
        (other_name, other_key, (Layer::Name, Code::WrongName)),
        (unnamed, unnamed_key, (Layer::Name, Code::LegacyName)),
        (foreign, foreign_key, (Layer::Trust, Code::ChainGap)),
        // The certificate of the real server, and not its key.
        (own, KeyPair::generate().unwrap(), (Layer::Trust, Code::ServerKeyUnproven)),
    ] {
        // A token would be the greater loss: unlike a key it is sent itself.
        for token in [false, true] {
            let key = KeyPair::from_pem(&key.serialize_pem()).unwrap();
            let clients = Clients::Asked(Ca::again(&scene.devices));
            let (target, server) = tls_for(1, Show { clients, ..Show::new([leaf.der().to_vec()], key) });
            let mut check = DeviceCheck { depth: CheckDepth::Telemetry, ..scene.check(&target) };
            if token {
                check.auth = CheckedCredential::Token(scene.path("token"));
            }
            let report = run(&check);
            assert!(faults(&report).contains(&fault), "{report:?}");
            assert_eq!(report.layer(Layer::Login).unwrap().verdict, Verdict::Skipped);
            assert!(report.tls.unwrap().asks_for_client_certificate, "it goes on looking");
            let noticed = server.join().unwrap();
            assert!(noticed[0].data.is_empty() && noticed[0].certificates.is_empty());
        }
    }
}

#[test]
fn a_server_that_changes_behind_the_look_is_not_trusted_again() {
    let scene = Scene::new();
    let (foreign, key) = Ca::root("Strangers").leaf("127.0.0.1");
    let stranger =
        Show { clients: Clients::Asked(Ca::again(&scene.devices)), ..Show::new([foreign.der().to_vec()], key) };
    // Good for the look, and another server for the login, as behind a load balancer or an attacker in between.
    let (target, server) = tls_each([scene.show(), stranger]);
    let report = run(&scene.check(&target));
    assert_eq!(faults(&report), [(Layer::ClientCertificate, Code::TlsFailed)], "{report:?}");
    let noticed = &server.join().unwrap()[1];
    assert!(noticed.data.is_empty() && noticed.certificates.is_empty(), "the stranger was sent something");
}

#[test]
fn no_connect_means_no_login() {
    let scene = Scene::new();
    let (target, server) = tls_for(1, scene.show());
    let report = run(&DeviceCheck { depth: CheckDepth::Server, ..scene.check(&target) });
    assert!(report.ok && report.layer(Layer::Login).unwrap().verdict == Verdict::Skipped);
    assert!(server.join().unwrap()[0].data.is_empty());
    let report = run(&DeviceCheck { depth: CheckDepth::Files, ..scene.check(&target) });
    assert!(report.ok && report.server.is_none() && report.layer(Layer::Lookup).is_none());
}

#[test]
fn the_possible_effects_of_a_login_are_named_before_it() {
    let scene = Scene::new();
    let (target, server) = tls_for(2, Show { answers: vec![vec![0x20, 2, 0, 0]], ..scene.show() });
    let mut said = Vec::new();
    check_device(&scene.check(&target), &mut |effect| said.push(effect.to_owned()));
    assert!(said.iter().any(|effect| effect.contains("one for each device")), "{said:?}");
    assert!(said.iter().any(|effect| effect.contains("created")), "{said:?}");
    server.join().unwrap();
}

#[test]
fn a_token_file_has_to_hold_one() {
    let scene = Scene::new();
    for (text, code) in
        [("", Code::SecretUnavailable), ("\n", Code::SecretUnavailable), ("a\nb", Code::SecretUnavailable)]
    {
        scene.write("token", text);
        let check = DeviceCheck {
            auth: CheckedCredential::Token(scene.path("token")),
            depth: CheckDepth::Files,
            ..scene.check(&Target::new("host.invalid", 8883).unwrap())
        };
        assert_eq!(faults(&run(&check)), [(Layer::Files, code)]);
    }
    let check = DeviceCheck {
        auth: CheckedCredential::Token(Path::new("/nonexistent").into()),
        depth: CheckDepth::Files,
        ..check_of(&scene)
    };
    assert_eq!(faults(&run(&check)), [(Layer::Files, Code::FileUnreadable)]);
}

fn check_of(scene: &Scene) -> DeviceCheck {
    scene.check(&Target::new("host.invalid", 8883).unwrap())
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

#[test]
fn an_unregistered_device_is_registered_again_only_on_purpose() {
    let scene = Scene::new();
    let text = base::file::read(scene.path("cert.pem"), 1 << 16).unwrap();
    let leaf = pki::pem_bundle::PemBundle::parse(&text).unwrap().certificates.remove(0);
    let (target, server) = tls_for(2, Show { answers: vec![vec![0x20, 2, 0, 5]], ..scene.show() });
    let at = time::macros::datetime!(2026-03-04 05:06:07 UTC);
    let unregistered = Some(UnregisteredLeaf { credentials_id: leaf.credentials_id(), at });
    let report = run(&DeviceCheck { unregistered, ..scene.check(&target) });
    server.join().unwrap();
    assert_eq!(faults(&report), [(Layer::Login, Code::CertificateUnknown)]);
    let findings = &report.layer(Layer::Login).unwrap().findings;
    let finding = findings.iter().find(|finding| finding.code == Code::CertificateUnknown).unwrap();
    assert!(finding.why.as_deref().unwrap().contains("the device was unregistered on 2026-03-04"), "{finding:?}");
    assert!(finding.fix.as_deref().unwrap().ends_with("--again --replace`"), "{finding:?}");
}
