//! A store with a server and a device, and a ThingsBoard that knows the device.

use std::any::Any;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{fs, thread};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tb_sim::{ServerKeys, Settings, Thingsboard};
use tbpki_tests::binary::workspace;
use tbpki_tests::{Outcome, Sandbox};
use time::{Duration, OffsetDateTime};

pub(crate) const DEVICE: &str = "MyDevice";

/// Objects that live until a check is done.
pub(crate) type Alive = Vec<Box<dyn Any>>;

/// A sandbox with a store, `conf` with a server's files for localhost, and a device.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::with_store();
        let names = ["--name", "localhost", "--only-given-names", "--san", "127.0.0.1"];
        sandbox.ok(["server", "--out", "conf", "--format", "p12,jks,pub"].iter().chain(&names));
        sandbox.ok(["client", "--device", DEVICE, "--format", "p12,jks"]);
        Self { sandbox }
    }

    /// The same once more, since copying costs less than making.
    pub(crate) fn again(&self) -> Self {
        let scene = Self { sandbox: Sandbox::new() };
        copy(&self.path("."), scene.sandbox.path());
        // Its lines name files by their absolute paths.
        let (from, to) = (self.sandbox.path().display().to_string(), scene.sandbox.path().display().to_string());
        let env = scene.sandbox.text("conf/thingsboard.env").replace(&from, &to);
        scene.write("conf/thingsboard.env", env);
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.join(name)
    }

    pub(crate) fn device(&self, name: &str) -> PathBuf {
        self.path("pki/devices").join(DEVICE).join(name)
    }

    /// Writes a file that only its owner reads.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.sandbox.write(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn secret(&self, of: &str) -> String {
        self.sandbox.text(format!("pki/secrets/{of}.keystore-password")).trim_end().to_owned()
    }

    /// A ThingsBoard with the keystore of `conf`, which knows the device by its certificate.
    pub(crate) fn thingsboard(&self) -> Board {
        let password = self.secret("server-localhost");
        let board = Board::start(ServerKeys::Keystore {
            file: self.path("conf/mqttserver.p12"),
            store_password: password.clone(),
            key_password: password,
            alias: String::new(),
        });
        board.register(DEVICE, &fs::read_to_string(self.device("cert.pem")).unwrap());
        board
    }

    /// One with PEM files, whatever they hold.
    pub(crate) fn thingsboard_with(&self, certificate: &str, key: &str) -> Board {
        Board::start(ServerKeys::Pem {
            certificate: self.write("server.pem", certificate),
            key: Some(self.write("server_key.pem", key)),
            key_password: String::new(),
        })
    }

    /// Issues a leaf by a CA of the store: its PEM with the issuing CA behind it, and its key.
    pub(crate) fn issue(&self, ca: &str, params: &CertificateParams) -> (String, String) {
        let certificate = self.sandbox.text(format!("pki/ca/{ca}/cert.pem"));
        let ca_key = KeyPair::from_pem(&self.sandbox.text(format!("pki/ca/{ca}/key.pem"))).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&certificate, ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &issuer).unwrap();
        (leaf.pem() + &certificate, key.serialize_pem())
    }

    /// Checks, and takes the report apart.
    pub(crate) fn check(&self, args: &[String]) -> Checked {
        let args = ["check".to_owned(), "--json".to_owned()].into_iter().chain(args.iter().cloned());
        Checked::of(self.sandbox.tbpki(args).run())
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// The content of a certificate, valid from so many days from now to so many.
pub(crate) fn params(names: &[&str], usage: ExtendedKeyUsagePurpose, days: (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "made for a test");
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params.not_before = OffsetDateTime::now_utc() + Duration::days(days.0);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days.1);
    params
}

/// The schema of `check --json`.
fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let text = fs::read_to_string(workspace().join("docs/schemas/check.json")).unwrap();
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    });
    &SCHEMA
}

/// The result of a check.
pub(crate) struct Checked {
    pub(crate) outcome: Outcome,
    pub(crate) report: Value,
}

