//! Healthy setups pass without a warning.

use tbpki_tests::{Listener, Mosquitto};

use crate::scene::{DEVICE, Scene};

fn passes(scene: &Scene, args: &[&str]) {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let checked = scene.check(&args);
    assert_eq!(checked.found(), [], "{}", checked.outcome);
    assert_eq!((checked.outcome.status, &checked.report["result"]["ok"]), (0, &true.into()), "{}", checked.outcome);
}

#[test]
fn a_device_of_thingsboard_logs_in_and_sends() {
    let scene = Scene::new();
    let board = scene.thingsboard();
    passes(&scene, &[&board.host()]);
    assert_eq!(board.sim.telemetry(DEVICE).len(), 0, "a check alone sends nothing");
    for version in ["3.1.1", "5"] {
        passes(&scene, &[&board.host(), "--mqtt", version, "--telemetry", "--device", DEVICE]);
    }
    let telemetry = board.sim.telemetry(DEVICE);
    assert_eq!(telemetry.len(), 2);
    assert!(format!("{telemetry:?}").contains("tbpki_check"), "{telemetry:?}");
    passes(&scene, &["--server", "conf", &board.host()]);
}

#[test]
fn a_device_with_a_token_logs_in_and_its_token_is_shown_nowhere() {
    let scene = Scene::new();
    let board = scene.thingsboard();
    let token = board.with_token("WithToken");
    scene.sandbox.hides(&token);
    let file = scene.write("token", format!("{token}\n"));
    let file = file.to_str().unwrap();
    for version in ["3.1.1", "5"] {
        passes(&scene, &[&board.host(), "--token-file", file, "--telemetry", "--mqtt", version]);
    }
    assert_eq!(board.sim.telemetry("WithToken").len(), 2);
    // In the store, without a certificate.
    scene.write("pki/devices/WithToken/token", token);
    passes(&scene, &[&board.host(), "--device", "WithToken"]);
}

#[test]
fn a_device_of_mosquitto_logs_in_and_sends() {
    let scene = Scene::new();
    let listener = Listener::new(&scene.path("conf/mqttserver.pem"), &scene.path("conf/mqttserver_key.pem"))
        .requiring_clients_of(&scene.path("conf/clients-ca.pem"));
    let broker = Mosquitto::start(&listener);
    for version in ["3.1.1", "5"] {
        passes(&scene, &[&format!("localhost:{}", broker.port()), "--kind", "mqtt", "--telemetry", "--mqtt", version]);
    }
    broker.logs("v1/devices/me/telemetry");
    passes(&scene, &[&format!("127.0.0.1:{}", broker.port()), "--kind", "mqtt", "--client-id", "me"]);
}

#[test]
fn people_read_one_line_a_layer() {
    let scene = Scene::new();
    let board = scene.thingsboard();
    let outcome = scene.sandbox.ok(["check", &board.host()]);
    let text = outcome.stdout_text();
    for layer in ["files", "key", "chain", "dates", "name lookup", "TCP", "TLS", "trust", "host name", "login"] {
        let lines = text.lines().filter(|line| line.starts_with(&format!("ok      {layer:<20}"))).count();
        assert_eq!(lines, 1, "{layer}: {text}");
    }
    assert!(text.ends_with("all checks passed\n"), "{text}");
    assert!(outcome.stderr_text().contains("ThingsBoard keeps one for each device"), "{outcome}");
}
