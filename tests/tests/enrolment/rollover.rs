//! The service and its devices while a CA is replaced.

use pki::pem_bundle::PemBundle;
use tb_sim::CredentialsType;
use tbpki_tests::est::{Service, password, request, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Tool};

use super::platform::Scene;
use super::renewal::{enrol, states};
use super::restart::{OF_BUNDLE, PASSPHRASE, bundle, export};

/// The common names of `/cacerts`, each once and sorted.
pub(super) fn names(service: &Service) -> Vec<String> {
    let printed = service.ask("/.well-known/est/cacerts", &[]).certificates();
    let subjects = printed.lines().filter_map(|line| line.strip_prefix("subject="));
    let name = |subject: &str| subject.replace(' ', "").rsplit_once("CN=").unwrap().1.to_owned();
    let mut names: Vec<String> = subjects.map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether openssl accepts a certificate below this root, with what `/cacerts` sends.
fn accepts(sandbox: &Sandbox, service: &Service, root: &str, leaf: &str) -> bool {
    sandbox.write("sent.pem", service.ask("/.well-known/est/cacerts", &[]).certificates());
    let verify = openssl().args(["verify", "-CAfile"]).arg(sandbox.join(root)).arg("-untrusted");
    verify.arg(sandbox.join("sent.pem")).arg(sandbox.join(leaf)).run().status == 0
}

#[test]
fn both_generations_are_sent_while_both_are_trusted() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let (issuing, root) = ("tbpkidevicesissuingCA", "tbpkidevicesrootCA");
    assert_eq!(names(&service), [issuing, root]);
    request(&sandbox, "first", "/CN=pump-1");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    service.send("simpleenroll", "first.b64", &["-u", &user]).save(&sandbox, "first.pem");
    service.confirm("first.pem", "first.key").is(200, "confirmed");
    let old_root = sandbox.read("pki/ca/devices-root/cert.pem");
    sandbox.write("old-root.pem", &old_root);

    let (next_issuing, next_root) = (format!("{issuing}G2"), format!("{root}G2"));
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    assert_eq!(names(&service), [issuing, &next_issuing, root]);
    sandbox.ok(["ca", "confirm", "devices-issuing", "--server", "localhost"]);
    sandbox.ok(["ca", "activate", "devices-issuing"]);
    assert_eq!(names(&service), [issuing, &next_issuing, root]);
    assert!(accepts(&sandbox, &service, "old-root.pem", "first.pem"));

    // From the first request on: the ledger records the generation that signs.
    request(&sandbox, "last", "/CN=pump-2");
    let user = format!("pump-2:{}", password(&sandbox, "pump-2"));
    let answer = service.send("simpleenroll", "last.b64", &["-u", &user]);
    answer.save(&sandbox, "last.pem");
    let issued = answer.certificates().replace(' ', "");
    assert!(issued.contains(&format!("issuer=CN={next_issuing}")), "{issued}");
    let last = "last.pem";
    let old = ["--cert", "first.pem", "--key", "first.key"];
    request(&sandbox, "second", "/CN=pump-1");
    service.send("simplereenroll", "second.b64", &old).save(&sandbox, "second.pem");
    service.confirm("second.pem", "second.key").is(200, "confirmed");
    for leaf in [last, "first.pem", "second.pem"] {
        assert!(accepts(&sandbox, &service, "old-root.pem", leaf), "{leaf}");
    }

    sandbox.ok(["ca", "prepare", "devices-root"]);
    assert_eq!(names(&service), [issuing, &next_issuing, root, &next_root]);
    sandbox.ok(["ca", "confirm", "devices-root", "--server", "localhost"]);
    sandbox.ok(["ca", "activate", "devices-root"]);
    assert_eq!(names(&service), [issuing, &next_issuing, root, &next_root]);
    for leaf in [last, "first.pem", "second.pem"] {
        assert!(accepts(&sandbox, &service, "pki/ca/devices-root/cert.pem", leaf), "{leaf}");
    }
    sandbox.ok(["ca", "retire", "devices-root"]);
    assert_eq!(names(&service), [issuing, &next_issuing, &next_root]);
    assert!(!accepts(&sandbox, &service, "old-root.pem", "second.pem"));
}

