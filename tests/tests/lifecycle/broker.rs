//! A broker that reads the revocation lists.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tbpki_tests::clients::{ApiLogin, Files, mosquitto_pub};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Listener, Mosquitto, Sandbox, Tool};

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

/// The guide: `systemctl reload` refuses new connections, also of a client that resumes its TLS session, and a restart ends
/// those that are open.
#[test]
fn a_resumed_session_is_refused_after_a_reload_and_an_open_connection_ends_with_a_restart() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    sandbox.ok(["client", "pump-1", "pump-2"]);
    sandbox.ok(["crl", "--out", "conf/devices-crl.pem"]);
    let conf = |file: &str| sandbox.join("conf").join(file);
    let listener = Listener::new(&conf("mqttserver.pem"), &conf("mqttserver_key.pem"));
    let listener = listener.requiring_clients_of(&conf("clients-ca.pem"));
    let listener = listener.with_revocation_lists(&conf("devices-crl.pem"));
    let broker = Mosquitto::start(&listener);
    for version in ["-tls1_2", "-tls1_3"] {
        Session::open(&sandbox, broker.port(), &[version, "-sess_out", version]).succeeds();
        // The broker resumes sessions: without that, the test would show nothing.
        let client = Session::client(&sandbox, broker.port(), &[version, "-sess_in", version]).stdin("");
        client.run().ok().prints("Reused, TLSv1.");
    }
    let mut open = Session::open(&sandbox, broker.port(), &[]);
    open.answers(CONNECT, CONNACK);

    sandbox.ok(["revoke", "--device", "pump-1", "--out", "conf/devices-crl.pem"]);
    broker.reload();
    for version in ["-tls1_2", "-tls1_3"] {
        Session::open(&sandbox, broker.port(), &[version, "-sess_in", version]).fails();
    }
    open.answers(PING, PONG);

    drop(broker);
    open.has_ended();
    let broker = Mosquitto::start(&listener);
    for version in ["-tls1_2", "-tls1_3"] {
        Session::open(&sandbox, broker.port(), &[version, "-sess_in", version]).fails();
    }
}

/// CONNECT of the client `pump` with a new session (MQTT 3.1.1, section 3.1), and its answer.
const CONNECT: &[u8] = b"\x10\x10\0\x04MQTT\x04\x02\0\0\0\x04pump";
const CONNACK: &[u8] = b"\x20\x02\0\0";
/// PINGREQ and its answer (sections 3.12 and 3.13).
const PING: &[u8] = b"\xc0\0";
const PONG: &[u8] = b"\xd0\0";

/// A connection of `pump-1` by openssl, over which MQTT is spoken by hand.
struct Session {
    child: Child,
    /// The messages of openssl.
    messages: PathBuf,
}

impl Session {
    #[track_caller]
    fn open(sandbox: &Sandbox, port: u16, options: &[&str]) -> Self {
        let messages = sandbox.join("messages");
        let mut command = Self::client(sandbox, port, options).args(["-quiet", "-no_ign_eof"]).command();
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.stderr(File::create(&messages).unwrap()).spawn().unwrap();
        Self { child, messages }
    }

    /// openssl with the certificate of the device.
    fn client(sandbox: &Sandbox, port: u16, options: &[&str]) -> Tool {
        let device = |file: &str| sandbox.join("pki/devices/pump-1").join(file);
        let client = openssl().directory(sandbox.path()).args(["s_client", "-connect", &format!("localhost:{port}")]);
        let client = client.args(options).arg("-CAfile").arg(sandbox.join("pki/ca/server-root/cert.pem"));
        client.arg("-cert").arg(device("chain.pem")).arg("-key").arg(device("key.pem"))
    }

    /// Sends bytes, and waits for exactly this answer.
    #[track_caller]
    fn answers(&mut self, request: &[u8], answer: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(request).unwrap();
        let mut read = vec![0; answer.len()];
        self.child.stdout.as_mut().unwrap().read_exact(&mut read).unwrap();
        assert_eq!(read, answer);
    }

    /// Logs in by MQTT, and ends the connection.
    #[track_caller]
    fn succeeds(mut self) {
        self.answers(CONNECT, CONNACK);
        self.end();
    }

    /// Waits until the broker has refused the certificate.
    #[track_caller]
    fn fails(mut self) {
        // The alert may come before the request is sent.
        let _ = self.child.stdin.as_mut().unwrap().write_all(CONNECT);
        self.has_ended();
        let messages = self.end();
        assert!(messages.contains("alert certificate revoked"), "{messages}");
    }

    /// Waits until the broker ends the connection.
    #[track_caller]
    fn has_ended(&mut self) {
        let mut rest = Vec::new();
        self.child.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }

    fn end(&mut self) -> String {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        fs::read_to_string(&self.messages).unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
