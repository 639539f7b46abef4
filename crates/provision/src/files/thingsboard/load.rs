//! Loading a server identity as ThingsBoard does, and saying why it would not start.

use std::path::{Path, PathBuf};

use base::{Code, Error, Finding, Result, file};
use pki::chain::Chain;
use pki::keystore::{EntryKind, KeyState, Keystore, KeystoreFormat, ListedEntry, Listing, Passwords, list};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};

use super::settings::{CredentialsType, FoundSettings, MqttSettings};

/// Larger files of this kind do not exist.
const LIMIT: usize = 4 << 20;

/// The credentials that ThingsBoard would load.
#[derive(Debug)]
pub struct LoadedCredentials {
    /// The source of the credentials.
    pub source: Source,
    /// The files that it comes from.
    pub files: Vec<PathBuf>,
    /// The chain that it would send, as far as it can be read.
    pub chain: Vec<Certificate>,
    /// True if a private key was found. It can be encrypted in a way that tbpki does not open.
    pub has_key: bool,
    /// The certificates whose subjects it would name to clients as acceptable issuers.
    pub named: Vec<Certificate>,
}

/// Which of the two kinds was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// PEM files.
    Pem,
    /// A keystore.
    Keystore,
}

/// Loads what `settings` name. Names without a directory are looked up in `dir`.
pub fn load(settings: &FoundSettings, dir: &Path) -> (Option<LoadedCredentials>, Vec<Finding>) {
    let mqtt = settings.mqtt();
    let mut loader = Loader { settings, mqtt: &mqtt, dir, findings: Vec::new() };
    let loaded = loader.choose();
    (loaded, loader.findings)
}

struct Loader<'a> {
    settings: &'a FoundSettings,
    mqtt: &'a MqttSettings,
    dir: &'a Path,
    findings: Vec<Finding>,
}

