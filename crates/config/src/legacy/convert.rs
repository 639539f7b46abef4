//! From the old variables to the new keys, and what changes on the way.

use base::suggest::closest;
use base::text::{quote, shell_word};
use base::{Code, Error, Finding, Result, Secret};
use pki::San;
use pki::algorithm::Algorithm;

use super::{Properties, StoreDir, Variable};
use crate::{Answer, Answers, Environment, FilePath, KeyName, SecretRef, key};

/// A keygen.properties in the terms of tbpki.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The values for keygen.toml.
    pub answers: Answers,
    /// The passwords, which keygen.toml names by their files.
    pub secrets: Vec<SecretFile>,
    /// The settings whose meaning has changed, in the order in which a user should read them.
    pub findings: Vec<Finding>,
}

/// A password that goes into a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// The file's name in the directory `secrets` of the store.
    pub name: &'static str,
    /// The content of the file.
    pub secret: Secret,
}

/// Variables that become the value of one key, as they are.
const SETTINGS: &[(&str, KeyName)] = &[
    ("TWO_LETTER_COUNTRY_CODE", key::subject::country),
    ("STATE_OR_PROVINCE", key::subject::state),
    ("CITY", key::subject::locality),
    ("ORGANIZATION", key::subject::organization),
    ("ORGANIZATIONAL_UNIT", key::subject::organizational_units),
    ("SERVER_FILE_PREFIX", key::server::prefix),
    ("SERVER_KEY_ALIAS", key::server_keystore::alias),
    ("SERVER_KEYSTORE_DIR", key::server::out),
    ("CLIENT_FILE_PREFIX", key::client::prefix),
    ("CLIENT_KEY_ALIAS", key::client_keystore::alias),
];

/// Variables that hold a password, its key, and its file.
const PASSWORDS: &[(&str, KeyName, &str)] = &[
    ("SERVER_KEYSTORE_PASSWORD", key::server_keystore::password, "server-keystore"),
    ("SERVER_KEY_PASSWORD", key::server_keystore::key_password, "server-key"),
    ("CLIENT_KEYSTORE_PASSWORD", key::client_keystore::password, "client-keystore"),
    ("CLIENT_KEY_PASSWORD", key::client_keystore::key_password, "client-key"),
];

/// Variables that are converted in their own way.
const OTHERS: &[&str] = &[
    "DOMAIN_SUFFIX",
    "SUBJECT_ALTERNATIVE_NAMES",
    "SERVER_KEY_ALG",
    "SERVER_KEY_SIZE",
    "SERVER_KEY_GROUP_NAME",
    "CLIENT_KEY_ALG",
    "CLIENT_KEY_SIZE",
    "CLIENT_KEY_GROUP_NAME",
];

/// The passwords that every copy of keygen.properties came with.
const PUBLISHED: &[&str] = &["password", "server_ks_password", "server_key_password"];

/// The fewest characters of a password that keytool accepts.
const SHORTEST_PASSWORD: usize = 6;

impl Properties {
    /// The settings of tbpki that correspond to the file, for a new store.
    ///
    /// # Errors
    ///
    /// The error of the new key for a value that it does not accept; `PasswordTooShort` and `PasswordAlphabet` for passwords
    /// that never worked with keytool. Each names the variable and its line.
    pub fn convert(&self, store: StoreDir<'_>, environment: &Environment) -> Result<Converted> {
        let mut conversion = Conversion {
            properties: self,
            store,
            host_name: environment.host_name(),
            answers: Answers::new(),
            secrets: Vec::new(),
            findings: self.findings.clone(),
        };
        // Unknown names first: a misspelled one explains why the setting behind it is missing.
        conversion.report_unknown();
        conversion.settings()?;
        conversion.names()?;
        conversion.algorithm("SERVER", key::server::alg)?;
        conversion.algorithm("CLIENT", key::client::alg)?;
        conversion.passwords()?;
        conversion.formats()?;
        conversion.report_changes();
        let Conversion { answers, secrets, findings, .. } = conversion;
        Ok(Converted { answers, secrets, findings })
    }
}

struct Conversion<'a> {
    properties: &'a Properties,
    store: StoreDir<'a>,
    host_name: Option<&'a str>,
    answers: Answers,
    secrets: Vec<SecretFile>,
    findings: Vec<Finding>,
}

