//! Files of certificates, keys, requests and revocation lists in any mix.

use std::fmt;

use base::text::counted;
use base::{Code, Error, Result, Secret};
use der::Decode as _;
use der::asn1::AnyRef;
use zeroize::Zeroizing;

use crate::asn1::ber;
use crate::asn1::blocks::{Block, blocks, looks_like_pem};
use crate::asn1::tlv::SEQUENCE;
use crate::encryption::{Scheme, encrypted_key, traditional};
use crate::foreign;
use crate::key::PrivateKey;
use crate::read::certificate::Certificate;
use crate::read::kind::StructureKind;
use crate::read::mislabeled;
use crate::read::pkcs7::Pkcs7;

/// The content of a PEM file, by kind and each kind in the order of the file.
#[derive(Debug, Default)]
pub struct PemBundle {
    /// The certificates, in the order of the file.
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

/// A private key as it is in a file: neither decrypted nor checked. Wiped on drop.
#[derive(Clone)]
pub struct KeyBlock {
    label: String,
    headers: Vec<String>,
    der: Zeroizing<Vec<u8>>,
}

impl PemBundle {
    /// Reads PEM text with anything around the blocks, or DER: a certificate, PKCS#7, a key, a request or a revocation list.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`], [`Code::KeyUnreadable`] or [`Code::CsrUnreadable`] for damaged blocks, with
    /// their line, and for bytes without any block; [`Code::ForeignFormat`] for kinds of files that are not read here.
    /// Keys, requests and revocation lists are not looked into.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // 0x30 is the SEQUENCE with which every structure here begins; as text it is the digit 0, which begins no PEM.
        if !looks_like_pem(bytes) && bytes.first() == Some(&0x30) {
            return Self::of_der(bytes);
        }
        let blocks = blocks(bytes)?;
        if blocks.is_empty() {
            if let Some(error) = mislabeled::behind_white_space(bytes) {
                return Err(error);
            }
            let error = Code::CertificateUnreadable
                .error("the file contains neither PEM nor DER")
                .fix("a PEM file has lines such as `-----BEGIN CERTIFICATE-----`");
            return Err(if bytes.trim_ascii().is_empty() { error.because("the file is empty") } else { error });
        }
        let mut bundle = Self::default();
        for block in blocks {
            bundle.take(block)?;
        }
        Ok(bundle)
    }

    /// One structure after the other, as Java reads certificates in DER. A line feed or padding at the end is no structure.
    fn of_der(bytes: &[u8]) -> Result<Self> {
        let mut bundle = Self::default();
        let mut rest = bytes;
        loop {
            let (structure, behind) = ber::split_first(rest);
            let is_end = ber::is_padding(behind);
            if !is_end && behind.first() != Some(&SEQUENCE) {
                return Err(followed(StructureKind::of(structure), behind.len()));
            }
            bundle.take_der(structure)?;
            if is_end {
                return Ok(bundle);
            }
            rest = behind;
        }
    }

    fn take_der(&mut self, der: &[u8]) -> Result<()> {
        match StructureKind::of(der) {
            StructureKind::Request => self.csrs.push(der.to_vec()),
            StructureKind::RevocationList => self.crls.push(der.to_vec()),
            StructureKind::Pkcs8
            | StructureKind::Sec1
            | StructureKind::Pkcs1
            | StructureKind::DsaKey
            | StructureKind::EncryptedKey => {
                self.keys.push(KeyBlock::of_der(der));
            }
            StructureKind::Pkcs7 => self.take_pkcs7(der)?,
            StructureKind::Pkcs12 => return Err(foreign::PKCS12.error()),
            StructureKind::PublicKey => self.others.push("PUBLIC KEY".to_owned()),
            kind @ (StructureKind::RsaPublicKey
            | StructureKind::KeyParameters
            | StructureKind::PkiPath
            | StructureKind::TimeStampRequest) => return Err(mislabeled::not_read(kind)),
            // What is not recognized is read as a certificate too, because that reader gives the exact reason.
            StructureKind::Certificate | StructureKind::Other => {
                self.certificates.push(Certificate::from_der(der).map_err(helped)?);
            }
        }
        Ok(())
    }