impl Checked {
    fn of(outcome: Outcome) -> Self {
        let report = outcome.json();
        // Every check of these tests also tests the schema, so that no fault has a form of its own.
        let faults: Vec<String> = schema().iter_errors(&report).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "against its schema: {faults:?}\n{outcome}");
        for finding in report["findings"].as_array().unwrap() {
            let has_advice = finding["severity"] == "note" || finding["fix"].is_string();
            assert!(has_advice, "the finding has no advice: {finding}\n{outcome}");
        }
        Self { report, outcome }
    }

    /// Layer and code of every warning and fault.
    pub(crate) fn found(&self) -> Vec<(String, String)> {
        let layers = self.report["result"]["layers"].as_array().unwrap_or_else(|| panic!("{}", self.outcome));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut found = Vec::new();
        for layer in layers {
            for finding in layer["findings"].as_array().unwrap() {
                if finding["severity"] != "note" {
                    found.push((text(&layer["layer"]), text(&finding["code"])));
                    let fix = finding["fix"].as_str().unwrap_or_default();
                    assert!(!text(&finding["what"]).is_empty() && finding["fix"].is_null() || !fix.is_empty());
                }
            }
        }
        found
    }

    pub(crate) fn verdict(&self, layer: &str) -> Option<&str> {
        let layers = self.report["result"]["layers"].as_array().unwrap();
        layers.iter().find(|report| report["layer"] == layer).and_then(|report| report["verdict"].as_str())
    }
}

/// A running simulator, and what it is asked over REST.
pub(crate) struct Board {
    pub(crate) sim: Thingsboard,
    token: String,
}

impl Board {
    pub(crate) fn start(keys: ServerKeys) -> Self {
        Self::start_with(Settings { server: Some(keys), mqtt_port: Some(0), ..Settings::default() })
    }

    pub(crate) fn start_with(settings: Settings) -> Self {
        let sim = Thingsboard::start(settings).unwrap_or_else(|error| panic!("{error}"));
        let mut board = Self { sim, token: String::new() };
        let login = json!({ "username": board.sim.user(), "password": board.sim.password() });
        board.token = board.post("/api/auth/login", &login)["token"].as_str().unwrap().to_owned();
        board
    }

    pub(crate) fn port(&self) -> u16 {
        self.sim.mqtts_port()
    }

    /// `localhost:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port())
    }

    /// A device with this certificate.
    pub(crate) fn register(&self, name: &str, certificate: &str) {
        // The leaf alone, because ThingsBoard computes the credentials id of the whole text that it gets.
        let leaf = &certificate[..certificate.find("-----END CERTIFICATE-----\n").unwrap() + 26];
        self.post(
            "/api/device-with-credentials",
            &json!({
                "device": { "name": name },
                "credentials": { "credentialsType": "X509_CERTIFICATE", "credentialsValue": leaf },
            }),
        );
    }

    /// A device with an access token: the token.
    pub(crate) fn with_token(&self, name: &str) -> String {
        self.post("/api/device", &json!({ "name": name }));
        self.sim.credentials(name).unwrap().id
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let header = format!("X-Authorization: Bearer {}", self.token);
        call(&self.sim.rest_url(), "POST", path, &header, body)
    }
}

/// A call over REST that has to succeed.
pub(crate) fn call(url: &str, method: &str, path: &str, header: &str, body: &Value) -> Value {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {header}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    assert!(head.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    // The answer may be chunked; the sizes of chunks are outside the braces.
    let whole = body.find('{').map_or(body, |start| &body[start..=body.rfind('}').unwrap()]);
    serde_json::from_str(whole).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// A web server that knows no other answer: its address.
pub(crate) fn web_server(date: OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let answer = format!("HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Length: 0\r\n\r\n", date.format(format).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        // One answer and no loop: a second request would be a fault of the check.
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        assert!(request[..read].starts_with(b"HEAD / HTTP/1.1\r\n"));
        stream.write_all(answer.as_bytes()).unwrap();
    });
    format!("http://{address}")
}