impl Conversion<'_> {
    /// The text of a variable that is set and not empty.
    fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(variable) = self.properties.variables.get(name) else { return Ok(None) };
        let text = variable.value.expand(self.host_name).ok_or_else(|| {
            let error = Code::NeedsShell.error("the name of this host is not known").fix("write it down");
            place(error, name, variable)
        })?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// Gives an answer that came from a variable.
    fn set(&mut self, name: &str, key: KeyName, answer: impl Into<Answer>) -> Result<()> {
        self.answers.set(key, answer).map_err(|error| self.blame(name, error))
    }

    /// Puts the blame for an error on a variable.
    fn blame(&self, name: &str, error: Error) -> Error {
        match self.properties.variables.get(name) {
            Some(variable) => place(error, name, variable),
            None => error,
        }
    }

    fn note(&mut self, finding: Finding, name: &str) {
        let finding = finding.item(name);
        self.findings.push(match self.properties.variables.get(name) {
            Some(variable) => finding.position(variable.line, 1),
            None => finding,
        });
    }

    fn report_unknown(&mut self) {
        let known: Vec<&str> = SETTINGS
            .iter()
            .map(|(name, _)| *name)
            .chain(PASSWORDS.iter().map(|(name, ..)| *name))
            .chain(OTHERS.iter().copied())
            .collect();
        let properties = self.properties;
        for name in properties.variables.keys().filter(|name| !known.contains(&name.as_str())) {
            let finding = Code::UnknownKey.warning(format!("no old script reads {}; it is left out", quote(name)));
            let finding = match closest(name, &known) {
                Some(meant) => finding.fix(format!("did you mean {meant}?")),
                None => finding,
            };
            self.note(finding, name);
        }
    }

    fn settings(&mut self) -> Result<()> {
        for &(name, key) in SETTINGS {
            if let Some(text) = self.text(name)? {
                // The old file was passed to keytool, whose -dname takes escapes; tbpki builds the name itself.
                let text = if key.path().starts_with("subject.") { without_dn_escapes(&text) } else { text };
                self.set(name, key, text)?;
            }
        }
        if self.text("SERVER_KEYSTORE_DIR")?.is_some() {
            let what = "`tbpki server` copies all files of the server to DIR, without asking";
            self.note(
                Code::LegacyConverted.note(what).because("the old script asked, and copied only the .jks"),
                "SERVER_KEYSTORE_DIR",
            );
        }
        Ok(())
    }

    fn names(&mut self) -> Result<()> {
        let mut alternative: Vec<String> = Vec::new();
        if let Some(domain) = self.text("DOMAIN_SUFFIX")? {
            // The name becomes a common name and a directory, and neither can be a wildcard.
            if let Some(base) = domain.strip_prefix("*.") {
                self.set("DOMAIN_SUFFIX", key::server::name, base)?;
                let wildcard = format!("dns:{domain}");
                // Here, because the names of both variables become one value below.
                wildcard.parse::<San>().map_err(|error| self.blame("DOMAIN_SUFFIX", error))?;
                alternative.push(wildcard);
                let what = format!("the server is called {base} now, with the wildcard among its alternative names");
                self.note(Code::LegacyConverted.note(what), "DOMAIN_SUFFIX");
            } else {
                self.set("DOMAIN_SUFFIX", key::server::name, domain)?;
            }
        }
        if let Some(names) = self.text("SUBJECT_ALTERNATIVE_NAMES")? {
            alternative.extend(names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        }
        if alternative.is_empty() {
            return Ok(());
        }
        self.set("SUBJECT_ALTERNATIVE_NAMES", key::server::san, alternative)
    }

    /// The key algorithm of `SERVER` or `CLIENT`.
    fn algorithm(&mut self, side: &str, key: KeyName) -> Result<()> {
        let [alg, size, group] = ["ALG", "SIZE", "GROUP_NAME"].map(|what| format!("{side}_KEY_{what}"));
        let Some(name) = self.text(&alg)? else {
            let what = format!("the keys of `tbpki {}` are EC on P-256 now", side.to_ascii_lowercase());
            let finding = Code::LegacyConverted
                .note(what)
                .because(format!("a file without {alg} made RSA keys of 2,048 bits"))
                .fix(format!("write {key} = \"rsa-2048\" into keygen.toml if something old needs RSA"));
            self.note(finding, &alg);
            self.report_ignored(&alg, &[size, group])?;
            return Ok(());
        };
        let bits = match self.text(&size)? {
            Some(text) => {
                let bits = text.parse::<u32>().map_err(|_| {
                    self.blame(&size, Code::BadValue.error(format!("{} is not a number of bits", quote(&text))))
                })?;
                Some(bits)
            }
            None => None,
        };
        let algorithm = match name.to_ascii_uppercase().as_str() {
            // keytool takes the algorithm in any case.
            // 2,048 bits is the size that keygen.properties came with while the scripts made RSA keys.
            "RSA" => self.rsa(&size, bits.unwrap_or(2_048)),
            "EC" => {
                let curve = match (self.text(&group)?, bits) {
                    (Some(curve), _) => curve,
                    // keytool called the curves by their size when no group was named.
                    (None, Some(bits)) => format!("secp{bits}r1"),
                    (None, None) => "secp256r1".to_owned(),
                };
                // Without a named curve the size has decided it.
                let (blamed, values) = match self.text(&group)? {
                    Some(_) => (&group, "secp256r1 or secp384r1"),
                    None => (&size, "256 or 384"),
                };
                match curve.parse::<Algorithm>() {
                    // The parser also knows algorithms that are no curves: `ed25519`, `rsa-2048`.
                    Ok(curve @ (Algorithm::EcP256 | Algorithm::EcP384)) => curve,
                    _ => {
                        let error = Code::UnknownAlgorithm
                            .error(format!("{} is not a curve on which tbpki makes keys", quote(&curve)))
                            .fix(format!("set {blamed} to {values}"));
                        return Err(self.blame(blamed, error));
                    }
                }
            }
            _ => {
                let error = Code::UnknownAlgorithm
                    .error(format!("the old scripts took RSA and EC, not {}", quote(&name)))
                    .fix(format!("set {alg} to EC or RSA"));
                return Err(self.blame(&alg, error));
            }
        };
        self.set(&alg, key, algorithm.name())
    }

    /// Warns about size and curve of a key without an algorithm.
    fn report_ignored(&mut self, alg: &str, names: &[String]) -> Result<()> {
        for name in names {
            let Some(text) = self.text(name)? else { continue };
            let what = format!("{name} = {} is ignored, because {alg} is not set", quote(&text));
            let fix = format!("set {alg} to RSA or EC, or remove {name}");
            self.note(Code::LegacyConverted.warning(what).fix(fix), name);
        }
        Ok(())
    }

    /// The RSA size at hand that is not weaker than what was asked for, as far as there is one.
    fn rsa(&mut self, size: &str, bits: u32) -> Algorithm {
        let (algorithm, made) = match bits {
            // Up and not down: a key must not become weaker than the file asked for.
            0..=2_048 => (Algorithm::Rsa2048, 2_048),
            2_049..=3_072 => (Algorithm::Rsa3072, 3_072),
            _ => (Algorithm::Rsa4096, 4_096),
        };
        if made != bits {
            let what = format!("RSA keys of {bits} bits become keys of {made}");
            self.note(Code::LegacyConverted.warning(what).because("tbpki makes RSA of 2048, 3072 and 4096 bits"), size);
        }
        algorithm
    }

    fn passwords(&mut self) -> Result<()> {
        for (name, key, file) in PASSWORDS {
            let Some(variable) = self.properties.variables.get(*name) else { continue };
            // Not trimmed: quotes may have kept spaces that belong to it.
            let text = variable
                .value
                .expand(self.host_name)
                .ok_or_else(|| place(Code::NeedsShell.error("the name of this host is not known"), name, variable))?;
            // Java refuses all other characters in a password for encryption ("Password is not ASCII").
            if text.chars().any(|c| !matches!(c, ' '..='~')) {
                let error = Code::PasswordAlphabet
                    .error("the password contains characters that keytool does not accept")
                    .fix("choose one of printable ASCII");
                return Err(place(error, name, variable));
            }
            if text.len() < SHORTEST_PASSWORD {
                let error = Code::PasswordTooShort
                    .error(format!("the password has {} characters, and keytool wants {SHORTEST_PASSWORD}", text.len()))
                    .fix("choose a longer one, or remove the line: tbpki makes one then");
                return Err(place(error, name, variable));
            }
            // Only the written form counts here: `init` puts it into
            // keygen.toml, from whose directory it is read later.
            let path = FilePath::in_working_directory(&format!("{}/secrets/{file}", self.store.in_config))?;
            self.set(name, *key, SecretRef::File(path))?;
            self.secrets.push(SecretFile { name: file, secret: Secret::from(text.as_str()) });
        }
        Ok(())
    }

    /// All that the old scripts wrote.
    fn formats(&mut self) -> Result<()> {
        // The files that the old scripts made, so that what copies them finds them under the same names.
        self.answers.set(key::server::formats, &["pem", "pub", "cer", "p12", "jks"][..])?;
        self.answers.set(key::client::formats, &["pem", "nopass", "pub", "p12", "jks"][..])
    }

    fn secret(&self, file: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.name == file).map(|secret| &secret.secret)
    }

    /// One finding about all passwords: they stay, because files and settings that exist depend on them.
    fn kept_passwords(&self) -> Option<Finding> {
        let files: Vec<&str> = self.secrets.iter().map(|secret| secret.name).collect();
        if files.is_empty() {
            return None;
        }
        let directory = format!("{}/secrets", self.store.from_here);
        let what = format!("the passwords are kept, in files of mode 0600 under {directory}: {}", files.join(", "));
        let is_published = |file| self.secret(file).is_some_and(|secret| PUBLISHED.contains(&secret.reveal()));
        let published: Vec<_> = PASSWORDS.iter().filter(|(_, _, file)| is_published(file)).collect();
        if published.is_empty() {
            return Some(Code::LegacyConverted.note(what).fix("delete keygen.properties once all is well"));
        }
        let names: Vec<&str> = published.iter().map(|(name, ..)| *name).collect();
        let why = format!("ThingsBoard's documentation contains these, and everyone knows them: {}", names.join(", "));
        // All of them: a keystore that is opened with a published key password is no better than one with both.
        let files: Vec<&str> = published.iter().map(|(.., file)| *file).collect();
        let fix = format!(
            "to replace them, run `{}` before `tbpki server` and `tbpki client`; delete keygen.properties once all is well",
            replacing_command(&files, &shell_word(&directory))
        );
        Some(Code::LegacyConverted.warning(what).because(why).fix(fix))
    }

    fn report_changes(&mut self) {
        self.findings.extend(self.kept_passwords());
        for (store, key, name) in [
            ("server-keystore", "server-key", "SERVER_KEY_PASSWORD"),
            ("client-keystore", "client-key", "CLIENT_KEY_PASSWORD"),
        ] {
            if self.secret(key).is_some_and(|key| self.secret(store).is_some_and(|store| store != key)) {
                let what =
                    "the .p12 takes the key password for the keystore as well, as before; the .jks keeps the two apart";
                self.note(Code::KeyPasswordDiffers.note(what), name);
            }
        }
        let changes = [
            (
                "certificates are signed by CAs of your own instead of by themselves",
                "clients trust the root, which does not change with the server certificate",
            ),
            (
                "a device's common name is its own name",
                "the old script gave all devices the name of the host that it ran on",
            ),
            (
                "servers' certificates live 825 days and devices' 3,650 days instead of 9,999",
                "current clients refuse servers whose certificates live that long",
            ),
            (
                "the .jks files are true JKS",
                "the keytool of Java 9 and later writes PKCS#12 under that name; programs that read JKS read both",
            ),
            (
                "the .pem of the server contains only the chain, and the key is not encrypted in the file with _key in its name",
                "the old file held an encrypted key, which ThingsBoard ignores; .pk8.pem was the plain one",
            ),
        ];
        self.findings.extend(changes.map(|(what, why)| Code::LegacyConverted.note(what).because(why)));
    }
}