impl Loader<'_> {
    /// SslCredentialsConfig: PEM where it is asked for and there, else the keystore, else nothing.
    fn choose(&mut self) -> Option<LoadedCredentials> {
        let (pem, keystore) = (self.dir.join(&self.mqtt.pem_cert), self.dir.join(&self.mqtt.key_store));
        let wants_pem = self.mqtt.credentials == CredentialsType::Pem;
        if wants_pem && pem.exists() {
            self.check_watched("MQTT_SSL_PEM_CERT", &self.mqtt.pem_cert);
            return self.pem(&pem);
        }
        if keystore.exists() {
            if wants_pem {
                let finding = Code::SilentKeystore
                    .warning("ThingsBoard would use the keystore although PEM is configured")
                    .because(format!("{} is not there, {} is", pem.display(), keystore.display()))
                    .fix("name the existing PEM file, or set KEYSTORE");
                self.findings.push(self.settings.at("MQTT_SSL_PEM_CERT", finding));
            }
            self.check_watched("MQTT_SSL_KEY_STORE", &self.mqtt.key_store);
            return self.keystore(&keystore);
        }
        let (name, path) = if wants_pem { ("MQTT_SSL_PEM_CERT", &pem) } else { ("MQTT_SSL_KEY_STORE", &keystore) };
        let finding = Code::NothingToLoad
            .fault("ThingsBoard would not start: it finds no key material")
            .because(format!("{} is not there", path.display()))
            .fix("name the file that `tbpki server` wrote, or write it with `tbpki server --out DIR`");
        self.findings.push(self.settings.at(name, finding));
        None
    }

    /// ThingsBoard loads a bare name from its configuration directory, and watches the file of this name in its working
    /// directory.
    fn check_watched(&mut self, name: &str, path: &Path) {
        if path.is_absolute() || !self.settings.sets(name) {
            return;
        }
        let finding = Code::UnwatchedFile
            .warning("ThingsBoard would not notice a replaced certificate before its next start")
            .because(format!(
                "it loads {} from {}, and watches its working directory",
                path.display(),
                self.dir.display()
            ))
            .fix(format!("write the full path: {}", self.dir.join(path).display()));
        self.findings.push(self.settings.at(name, finding));
    }

    /// PemSslCredentials: certificates in the order of the file; a key from it, else from the key file.
    fn pem(&mut self, path: &Path) -> Option<LoadedCredentials> {
        let bundle = self.bundle(path)?;
        let mut files = vec![path.to_owned()];
        if bundle.certificates.is_empty() {
            let fault = Code::CertificateUnreadable.fault("ThingsBoard would not start: there is no certificate in it");
            self.findings.push(fault.at(path));
        }
        let mut keys = bundle.keys;
        let mut key_path = path.to_owned();
        if !keys.iter().any(|key| key.label() != ENCRYPTED) {
            let own = self.dir.join(&self.mqtt.pem_key);
            // The one file may be named as the other, too.
            if own != path && own.exists() {
                keys.extend(self.bundle(&own)?.keys);
                files.push(own.clone());
                key_path = own;
            }
        }
        match keys.iter().find(|key| key.label() != ENCRYPTED) {
            // No key and only encrypted keys look the same in ThingsBoard's log, and have different remedies.
            None if keys.is_empty() => {
                let name = "MQTT_SSL_PEM_KEY";
                let fault = Code::KeyUnreadable
                    .fault("ThingsBoard would not start: there is no private key")
                    .because(format!("neither {} nor {} holds one", path.display(), self.mqtt.pem_key.display()));
                self.findings.push(self.settings.at(name, fault));
            }
            None => self.findings.push(encrypted().at(&key_path)),
            Some(key) if key.is_traditionally_encrypted() => self.findings.push(
                Code::KeyEncrypted
                    .note("the key is encrypted in OpenSSL's traditional way, so that it was not looked at")
                    .at(&key_path),
            ),
            Some(key) => match key.open(None) {
                Ok(key) => self.check_key(&key, bundle.certificates.first(), &key_path),
                Err(error) => self.findings.push(error.at(&key_path).into_finding()),
            },
        }
        if !keys.is_empty() {
            self.findings.extend(file::loose_permissions(&key_path));
        }
        let has_key = !keys.is_empty();
        self.check_chain(&bundle.certificates, path);
        // With PEM files ThingsBoard names its own leaf and nothing else, so that Java and Go send no certificate.
        let named = bundle.certificates.iter().take(1).cloned().collect();
        Some(LoadedCredentials { source: Source::Pem, files, chain: bundle.certificates, has_key, named })
    }

    fn bundle(&mut self, path: &Path) -> Option<PemBundle> {
        let bytes = self.bytes(path)?;
        let bundle =
            PemBundle::parse(&bytes).map_err(|error| self.findings.push(error.at(path).into_finding())).ok()?;
        if bundle.others.iter().any(|label| label == "PKCS7") {
            let fault = Code::ForeignFormat
                .fault("the file is PKCS#7, and ThingsBoard reads certificates in PEM")
                .fix("write PEM: `openssl pkcs7 -print_certs -in FILE -out FILE.pem`, then put the leaf first");
            self.findings.push(fault.at(path));
            return None;
        }
        Some(bundle)
    }

    fn bytes(&mut self, path: &Path) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        file::read_secret(path, LIMIT).map_err(|error| self.findings.push(error.into_finding())).ok()
    }

    fn check_key(&mut self, key: &PrivateKey, leaf: Option<&Certificate>, path: &Path) {
        if let Some(leaf) = leaf
            // Java does not compare the two when it loads them.
            && let Err(error) = key.check_belongs_to(leaf.spki_der())
        {
            let error = error.because("ThingsBoard starts with such a pair, and then no client can connect");
            self.findings.push(error.at(path).into_finding());
        }
    }

    /// Java's keystores take a chain in order only, and so does everything that is put into one.
    fn check_chain(&mut self, chain: &[Certificate], path: &Path) {
        if let Some(error) = Chain::new(chain.to_vec()).err().filter(|_| !chain.is_empty()) {
            let why = error.finding().why.clone().unwrap_or_default();
            let why = format!("ThingsBoard would not start (\"Certificate chain is not valid\"): {why}");
            self.findings.push(error.because(why).at(path).into_finding());
        }
    }

    /// KeystoreSslCredentials, and the key manager behind it: one key password opens every key.
    fn keystore(&mut self, path: &Path) -> Option<LoadedCredentials> {
        let bytes = self.bytes(path)?;
        self.findings.extend(file::loose_permissions(path));
        let (store, key) = (self.mqtt.key_store_password.clone(), self.mqtt.key_password.clone());
        // The store password alone, since our reader would try the key password on the store as well.
        let listing = match list(&bytes, Some(&Passwords::same(store.clone()))) {
            Ok(listing) => listing,
            Err(error) => {
                let finding = error.into_finding();
                let finding = if finding.code == Code::KeystorePassword {
                    let what = "ThingsBoard would not start: the store password does not open the keystore";
                    let finding =
                        Code::KeystorePassword.fault(what).because(format!("{} has another password", path.display()));
                    self.settings.at("MQTT_SSL_KEY_STORE_PASSWORD", finding)
                } else {
                    finding.at(path)
                };
                self.findings.push(finding);
                return None;
            }
        };
        let passwords = Passwords { store, key };
        if !key_password_opens(&bytes, &listing, &passwords) {
            let (what, fix) = match listing.format {
                KeystoreFormat::Pkcs12 => (
                    "ThingsBoard would not start: the key password is not the keystore's",
                    "set both passwords to one value: PKCS#12 has only one password",
                ),
                KeystoreFormat::Jks => (
                    "ThingsBoard would not start: the key password does not open the key",
                    "set MQTT_SSL_KEY_PASSWORD to the key's own password, which may be the store's",
                ),
            };
            let fault = Code::KeyPasswordDiffers.fault(what).fix(fix);
            self.findings.push(self.settings.at("MQTT_SSL_KEY_PASSWORD", fault));
        }
        let chain = match self.chosen_chain(&listing.entries) {
            Ok(chain) => chain,
            Err(error) => {
                self.findings.push(self.settings.at("MQTT_SSL_KEY_ALIAS", error.into_finding()));
                return None;
            }
        };
        if let Ok(keystore) = Keystore::read(&bytes, &passwords)
            && let Ok(entry) = keystore.key(self.mqtt.key_alias.as_deref())
            && let Ok(key) = PrivateKey::from_pkcs8_der(&entry.key)
        {
            self.check_key(&key, chain.first(), path);
        }
        self.check_chain(&chain, path);
        let trusted = listing.entries.iter().filter(|entry| entry.kind == EntryKind::Trusted);
        let trusted = trusted.flat_map(|entry| &entry.certificates).filter_map(|der| Certificate::from_der(der).ok());
        // With a keystore it names the leaf and every trusted entry.
        let named = chain.iter().take(1).cloned().chain(trusted).collect();
        Some(LoadedCredentials { source: Source::Keystore, files: vec![path.to_owned()], chain, has_key: true, named })
    }

    /// The chain of the key that ThingsBoard would take.
    fn chosen_chain(&self, entries: &[ListedEntry]) -> Result<Vec<Certificate>> {
        let mut keys = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Key(_)));
        let entry = match &self.mqtt.key_alias {
            None => keys.next().ok_or_else(|| missing("the keystore contains no private key")),
            Some(alias) => keys.find(|entry| entry.alias.eq_ignore_ascii_case(alias)).ok_or_else(|| {
                let held = entries.iter().map(|entry| base::text::quote(&entry.alias).to_string());
                missing(format!("the keystore contains no private key of the alias {alias:?}"))
                    .because(format!("it holds {}", held.collect::<Vec<_>>().join(", ")))
            }),
        }?;
        entry.certificates.iter().map(|der| Certificate::from_der(der)).collect()
    }
}

