//! The ThingsBoard that platform tests run against: a simulator in the test's own process, or a real server.
//!
//! `cargo xtask interop --thingsboard URL …` names a real one, by these variables:
//!
//! | Variable | Holds |
//! |---|---|
//! | `TBPKI_TEST_THINGSBOARD` | its URL, `http://HOST[:PORT]` or `https://HOST[:PORT]` |
//! | `TBPKI_TEST_MQTTS` | `HOST:PORT` of MQTT over TLS |
//! | `TBPKI_TEST_USER` | an administrator of a tenant |
//! | `TBPKI_TEST_PASSWORD_FILE` | a file whose first line is their password |
//! | `TBPKI_TEST_MQTT_CA` | the certificates that clients trust, as PEM |
//! | `TBPKI_TEST_THINGSBOARD_VERSION` | `4.2` (default) or `4.3`: the version whose answers tests expect |
//!
//! Without a URL the simulator plays that version. Tests depend on nothing but what ThingsBoard 4.2 and 4.3 are known to do, make devices under names of their own, and delete
//! them at their end. What only a simulator can show (faults, what arrived) asks [`Platform::simulator`] for one.

use std::cell::RefCell;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tb_sim::{Settings, Thingsboard, Version};
use tempfile::TempDir;

use crate::Sandbox;
use crate::tool::Tool;
use crate::wire::{Versions, Wire};

/// A ThingsBoard.
pub struct Platform {
    sim: Option<Thingsboard>,
    version: Version,
    url: String,
    mqtts: (String, u16),
    user: String,
    password: String,
    ca: PathBuf,
    _directory: Option<TempDir>,
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

impl Platform {
    /// The one that the environment names; without one, a simulator.
    #[track_caller]
    pub fn start() -> Self {
        let version = match env::var("TBPKI_TEST_THINGSBOARD_VERSION").as_deref() {
            Err(_) | Ok("4.2") => Version::V4_2,
            Ok("4.3") => Version::V4_3,
            Ok(other) => panic!("TBPKI_TEST_THINGSBOARD_VERSION is {other}, neither 4.2 nor 4.3"),
        };
        let Ok(url) = env::var("TBPKI_TEST_THINGSBOARD") else {
            return Self::simulator(Settings { version, ..Settings::default() });
        };
        let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set next to the URL"));
        let mqtts = variable("TBPKI_TEST_MQTTS");
        let (host, port) = mqtts.rsplit_once(':').unwrap_or_else(|| panic!("{mqtts} is no HOST:PORT"));
        let password = std::fs::read_to_string(variable("TBPKI_TEST_PASSWORD_FILE")).unwrap();
        Self {
            sim: None,
            version,
            url: url.trim_end_matches('/').to_owned(),
            mqtts: (host.to_owned(), port.parse().unwrap_or_else(|_| panic!("{mqtts} is no HOST:PORT"))),
            // From here on a true ThingsBoard answers; the faults of the simulator are not there, so `sim` is empty.
            user: variable("TBPKI_TEST_USER"),
            password: password.lines().next().unwrap_or_default().to_owned(),
            ca: PathBuf::from(env::var("TBPKI_TEST_MQTT_CA").unwrap_or_default()),
            _directory: None,
        }
    }

    /// A simulator whose password is in the file `password` of a sandbox, and in no other text of it.
    #[track_caller]
    pub fn simulator_in(sandbox: &Sandbox, settings: Settings) -> Self {
        /// Not part of any other text.
        const PASSWORD: &str = "correct-horse-battery-staple";
        let platform = Self::simulator(Settings { password: PASSWORD.to_owned(), ..settings });
        sandbox.write("password", platform.password());
        fs::set_permissions(sandbox.join("password"), fs::Permissions::from_mode(0o600)).unwrap();
        sandbox.hides(PASSWORD);
        platform
    }

