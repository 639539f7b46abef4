//! The files that a device logs in with, and their faults, found before any of them is sent to a server.

use std::path::{Path, PathBuf};

use base::{Code, Finding, Result, Secret, Severity, file};
use pki::Certificate;
use pki::chain::Chain;
use pki::key::SigningKey as _;
use pki::pem_bundle::{KeyBlock, PemBundle};
use pki::verify::{self, Purpose};
use time::OffsetDateTime;

use super::login_key::LoginKey;
use super::token_signer::TokenSigner;

/// Larger files of this kind do not exist.
const LIMIT: usize = 4 << 20;

/// The files of a login with a certificate.
#[derive(Debug, Clone, Default)]
pub struct LoginFiles {
    /// The private key; it may stand in one of the other files instead.
    pub key: Option<PathBuf>,
    /// The private key in a token, instead of one in a file.
    pub token_key: Option<TokenSigner>,
    /// The leaf as it is registered.
    pub cert: Option<PathBuf>,
    /// The chain that is sent: the leaf, then its issuers. Without it, the content of `cert` is sent.
    pub chain: Option<PathBuf>,
    /// The passphrase of the key.
    pub passphrase: Option<Secret>,
    /// Certificates of CAs by which the leaf must be signed if it names one of them as its issuer.
    pub issuers: Vec<Certificate>,
}

/// The subject of a finding about the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// They are there and can be read.
    Files,
    /// Only the owner can read private files.
    Permissions,
    /// The key belongs to the certificate.
    Key,
    /// The chain that is sent is in order.
    Chain,
    /// The leaf holds now.
    Dates,
    /// The leaf is for a device, and good for it in every other way.
    Purpose,
}

/// The content of the files and the findings.
#[derive(Debug, Default)]
pub struct LoginFindings {
    /// The key, where it can be used.
    pub key: Option<LoginKey>,
    /// The certificates that would be sent, in the order of the file.
    pub chain: Vec<Certificate>,
    /// The key's own certificate, else the first of the chain.
    pub leaf: Option<Certificate>,
    /// The findings, each with its subject.
    pub findings: Vec<(Aspect, Finding)>,
}

impl LoginFindings {
    /// True if the key and a chain exist and no finding speaks against sending them.
    pub fn is_usable(&self) -> bool {
        // The other faults do not prevent a login attempt, whose answer shows what the server makes of them.
        let spoils = |(aspect, finding): &(Aspect, Finding)| {
            matches!(aspect, Aspect::Files | Aspect::Key) && finding.severity == Severity::Fault
        };
        self.key.is_some() && !self.chain.is_empty() && !self.findings.iter().any(spoils)
    }

    fn note(&mut self, aspect: Aspect, finding: Finding) {
        self.findings.push((aspect, finding));
    }

    fn ok<T>(&mut self, aspect: Aspect, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.note(aspect, error.into_finding())).ok()
    }
}

impl LoginFiles {
    /// Reads the files and looks at what is in them, for a login at `time`.
    pub fn look(&self, time: OffsetDateTime) -> LoginFindings {
        let mut looked = LoginFindings::default();
        let cert = self.cert.as_deref().and_then(|path| looked.ok(Aspect::Files, read(path)));
        let chain = self.chain.as_deref().and_then(|path| looked.ok(Aspect::Files, read(path)));
        let key_file = self.key.as_deref().and_then(|path| looked.ok(Aspect::Files, read(path)));
        let sent_file = self.chain.as_deref().or(self.cert.as_deref());
        let registered = cert.as_ref().and_then(|bundle| bundle.certificates.first()).cloned();
        // A key file that is named counts first. The certificates' files may contain a key as well, as paho wants it.
        let (key, key_path) = [(&key_file, &self.key), (&chain, &self.chain), (&cert, &self.cert)]
            .into_iter()
            .find_map(|(bundle, path)| Some((bundle.as_ref()?.keys.first()?.clone(), path.clone()?)))
            .unzip();
        looked.chain = chain.or(cert).map(|bundle| bundle.certificates).unwrap_or_default();
        match &self.token_key {
            Some(signer) => looked.key = Some(LoginKey::Token(signer.clone())),
            None => self.open_key(key.as_ref(), key_path.as_deref(), &mut looked),
        }
        if looked.chain.is_empty() {
            if let Some(file) = sent_file.filter(|_| looked.findings.is_empty()) {
                let fault = Code::CertificateUnreadable.fault("there is no certificate in the file").at(file);
                looked.note(Aspect::Files, fault);
            }
            return looked;
        }
        looked.leaf = own(&looked.chain, looked.key.as_ref()).cloned();
        if let Some(file) = sent_file {
            check_chain(&mut looked, registered.as_ref(), &self.issuers, file);
        }
        check_leaf(&mut looked, time);
        looked
    }

