//! A store with a server and devices, made by tbpki, and records of them.

use std::path::PathBuf;

use device::Record;
use device::record::{Login, Parts};
use tbpki_tests::{Listener, Mosquitto, Sandbox};

pub(crate) const TOKEN: &str = "A1b2C3d4E5f6G7h8I9j0";

pub(crate) struct Station {
    pub(crate) sandbox: Sandbox,
}

impl Station {
    /// A store whose server is called `localhost`, and one device, with keys of this algorithm.
    #[track_caller]
    pub(crate) fn new(algorithm: &str) -> Self {
        Self::with_server(algorithm, &["--name", "localhost", "--san", "127.0.0.1"])
    }

    /// A store with a server of these names, and no others.
    #[track_caller]
    pub(crate) fn with_server(algorithm: &str, names: &[&str]) -> Self {
        let sandbox = Sandbox::with_store();
        let server = ["server", "--only-given-names", "--alg", algorithm, "--out", "conf"];
        sandbox.ok(server.iter().chain(names));
        sandbox.ok(["client", "--device", "pump-1", "--alg", algorithm]);
        Self { sandbox }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.sandbox.join(name)
    }

    /// The certificate that the server presents to every client.
    pub(crate) fn listener(&self) -> Listener {
        Listener::new(&self.file("conf/mqttserver.pem"), &self.file("conf/mqttserver_key.pem"))
    }

    /// A broker with the server's certificate that lets in devices of this store alone.
    #[track_caller]
    pub(crate) fn strict_broker(&self) -> Mosquitto {
        Mosquitto::start(&self.listener().requiring_clients_of(&self.file("conf/clients-ca.pem")))
    }

    /// The parts of a record for a broker at this port, with a token.
    #[track_caller]
    pub(crate) fn with_token(&self, host: &str, port: u16) -> Parts {
        Parts {
            device_name: "pump-1".to_owned(),
            wifi_ssid: String::new(),
            wifi_password: "".into(),
            host: host.to_owned(),
            port,
            ca_chain: self.sandbox.text("conf/cafile.pem"),
            login: Login::Token(TOKEN.into()),
            skip_host_name_check: false,
            ntp_server: String::new(),
            enrolment: None,
        }
    }

    /// The same with the device's certificate.
    #[track_caller]
    pub(crate) fn with_certificate(&self, host: &str, port: u16) -> Parts {
        let device = |file: &str| self.sandbox.text(format!("pki/devices/pump-1/{file}"));
        let login = Login::Certificate { chain: device("chain.pem"), key: device("key.pem").into() };
        Parts { login, ..self.with_token(host, port) }
    }
}

#[track_caller]
pub(crate) fn record(parts: Parts) -> Record {
    Record::new(parts).unwrap()
}
