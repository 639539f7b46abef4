//! The event from which on a fetched certificate is in use, for clients that know only EST.

use tbpki_tests::est::{CERTIFICATE, Service, request, serial, station};

use super::platform::{Scene, until};
use super::renewal::{enrol, sql, states};

/// An EST request that needs no certificate, with one.
fn connect(service: &Service, name: &str) {
    let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
    service.ask("/.well-known/est/cacerts", &["--cert", &cert, "--key", &key]).is(200, "");
}

const OLD: &str = "a later certificate of this identity is in use";

#[test]
fn by_default_a_connection_alone_is_no_use() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    request(&sandbox, "b", "/CN=pump-1");
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("simplereenroll", "b.b64", &old).save(&sandbox, "b.pem");
    connect(&service, "b");
    let roles: Vec<String> = states(&sandbox, "pump-1").into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, ["current", "pending"]);
}

#[test]
fn with_first_login_a_connection_counts_and_the_one_before_has_a_grace() {
    let sandbox = station();
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_SERVE_POLICY", "first-login")]);
    enrol(&sandbox, &service, "pump-1");
    for name in ["b", "c", "d"] {
        request(&sandbox, name, "/CN=pump-1");
    }
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("simplereenroll", "b.b64", &old).save(&sandbox, "b.pem");
    let roles = || states(&sandbox, "pump-1").into_iter().map(|(_, role)| role).collect::<Vec<_>>();
    assert_eq!(roles(), ["current", "pending"]);
    connect(&service, "b");
    assert_eq!(roles(), ["superseded", "current"]);
    connect(&service, "b");
    let log = sandbox.text("pki/serve/audit.jsonl");
    let seen: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["outcome"] == "first-login")
        .collect();
    assert_eq!(seen.len(), 1, "{log}");
    assert_eq!((&seen[0]["operation"], &seen[0]["device"]), (&"cacerts".into(), &"pump-1".into()));
    assert_eq!(seen[0]["presented"], serial(sandbox.join("b.pem")));

    // The client has lost the new key: it comes back with the old one for seven days. That is no confirmation.
    service.confirm("pump-1.pem", "pump-1.key").is(403, OLD);
    sql(&sandbox, "UPDATE enrolled SET used_at = used_at - 6 * 86400");
    service.send("simplereenroll", "c.b64", &old).save(&sandbox, "c.pem");
    assert_eq!(roles(), ["superseded", "current", "pending"]);
    sql(&sandbox, "UPDATE enrolled SET used_at = used_at - 2 * 86400");
    service.send("simplereenroll", "d.b64", &old).is(403, OLD);
    connect(&service, "c");
    assert_eq!(roles(), ["superseded", "superseded", "current"]);
    // The grace ends for good with a certificate that an operator has issued.
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    sql(&sandbox, "UPDATE enrolled SET used_at = NULL");
    service.send("simplereenroll", "d.b64", &old).is(403, OLD);
    // What is no certificate of the ledger is still answered.
    service.ask("/.well-known/est/cacerts", &CERTIFICATE).is(200, "");
}

#[test]
fn a_list_has_a_replaced_certificate_only_when_its_grace_is_over() {
    let sandbox = station();
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_SERVE_POLICY", "first-login")]);
    enrol(&sandbox, &service, "pump-1");
    for name in ["b", "c"] {
        request(&sandbox, name, "/CN=pump-1");
    }
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("simplereenroll", "b.b64", &old).save(&sandbox, "b.pem");
    connect(&service, "b");
    let roles = || states(&sandbox, "pump-1").into_iter().map(|(_, role)| role).collect::<Vec<_>>();
    let lists = |policy: &str| {
        let tool = sandbox.tbpki(["crl"]).env("TBPKI_CRL_SUPERSEDED", "true").env("TBPKI_SERVE_POLICY", policy);
        tool.run().ok();
    };
    lists("first-login");
    assert_eq!(roles(), ["superseded", "current"]);
    service.send("simplereenroll", "c.b64", &old).save(&sandbox, "c.pem");
    sql(&sandbox, "UPDATE enrolled SET used_at = used_at - 8 * 86400");
    lists("first-login");
    assert_eq!(roles(), ["revoked", "current", "pending"]);
    // With the default there is no such time.
    connect(&service, "c");
    assert_eq!(roles(), ["revoked", "superseded", "current"]);
    lists("first-login");
    assert_eq!(roles(), ["revoked", "superseded", "current"]);
    lists("confirm");
    assert_eq!(roles(), ["revoked", "revoked", "current"]);
}