    fn open_key(&self, key: Option<&KeyBlock>, path: Option<&Path>, looked: &mut LoginFindings) {
        let (Some(key), Some(path)) = (key, path) else {
            // A key file that cannot be read is reported already.
            if !looked.findings.iter().any(|(_, finding)| finding.location.file == self.key) || self.key.is_none() {
                let fault = Code::KeyUnreadable.fault("there is no private key");
                let fault = match &self.key {
                    Some(path) => fault.at(path),
                    None => fault.fix("name it with --key, or a file that contains key and certificate with --cert"),
                };
                looked.note(Aspect::Files, fault);
            }
            return;
        };
        if let Some(finding) = file::loose_permissions(path) {
            looked.note(Aspect::Permissions, finding);
        }
        let opened = key.open(self.passphrase.as_ref()).map_err(|error| error.at(path));
        looked.key = looked.ok(Aspect::Key, opened).map(LoginKey::File);
        if looked.key.is_some() && key.is_encrypted() {
            let warning = Code::KeyEncrypted
                .warning("the key is encrypted, and opens with the passphrase that was given")
                .because("the device needs the passphrase as well; mosquitto_pub asks for it, our firmware cannot")
                .at(path);
            looked.note(Aspect::Key, warning);
        }
    }
}

/// A file of PEM, or one certificate or key in DER.
fn read(path: &Path) -> Result<PemBundle> {
    let bytes = file::read_secret(path, LIMIT)?;
    PemBundle::parse(&bytes).map_err(|error| error.at(path))
}

/// The key's own certificate, else the first.
fn own<'a>(chain: &'a [Certificate], key: Option<&LoginKey>) -> Option<&'a Certificate> {
    let owned = key.and_then(|key| chain.iter().find(|one| one.spki_der() == key.public().spki_der()));
    owned.or(chain.first())
}

fn check_chain(looked: &mut LoginFindings, registered: Option<&Certificate>, issuers: &[Certificate], file: &Path) {
    if let Some(key) = &looked.key
        && let Some(leaf) = &looked.leaf
        && let Err(error) = key.check_belongs_to(leaf.spki_der())
    {
        let finding = error.item(leaf.label()).into_finding();
        looked.note(Aspect::Key, finding);
        return;
    }
    if let Err(error) = Chain::new(looked.chain.clone()) {
        looked.note(Aspect::Chain, error.at(file).into_finding());
        return;
    }
    if let (Some(registered), Some(sent)) = (registered, looked.chain.first())
        && registered != sent
    {
        let fault = Code::OtherLeaf
            .fault("the chain begins with another certificate than the one that is registered")
            .because(format!("the chain's is {} ({})", sent.label(), sent.serial_hex()))
            .at(file)
            .fix("take both files from the same directory");
        looked.note(Aspect::Chain, fault);
    } else if let Some(finding) = false_signature(&looked.chain, issuers) {
        looked.note(Aspect::Chain, finding.at(file));
    } else if let [alone] = &looked.chain[..]
        && !alone.is_self_issued()
    {
        let note = Code::ChainGap
            .note("the leaf is sent alone, without its issuing CA")
            .because("ThingsBoard needs no more; a broker that trusts only the root rejects it")
            .at(file)
            .fix("send chain.pem");
        looked.note(Aspect::Chain, note);
    }
}