#[test]
fn a_ca_that_cannot_be_read_keeps_its_own_devices_alone_waiting() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    // The damaged one is the first of all profiles.
    scene.create_profile("boilers");
    scene.create_profile("pumps");
    let service = scene.service_with(&[]);
    let passwords = ["boilers", "pumps"].map(|profile| {
        let made = sandbox.ok(["enroll", "password", "--device", &format!("{profile}-1"), "--profile", profile]);
        request(sandbox, profile, &format!("/CN={profile}-1"));
        format!("{profile}-1:{}", made.stdout_text().trim())
    });
    let ask = |index: usize, profile: &str| {
        let user = passwords[index].as_str();
        service.send(&format!("{profile}/simpleenroll"), &format!("{profile}.b64"), &["-u", user])
    };
    let certificate = sandbox.read("pki/ca/profile-boilers/cert.pem");
    sandbox.write("pki/ca/profile-boilers/cert.pem", "damaged");
    service.becomes_healthy(false);
    ask(0, "boilers").is(500, "the service failed: its log has the reason");
    ask(1, "pumps").save(sandbox, "pumps.pem");

    sandbox.write("pki/ca/profile-boilers/cert.pem", certificate);
    service.becomes_healthy(true);
    ask(0, "boilers").save(sandbox, "boilers.pem");
}

/// A store whose issuing CA was replaced after it had exported a bundle to a station, and the station.
fn replaced_behind_a_station() -> (Sandbox, Sandbox) {
    let home = station();
    let station = bundle(&home, "first");
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["crl"]);
    home.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    export(&home, "second");
    (home, station)
}

const NOT_IN_LEDGER: &str = "the issuing CA of the service is not the one in its ledger";

#[test]
fn the_files_of_a_ca_that_the_ledger_does_not_have_sign_nothing() {
    let (home, station) = replaced_behind_a_station();
    let service = Service::start_with(&station, &OF_BUNDLE, &PASSPHRASE, &[]);
    enrol(&station, &service, "pump-1");
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    request(&station, "next", "/CN=pump-1");
    let cp = |from: &std::path::Path| Tool::new("cp").arg("-r").arg(from).arg(station.join("pki")).run().ok();
    let saved = station.copy();
    cp(&home.join("second/pki/ca"));
    // The first one finds the service busy, and the second one idle.
    service.send("simplereenroll", "next.b64", &old).is(503, NOT_IN_LEDGER);
    service.becomes_healthy(false);
    service.send("simplereenroll", "next.b64", &old).is(503, NOT_IN_LEDGER);
    assert!(service.has_logged(&["the ledger is an older copy, or the files were copied here"]));
    assert_eq!(states(&station, "pump-1").len(), 1);
    let serve = [&["serve", "--listen", "127.0.0.1:0"][..], &OF_BUNDLE, &PASSPHRASE].concat();
    let client = ["client", "--device", "n", PASSPHRASE[0], PASSPHRASE[1]];
    station.fails(client, 1, "TBPKI-0424").prints("tbpki ca prepare devices-issuing --import");

    std::fs::remove_dir_all(station.join("pki/ca")).unwrap();
    cp(&saved.join("pki/ca"));
    service.becomes_healthy(true);
    service.send("simplereenroll", "next.b64", &old).save(&station, "next.pem");
    assert_eq!(service.stop(), 0);
    cp(&home.join("second/pki/ca"));
    station.fails(serve, 1, "TBPKI-0424");
}