    /// The certificates of PKCS#7. The label is kept among the others, because Java and OpenSSL take such a file for no
    /// certificate.
    fn take_pkcs7(&mut self, bytes: &[u8]) -> Result<()> {
        let Pkcs7 { certificates, crls } = Pkcs7::from_ber(bytes)?;
        self.certificates.extend(certificates);
        self.crls.extend(crls);
        self.others.push("PKCS7".to_owned());
        Ok(())
    }

    /// What has the label of a certificate. Windows writes PKCS#7 under it, which Java reads.
    fn take_certificate(&mut self, block: &Block) -> Result<()> {
        let taken = match StructureKind::of(&block.der) {
            StructureKind::Pkcs7 => self.take_pkcs7(&block.der),
            StructureKind::Certificate | StructureKind::Other => {
                Certificate::from_der(&block.der).map(|certificate| self.certificates.push(certificate)).map_err(helped)
            }
            kind => Err(mislabeled::error(kind, &block.label)),
        };
        taken.map_err(|error| error.position(block.line, 1))
    }

    fn take(&mut self, block: Block) -> Result<()> {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => self.take_certificate(&block)?,
            "TRUSTED CERTIFICATE" => {
                // OpenSSL appends its own trust settings behind the certificate of such a block.
                let parsed = Certificate::from_der(first_element(&block.der));
                self.certificates.push(parsed.map_err(|error| helped(error).position(block.line, 1))?);
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                self.csrs.push(of_kind(&block, StructureKind::Request)?.to_vec());
            }
            "X509 CRL" => self.crls.push(of_kind(&block, StructureKind::RevocationList)?.to_vec()),
            // A certificate alone under such a label is read as one.
            label if is_pkcs7(label) => match StructureKind::of(&block.der) {
                StructureKind::Certificate => self.take_certificate(&block)?,
                _ => self.take_pkcs7(&block.der).map_err(|error| error.position(block.line, 1))?,
            },
            "PKCS12" => return Err(foreign::PKCS12.error().position(block.line, 1)),
            // With every label: which of them can be opened is decided when the key is needed.
            label if label.ends_with("PRIVATE KEY") => self.keys.push(KeyBlock::from(block)),
            _ => match mislabeled::unknown_label(&block) {
                Some(error) => return Err(error),
                None => self.others.push(block.label),
            },
        }
        Ok(())
    }
}

/// The content of a block that has the label of a kind, unless it is known to be of another one. What is not recognized is
/// left to the reader of the kind, which gives the exact reason.
fn of_kind(block: &Block, kind: StructureKind) -> Result<&[u8]> {
    match StructureKind::of(&block.der) {
        StructureKind::Other => Ok(&block.der),
        found if found == kind => Ok(&block.der),
        found => Err(mislabeled::error(found, &block.label).position(block.line, 1)),
    }
}

/// The error for DER with something else behind it.
fn followed(kind: StructureKind, octets: usize) -> Error {
    let octets = counted(octets, "octet follows", "octets follow");
    mislabeled::code(kind)
        .error(format!("the file is {}, and {octets} its end", kind.name()))
        .fix("copy the file again in binary mode, or remove what is behind it")
}

/// Adds a help to the error of a certificate that has none.
fn helped(error: Error) -> Error {
    match (error.code(), &error.finding().fix) {
        (Code::CertificateUnreadable, None) => {
            error.fix("copy the certificate again from its CA, or convert it: `openssl x509 -in FILE -out NEW.pem`")
        }
        _ => error,
    }
}