/// The finding about a leaf that names one of these CAs as its issuer and was not signed by any of them. With the CA of the
/// same name that signed it in the chain, some brokers may accept it.
fn false_signature(chain: &[Certificate], issuers: &[Certificate]) -> Option<Finding> {
    let leaf = chain.first().filter(|leaf| !leaf.is_self_issued())?;
    let mut named = issuers.iter().filter(|ca| leaf.names_as_issuer(ca)).peekable();
    let label = named.peek()?.label();
    if named.any(|ca| leaf.verify_signed_by(ca).is_ok()) {
        return None;
    }
    let what = format!("the signature was not made by the key of {label} of this store");
    let finding = if chain.len() == 1 { Code::BadSignature.fault(what) } else { Code::BadSignature.warning(what) };
    Some(
        finding
            .because(
                "the certificate names this CA as its issuer: another CA of the same name issued it, or it is forged",
            )
            .fix("replace it with `tbpki renew --device NAME`, unless you know the CA that issued it"),
    )
}

fn check_leaf(looked: &mut LoginFindings, time: OffsetDateTime) {
    let Some(leaf) = looked.leaf.clone() else { return };
    for finding in verify::leaf_alone(&leaf, Purpose::Device, time) {
        let aspect = match finding.code {
            Code::Expired | Code::NotYetValid => Aspect::Dates,
            // No firmware verifies its own certificate.
            Code::FirmwareLimit => continue,
            _ => Aspect::Purpose,
        };
        looked.note(aspect, finding);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test prepares what is read behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use pki::{Algorithm, PrivateKey};
    use testkit::certificates::{self, TestCertificate};

    fn certificate(made: &TestCertificate) -> Certificate {
        Certificate::from_der(&made.der).unwrap()
    }

    struct Scene {
        dir: tempfile::TempDir,
        root: TestCertificate,
        issuing: TestCertificate,
        leaf: TestCertificate,
    }

    impl Scene {
        fn new() -> Self {
            let root = certificates::root("Root");
            let issuing = root.issue(&certificates::ca("Issuing", Some(0)));
            let leaf = issuing.issue(&certificates::leaf("device-1"));
            let scene = Self { dir: tempfile::tempdir().unwrap(), root, issuing, leaf };
            scene.write("key.pem", &scene.leaf.key_pem());
            scene.write("cert.pem", &certificate(&scene.leaf).to_pem());
            scene.write("chain.pem", &pem(&[&scene.leaf, &scene.issuing]));
            scene
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.dir.path().join(name), content).unwrap();
            fs::set_permissions(self.dir.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn files(&self) -> LoginFiles {
            let path = |name: &str| Some(self.dir.path().join(name));
            let (key, cert, chain) = (path("key.pem"), path("cert.pem"), path("chain.pem"));
            LoginFiles { key, cert, chain, ..LoginFiles::default() }
        }

        fn look(&self, files: &LoginFiles) -> (LoginFindings, Vec<(Aspect, Code)>) {
            let looked = files.look(certificate(&self.leaf).not_before());
            let found = looked.findings.iter().map(|(aspect, finding)| (*aspect, finding.code)).collect();
            (looked, found)
        }
    }

    fn pem(chain: &[&TestCertificate]) -> String {
        chain.iter().map(|made| certificate(made).to_pem()).collect()
    }

    #[test]
    fn good_files_are_usable() {
        let scene = Scene::new();
        let (looked, found) = scene.look(&scene.files());
        assert_eq!(found, []);
        assert!(looked.is_usable() && looked.chain.len() == 2 && looked.leaf == Some(certificate(&scene.leaf)));
        // All in one file, as paho wants it.
        scene.write("nopass.pem", &(scene.leaf.key_pem() + &pem(&[&scene.leaf, &scene.issuing])));
        let one = LoginFiles { cert: Some(scene.dir.path().join("nopass.pem")), ..LoginFiles::default() };
        let (looked, found) = scene.look(&one);
        assert!(looked.is_usable() && found.is_empty(), "{found:?}");
    }

    #[test]
    fn every_fault_is_about_something() {
        let scene = Scene::new();
        let other = certificates::root("Other");
        let found = |change: &dyn Fn(&Scene)| {
            let scene = Scene::new();
            change(&scene);
            let (looked, found) = scene.look(&scene.files());
            (looked.is_usable(), found)
        };
        let remove = |name: &'static str| move |scene: &Scene| fs::remove_file(scene.dir.path().join(name)).unwrap();
        assert_eq!(found(&remove("key.pem")), (false, vec![(Aspect::Files, Code::FileUnreadable)]));
        assert_eq!(
            found(&remove("chain.pem")).1,
            [(Aspect::Files, Code::FileUnreadable), (Aspect::Chain, Code::ChainGap)]
        );
        let loose = |scene: &Scene| {
            let path = scene.dir.path().join("key.pem");
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        };
        assert_eq!(found(&loose), (true, vec![(Aspect::Permissions, Code::LoosePermissions)]));
        let foreign = |scene: &Scene| scene.write("key.pem", &certificates::root("Other").key_pem());
        assert_eq!(found(&foreign), (false, vec![(Aspect::Key, Code::KeyMismatch)]));
        let encrypted = |scene: &Scene| {
            let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
            scene.write("key.pem", &key.to_encrypted_pem(&"secret".into(), 1000).unwrap());
        };
        assert_eq!(found(&encrypted), (false, vec![(Aspect::Key, Code::KeyEncrypted)]));
        let no_key = |scene: &Scene| scene.write("key.pem", &certificate(&scene.leaf).to_pem());
        assert_eq!(found(&no_key), (false, vec![(Aspect::Files, Code::KeyUnreadable)]));
        let root_first = |scene: &Scene| scene.write("chain.pem", &pem(&[&scene.root, &scene.issuing, &scene.leaf]));
        assert_eq!(found(&root_first), (true, vec![(Aspect::Chain, Code::ChainOrder)]));
        let alone = |scene: &Scene| scene.write("chain.pem", &pem(&[&scene.leaf]));
        assert_eq!(found(&alone), (true, vec![(Aspect::Chain, Code::ChainGap)]));
        let below = |scene: &Scene, ca: &TestCertificate| {
            let files = LoginFiles { issuers: vec![certificate(ca)], ..scene.files() };
            files.look(certificate(&scene.leaf).not_before()).findings
        };
        assert!(below(&scene, &scene.issuing).is_empty());
        // Another CA of the same name.
        let namesake = scene.root.issue(&certificates::ca("Issuing", Some(0)));
        let [(Aspect::Chain, warning)] = &below(&scene, &namesake)[..] else { panic!("no finding") };
        assert_eq!((warning.code, warning.severity), (Code::BadSignature, Severity::Warning));
        let lone = Scene::new();
        alone(&lone);
        let [(Aspect::Chain, fault)] = &below(&lone, &namesake)[..] else { panic!("no finding") };
        assert_eq!((fault.code, fault.severity), (Code::BadSignature, Severity::Fault));
        let renewed = |scene: &Scene| {
            let key = rcgen::KeyPair::from_pem(&scene.leaf.key_pem()).unwrap();
            let mut params = certificates::leaf("device-1");
            // The same key and subject: only the serial number tells the two certificates apart.
            params.serial_number = Some(rcgen::SerialNumber::from_slice(&[7]));
            let again = scene.issuing.issue_for(&params, key);
            scene.write("chain.pem", &pem(&[&again, &scene.issuing]));
        };
        assert_eq!(found(&renewed), (true, vec![(Aspect::Chain, Code::OtherLeaf)]));
        assert!(certificate(&other) != certificate(&scene.root));
    }

    #[test]
    fn dates_and_purposes_are_told_apart() {
        let scene = Scene::new();
        let late = scene.files().look(certificate(&scene.leaf).not_after() + time::Duration::days(1));
        assert_eq!(
            late.findings.iter().map(|(aspect, f)| (*aspect, f.code)).collect::<Vec<_>>(),
            [(Aspect::Dates, Code::Expired)]
        );
        assert!(late.is_usable());
        let server = scene.issuing.issue(&certificates::server(&["a.example"]));
        scene.write("key.pem", &server.key_pem());
        scene.write("cert.pem", &certificate(&server).to_pem());
        scene.write("chain.pem", &pem(&[&server, &scene.issuing]));
        assert_eq!(scene.look(&scene.files()).1, [(Aspect::Purpose, Code::WrongPurpose)]);
    }
}
