//! Certificates that tbpki did not make: for servers that are wrong, clients that must be refused, and for testing
//! the tests' own helpers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::openssl;

/// A root that openssl made, and the directory that contains it and everything that it signs.
pub struct ForeignCa {
    directory: PathBuf,
    name: String,
}

/// The files of a certificate that a [`ForeignCa`] signed.
pub struct ForeignLeaf {
    /// The leaf.
    pub certificate: PathBuf,
    /// The private key, plain PKCS#8.
    pub key: PathBuf,
}

impl ForeignCa {
    /// Makes a root of this name in the directory.
    #[track_caller]
    pub fn new(directory: &Path, name: &str) -> Self {
        let ca = Self { directory: directory.to_path_buf(), name: name.to_owned() };
        openssl()
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "30", "-subj", &format!("/CN={name}")])
            // A CA's certificate must have it (RFC 5280, 4.2.1.3), and strict clients refuse one without.
            .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
            .arg("-keyout")
            .arg(ca.key())
            .arg("-out")
            .arg(ca.certificate())
            .run()
            .ok();
        ca
    }

    /// The root's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join(format!("{}.pem", self.name))
    }

    fn key(&self) -> PathBuf {
        self.directory.join(format!("{}.key", self.name))
    }

    /// Signs a server's leaf for these subject alternative names (`DNS:localhost,IP:127.0.0.1`).
    #[track_caller]
    pub fn server(&self, name: &str, sans: &str) -> ForeignLeaf {
        self.sign(name, &format!("extendedKeyUsage=serverAuth\nsubjectAltName={sans}\n"), 30)
    }

    /// Signs a client's leaf.
    #[track_caller]
    pub fn client(&self, name: &str) -> ForeignLeaf {
        self.sign(name, "extendedKeyUsage=clientAuth\n", 30)
    }

    /// Signs a client's leaf that ended yesterday.
    #[track_caller]
    pub fn expired_client(&self, name: &str) -> ForeignLeaf {
        self.sign(name, "extendedKeyUsage=clientAuth\n", -1)
    }

    #[track_caller]
    fn sign(&self, name: &str, extensions: &str, days: i32) -> ForeignLeaf {
        let file = |suffix: &str| self.directory.join(format!("{name}.{suffix}"));
        let signed = ForeignLeaf { certificate: file("pem"), key: file("key") };
        let (request, config) = (file("csr"), file("ext"));
        fs::write(&config, format!("basicConstraints=critical,CA:FALSE\n{extensions}")).unwrap();
        openssl()
            .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", &format!("/CN={name}"), "-keyout"])
            .arg(&signed.key)
            .arg("-out")
            .arg(&request)
            .run()
            .ok();
        openssl()
            // openssl counts from now, so with -1 the certificate begins now and ends a day before.
            .args(["x509", "-req", "-days", &days.to_string(), "-in"])
            .arg(&request)
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.key())
            .arg("-CAcreateserial")
            .arg("-extfile")
            .arg(&config)
            .arg("-out")
            .arg(&signed.certificate)
            .run()
            .ok();
        signed
    }
}
