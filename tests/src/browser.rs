//! Debian's Chromium, driven by chromedriver over WebDriver (W3C), to see pages as people see them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::oracle::program;

/// Longer than anything has ever taken on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The options for looking at a page.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The width of the window in CSS pixels.
    pub width: u32,
    /// The height of the page, in CSS pixels.
    pub height: u32,
    /// True if the system is dark.
    pub dark: bool,
    /// True if scripts run.
    pub scripts: bool,
}

impl Look {
    /// On a desk.
    pub const DESK: Self = Self { width: 1280, height: 900, dark: false, scripts: true };
    /// On a small phone.
    pub const PHONE: Self = Self { width: 360, height: 740, dark: false, scripts: true };
}

/// A browser with one window. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _directory: TempDir,
}

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// Where it does not start.
    #[track_caller]
    pub fn start(look: Look) -> Self {
        let directory = tempfile::Builder::new().prefix("tbpki-browser-").tempdir().unwrap();
        let mut driver = Command::new(program("chromedriver"))
            .arg("--port=0")
            // The profile, and all else that a browser leaves behind.
            .env("TMPDIR", directory.path())
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start chromedriver: {error}"));
        let port = port(&mut driver);
        let mut browser = Self { driver, port, session: String::new(), _directory: directory };
        let arguments = [
            "--headless=new",
            // Root, as whom containers run tests, has no sandbox.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
        ];
        let mut options = json!({ "binary": program("chromium"), "args": arguments });
        if !look.scripts {
            // 2 is "block" in Chromium's settings of content.
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        browser.session = browser.ask("POST", "/session", &wanted)["sessionId"].as_str().unwrap().to_owned();
        browser.resize(look.width, look.height);
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        // No switch of the browser sets the color scheme; the protocol of its tools does.
        browser.devtools("Emulation.setEmulatedMedia", &media);
        browser
    }

    /// Opens a file.
    #[track_caller]
    pub fn open(&self, file: &Path) {
        self.post("/url", &json!({ "url": format!("file://{}", file.display()) }));
    }

    /// Makes the window another size, smaller than a window could be if need be.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        // A window of Chromium is at least 500 pixels wide; the metrics of an emulated device are not limited by it.
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// The result of a script that runs next to the page and is not held to its policy.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The result of a script that returns a text.
    #[track_caller]
    pub fn text(&self, script: &str) -> String {
        let answer = self.run(script);
        answer.as_str().unwrap_or_else(|| panic!("{script} is {answer}")).to_owned()
    }

    /// Waits until a script answers with true.
    #[track_caller]
    pub fn until(&self, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(script) != Value::Bool(true) {
            assert!(Instant::now() < deadline, "it never came to {script}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Clicks, as a person does, on the first element of this selector.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into the first element of this selector, in place of what is there.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses keys wherever the focus is; `\u{E004}` is the tabulator, `\u{E007}` the enter key.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let strokes =
            keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    /// The console's messages since the last call.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        entries.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// True if a dialog is open, such as that of `alert`.
    #[track_caller]
    pub fn has_dialog(&self) -> bool {
        self.answer("GET", &format!("/session/{}/alert/text", self.session), &Value::Null).0 == 200
    }

    /// A picture of what the window shows, as PNG.
    #[track_caller]
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.ask("GET", &format!("/session/{}/screenshot", self.session), &Value::Null);
        STANDARD.decode(picture.as_str().unwrap()).unwrap()
    }

    /// Calls Chromium's own protocol for developers.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        // WebDriver's own name for an element (section 12.1).
        found["element-6066-11e4-a52e-4f735466cecf"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.answer(method, path, body);
        assert_eq!(status, 200, "{method} {path} {body}: {value:#}");
        value
    }

    #[track_caller]
    fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        request(self.port, method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends its browser with the session, and waits for it. If it cannot, there is none left to end.
        if !self.session.is_empty() {
            drop(request(self.port, "DELETE", &format!("/session/{}", self.session), &Value::Null));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The status of an answer and its value. chromedriver gives the length of its answers and does not close connections.
fn request(port: u16, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut reader = BufReader::new(stream);
    let broken = || io::Error::other("the answer is no HTTP");
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let mut length = 0;
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| broken())?;
        }
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content)?;
    let mut content: Value = serde_json::from_slice(&content)?;
    Ok((status, content["value"].take()))
}

/// The port that chromedriver has taken.
#[track_caller]
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let (tell, told) = mpsc::channel();
    // Its later output must be read as well, because a full pipe would block it.
    thread::spawn(move || {
        for line in lines.by_ref().map_while(Result::ok) {
            drop(tell.send(line));
        }
    });
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = told.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let line = line.unwrap_or_else(|_| panic!("chromedriver did not print its port"));
        let port = line.strip_prefix("ChromeDriver was started successfully on port ");
        if let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse().ok()) {
            return port;
        }
    }
}