    /// Gives a device an access token, as another user of the platform would.
    #[track_caller]
    pub fn set_token(&self, device: &str, token: &str) {
        let tenant = self.sign_in();
        let found = tenant.ok("GET", &format!("/api/tenant/devices?deviceName={device}"), None);
        let mut credentials = tenant.credentials(&found);
        credentials["credentialsType"] = "ACCESS_TOKEN".into();
        credentials["credentialsId"] = token.into();
        credentials["credentialsValue"] = Value::Null;
        tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    }

    /// A simulator, also if the environment names a server.
    #[track_caller]
    pub fn simulator(settings: Settings) -> Self {
        let version = settings.version;
        let sim = Thingsboard::start(settings).unwrap_or_else(|error| panic!("{error}"));
        let directory = tempfile::Builder::new().prefix("tbpki-platform-").tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, sim.own_ca().unwrap_or_default()).unwrap();
        Self {
            version,
            url: sim.rest_url(),
            mqtts: ("localhost".to_owned(), sim.mqtts_port()),
            user: sim.user().to_owned(),
            password: sim.password().to_owned(),
            ca,
            _directory: Some(directory),
            sim: Some(sim),
        }
    }

    /// The simulator, where it is one.
    pub fn sim(&self) -> Option<&Thingsboard> {
        self.sim.as_ref()
    }

    /// True for a server whose answers are those of 4.3.
    pub fn is_4_3(&self) -> bool {
        self.version == Version::V4_3
    }

    /// The URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port of MQTT over TLS.
    pub fn mqtts(&self) -> (&str, u16) {
        (&self.mqtts.0, self.mqtts.1)
    }

    /// An administrator.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password that logs the administrator of the tenant in.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A tbpki that is about to run, with the platform in its environment; `password_file` holds the password.
    #[must_use]
    pub fn known_to(&self, tbpki: Tool, password_file: impl AsRef<OsStr>) -> Tool {
        tbpki
            .env("TBPKI_PLATFORM_URL", &self.url)
            .env("TBPKI_PLATFORM_USER", &self.user)
            .env("TBPKI_PLATFORM_PASSWORD_FILE", password_file)
            .env("TBPKI_PLATFORM_ALLOW_PLAIN_HTTP", "true")
    }

    /// The trust anchors of clients of the MQTT listener.
    pub fn mqtt_ca(&self) -> &std::path::Path {
        &self.ca
    }

    /// One request, with these header lines.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Answer::of(&self.url, method, path, headers, body)
    }

    /// Logs the administrator of the tenant in, and keeps the token.
    #[track_caller]
    pub fn sign_in(&self) -> Tenant<'_> {
        self.sign_in_as(&self.user, &self.password)
    }

    /// Signs in as another user.
    #[track_caller]
    pub fn sign_in_as(&self, user: &str, password: &str) -> Tenant<'_> {
        let body = json!({ "username": user, "password": password }).to_string();
        let headers = [("Content-Type", "application/json")];
        let answer = self.request("POST", "/api/auth/login", &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Tenant {
            platform: self,
            token: text("token"),
            refresh_token: text("refreshToken"),
            made: RefCell::new(Vec::new()),
        }
    }
}

impl Answer {
    /// The answer of a server to one request.
    #[track_caller]
    pub fn of(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let (scheme, authority) = url.split_once("://").unwrap_or_else(|| panic!("{url} is no URL"));
        let default = if scheme == "https" { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().unwrap()),
            None => (authority, default),
        };
        let mut wire = match scheme {
            "https" => Wire::tls(host, port, None, Versions::Tls13).unwrap_or_else(|error| panic!("{error}")),
            _ => Wire::tcp(host, port),
        };
        // Each request on a connection of its own, so that the end of the answer is that of the connection.
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A server may refuse a POST without a length (RFC 9110, section 15.5.12), also one without a body.
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        wire.send(format!("{head}\r\n").as_bytes());
        wire.send(body);
        Self::parse(&wire.rest()).unwrap_or_else(|| panic!("{method} {path} has no answer in HTTP"))
    }

    /// Reads a whole answer, its body plain or in chunks.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked")) {
            body = unchunk(&body)?;
        }
        Some(Self { status, headers, body })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are no UTF-8 become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Stops the test unless it is ThingsBoard's refusal with this status and code and, where it is given, this text.
    #[track_caller]
    pub fn is_refusal(&self, status: u16, code: u16, message: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["errorCode"], code, "{body}");
        assert!(body["timestamp"].is_number() || body["timestamp"].is_string(), "{body}");
        if !message.is_empty() {
            assert_eq!(body["message"], message, "{body}");
        }
    }
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