#[test]
fn the_grace_is_configured() {
    let sandbox = station();
    let environment = [("TBPKI_SERVE_POLICY", "first-login"), ("TBPKI_SERVE_GRACE", "1")];
    let service = Service::start_in(&sandbox, &[], &environment);
    enrol(&sandbox, &service, "pump-1");
    for name in ["b", "c"] {
        request(&sandbox, name, "/CN=pump-1");
    }
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("simplereenroll", "b.b64", &old).save(&sandbox, "b.pem");
    connect(&service, "b");
    sql(&sandbox, "UPDATE enrolled SET used_at = used_at - 2 * 86400");
    service.send("simplereenroll", "c.b64", &old).is(403, OLD);
}

#[test]
fn with_issuance_a_certificate_is_in_use_at_once_and_the_one_before_can_come_back() {
    let sandbox = station();
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_SERVE_POLICY", "issuance")]);
    enrol(&sandbox, &service, "pump-1");
    for name in ["b", "c"] {
        request(&sandbox, name, "/CN=pump-1");
    }
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("simplereenroll", "b.b64", &old).save(&sandbox, "b.pem");
    let roles = || states(&sandbox, "pump-1").into_iter().map(|(_, role)| role).collect::<Vec<_>>();
    assert_eq!(roles(), ["superseded", "current"]);
    // The answer was lost with its key.
    service.send("simplereenroll", "c.b64", &old).save(&sandbox, "c.pem");
    assert_eq!(roles(), ["superseded", "superseded", "current"]);
    connect(&service, "c");
    assert_eq!(roles(), ["superseded", "superseded", "current"]);
    let next = ["--cert", "c.pem", "--key", "c.key"];
    request(&sandbox, "d", "/CN=pump-1");
    service.send("simplereenroll", "d.b64", &next).save(&sandbox, "d.pem");
}

#[test]
fn a_platform_gets_a_certificate_at_its_first_connection_and_never_at_its_issuance() {
    for policy in ["first-login", "issuance"] {
        let scene = Scene::new();
        let service = scene.service_with(&[("TBPKI_SERVE_POLICY", policy)]);
        scene.fetch(&service, "a", None);
        assert_eq!(scene.credential(), None, "{policy}");
        connect(&service, "a");
        until("registered", || scene.credential() == scene.x509("a"));
        until("recorded", || scene.roles() == ["current"]);
        scene.fetch(&service, "b", Some("a"));
        assert_eq!(scene.credential(), scene.x509("a"), "{policy}");
        assert_eq!(scene.roles(), ["current", "pending"], "{policy}");
        connect(&service, "b");
        until("swapped", || scene.credential() == scene.x509("b"));
        until("recorded", || scene.roles() == ["superseded", "current"]);
    }
}

#[test]
fn a_label_can_have_a_policy_of_its_own() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let options = ["serve", "--listen", "127.0.0.1:0"];
    let unknown = sandbox.tbpki(options.iter().chain(&CERTIFICATE)).env("TBPKI_SERVE_LABEL_POLICIES", "pumps=issuance");
    unknown.run().ends(1).prints("serve.label_policies has the label \"pumps\", and no profile has this name");
    scene.create_profile("pumps");
    let service = scene.service_with(&[("TBPKI_SERVE_LABEL_POLICIES", "pumps=issuance")]);
    let made = sandbox.ok(["enroll", "password", "--device", "pump-7", "--profile", "pumps"]).stdout_text();
    request(sandbox, "p", "/CN=pump-7");
    let user = format!("pump-7:{}", made.trim());
    service.send("pumps/simpleenroll", "p.b64", &["-u", &user]).save(sandbox, "p.pem");
    // In chain mode the platform takes it by a login, so that nothing has to be first.
    assert_eq!(states(sandbox, "pump-7"), [(serial(sandbox.join("p.pem")), "current".to_owned())]);
    scene.fetch(&service, "a", None);
    connect(&service, "a");
    assert_eq!((scene.roles(), scene.credential()), (vec!["pending".to_owned()], None), "the default is confirm");
}
