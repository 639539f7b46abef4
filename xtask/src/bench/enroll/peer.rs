//! step-ca, if it can be installed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::busy_with;
use crate::bench::go_program::GoProgram;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::run::server::Server;
use crate::workspace::target;

/// The version that is compared.
const STEP_CA: GoProgram =
    GoProgram { name: "step-ca", package: "github.com/smallstep/certificates/cmd/step-ca@v0.30.2" };

/// How long the database may take to open.
const START: Duration = Duration::from_secs(60);

/// A running step-ca with a CA and a device of its own.
pub(super) struct StepCa {
    directory: PathBuf,
    server: Server,
}

impl StepCa {
    /// Starts it; `None` if it is not installed and cannot be.
    pub(super) fn start(scratch: &Path) -> Result<Option<Self>> {
        let Some(program) = STEP_CA.installed()? else { return Ok(None) };
        let directory = scratch.join("step");
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        make_certificates(&directory)?;
        // A port that is free now: step-ca does not print the one that it takes.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.doing("find a free port")?.to_string();
        let roots = run("openssl").directory(&directory).args(["base64", "-A", "-in", "root.pem"]).silent().read()?;
        let settings = json!({
            "root": "root.pem", "crt": "issuing.pem", "key": "issuing.key",
            "address": address, "dnsNames": ["localhost"],
            "db": { "type": "badgerv2", "dataSource": "db" },
            "authority": { "provisioners": [{ "type": "X5C", "name": "devices", "roots": roots.trim() }] },
        });
        fs::write(directory.join("ca.json"), settings.to_string()).doing("write ca.json")?;
        let log = fs::File::create(directory.join("log")).doing("make the log of step-ca")?;
        let errors = log.try_clone().doing("open the log of step-ca")?;
        let child = Command::new(program)
            .arg("ca.json")
            .current_dir(&directory)
            .env("STEPPATH", &directory)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .doing("start step-ca")?;
        let server = Server::of(child, address);
        let begun = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            if begun.elapsed() > START {
                let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
                return Err(Error::new(format!("step-ca does not listen: {log}")));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(Self { directory, server }))
    }

    /// The processor time for so many renewals. step-ca takes no request with another key.
    pub(super) fn turn(&self, count: u32) -> Result<Duration> {
        busy_with(&self.server, || {
            run(target()?.join("release/enroll-load"))
                .directory(&self.directory)
                .args(["step", &self.server.address, "root.pem", "device.pem", "0", &count.to_string()])
                .silent()
                .read()
                .map(drop)
        })
    }
}

/// A root, an issuing CA, and a device's certificate with its key in device.pem.
fn make_certificates(directory: &Path) -> Result<()> {
    let openssl =
        |line: &str| run("openssl").directory(directory).args(line.split_whitespace()).silent().read().map(drop);
    let extensions = "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
        subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
        [leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
        extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
        subjectAltName=DNS:device\n";
    fs::write(directory.join("extensions"), extensions).doing("write extensions")?;
    for name in ["root", "issuing", "device"] {
        openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"))?;
    }
    openssl("req -x509 -new -key root.key -subj /CN=root -days 3650 -out root.pem")?;
    for (name, section, ca) in [("issuing", "ca", "root"), ("device", "leaf", "issuing")] {
        openssl(&format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 90 -extfile extensions \
             -extensions {section} -out {name}.pem"
        ))?;
    }
    let read = |file: &str| fs::read(directory.join(file)).doing(format!("read {file}"));
    let whole = [read("device.pem")?, read("issuing.pem")?, read("device.key")?].concat();
    fs::write(directory.join("device.pem"), whole).doing("write device.pem")
}
