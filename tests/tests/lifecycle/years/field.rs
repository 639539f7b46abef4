//! The devices in the field: they have the files of the day on which they got them, whatever the store has by now.

use std::fs;
use std::path::PathBuf;

use tbpki_tests::Sandbox;
use tbpki_tests::clients::{Files, JavaStore};

/// Where a device logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At a mosquitto with revocation lists.
    Broker,
    /// At the platform.
    Platform,
}

/// A device.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// False for a device that its operator has forgotten.
    pub(super) is_renewed: bool,
    pub(super) is_revoked: bool,
    /// Why a verifier refuses it, once it does.
    pub(super) refused: Option<&'static str>,
}

/// The files of a device.
pub(super) struct FieldFiles {
    pub(super) anchors: PathBuf,
    pub(super) chain: PathBuf,
    key: PathBuf,
    jks: PathBuf,
    password: String,
}

impl Device {
    pub(super) fn new(name: &'static str, place: Place) -> Self {
        Self { name, place, is_renewed: true, is_revoked: false, refused: None }
    }

    /// Brings the present files of the store to the device.
    #[track_caller]
    pub(super) fn deliver(&self, sandbox: &Sandbox) {
        let to = sandbox.join("field").join(self.name);
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(sandbox.join("pki/devices").join(self.name)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    pub(super) fn files(&self, sandbox: &Sandbox) -> FieldFiles {
        let file = |file: &str| sandbox.join("field").join(self.name).join(file);
        let password = sandbox.join(format!("pki/secrets/device-{}.keystore-password", self.name));
        FieldFiles {
            anchors: file("tb-server-chain.pem"),
            chain: file("chain.pem"),
            key: file("key.pem"),
            jks: file(&format!("{}.jks", self.name)),
            password: fs::read_to_string(password).unwrap_or_default().trim_end().to_owned(),
        }
    }
}

impl FieldFiles {
    pub(super) fn pem(&self) -> Files<'_> {
        Files { anchors: &self.anchors, certificate: &self.chain, key: Some(&self.key) }
    }

    pub(super) fn java(&self) -> JavaStore<'_> {
        JavaStore { kind: "JKS", file: &self.jks, store_password: &self.password, key_password: &self.password }
    }
}