/// Names the variable and its line, instead of the key that it was to become.
fn place(error: Error, name: &str, variable: &Variable) -> Error {
    let mut finding = error.into_finding();
    finding.location.item = Some(name.to_owned());
    Error::new(finding.position(variable.line, 1))
}

/// keytool took the values as parts of a distinguished name, in which a comma needs a backslash (RFC 4514).
fn without_dn_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Only what RFC 4514 escapes; a backslash before anything else is a character of the name.
            '\\' => plain.push(chars.next_if(|next| ",+\"\\<>;=#".contains(*next)).unwrap_or(c)),
            c => plain.push(c),
        }
    }
    plain
}

/// The command of a shell that writes random passwords to these files. The two passwords of a keystore get one value: a PKCS#12
/// file has only one.
fn replacing_command(files: &[&str], directory: &str) -> String {
    const KINDS: [&str; 2] = ["server", "client"];
    // 18 bytes are 24 characters in base64, without padding.
    const RANDOM: &str = "umask 077; head -c 18 /dev/urandom | base64";
    let keystore = |kind: &&str| files.contains(&format!("{kind}-keystore").as_str());
    let key = |kind: &&str| files.contains(&format!("{kind}-key").as_str());
    let pairs: Vec<&str> = KINDS.into_iter().filter(|kind| keystore(kind) && key(kind)).collect();
    let is_single = |file: &&&str| !pairs.iter().any(|kind| file.starts_with(kind));
    let singles: Vec<&str> = files.iter().filter(is_single).copied().collect();
    let mut commands = Vec::new();
    if !pairs.is_empty() {
        let to = format!("tee {directory}/$f-keystore > {directory}/$f-key");
        commands.push(format!("for f in {}; do ({RANDOM} | {to}); done", pairs.join(" ")));
    }
    if !singles.is_empty() {
        commands.push(format!("for f in {}; do ({RANDOM} > {directory}/$f); done", singles.join(" ")));
    }
    commands.join("; ")
}