#[test]
fn a_new_bundle_brings_its_ca_to_a_service_that_keeps_its_ledger() {
    let (home, station) = replaced_behind_a_station();
    let service = Service::start_with(&station, &OF_BUNDLE, &PASSPHRASE, &[]);
    enrol(&station, &service, "pump-1");
    let waiting = password(&station, "pump-2");
    Tool::new("cp").arg("-r").arg(home.join("second")).arg(station.path()).run().ok();
    let ca = "second/pki/ca/devices-issuing";
    let files = [&format!("{ca}/cert.pem"), &format!("{ca}/key.pem")];
    let prepare = ["ca", "prepare", "devices-issuing", "--imported-passphrase-file", "ca.pass", "--import"];
    station.ok(prepare.iter().copied().chain(files.map(String::as_str)).chain(PASSPHRASE));
    station.ok(["ca", "activate", "devices-issuing", "--leave-behind", PASSPHRASE[0], PASSPHRASE[1]]);
    let (issuing, root) = ("tbpkidevicesissuingCA", "tbpkidevicesrootCA");
    assert_eq!(names(&service), [issuing, &format!("{issuing}G2"), root]);
    request(&station, "next", "/CN=pump-1");
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    let renewed = service.send("simplereenroll", "next.b64", &old);
    assert!(renewed.certificates().replace(' ', "").contains(&format!("issuer=CN={issuing}G2")), "{renewed:?}");
    request(&station, "two", "/CN=pump-2");
    service.send("simpleenroll", "two.b64", &["-u", &format!("pump-2:{waiting}")]).is(200, "");
    assert_eq!(states(&station, "pump-1").len(), 2);
    assert_eq!(service.stop(), 0);
    let service = Service::start_with(&station, &OF_BUNDLE, &PASSPHRASE, &[]);
    service.confirm("pump-1.pem", "pump-1.key").is(200, "confirmed");
    station.ok(["store", "check"]);
}

#[test]
fn devices_that_fetched_their_certificates_log_in_by_them_after_the_next_ca_of_their_profile() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.create_profile("pumps");
    let service = scene.service_with(&[]);
    let fetch = |device: &str, file: &str| {
        let made = sandbox.ok(["enroll", "password", "--device", device, "--profile", "pumps"]);
        request(sandbox, file, &format!("/CN={device}"));
        let user = format!("{device}:{}", made.stdout_text().trim());
        let body = format!("{file}.b64");
        service.send("pumps/simpleenroll", &body, &["-u", &user]).save(sandbox, &format!("{file}.pem"));
    };
    let confirm = |file: &str| {
        let (cert, key) = (format!("{file}.pem"), format!("{file}.key"));
        let path = "/.well-known/tbpki/pumps/confirm";
        service.ask(path, &["-X", "POST", "--cert", &cert, "--key", &key]).is(200, "confirmed");
    };
    // In use; fetched and not confirmed; and fetched for one of two keys.
    fetch("pump-1", "pump-1");
    confirm("pump-1");
    fetch("pump-2", "pump-2");
    fetch("pump-3", "other");
    fetch("pump-3", "pump-3");
    scene.ok(&["ca", "prepare", "profile-pumps"]);
    scene.ok(&["crl"]);
    let activate = |more: &[&str]| {
        let environment = scene.environment(scene.platform.url());
        let tool = sandbox.tbpki(["ca", "activate", "profile-pumps"].iter().chain(more));
        environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run()
    };
    let refused = activate(&[]).ends(1).prints("TBPKI-0323").prints("3 devices of profile-pumps");
    assert!(!refused.stderr_text().contains("gone"), "{refused}");
    let refused = activate(&["--create"]).ends(1).prints("TBPKI-0323").prints("1 device of profile-pumps");
    refused.prints("pump-3: the certificate of the device \"pump-3\" below this CA is not in use yet");
    let credential =
        |device: &str| scene.platform.sim().unwrap().credentials(device).map(|stored| (stored.kind, stored.id));
    for device in ["pump-1", "pump-2"] {
        let pem = PemBundle::parse(&sandbox.read(format!("{device}.pem"))).unwrap();
        let id = pem.certificates[0].credentials_id();
        assert_eq!(credential(device), Some((CredentialsType::X509Certificate, id)), "{device}");
    }
    assert_eq!(credential("pump-3"), None);
    confirm("pump-3");
    activate(&["--create"]).ok().prints("generation 2: signs");
    assert!(credential("pump-3").is_some());
    // What is confirmed later is in use as before.
    confirm("pump-2");
    let listed = sandbox.ok(["list", "--all", "--kind", "device", "--name", "pump-2", "--json"]).json();
    assert_eq!(listed["result"]["identities"][0]["role"], "current", "{listed}");
}
