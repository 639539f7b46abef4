//! Other ways to make one client identity, step by step, with their preparation.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{oracles, root};

const SUBJECT: &str = "/C=US/ST=CA/L=San Francisco/O=ThingsBoard/OU=ThingsBoard/CN=MyDevice";

/// The steps of ThingsBoard's client.keygen.sh: a self-signed key pair in a Java keystore, the server's
/// certificate in the same keystore, and the same key pair in five other files.
pub(super) struct KeygenScript {
    directory: PathBuf,
}

impl KeygenScript {
    /// Makes the server's certificate, which the script wants to find in its directory.
    pub(super) fn prepare(directory: &Path) -> Result<Self> {
        let this = Self { directory: made(directory)? };
        this.keytool(&["-genkeypair", "-alias", "serveralias", "-keystore", "server.jks", "-dname", "CN=server"], EC)?;
        this.keytool(&["-exportcert", "-alias", "serveralias", "-keystore", "server.jks", "-file", "server.cer"], &[])?;
        Ok(this)
    }

    pub(super) fn make(&self) -> Result<()> {
        for file in ["client.jks", "client.p12"] {
            let file = self.directory.join(file);
            // keytool refuses an alias that is there.
            if file.exists() {
                fs::remove_file(&file).doing(format!("remove {}", file.display()))?;
            }
        }
        let name = "CN=MyDevice, OU=ThingsBoard, O=ThingsBoard, L=San Francisco, ST=CA, C=US";
        self.keytool(&["-genkeypair", "-alias", "clientalias", "-keystore", "client.jks", "-dname", name], EC)?;
        self.keytool(
            &["-importcert", "-noprompt", "-alias", "serveralias", "-keystore", "client.jks", "-file", "server.cer"],
            &[],
        )?;
        self.keytool(
            &[
                "-importkeystore",
                "-srckeystore",
                "client.jks",
                "-destkeystore",
                "client.p12",
                "-srcalias",
                "clientalias",
            ],
            &["-srcstorepass", "password", "-deststoretype", "PKCS12", "-noprompt"],
        )?;
        self.openssl("pkcs12 -in client.p12 -passin pass:password -passout pass:password -out client.pem")?;
        self.openssl("pkcs8 -in client.pem -topk8 -nocrypt -passin pass:password -out client.pk8.pem")?;
        self.openssl("ec -in client.pem -passin pass:password -out client.nopass.pem")?;
        self.openssl("x509 -in client.pem -out client.pub.pem")?;
        append(&self.directory.join("client.nopass.pem"), &self.directory.join("client.pub.pem"))
    }

    fn keytool(&self, args: &[&str], more: &[&str]) -> Result<()> {
        // On the command line, as in the script. These passwords protect nothing.
        let passwords: &[&str] = match args {
            ["-importkeystore", ..] => &["-deststorepass", "password"],
            _ => &["-storepass", "password"],
        };
        run("keytool").directory(&self.directory).args(args).args(more).args(passwords).silent().read().map(drop)
    }

    fn openssl(&self, line: &str) -> Result<()> {
        openssl(&self.directory, line)
    }
}

const EC: &[&str] = &["-keyalg", "EC", "-groupname", "secp256r1", "-validity", "9999"];

/// A key, a request and a CA's signature with the openssl command: the same files as `tbpki client` writes.
pub(super) struct Openssl {
    directory: PathBuf,
}

impl Openssl {
    /// Makes a CA.
    pub(super) fn prepare(directory: &Path) -> Result<Self> {
        let this = Self { directory: made(directory)? };
        openssl(directory, "ecparam -name prime256v1 -genkey -noout -out ca.key")?;
        openssl(directory, "req -x509 -key ca.key -subj /CN=issuing -days 7300 -out ca.pem")?;
        let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
            extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
        fs::write(directory.join("device.ext"), extensions).doing("write device.ext")?;
        Ok(this)
    }

    pub(super) fn make(&self) -> Result<()> {
        openssl(&self.directory, "ecparam -name prime256v1 -genkey -noout -out key.pem")?;
        run("openssl")
            .directory(&self.directory)
            // Not by `openssl` below, which splits at blanks: there is one in "San Francisco".
            .args(["req", "-new", "-key", "key.pem", "-out", "request.pem", "-subj", SUBJECT])
            .silent()
            .read()?;
        openssl(
            &self.directory,
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile device.ext -out cert.pem",
        )?;
        let chain = self.directory.join("chain.pem");
        // tbpki writes the chain as well, so the comparison has to.
        fs::copy(self.directory.join("cert.pem"), &chain).doing("write chain.pem")?;
        append(&chain, &self.directory.join("ca.pem"))
    }

    /// An RSA key of 4,096 bits and nothing else.
    pub(super) fn rsa_key(&self) -> Result<()> {
        openssl(&self.directory, "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out rsa.pem")
    }
}

/// A key and a CA's signature with GnuTLS's certtool.
pub(super) struct Certtool {
    directory: PathBuf,
}

impl Certtool {
    /// Makes a CA.
    pub(super) fn prepare(directory: &Path) -> Result<Self> {
        let this = Self { directory: made(directory)? };
        fs::write(directory.join("ca.cfg"), "cn = issuing\nca\ncert_signing_key\nexpiration_days = 7300\n")
            .doing("write ca.cfg")?;
        let device = "cn = MyDevice\norganization = ThingsBoard\ncountry = US\ntls_www_client\nsigning_key\nexpiration_days = 3650\n";
        fs::write(directory.join("device.cfg"), device).doing("write device.cfg")?;
        this.certtool("--generate-privkey --ecc --curve secp256r1 --outfile ca.key")?;
        this.certtool("--generate-self-signed --load-privkey ca.key --template ca.cfg --outfile ca.pem")?;
        Ok(this)
    }

    pub(super) fn make(&self) -> Result<()> {
        self.certtool("--generate-privkey --ecc --curve secp256r1 --outfile key.pem")?;
        self.certtool(
            "--generate-certificate --load-privkey key.pem --load-ca-certificate ca.pem --load-ca-privkey ca.key \
             --template device.cfg --outfile cert.pem",
        )
    }

    fn certtool(&self, line: &str) -> Result<()> {
        run("certtool").directory(&self.directory).args(line.split_whitespace()).silent().read().map(drop)
    }
}

/// Python's cryptography, which makes keys and leaves in memory: how many a second of one core.
pub(super) fn cryptography(count: u32) -> Result<f64> {
    let output = run(oracles()?.join("venv/bin/python"))
        .arg(root().join("tests/clients/python/issue.py"))
        .arg(count.to_string())
        .silent()
        .read()?;
    let output: Value = serde_json::from_str(&output).doing("read the output of Python")?;
    let number = |name: &str| output.get(name).and_then(Value::as_f64);
    match (number("made"), number("cpu")) {
        // By the time of the processor, since the machine of the bench may have other work.
        (Some(made), Some(cpu)) => Ok(made / cpu),
        _ => Err(Error::new("Python printed no times")),
    }
}

fn openssl(directory: &Path, line: &str) -> Result<()> {
    run("openssl").directory(directory).args(line.split_whitespace()).silent().read().map(drop)
}

fn append(file: &Path, more: &Path) -> Result<()> {
    let mut text = fs::read(file).doing(format!("read {}", file.display()))?;
    text.extend(fs::read(more).doing(format!("read {}", more.display()))?);
    fs::write(file, text).doing(format!("write {}", file.display()))
}

fn made(directory: &Path) -> Result<PathBuf> {
    fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
    Ok(directory.to_path_buf())
}
