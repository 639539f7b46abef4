//! A broker that reads the revocation lists.

use tbpki_tests::clients::{ApiLogin, Files, mosquitto_pub};
use tbpki_tests::{Listener, Mosquitto, Sandbox};

#[test]
fn mosquitto_refuses_a_revoked_device_once_it_has_read_the_lists_again() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    for device in ["pump-1", "pump-2", "pump-3"] {
        sandbox.ok(["client", "--device", device]);
    }
    sandbox.ok(["crl", "--out", "conf/devices-crl.pem"]);
    let conf = |file: &str| sandbox.join("conf").join(file);
    let listener = Listener::new(&conf("mqttserver.pem"), &conf("mqttserver_key.pem"));
    let listener = listener.requiring_clients_of(&conf("clients-ca.pem"));
    let broker = Mosquitto::start(&listener.with_revocation_lists(&conf("devices-crl.pem")));
    let publishes = |device: &str| -> ApiLogin {
        let file = |file: &str| sandbox.join("pki/devices").join(device).join(file);
        let (anchors, certificate, key) = (file("tb-server-chain.pem"), file("chain.pem"), file("key.pem"));
        mosquitto_pub(broker.port(), &Files { anchors: &anchors, certificate: &certificate, key: Some(&key) })
    };
    for device in ["pump-1", "pump-2", "pump-3"] {
        publishes(device).succeeds();
    }

    // Two revocations, the second within the second of the first: the broker takes both lists.
    sandbox.ok(["revoke", "--device", "pump-1", "--out", "conf/devices-crl.pem"]);
    // Mosquitto reads the lists when it starts and at SIGHUP: a new file alone changes nothing.
    publishes("pump-1").succeeds();
    broker.reload();
    // No words: mosquitto_pub ends with status 1, 7 or 8, and with another text each time.
    publishes("pump-1").is_refused("");
    publishes("pump-2").succeeds();
    sandbox.ok(["revoke", "--device", "pump-2", "--out", "conf/devices-crl.pem"]);
    broker.reload();
    publishes("pump-1").is_refused("");
    publishes("pump-2").is_refused("");
    publishes("pump-3").succeeds();
}