/// Whether Java's key manager would get at every key: each has one password, and only the key password is tried.
/// `listing` was made with the store password alone.
fn key_password_opens(bytes: &[u8], listing: &Listing, passwords: &Passwords) -> bool {
    let opens = |entry: &ListedEntry| match &entry.kind {
        EntryKind::Key(state) => Some(*state == KeyState::Opens),
        _ => None,
    };
    if passwords.store == passwords.key {
        return listing.entries.iter().filter_map(opens).all(|opens| opens);
    }
    if listing.format == KeystoreFormat::Pkcs12 {
        return false;
    }
    // A key that opens with the store password does not open with another one.
    let with_both = list(bytes, Some(passwords)).map(|listing| listing.entries).unwrap_or_default();
    let with_store = listing.entries.iter().filter_map(opens);
    with_both.iter().filter_map(opens).zip(with_store).all(|(with_both, with_store)| with_both && !with_store)
}

/// The label of encrypted PKCS#8.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

fn encrypted() -> Finding {
    Code::KeyEncrypted
        .fault("ThingsBoard would not start: it passes over encrypted PKCS#8 keys")
        .because("it then logs \"Unable to load private key\" with any password")
        .fix("write the key plain and guard it by its mode: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW")
}

fn missing(what: impl Into<String>) -> Error {
    Code::EntryMissing.error(what)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test prepares what is read behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use time::OffsetDateTime;

    use super::*;
    use pki::Algorithm;
    use pki::key::KeyFormat;
    use pki::keystore::{KeyEntry, TrustedEntry};
    use testkit::certificates::{self, TestCertificate};

    fn certificate(made: &TestCertificate) -> Certificate {
        Certificate::from_der(&made.der).unwrap()
    }

    struct Scene {
        dir: tempfile::TempDir,
        root: TestCertificate,
        leaf: TestCertificate,
    }

    impl Scene {
        fn new() -> Self {
            let root = certificates::root("Root");
            let leaf = root.issue(&certificates::server(&["tb.example"]));
            let scene = Self { dir: tempfile::tempdir().unwrap(), root, leaf };
            scene.write("mqttserver_key.pem", scene.leaf.key_pem());
            scene.write("mqttserver.pem", scene.pem(&[&scene.leaf, &scene.root]));
            scene
        }

        fn pem(&self, chain: &[&TestCertificate]) -> String {
            chain.iter().map(|made| certificate(made).to_pem()).collect()
        }

        fn write(&self, name: &str, content: impl AsRef<[u8]>) {
            let path = self.dir.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn keystore(&self, format: KeystoreFormat, store: &str, key: &str) {
            let keystore = Keystore {
                keys: vec![KeyEntry {
                    alias: "serveralias".to_owned(),
                    key: PrivateKey::from_pem_or_der(self.leaf.key_pem().as_bytes(), None).unwrap().to_pkcs8_der(),
                    chain: vec![self.leaf.der.clone(), self.root.der.clone()],
                }],
                trusted: vec![TrustedEntry {
                    alias: "devices".to_owned(),
                    certificate: certificates::root("Devices").der,
                }],
            };
            let passwords = Passwords { store: store.into(), key: key.into() };
            self.write("ks", keystore.write(format, &passwords, OffsetDateTime::now_utc()).unwrap());
        }

        /// Loads with these lines; the codes of what was found.
        fn load(&self, lines: &str) -> (Option<LoadedCredentials>, Vec<Code>) {
            self.write("thingsboard.env", lines);
            let settings = FoundSettings::read(self.dir.path()).unwrap().0.unwrap();
            let (loaded, findings) = load(&settings, self.dir.path());
            (loaded, findings.into_iter().map(|finding| finding.code).collect())
        }

        fn load_keystore(&self, store: &str, key: &str, alias: &str) -> (Option<LoadedCredentials>, Vec<Code>) {
            let file = self.dir.path().join("ks");
            self.load(&format!(
                "MQTT_SSL_CREDENTIALS_TYPE=KEYSTORE\nMQTT_SSL_KEY_STORE={}\nMQTT_SSL_KEY_STORE_PASSWORD={store}\n\
                 MQTT_SSL_KEY_PASSWORD={key}\nMQTT_SSL_KEY_ALIAS={alias}\n",
                file.display()
            ))
        }
    }

    fn names(loaded: &LoadedCredentials) -> Vec<String> {
        loaded.named.iter().map(Certificate::label).collect()
    }

    #[test]
    fn pem_files_are_loaded_and_name_only_their_leaf() {
        let scene = Scene::new();
        let (loaded, codes) = scene.load("");
        let loaded = loaded.unwrap();
        assert_eq!((codes, loaded.source, loaded.chain.len()), (vec![], Source::Pem, 2));
        assert_eq!(names(&loaded), [certificate(&scene.leaf).label()]);
        // Key and chain in one file.
        scene.write("mqttserver.pem", scene.leaf.key_pem() + &scene.pem(&[&scene.leaf]));
        // ThingsBoard takes the key from the chain's file if it is there, and does not look for the other one.
        assert_eq!(scene.load("MQTT_SSL_PEM_KEY=nowhere.pem\n").1, []);
    }

    #[test]
    fn pem_files_that_thingsboard_refuses_are_named() {
        let scene = Scene::new();
        let other = certificates::root("Other");
        for (chain, code) in [
            (vec![&scene.root, &scene.leaf], Code::ChainOrder),
            (vec![&scene.leaf, &other], Code::ChainGap),
            (vec![&scene.leaf, &scene.root, &scene.root], Code::DuplicateInChain),
        ] {
            scene.write("mqttserver.pem", scene.pem(&chain));
            let (_, codes) = scene.load("");
            // With the root first, the key is not that of the first certificate either.
            assert_eq!(codes.last(), Some(&code), "{codes:?}");
        }
        scene.write("mqttserver.pem", scene.pem(&[&scene.leaf]));
        scene.write("mqttserver_key.pem", other.key_pem());
        assert_eq!(scene.load("").1, [Code::KeyMismatch]);
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        scene.write("mqttserver_key.pem", key.to_encrypted_pem(&"server_key_password".into(), 1000).unwrap());
        assert_eq!(scene.load("").1, [Code::KeyEncrypted]);
        scene.write("mqttserver_key.pem", key.to_pem(KeyFormat::Pkcs8).unwrap());
        fs::set_permissions(scene.dir.path().join("mqttserver_key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(scene.load("").1, [Code::KeyMismatch, Code::LoosePermissions]);
        fs::remove_file(scene.dir.path().join("mqttserver_key.pem")).unwrap();
        assert_eq!(scene.load("").1, [Code::KeyUnreadable]);
        assert_eq!(scene.load("MQTT_SSL_PEM_CERT=typo.pem\n").1, [Code::NothingToLoad]);
    }

    #[test]
    fn a_mistyped_pem_path_is_hidden_by_a_keystore() {
        let scene = Scene::new();
        scene.keystore(KeystoreFormat::Pkcs12, "secret", "secret");
        let lines = "MQTT_SSL_PEM_CERT=typo.pem\nMQTT_SSL_KEY_STORE=ks\nMQTT_SSL_KEY_STORE_PASSWORD=secret\n\
                     MQTT_SSL_KEY_PASSWORD=secret\n";
        let (loaded, codes) = scene.load(lines);
        assert_eq!(
            (codes, loaded.unwrap().source),
            (vec![Code::SilentKeystore, Code::UnwatchedFile], Source::Keystore)
        );
    }

    #[test]
    fn keystores_open_as_in_java_or_not_at_all() {
        let scene = Scene::new();
        for (format, passwords, given, expected) in [
            (KeystoreFormat::Pkcs12, ("secret", "secret"), ("secret", "secret", "SERVERALIAS"), &[][..]),
            (KeystoreFormat::Pkcs12, ("secret", "secret"), ("secret", "secret", ""), &[]),
            (
                KeystoreFormat::Pkcs12,
                ("secret", "secret"),
                ("secret", "server_key_password", ""),
                &[Code::KeyPasswordDiffers],
            ),
            (KeystoreFormat::Pkcs12, ("secret", "secret"), ("wrong1", "secret", ""), &[Code::KeystorePassword]),
            (KeystoreFormat::Pkcs12, ("secret", "secret"), ("secret", "secret", "other"), &[Code::EntryMissing]),
            (KeystoreFormat::Jks, ("secret", "secret"), ("secret", "secret", ""), &[]),
            (KeystoreFormat::Jks, ("secret", "keysecret"), ("secret", "keysecret", ""), &[]),
            (KeystoreFormat::Jks, ("secret", "keysecret"), ("secret", "secret", ""), &[Code::KeyPasswordDiffers]),
            (KeystoreFormat::Jks, ("secret", "secret"), ("secret", "keysecret", ""), &[Code::KeyPasswordDiffers]),
            (KeystoreFormat::Jks, ("secret", "keysecret"), ("wrong1", "keysecret", ""), &[Code::KeystorePassword]),
        ] {
            scene.keystore(format, passwords.0, passwords.1);
            let (loaded, codes) = scene.load_keystore(given.0, given.1, given.2);
            assert_eq!(codes, expected, "{format} {passwords:?} {given:?}");
            if let Some(loaded) = loaded {
                assert_eq!(names(&loaded), [certificate(&scene.leaf).label(), "CN=Devices".to_owned()]);
            }
        }
        scene.write("ks", "hello");
        assert_eq!(scene.load_keystore("secret", "secret", "").1, [Code::KeystoreUnreadable]);
    }
}
