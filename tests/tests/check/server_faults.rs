//! Faults of the certificate that a server shows. No token is sent then, as the tests of the library
//! prove octet by octet.

use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyPair};

use crate::breakages::{Broken, Row};
use crate::scene::{Board, Scene, params};

pub(crate) const TABLE: &[Row] = &[
    ("the anchors are missing", no_anchors, &[("anchors", 80)]),
    ("the certificate is for another host", other_host, &[("name", 52)]),
    ("the certificate names no host", unnamed, &[("name", 64)]),
    ("another CA issued it", foreign_ca, &[("trust", 51)]),
    ("the issuing CA is not sent", incomplete, &[("trust", 50)]),
    ("the root is sent first", root_first, &[("trust", 48)]),
    ("the trust file holds the leaf alone", leaf_alone, &[("trust", 63)]),
    ("the key is another certificate's", other_key, &[("trust", 152)]),
    ("the certificate has expired", expired, &[("server-certificate", 47)]),
    ("the certificate is not valid yet", not_yet, &[("server-certificate", 46), ("server-certificate", 153)]),
    ("the certificate is a device's", wrong_purpose, &[("server-certificate", 53)]),
];

/// A check with a token, so that no finding is about client certificates.
fn check(scene: &Scene, board: Board, host: &str, cafile: &str) -> Broken {
    let token = board.with_token("WithToken");
    scene.write("token", token);
    let args = [host, "--token-file", "token", "--cafile", cafile].map(str::to_owned);
    Broken::new(args).while_alive(board)
}

fn shown(scene: &Scene, certificate: &str, key: &str) -> Broken {
    let board = scene.thingsboard_with(certificate, key);
    let host = board.host();
    check(scene, board, &host, "conf/cafile.pem")
}

fn issued(scene: &Scene, names: &[&str], usage: Usage, days: (i64, i64)) -> Broken {
    let (chain, key) = scene.issue("server-issuing", &params(names, usage, days));
    shown(scene, &chain, &key)
}

fn own_key(scene: &Scene) -> String {
    scene.sandbox.text("conf/mqttserver_key.pem")
}

fn own_leaf(scene: &Scene) -> String {
    let chain = scene.sandbox.text("conf/mqttserver.pem");
    chain[..chain.find("-----END CERTIFICATE-----\n").unwrap() + 26].to_owned()
}

fn no_anchors(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    let host = board.host();
    check(scene, board, &host, "nowhere.pem")
}

fn other_host(scene: &Scene) -> Broken {
    issued(scene, &["other.example"], Usage::ServerAuth, (-1, 10))
}

fn unnamed(scene: &Scene) -> Broken {
    issued(scene, &[], Usage::ServerAuth, (-1, 10))
}

fn foreign_ca(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    let host = board.host();
    check(scene, board, &host, "pki/ca/devices-root/cert.pem")
}

fn incomplete(scene: &Scene) -> Broken {
    shown(scene, &own_leaf(scene), &own_key(scene))
}

fn root_first(scene: &Scene) -> Broken {
    // Which ThingsBoard does not start with; mosquitto and others do.
    let text = |ca: &str| scene.sandbox.text(format!("pki/ca/{ca}/cert.pem"));
    let chain = own_leaf(scene) + &text("server-root") + &text("server-issuing");
    let listener =
        tbpki_tests::Listener::new(&scene.write("server.pem", chain), &scene.path("conf/mqttserver_key.pem"));
    let broker = tbpki_tests::Mosquitto::start(&listener);
    scene.write("token", "A1_TEST_TOKEN");
    let host = format!("localhost:{}", broker.port());
    Broken::new([&host, "--token-file", "token", "--cafile", "conf/cafile.pem"]).while_alive(broker)
}

fn leaf_alone(scene: &Scene) -> Broken {
    scene.write("leaf.pem", own_leaf(scene));
    let board = scene.thingsboard();
    let host = board.host();
    check(scene, board, &host, "leaf.pem")
}

fn other_key(scene: &Scene) -> Broken {
    shown(scene, &scene.sandbox.text("conf/mqttserver.pem"), &KeyPair::generate().unwrap().serialize_pem())
}

fn expired(scene: &Scene) -> Broken {
    issued(scene, &["localhost"], Usage::ServerAuth, (-10, -1))
}

fn not_yet(scene: &Scene) -> Broken {
    issued(scene, &["localhost"], Usage::ServerAuth, (1, 10))
}

fn wrong_purpose(scene: &Scene) -> Broken {
    issued(scene, &["localhost"], Usage::ClientAuth, (-1, 10))
}
