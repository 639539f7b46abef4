//! The prediction of `check` for Java and Go clients agrees with their behavior.

use tbpki_tests::clients::{Files, JavaStore, go, paho_java};

use crate::scene::{Board, DEVICE, Scene};

fn clients(scene: &Scene, board: &Board, let_in: bool) {
    let (anchors, chain, key) =
        (scene.device("tb-server-chain.pem"), scene.device("chain.pem"), scene.device("key.pem"));
    let files = Files { anchors: &anchors, certificate: &chain, key: Some(&key) };
    let (file, password) = (scene.device(&format!("{DEVICE}.jks")), scene.secret(&format!("device-{DEVICE}")));
    let store = JavaStore { kind: "JKS", file: &file, store_password: &password, key_password: &password };
    for (go_version, java_version) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let go = go(board.port(), &files, go_version);
        let java = paho_java(board.port(), &store, "SunX509", java_version);
        if let_in {
            go.succeeds();
            java.succeeds();
        } else {
            // The handshake succeeds without a certificate, so that the refusal comes only with the answer to the
            // login.
            go.is_refused("CONNACK");
            java.is_refused("");
        }
    }
}

#[test]
fn in_keystore_mode_java_and_go_log_in_and_no_warning_is_given() {
    let scene = Scene::new();
    let board = scene.thingsboard();
    clients(&scene, &board, true);
    let checked = scene.check(&[board.host()]);
    assert_eq!(checked.found(), [], "{}", checked.outcome);
    assert_eq!(checked.verdict("client-certificate"), Some("ok"));
}

#[test]
fn in_pem_mode_they_do_not_and_the_reason_is_named() {
    let scene = Scene::new();
    let text = |name: &str| scene.sandbox.text(format!("conf/{name}"));
    // With PEM files ThingsBoard names its own leaf as the only acceptable issuer, and no device was issued by it.
    let board = scene.thingsboard_with(&text("mqttserver.pem"), &text("mqttserver_key.pem"));
    board.register(DEVICE, &std::fs::read_to_string(scene.device("cert.pem")).unwrap());
    clients(&scene, &board, false);
    let checked = scene.check(&[board.host()]);
    assert_eq!(checked.found(), [("client-certificate".to_owned(), "TBPKI-0155".to_owned())], "{}", checked.outcome);
    checked.outcome.ends(0).prints("clients built on Java or Go").prints("CN=localhost");
}