impl KeyBlock {
    /// A key that stood in DER, without a label.
    pub fn of_der(der: &[u8]) -> Self {
        let label = match StructureKind::of(der) {
            StructureKind::EncryptedKey => "ENCRYPTED PRIVATE KEY",
            StructureKind::Sec1 => "EC PRIVATE KEY",
            StructureKind::Pkcs1 => "RSA PRIVATE KEY",
            StructureKind::DsaKey => "DSA PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        Self { label: label.to_owned(), headers: Vec::new(), der: Zeroizing::new(der.to_vec()) }
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

    /// True if it is encrypted in OpenSSL's traditional way: MD5 and one round.
    pub fn is_traditionally_encrypted(&self) -> bool {
        traditional::is_announced(&self.headers)
    }

    /// The name of an old scheme that the key is encrypted with; none for PBES2 and for a key that is not encrypted.
    pub fn old_encryption(&self) -> Option<String> {
        if self.is_traditionally_encrypted() {
            return Some("OpenSSL's traditional encryption".to_owned());
        }
        let (algorithm, _) = encrypted_key(AnyRef::from_der(&self.der).ok()?)?;
        Scheme::read(algorithm).ok()?.old_name().map(str::to_owned)
    }

    /// Opens the key.
    ///
    /// # Errors
    /// Those of [`PrivateKey::from_pem_or_der`].
    pub fn open(&self, passphrase: Option<&Secret>) -> Result<PrivateKey> {
        PrivateKey::from_block(&self.label, &self.headers, &self.der, passphrase)
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

/// True if a PEM block of this label is PKCS#7.
pub(crate) fn is_pkcs7(label: &str) -> bool {
    matches!(label, "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" | "CERTIFICATE CHAIN")
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
    use std::slice;

    use super::*;
    use crate::read::certificate::testing;

    #[test]
    fn an_unreadable_certificate_has_a_help() {
        for bytes in
            [&b"\x30\x03\x02\x01\x05"[..], b"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n"]
        {
            let error = PemBundle::parse(bytes).unwrap_err();
            assert_eq!(error.code(), Code::CertificateUnreadable);
            assert!(error.finding().fix.is_some(), "{error:?}");
        }
    }

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
    fn der_is_read_to_its_end_as_java_reads_it() {
        let (one, other) = (testing::root("One"), testing::root("Other"));
        let (der, key) = (one.certificate.der(), pem::parse(one.key_pem()).unwrap().into_contents());
        for padding in [&b""[..], b"\n", b"\r\n", b" \0\0"] {
            assert_eq!(
                PemBundle::parse(&[der, padding].concat()).unwrap().certificates,
                slice::from_ref(&one.certificate)
            );
            assert_eq!(PemBundle::parse(&[&key, padding].concat()).unwrap().keys.len(), 1, "{padding:?}");
        }
        let two = PemBundle::parse(&[der, other.certificate.der(), b"\n"].concat()).unwrap();
        assert_eq!(two.certificates, [one.certificate.clone(), other.certificate.clone()]);
        for (bytes, code, kind) in [
            (der, Code::CertificateUnreadable, "a certificate, and 4 octets follow"),
            (&key[..], Code::KeyUnreadable, "a private key, and 4 octets follow"),
        ] {
            let error = PemBundle::parse(&[bytes, b"tail"].concat()).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.finding().what.contains(kind), "{error}");
        }
    }

    #[test]
    fn what_has_the_label_of_a_certificate_is_told_by_its_kind() {
        let root = testing::root("Root");
        let labeled = |label: &str, der: &[u8]| pem::encode(&pem::Pem::new(label, der.to_vec()));
        let kind =
            |der: &[u8]| PemBundle::parse(labeled("CERTIFICATE", der).as_bytes()).unwrap_err().finding().what.clone();
        let key = pem::parse(root.key_pem()).unwrap().into_contents();
        assert!(kind(&key).contains("a private key"), "{}", kind(&key));
        let list = testing::crl(&root, &[&root.certificate]);
        assert!(kind(list.der()).contains("a certificate revocation list"), "{}", kind(list.der()));
        // Windows writes PKCS#7 so, and some programs a certificate with the label of PKCS#7.
        let signed = crate::certs_only::write(slice::from_ref(&root.certificate));
        for text in [labeled("CERTIFICATE", &signed), labeled("PKCS7", root.certificate.der())] {
            assert_eq!(PemBundle::parse(text.as_bytes()).unwrap().certificates, slice::from_ref(&root.certificate));
        }
    }

    #[test]
    fn a_block_with_a_label_of_its_own_is_told_by_its_kind() {
        let root = testing::root("Root");
        let key = pem::parse(root.key_pem()).unwrap().into_contents();
        let request = testing::greedy_request(&root.key, &[]);
        let signed = crate::certs_only::write(slice::from_ref(&root.certificate));
        let error = |label: &str, der: &[u8]| {
            // In front of a block that is read, so that it must not be passed over.
            let text = [root.certificate.to_pem(), pem::encode(&pem::Pem::new(label, der.to_vec()))].concat();
            let error = PemBundle::parse(text.as_bytes()).unwrap_err();
            assert!(error.finding().location.line.is_some_and(|line| line > 1), "{error}");
            (error.code(), error.finding().what.clone(), error.finding().fix.clone().unwrap_or_default())
        };
        for (label, der, code, right) in [
            ("CERT", root.certificate.der(), Code::CertificateUnreadable, "CERTIFICATE"),
            ("X.509 CERTIFICATE", root.certificate.der(), Code::CertificateUnreadable, "CERTIFICATE"),
            ("certificate", root.certificate.der(), Code::CertificateUnreadable, "CERTIFICATE"),
            ("PKCS7 SIGNED DATA", &signed, Code::CertificateUnreadable, "PKCS7"),
            ("PKCS10", &request, Code::CsrUnreadable, "CERTIFICATE REQUEST"),
            ("private key", &key, Code::KeyUnreadable, "PRIVATE KEY"),
            // Known labels over another kind.
            ("CERTIFICATE REQUEST", root.certificate.der(), Code::CertificateUnreadable, "CERTIFICATE"),
            ("X509 CRL", root.certificate.der(), Code::CertificateUnreadable, "CERTIFICATE"),
        ] {
            let (found, what, fix) = error(label, der);
            assert_eq!(found, code, "{label}");
            assert!(what.contains(&format!("under the label \"{label}\"")), "{what}");
            assert!(fix.starts_with(&format!("write {right} as the label")), "{fix}");
        }
        // Blocks of other kinds are passed over.
        let public = pem::encode(&pem::Pem::new("PUBLIC KEY", root.certificate.spki_der()));
        let bundle = PemBundle::parse([root.certificate.to_pem(), public].concat().as_bytes()).unwrap();
        assert_eq!((bundle.certificates.len(), bundle.others), (1, vec!["PUBLIC KEY".to_owned()]));
    }

    #[test]
    fn known_kinds_of_der_are_no_broken_certificates() {
        let root = testing::root("Root");
        let path = crate::asn1::tlv::tlv(0x30, root.certificate.der());
        for (der, what) in [
            (&[0x30, 8, 2, 1, 15, 2, 3, 1, 0, 1][..], "the file is an RSA public key"),
            (&path, "the file is a PkiPath, a sequence of certificates"),
            (&[b"\n", root.certificate.der()].concat(), "the file is a certificate, and white space is in front of it"),
        ] {
            let error = PemBundle::parse(der).unwrap_err();
            assert_eq!((error.code(), error.finding().what.as_str()), (Code::CertificateUnreadable, what));
        }
    }

    #[test]
    fn openssl_trust_settings_are_cut_off() {
        let root = testing::root("Root");
        let mut der = root.certificate.der().to_vec();
        // The shortest form of OpenSSL's trust settings: a sequence of none.
        der.extend_from_slice(&[0x30, 0]);
        let text = pem::encode(&pem::Pem::new("TRUSTED CERTIFICATE", der.clone()));
        assert_eq!(PemBundle::parse(text.as_bytes()).unwrap().certificates, [root.certificate]);
        let text = pem::encode(&pem::Pem::new("CERTIFICATE", der));
        let error = PemBundle::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.finding().location.line), (Code::CertificateUnreadable, Some(1)));
    }

    #[test]
    fn traditional_encryption_is_recognized() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\nAAEC\n-----END EC PRIVATE KEY-----\n";
        let bundle = PemBundle::parse(text.as_bytes()).unwrap();
        assert!(bundle.keys[0].is_traditionally_encrypted());
        assert_eq!(bundle.keys[0].open(None).unwrap_err().code(), Code::KeyEncrypted);
    }

    #[test]
    fn neither_pem_nor_der_has_an_error_of_its_own() {
        for bytes in [&b""[..], b"hello", b"\x30\x03\x02\x01\x00"] {
            assert_eq!(PemBundle::parse(bytes).unwrap_err().code(), Code::CertificateUnreadable);
        }
    }
}
