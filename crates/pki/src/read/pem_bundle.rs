//! Files of certificates, keys, requests and revocation lists in any mix.

use std::fmt;

use base::{Code, Result, Secret};
use zeroize::Zeroizing;

use crate::key::PrivateKey;
use crate::read::certificate::Certificate;

mod block;
pub(crate) use block::{Block, blocks, looks_like_pem};

/// What stands in a PEM file, by kind and each kind in the order of the file.
#[derive(Debug, Default)]
pub struct PemBundle {
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// The private keys, not opened.
    pub keys: Vec<KeyBlock>,
    /// Certificate signing requests, as DER.
    pub csrs: Vec<Vec<u8>>,
    /// Certificate revocation lists, as DER.
    pub crls: Vec<Vec<u8>>,
    /// The labels of all other blocks, such as `EC PARAMETERS`.
    pub others: Vec<String>,
}

/// A private key as it stands in a file: neither decrypted nor checked. Wiped on drop.
#[derive(Clone)]
pub struct KeyBlock {
    label: String,
    headers: Vec<String>,
    der: Zeroizing<Vec<u8>>,
}

impl PemBundle {
    /// Reads PEM text with anything around the blocks, or the DER of a single certificate.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`], [`Code::KeyUnreadable`] or [`Code::CsrUnreadable`] for damaged blocks, with
    /// their line, and for bytes without any block. Keys, requests and revocation lists are not looked into.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if !looks_like_pem(bytes) && bytes.first() == Some(&0x30) {
            return Ok(Self { certificates: vec![Certificate::from_der(bytes)?], ..Self::default() });
        }
        let blocks = blocks(bytes)?;
        if blocks.is_empty() {
            return Err(Code::CertificateUnreadable
                .error("there is nothing in PEM or DER in it")
                .fix("a PEM file has lines such as `-----BEGIN CERTIFICATE-----`"));
        }
        let mut bundle = Self::default();
        for block in blocks {
            bundle.take(block)?;
        }
        Ok(bundle)
    }

    fn take(&mut self, block: Block) -> Result<()> {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let parsed = Certificate::from_der(&block.der);
                self.certificates.push(parsed.map_err(|error| error.position(block.line, 1))?);
            }
            "TRUSTED CERTIFICATE" => {
                let parsed = Certificate::from_der(first_element(&block.der));
                self.certificates.push(parsed.map_err(|error| error.position(block.line, 1))?);
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => self.csrs.push(block.der.to_vec()),
            "X509 CRL" => self.crls.push(block.der.to_vec()),
            label if label.ends_with("PRIVATE KEY") => self.keys.push(KeyBlock::from(block)),
            _ => self.others.push(block.label),
        }
        Ok(())
    }
}

impl KeyBlock {
    /// A key that stood in DER, without a label.
    pub fn of_der(der: &[u8]) -> Self {
        Self { label: "PRIVATE KEY".to_owned(), headers: Vec::new(), der: Zeroizing::new(der.to_vec()) }
    }

    /// The PEM label, such as `EC PRIVATE KEY`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The content: a key in the encoding that the label names, or encrypted octets.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether a passphrase is needed: encrypted PKCS#8 (RFC 8018), or OpenSSL's traditional encryption, which is told
    /// by a `Proc-Type: 4,ENCRYPTED` header (RFC 1421, section 4.6.1.1).
    pub fn is_encrypted(&self) -> bool {
        self.label == "ENCRYPTED PRIVATE KEY" || self.is_traditionally_encrypted()
    }

    /// Whether it is encrypted in OpenSSL's traditional way: MD5 and one round.
    pub fn is_traditionally_encrypted(&self) -> bool {
        self.headers.iter().any(|header| header.starts_with("Proc-Type:") && header.contains("ENCRYPTED"))
    }

    /// Opens the key.
    ///
    /// # Errors
    /// Those of [`PrivateKey::from_pem_or_der`].
    pub fn open(&self, passphrase: Option<&Secret>) -> Result<PrivateKey> {
        if self.is_traditionally_encrypted() {
            return PrivateKey::from_pem_or_der(self.to_pem().as_bytes(), passphrase);
        }
        PrivateKey::from_pem_or_der(&self.der, passphrase)
    }

    fn to_pem(&self) -> Zeroizing<String> {
        use base64::Engine as _;
        let base64 = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*self.der));
        let headers = self.headers.join("\n");
        let gap = if headers.is_empty() { "" } else { "\n\n" };
        let label = &self.label;
        Zeroizing::new(format!("-----BEGIN {label}-----\n{headers}{gap}{}\n-----END {label}-----\n", *base64))
    }
}

impl From<Block> for KeyBlock {
    fn from(block: Block) -> Self {
        Self { label: block.label, headers: block.headers, der: block.der }
    }
}

impl fmt::Debug for KeyBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBlock({}, ..)", self.label)
    }
}

/// The first DER element. Behind the certificate of a `TRUSTED CERTIFICATE` OpenSSL puts its own trust settings.
pub(crate) fn first_element(der: &[u8]) -> &[u8] {
    use x509_parser::asn1_rs::{Any, FromDer as _};
    match Any::from_der(der) {
        Ok((rest, _)) => der.strip_suffix(rest).unwrap_or(der),
        Err(_) => der,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::certificate::testing;

    #[test]
    fn a_bundle_holds_each_kind_in_its_order() {
        let root = testing::root("Root");
        let leaf = root.issue(&testing::leaf("device-1"));
        let text = format!(
            "subject=/CN=x\n{}-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}{}",
            leaf.certificate.to_pem(),
            leaf.key_pem(),
            root.certificate.to_pem().replace('\n', "\r\n"),
        );
        let bundle = PemBundle::parse(text.as_bytes()).unwrap();
        assert_eq!(bundle.certificates, [leaf.certificate.clone(), root.certificate]);
        assert_eq!(bundle.others, ["EC PARAMETERS"]);
        let [key] = &bundle.keys[..] else { panic!("{:?}", bundle.keys) };
        assert!(!key.is_encrypted());
        assert_eq!(key.open(None).unwrap().spki_der(), leaf.certificate.spki_der());
    }

    #[test]
    fn a_certificate_in_der_is_a_bundle_too() {
        let root = testing::root("Root");
        let bundle = PemBundle::parse(root.certificate.der()).unwrap();
        assert_eq!(bundle.certificates, [root.certificate]);
    }

    #[test]
    fn openssl_trust_settings_are_cut_off() {
        let root = testing::root("Root");
        let mut der = root.certificate.der().to_vec();
        der.extend_from_slice(&[0x30, 0]);
        let text = pem::encode(&pem::Pem::new("TRUSTED CERTIFICATE", der.clone()));
        assert_eq!(PemBundle::parse(text.as_bytes()).unwrap().certificates, [root.certificate]);
        let text = pem::encode(&pem::Pem::new("CERTIFICATE", der));
        let error = PemBundle::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.finding().location.line), (Code::CertificateUnreadable, Some(1)));
    }

    #[test]
    fn traditional_encryption_is_recognised() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAEC\n-----END EC PRIVATE KEY-----\n";
        let bundle = PemBundle::parse(text.as_bytes()).unwrap();
        assert!(bundle.keys[0].is_traditionally_encrypted());
        assert_eq!(bundle.keys[0].open(None).unwrap_err().code(), Code::KeyEncrypted);
    }

    #[test]
    fn neither_pem_nor_der_is_said_so() {
        for bytes in [&b""[..], b"hello", b"\x30\x03\x02\x01\x00"] {
            assert_eq!(PemBundle::parse(bytes).unwrap_err().code(), Code::CertificateUnreadable);
        }
    }
}
