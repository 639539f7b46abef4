//! A server's key material, loaded as ThingsBoard loads it, and refused in its words.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::CertifiedKey;

use super::keystore::KeystoreEntry;
use super::server_keys::ServerKeys;
use super::{jks, pkcs12, traditional};
use crate::certificate::{self, pem};
use crate::error::{Error, NOTHING_THERE, Result};
use crate::files;

/// The keys of a listener.
pub(crate) struct LoadedKeys {
    pub(crate) certified: Arc<CertifiedKey>,
    /// The issuers in the request for a certificate, as names in DER: the subjects of the leaf and of trusted entries.
    pub(crate) named: Vec<Vec<u8>>,
}

const NO_KEY: &str = "Failed to get private key from the keystore or pem files. Please check if the private key exists in the \
    keystore or pem files and if the provided private key password is valid.";

impl LoadedKeys {
    /// Loads the keys.
    pub(crate) fn new(keys: &ServerKeys) -> Result<Self> {
        match keys {
            ServerKeys::Pem { certificate, key, key_password } => from_pem(certificate, key.as_deref(), key_password),
            ServerKeys::Keystore { file, store_password, key_password, alias } => {
                from_keystore(file, store_password, key_password, alias)
            }
        }
    }

    pub(crate) fn from_parts(chain: Vec<Vec<u8>>, key: &PrivateKeyDer<'static>, trusted: &[Vec<u8>]) -> Result<Self> {
        // The real server puts the chain into a PKCS#12 keystore, which checks it.
        check_chain(&chain)?;
        // Also the leaf, which issues nothing: Java's trust manager takes the key's own certificate for a trusted one.
        // Clients of Java and Go choose by these names, and send nothing if theirs is not among them.
        let subjects = chain.first().into_iter().chain(trusted).filter_map(|der| certificate::subject(der));
        let named = subjects.collect();
        let key = any_supported_type(key).map_err(|error| Error::new(format!("{NO_KEY} ({error})")))?;
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, key)), named })
    }
}

fn from_pem(certificate: &Path, key: Option<&Path>, password: &str) -> Result<LoadedKeys> {
    if !certificate.is_file() {
        return Err(Error::new(NOTHING_THERE));
    }
    let text = files::text(certificate)?;
    let chain = pem::certificates(&text);
    if chain.is_empty() {
        return Err(Error::new(format!("No certificates found in certFile: {}", certificate.display())));
    }
    // The key file is opened only if the certificate file has no key.
    let mut found = private_key(&text, password)?;
    if found.is_none()
        && let Some(file) = key.filter(|file| file.is_file())
    {
        found = private_key(&files::text(file)?, password)?;
    }
    let key = found.ok_or_else(|| {
        let key = key.map_or_else(|| "null".to_owned(), |file| file.display().to_string());
        let certificate = certificate.display();
        Error::new(format!("Unable to load private key neither from certFile: {certificate} nor from keyFile: {key}"))
    })?;
    LoadedKeys::from_parts(chain, &key, &[])
}

/// The first key of a file. Encrypted PKCS#8 is passed over, as by the real server.
fn private_key(text: &str, password: &str) -> Result<Option<PrivateKeyDer<'static>>> {
    for block in pem::blocks(text) {
        let der = if traditional::is_encrypted(&block) {
            traditional::decrypt(&block, password)?
        } else {
            block.contents().to_vec()
        };
        match block.tag() {
            "PRIVATE KEY" => return Ok(Some(PrivatePkcs8KeyDer::from(der).into())),
            "EC PRIVATE KEY" => return Ok(Some(PrivateSec1KeyDer::from(der).into())),
            "RSA PRIVATE KEY" => return Ok(Some(PrivatePkcs1KeyDer::from(der).into())),
            _ => {}
        }
    }
    Ok(None)
}

fn from_keystore(file: &Path, store_password: &str, key_password: &str, alias: &str) -> Result<LoadedKeys> {
    if !file.is_file() {
        return Err(Error::new(NOTHING_THERE));
    }
    let bytes = files::bytes(file)?;
    // What the store is declared as does not matter: Java looks, too.
    let store = if jks::is_one(&bytes) {
        jks::read(&bytes, store_password, key_password)?
    } else {
        pkcs12::read(&bytes, store_password, key_password)?
    };
    // All keys have to open, since Java's key manager opens them all.
    if store.keys.iter().any(|key| key.key.is_none()) {
        return Err(Error::new(NO_KEY));
    }
    // Java's aliases do not know upper case.
    let wanted = |key: &&KeystoreEntry| alias.is_empty() || key.alias.eq_ignore_ascii_case(alias);
    let found = store.keys.iter().find(wanted).ok_or_else(|| Error::new(NO_KEY))?;
    let key = PrivatePkcs8KeyDer::from(found.key.clone().unwrap_or_default()).into();
    LoadedKeys::from_parts(found.chain.clone(), &key, &store.trusted)
}

/// Checks a chain as Java's PKCS#12 keystore does: leaf first, each issuer the subject of the next, no duplicates.
fn check_chain(chain: &[Vec<u8>]) -> Result<()> {
    let invalid = || Error::new("Certificate chain is not valid");
    let parsed: Option<Vec<_>> = chain.iter().map(|der| certificate::parse(der)).collect();
    let parsed = parsed.ok_or_else(|| Error::new("Could not parse certificate"))?;
    let linked =
        parsed.iter().zip(parsed.iter().skip(1)).all(|(this, next)| this.issuer().as_raw() == next.subject().as_raw());
    let twice = chain.iter().enumerate().any(|(index, der)| chain.iter().skip(index + 1).any(|other| other == der));
    if linked && !twice { Ok(()) } else { Err(invalid()) }
}
