//! PKCS#12 keystores, read as Java does: only certificates with Java's own attribute are trusted.

use p12_keystore::Pkcs12Archive;

use super::keystore::{Keystore, KeystoreEntry};
use crate::certificate;
use crate::error::{Error, Result};

/// Reads a keystore. The password of the key must be that of the keystore.
pub(crate) fn read(bytes: &[u8], store_password: &str, key_password: &str) -> Result<Keystore> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, store_password)
        .map_err(|_| Error::new("Keystore was tampered with, or password was incorrect"))?;
    let chain = |key: &p12_keystore::PrivateKeyBag| -> Vec<Vec<u8>> {
        // The leaf is found by the identifier that key and certificate share, the others by the names of their issuers;
        // bags are in no order.
        let own = key.local_key_id.as_ref().map(|id| id.0.as_slice());
        let leaf = archive.certs.iter().find(|bag| own.is_some() && bag.local_key_id.as_deref() == own);
        let mut chain: Vec<Vec<u8>> = leaf.map(|bag| bag.cert.as_der().to_vec()).into_iter().collect();
        while let Some(issuer) = chain.last().and_then(|last| issuer_of(last)) {
            let next = archive.certs.iter().map(|bag| bag.cert.as_der()).find(|der| {
                // Two CAs that certify each other would go on forever.
                certificate::subject(der).as_deref() == Some(&issuer) && !chain.iter().any(|one| one == der)
            });
            match next {
                Some(der) => chain.push(der.to_vec()),
                None => break,
            }
        }
        chain
    };
    let keys = archive.keys.iter().map(|key| KeystoreEntry {
        alias: key.friendly_name.clone().unwrap_or_else(|| "1".to_owned()),
        // Java opens the keys of a PKCS#12 keystore with the key password alone, which must therefore be the same.
        key: (store_password == key_password).then(|| key.key.as_der().to_vec()),
        chain: chain(key),
    });
    let trusted = archive.certs.iter().filter(|bag| bag.trusted).map(|bag| bag.cert.as_der().to_vec());
    Ok(Keystore { keys: keys.collect(), trusted: trusted.collect() })
}

/// The issuer's name, unless the certificate is its own issuer's.
fn issuer_of(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = certificate::parse(der)?;
    let issuer = certificate.issuer().as_raw();
    (issuer != certificate.subject().as_raw()).then(|| issuer.to_vec())
}
