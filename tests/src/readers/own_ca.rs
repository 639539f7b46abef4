//! CAs that an organization has already, as the usual tools make them: a root and an issuing CA below it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::{certtool, openssl};

/// Who makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The `openssl` command: keys in PKCS#8.
    Openssl,
    /// GnuTLS's `certtool`: keys in SEC 1 and PKCS#1, with text around them.
    Certtool,
}

/// The files of both CAs, in PEM.
pub struct OwnCa {
    /// The root's certificate.
    pub root: PathBuf,
    /// The private key of the root, in PEM.
    pub root_key: PathBuf,
    /// The issuing CA's certificate.
    pub issuing: PathBuf,
    /// The issuing CA's key.
    pub issuing_key: PathBuf,
}

impl Maker {
    /// Every maker.
    pub const ALL: [Self; 2] = [Self::Openssl, Self::Certtool];

    /// Makes `NAME-root` and `NAME-issuing` in the directory, with keys of an algorithm as tbpki calls it.
    #[track_caller]
    pub fn make(self, directory: &Path, name: &str, algorithm: &str) -> OwnCa {
        let file = |file: &str| directory.join(format!("{name}-{file}"));
        let made = OwnCa {
            root: file("root.pem"),
            root_key: file("root.key"),
            issuing: file("issuing.pem"),
            issuing_key: file("issuing.key"),
        };
        self.key(&made.root_key, algorithm);
        self.key(&made.issuing_key, algorithm);
        match self {
            Self::Openssl => by_openssl(&made, name, &file("config")),
            Self::Certtool => by_certtool(&made, name, &file("config")),
        }
        made
    }

    /// Makes a private key.
    #[track_caller]
    pub fn key(self, file: &Path, algorithm: &str) {
        let tool = match self {
            Self::Openssl => openssl().args(["genpkey", "-quiet"]).args(openssl_key(algorithm)).arg("-out").arg(file),
            Self::Certtool => {
                certtool().arg("--generate-privkey").args(certtool_key(algorithm)).arg("--outfile").arg(file)
            }
        };
        tool.run().ok();
    }

    /// Makes a certificate signing request for a key.
    #[track_caller]
    pub fn request(self, key: &Path, common_name: &str, request: &Path) {
        let tool = match self {
            Self::Openssl => {
                openssl().args(["req", "-new", "-subj", &format!("/CN={common_name}"), "-key"]).arg(key).arg("-out")
            }
            Self::Certtool => {
                let template = request.with_extension("template");
                fs::write(&template, format!("cn = {common_name}\n")).unwrap();
                let tool = certtool().args(["--generate-request", "--load-privkey"]).arg(key);
                tool.arg("--template").arg(template).arg("--outfile")
            }
        };
        tool.arg(request).run().ok();
    }
}

/// The arguments that request a key from openssl.
fn openssl_key(algorithm: &str) -> Vec<String> {
    let words: &[&str] = match algorithm {
        "ec-p256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ec-p384" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ed25519" => &["-algorithm", "ED25519"],
        rsa => return rsa_words(rsa, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:"]),
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The arguments that request a key from certtool.
fn certtool_key(algorithm: &str) -> Vec<String> {
    let words: &[&str] = match algorithm {
        "ec-p256" => &["--key-type", "ecdsa", "--curve", "secp256r1"],
        "ec-p384" => &["--key-type", "ecdsa", "--curve", "secp384r1"],
        "ed25519" => &["--key-type", "ed25519"],
        rsa => return rsa_words(rsa, ["--key-type", "rsa", "--bits", ""]),
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The words with the size behind the last one.
fn rsa_words(algorithm: &str, [first, second, third, last]: [&str; 4]) -> Vec<String> {
    let bits = algorithm.strip_prefix("rsa-").unwrap_or_else(|| panic!("no such algorithm: {algorithm}"));
    [first, second, third].map(str::to_owned).into_iter().chain([format!("{last}{bits}")]).collect()
}

#[track_caller]
fn by_openssl(made: &OwnCa, name: &str, config: &Path) {
    openssl()
        .args(["req", "-x509", "-days", "4000", "-subj", &format!("/O=Acme/CN={name} root"), "-key"])
        .arg(&made.root_key)
        .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out"])
        .arg(&made.root)
        .run()
        .ok();
    let request = config.with_extension("csr");
    openssl()
        .args(["req", "-new", "-subj", &format!("/O=Acme/CN={name} issuing"), "-key"])
        .arg(&made.issuing_key)
        .arg("-out")
        .arg(&request)
        .run()
        .ok();
    let extensions = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
        subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    fs::write(config, extensions).unwrap();
    openssl()
        .args(["x509", "-req", "-days", "3900", "-in"])
        .arg(&request)
        .arg("-CA")
        .arg(&made.root)
        .arg("-CAkey")
        .arg(&made.root_key)
        .arg("-CAcreateserial")
        .arg("-extfile")
        .arg(config)
        .arg("-out")
        .arg(&made.issuing)
        .run()
        .ok();
}

#[track_caller]
fn by_certtool(made: &OwnCa, name: &str, config: &Path) {
    let template = |ca: &str, days: u32| {
        let text = format!(
            "organization = Acme\ncn = {name} {ca}\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = {days}\n"
        );
        fs::write(config, text).unwrap();
    };
    template("root", 4000);
    certtool()
        .args(["--generate-self-signed", "--load-privkey"])
        .arg(&made.root_key)
        .arg("--template")
        .arg(config)
        .arg("--outfile")
        .arg(&made.root)
        .run()
        .ok();
    // Less than the root's days: an issuing CA that outlives its root is another case.
    template("issuing", 3900);
    certtool()
        .args(["--generate-certificate", "--load-privkey"])
        .arg(&made.issuing_key)
        .arg("--load-ca-certificate")
        .arg(&made.root)
        .arg("--load-ca-privkey")
        .arg(&made.root_key)
        .arg("--template")
        .arg(config)
        .arg("--outfile")
        .arg(&made.issuing)
        .run()
        .ok();
}