/// A user who has signed in. Devices and profiles made through it are deleted when it is dropped.
pub struct Tenant<'a> {
    platform: &'a Platform,
    /// For access.
    pub token: String,
    /// For a new pair.
    pub refresh_token: String,
    made: RefCell<Vec<String>>,
}

impl Tenant<'_> {
    /// One call, with JSON or without.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("X-Authorization", authorization.as_str())];
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.platform.request(method, path, &headers, body.as_bytes())
    }

    /// One call that has to succeed.
    #[track_caller]
    pub fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Makes a device, with an access token.
    #[track_caller]
    pub fn device(&self, name: &str) -> Value {
        let device = self.ok("POST", "/api/device", Some(&json!({ "name": name })));
        // At once, so that a test that fails leaves nothing on a true platform.
        self.forget(&format!("/api/device/{}", id(&device)));
        device
    }

    /// Makes a device whose certificate this is (PEM, base64 or junk).
    #[track_caller]
    pub fn device_with_certificate(&self, name: &str, certificate: &str) -> Value {
        let body = json!({
            "device": { "name": name },
            "credentials": { "credentialsType": "X509_CERTIFICATE", "credentialsValue": certificate },
        });
        let device = self.ok("POST", "/api/device-with-credentials", Some(&body));
        self.forget(&format!("/api/device/{}", id(&device)));
        device
    }

    /// Saves a profile.
    #[track_caller]
    pub fn profile(&self, profile: &Value) -> Value {
        let saved = self.ok("POST", "/api/deviceProfile", Some(profile));
        self.forget(&format!("/api/deviceProfile/{}", id(&saved)));
        saved
    }

    /// A device's credentials.
    #[track_caller]
    pub fn credentials(&self, device: &Value) -> Value {
        self.ok("GET", &format!("/api/device/{}/credentials", id(device)), None)
    }

    /// The device of this name, if there is one. It is deleted at the end like those that were made here.
    #[track_caller]
    pub fn device_named(&self, name: &str) -> Option<Value> {
        let answer = self.call("GET", &format!("/api/tenant/devices?deviceName={name}"), None);
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        let device = answer.json();
        self.forget(&format!("/api/device/{}", id(&device)));
        Some(device)
    }

    /// Deletes this at the end, last made first.
    pub fn forget(&self, path: &str) {
        let mut made = self.made.borrow_mut();
        if !made.iter().any(|known| known == path) {
            made.push(path.to_owned());
        }
    }
}

impl Drop for Tenant<'_> {
    fn drop(&mut self) {
        // A failed test leaves its devices to be looked at on a simulator. One that the test deleted answers 404 here.
        if std::thread::panicking() && self.platform.sim.is_some() {
            return;
        }
        // Backwards, because a profile that devices use cannot be deleted.
        for path in self.made.take().into_iter().rev() {
            self.call("DELETE", &path, None);
        }
    }
}

/// The id of an entity.
#[track_caller]
pub fn id(entity: &Value) -> &str {
    entity["id"]["id"].as_str().unwrap_or_else(|| panic!("this is no entity: {entity}"))
}

/// A name that no other test has, in this run or any other.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("tbpki-test-{name}-{now:x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until it is so.
#[track_caller]
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
