//! A CA that somebody brings: read from their files, and checked before it is taken over.

use std::path::PathBuf;

use base::{Code, Result, Secret, file};
use pki::key::PublicKey;
use pki::keystore::{Format, Keystore, Passwords};
use pki::pem_bundle::PemBundle;
use pki::validity::Validity;
use pki::{Certificate, PrivateKey};
use time::OffsetDateTime;

use store::FILE_LIMIT;
use store::ca::key::open_key;

/// A CA's key with its certificate and those above it, up to the root.
#[derive(Debug)]
pub struct BroughtCa {
    /// The certificate that the key belongs to.
    pub certificate: Certificate,
    /// The certificates above it, nearest first, the root last; empty for a root.
    pub above: Vec<Certificate>,
    /// The private key; none where a token keeps it.
    pub key: Option<PrivateKey>,
}

/// What the files hold between them.
#[derive(Default)]
struct Found {
    certificates: Vec<Certificate>,
    keys: Vec<PrivateKey>,
}

impl BroughtCa {
    /// Reads certificate, chain and key from PEM, DER or PKCS#12 files in any order. Files without a key are those of a CA
    /// whose key is `in_token`.
    ///
    /// # Errors
    /// [`Code::KeyMismatch`] where no certificate belongs to the key, [`Code::NotACa`], [`Code::ChainGap`] where
    /// the root is missing, [`Code::IssuerExpired`], and what the files themselves can be wrong about.
    pub fn read(
        paths: &[PathBuf],
        passphrase: &mut dyn FnMut() -> Result<Secret>,
        now: OffsetDateTime,
        in_token: Option<&PublicKey>,
    ) -> Result<Self> {
        let mut found = Found::default();
        for path in paths {
            found.read(path, passphrase).map_err(|error| error.at(path))?;
        }
        let brought = found.assemble(in_token)?;
        for ca in std::iter::once(&brought.certificate).chain(&brought.above) {
            let validity = Validity::new(ca.not_before(), ca.not_after())?;
            validity.check_issuing(now).map_err(|error| error.item(ca.subject()))?;
        }
        Ok(brought)
    }

    /// Whether the key is that of a root.
    pub fn is_root(&self) -> bool {
        self.above.is_empty()
    }
}

impl Found {
    fn read(&mut self, path: &PathBuf, passphrase: &mut dyn FnMut() -> Result<Secret>) -> Result<()> {
        let bytes = file::read_secret(path, FILE_LIMIT)?;
        if Format::detect(&bytes).is_some() {
            let keystore = Keystore::read(&bytes, &Passwords::same(passphrase()?))?;
            for entry in keystore.keys {
                self.keys.push(PrivateKey::from_pkcs8_der(&entry.key)?);
                self.take(&entry.chain)?;
            }
            let trusted: Vec<Vec<u8>> = keystore.trusted.into_iter().map(|entry| entry.certificate).collect();
            return self.take(&trusted);
        }
        let bundle = PemBundle::parse(&bytes);
        let holds_key = bundle.as_ref().map_or(true, |bundle| !bundle.keys.is_empty());
        if holds_key {
            self.keys.push(open_key(&bytes, passphrase)?);
        }
        if let Ok(bundle) = bundle {
            self.certificates.extend(bundle.certificates);
        }
        Ok(())
    }

    fn take(&mut self, certificates: &[Vec<u8>]) -> Result<()> {
        for der in certificates {
            self.certificates.push(Certificate::from_der(der)?);
        }
        Ok(())
    }

    fn assemble(mut self, in_token: Option<&PublicKey>) -> Result<BroughtCa> {
        let key = match (self.keys.pop(), self.keys.is_empty()) {
            (Some(key), true) => Some(key),
            (None, _) if in_token.is_some() => None,
            (None, _) => return Err(Code::KeyUnreadable.error("the files of the CA hold no private key")),
            (Some(_), false) => return Err(Code::KeyUnreadable.error("the files of the CA hold more than one key")),
        };
        let spki = key.as_ref().map(PrivateKey::spki_der).or(in_token.map(PublicKey::spki_der)).unwrap_or_default();
        let own = self.certificates.iter().position(|certificate| certificate.spki_der() == spki);
        let Some(own) = own else {
            return Err(Code::KeyMismatch
                .error("none of the certificates of the CA belongs to its private key")
                .fix("bring the certificate and the key that were made together"));
        };
        let certificate = self.certificates.swap_remove(own);
        if !certificate.is_ca() {
            return Err(Code::NotACa.error(format!("{} may not sign certificates", certificate.subject())));
        }
        let above = chain_above(&certificate, &self.certificates)?;
        Ok(BroughtCa { certificate, above, key })
    }
}

/// The certificates above `leaf`, up to one that signed itself.
fn chain_above(leaf: &Certificate, candidates: &[Certificate]) -> Result<Vec<Certificate>> {
    let mut above: Vec<Certificate> = Vec::new();
    // Each step takes another candidate, so there are no more steps than candidates.
    for _ in 0..=candidates.len() {
        let last = above.last().unwrap_or(leaf);
        if last.is_self_signed() {
            return Ok(above);
        }
        match candidates.iter().find(|issuer| last.verify_signed_by(issuer).is_ok()) {
            Some(issuer) => above.push(issuer.clone()),
            None => break,
        }
    }
    let last = above.last().unwrap_or(leaf);
    Err(Code::ChainGap
        .error(format!("the issuer of {} is missing", last.subject()))
        .because(format!("{} has to be among the files", last.issuer()))
        .fix("bring every certificate up to the root: clients trust nothing less"))
}
