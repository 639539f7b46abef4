//! The errors when a part is missing, wrong or refused.

use tb_sim::{Authority, Fault, FaultKind, ServerKeys, Settings, User, Version};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox};

use crate::{PASSWORD, Scene};

const REGISTER: &[&str] = &["register", "--device", "pump"];

/// A scene with an issued device, on a simulator.
fn scene(settings: Settings) -> Scene {
    let scene = Scene::simulated(settings);
    scene.sandbox.ok(["client", "--device", "pump"]);
    scene
}

/// Registering fails with this code, prints this, and changes neither platform nor state.
#[track_caller]
fn refused(scene: &Scene, code: u16, words: &str) -> Outcome {
    let outcome = scene.fails(REGISTER, 1, code, words);
    assert_eq!(scene.listed("pump")["state"], "issued");
    assert!(scene.platform.sim().unwrap().device("pump").is_none());
    outcome
}

#[test]
fn who_may_not_log_in_is_told_why() {
    let user = |name: &str| User { name: name.to_owned(), password: PASSWORD.to_owned(), ..User::default() };
    let more_users = vec![
        User { enabled: false, ..user("disabled@x") },
        User { locked: true, ..user("locked@x") },
        User { authority: Authority::CustomerUser, ..user("customer@x") },
    ];
    let scene = scene(Settings { more_users, ..Settings::default() });
    for (name, code, words) in [
        ("nobody@x", 126, "Invalid username or password"),
        ("disabled@x", 127, "not active"),
        ("locked@x", 128, "locked"),
        ("customer@x", 133, "permission"),
    ] {
        let outcome = scene.tbpki(REGISTER).env("TBPKI_PLATFORM_USER", name).run();
        outcome.ends(1).prints(&format!("error[TBPKI-{code:04}]")).prints(words).prints("help:");
    }
    scene.sandbox.write("wrong", "hunter2");
    scene.sandbox.hides("hunter2");
    let wrong = [REGISTER, &["--platform-password-file", "wrong"]].concat();
    scene.fails(&wrong, 1, 126, "Invalid username or password");
    scene.ok(REGISTER);
}

#[test]
fn an_api_key_is_taken_by_those_who_know_them() {
    let scene = scene(Settings { version: Version::V4_3, ..Settings::default() });
    let tenant = scene.platform.sign_in();
    let user = tenant.ok("GET", "/api/auth/user", None);
    let body = serde_json::json!({"userId": user["id"], "description": "tbpki", "enabled": true, "expirationTime": 0});
    let key = tenant.ok("POST", "/api/apiKey", Some(&body));
    let value = key["value"].as_str().unwrap();
    scene.sandbox.hides(value);
    scene.sandbox.write("key", value);
    let with_key = [REGISTER, &["--platform-api-key-file", "key"]].concat();
    scene.ok(&with_key).prints("created");
    tenant.ok("PUT", &format!("/api/apiKey/{}/enabled/false", tbpki_tests::platform::id(&key)), None);
    scene.fails(&with_key, 1, 127, "not active");
    scene.sandbox.write("key", "tb_mistyped-key");
    scene.sandbox.hides("tb_mistyped-key");
    scene.fails(&with_key, 1, 132, "before 4.3");

    let older = self::scene(Settings::default());
    older.sandbox.write("key", "tb_some-key");
    older.fails(&with_key, 1, 132, "before 4.3");
}

#[test]
fn what_the_platform_refuses_is_told_in_its_words_and_ours() {
    let scene = scene(Settings::default());
    let sim = scene.platform.sim().unwrap();
    for (kind, method, path, code, words) in [
        (FaultKind::Status(401), "POST", "/api/device-with-credentials", 131, "Token has expired"),
        (FaultKind::Status(500), "POST", "/api/device-with-credentials", 143, "status 500"),
        (FaultKind::Status(503), "POST", "/api/auth/login", 176, "status 503"),
        (FaultKind::Html, "POST", "/api/auth/login", 124, "not what the API answers"),
        (FaultKind::Status(302), "POST", "/api/auth/login", 123, "redirect"),
        (FaultKind::Status(413), "POST", "/api/device-with-credentials", 141, "too long"),
    ] {
        sim.inject(Fault { times: 0, ..Fault::new(kind).on(method, path) });
        let outcome = refused(&scene, code, words);
        assert!(outcome.stderr_text().contains("help:"), "{outcome}");
        sim.clear_faults();
        // What concerns the platform as a whole is no failure of the device, and leaves an earlier one as it is.
        let is_recorded = scene.listed("pump")["last_error"].is_string();
        assert_eq!(is_recorded, code != 131, "{kind:?}");
    }
    scene.ok(REGISTER);
    assert!(scene.listed("pump").get("last_error").is_none());
}

#[test]
fn a_rate_limit_is_waited_for_and_told_when_it_does_not_end() {
    let scene = scene(Settings::default());
    let sim = scene.platform.sim().unwrap();
    // Without Retry-After, as the real platform sends it: tbpki has to find out by itself how long to wait.
    sim.inject(Fault { times: 3, ..Fault::new(FaultKind::Status(429)).on("POST", "/api/device-with-credentials") });
    scene.ok(REGISTER).prints("created");
    sim.inject(Fault { times: 0, ..Fault::new(FaultKind::Status(429)) });
    scene.fails(REGISTER, 1, 140, "Too many requests");
}

