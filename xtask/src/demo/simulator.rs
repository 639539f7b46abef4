//! tb-sim in a process of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Doing, Error, Result};

/// A running simulator. It ends when this is dropped.
pub(crate) struct Simulator {
    child: Child,
    /// The URL of its REST API.
    pub(crate) url: String,
    /// The user of its REST API, with the password `tenant`.
    pub(crate) user: String,
    /// The port of MQTT over TLS.
    pub(crate) mqtts_port: u16,
}

impl Simulator {
    /// Starts one and waits until it listens. The arguments must include `--json`.
    pub(crate) fn start(program: &Path, args: &[&str], directory: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing(format!("start {}", program.display()))?;
        let mut line = String::new();
        let read = match child.stdout.take() {
            Some(stdout) => BufReader::new(stdout).read_line(&mut line).doing("read the output of tb-sim"),
            None => Ok(0),
        };
        // From here on, the program is ended in every case, when `this` is dropped.
        let mut this = Self { child, url: String::new(), user: String::new(), mqtts_port: 0 };
        read?;
        let output: Value = serde_json::from_str(&line).map_err(|_| Error::new("tb-sim did not start"))?;
        let text = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        (this.url, this.user) = (text("url"), text("user"));
        let port = output.get("mqtts_port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        this.mqtts_port = port.ok_or_else(|| Error::new("tb-sim printed no mqtts_port"))?;
        Ok(this)
    }

    /// The telemetry that a device has sent so far. The arguments must include `--control`.
    pub(crate) fn telemetry(&self, device: &str) -> Result<String> {
        let address = self.url.trim_start_matches("http://");
        let ask = || -> io::Result<String> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            // By hand, because xtask has no HTTP client, which takes long to build. The answer ends with the connection.
            let head = format!("GET /sim/telemetry/{device} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().doing("read the telemetry from tb-sim")?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.starts_with("HTTP/1.1 200 ") {
            Ok(body.trim().to_owned())
        } else {
            Err(Error::new(format!("cannot read the telemetry from tb-sim: {head}")))
        }
    }
}

/// The longest time for an answer of the simulator.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Drop for Simulator {
    fn drop(&mut self) {
        // A simulator that has already ended cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
