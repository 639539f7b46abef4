//! A CA of the tests' own, and the certificate that it gives a database server.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::Cluster;

/// A root, and a directory with a server's certificate for `localhost`.
pub struct Certificates {
    /// The root, in DER.
    pub root: Vec<u8>,
    root_pem: String,
    dir: TempDir,
}

impl Certificates {
    /// A new root, and a server certificate that it signed.
    pub fn generate() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let (root, root_pem) = (root.der().to_vec(), root.pem());
        let issuer = rcgen::Issuer::new(params, key);
        let server_key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let server = params.signed_by(&server_key, &issuer).unwrap();
        let dir = TempDir::new().unwrap();
        for (name, text) in [("server.crt", server.pem()), ("server.key", server_key.serialize_pem())] {
            File::create_new(dir.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
        }
        // The server may run as another user, who copies them.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Self { root, root_pem, dir }
    }

    /// The root as a PEM file.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// A cluster with this server certificate.
    pub fn cluster(&self) -> Cluster {
        Cluster::start(&self.dir.path().join("server.crt"), &self.dir.path().join("server.key"))
    }
}