#[test]
fn a_failure_that_passes_is_tried_again_after_the_other_devices() {
    let scene = scene(Settings::default());
    for device in ["a", "b", "c"] {
        scene.sandbox.ok(["client", "--device", device]);
    }
    // All attempts of the first device, so that it fails and comes again.
    let sim = scene.platform.sim().unwrap();
    sim.inject(Fault { times: 3, ..Fault::new(FaultKind::Status(503)).on("POST", "/api/device-with-credentials") });
    let outcome = scene.tbpki(&["register", "--all", "--json"]).env("TBPKI_PLATFORM_CONCURRENCY", "1").run().ok();
    assert!(sim.waiting_faults().is_empty());
    let result = &outcome.json()["result"];
    assert_eq!((&result["registered"], &result["failed"], &result["left"]), (&4.into(), &0.into(), &0.into()));
    assert_eq!(result["devices"].as_array().map(Vec::len), Some(4), "each device is listed once: {outcome}");
    assert_eq!(result["devices"][3]["name"], "a", "it comes after the others: {outcome}");
}

#[test]
fn a_limit_of_devices_ends_a_run_and_the_rest_is_named() {
    let scene = scene(Settings { max_devices: Some(2), ..Settings::default() });
    for device in ["a", "b", "c", "d"] {
        scene.sandbox.ok(["client", "--device", device]);
    }
    let outcome = scene.tbpki(&["register", "--all", "--json"]).env("TBPKI_PLATFORM_CONCURRENCY", "1").run().ends(4);
    let result = &outcome.json()["result"];
    // The limit holds for every device after this one, so they are not tried.
    assert_eq!((&result["failed"], &result["left"]), (&1.into(), &2.into()), "{outcome}");
    let outcome = outcome.prints("error[TBPKI-0139]");
    assert!(outcome.stderr_text().contains("its limit of "), "{outcome}");
    assert_eq!(scene.listed("a")["state"], "registered");
}

#[test]
fn a_client_that_always_saves_first_wins_in_the_end() {
    let scene = scene(Settings::default());
    scene.ok(REGISTER);
    scene.sandbox.ok(["client", "--device", "pump", "--force"]);
    let sim = scene.platform.sim().unwrap();
    sim.inject(Fault { times: 0, ..Fault::new(FaultKind::Status(409)).on("POST", "/api/device/credentials") });
    scene.fails(&[REGISTER, &["--replace"]].concat(), 1, 138, "someone else");
    sim.clear_faults();
    scene.ok(&[REGISTER, &["--replace"]].concat());
}

#[test]
fn what_is_not_configured_is_named_with_its_key_and_flag() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump"]);
    sandbox.fails(REGISTER, 1, "TBPKI-0120").prints("--platform-url").prints("[platform] url");
    let url = [REGISTER, &["--platform-url", "http://127.0.0.1:9"]].concat();
    sandbox.fails(&url, 1, "TBPKI-0120").prints("--platform-user");
    let user = [&url[..], &["--platform-user", "u@x"]].concat();
    sandbox.fails(&user, 2, "TBPKI-0010").prints("--platform-password-file");
    sandbox.write("password", "x");
    let password = [&user[..], &["--platform-password-file", "password"]].concat();
    sandbox.fails(&password, 1, "TBPKI-0100").prints("refused");
    let elsewhere =
        ["--platform-url", "http://tb.example", "--platform-user", "u@x", "--platform-password-file", "password"];
    let elsewhere = [REGISTER, &elsewhere].concat();
    // A password over plain HTTP is allowed only to this machine.
    sandbox.fails(&elsewhere, 1, "TBPKI-0121").prints("--allow-plain-http");
    sandbox.write("keygen.toml", "version = 1\n[platform]\nkind = \"actorcloud\"\nurl = \"http://127.0.0.1:9\"\n");
    sandbox.fails(REGISTER, 1, "TBPKI-0149").prints("common name").prints("actorcloud cert create");
    // `client --register` finds out before it issues anything.
    sandbox.fails(["client", "--device", "new", "--register"], 1, "TBPKI-0149");
    assert!(!sandbox.join("pki/devices/new").exists());
}

#[test]
fn the_rest_api_is_verified_by_the_root_that_is_named() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--out", "conf"]);
    sandbox.ok(["client", "--device", "pump"]);
    let (certificate, key) = (sandbox.join("conf/mqttserver.pem"), Some(sandbox.join("conf/mqttserver_key.pem")));
    let https = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
    let settings = Settings { https, password: PASSWORD.to_owned(), ..Settings::default() };
    let scene = Scene::on(sandbox, Platform::simulator(settings));
    scene.fails(REGISTER, 1, 122, "--platform-ca");
    scene.sandbox.ok(["client", "--device", "other", "--self-signed"]);
    let wrong = [REGISTER, &["--platform-ca", "pki/devices/other/cert.pem"]].concat();
    scene.fails(&wrong, 1, 122, "nothing that is trusted");
    let right = [REGISTER, &["--platform-ca", "conf/cafile.pem"]].concat();
    scene.ok(&right).prints("created");
    // `server` adds the addresses of the machine, so the certificate has this one too.
    let by_address = scene.platform.url().replace("localhost", "127.0.0.1");
    scene.ok(&[&right[..], &["--platform-url", &by_address]].concat());
}
