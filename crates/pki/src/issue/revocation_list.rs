//! Revocation lists: written, signed, and read back (RFC 5280, section 5). Each is a complete list of one CA key.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};
use rustls_pki_types::{AlgorithmIdentifier, alg_id};
use time::OffsetDateTime;

use crate::algorithm::Algorithm;
use crate::asn1::tlv::{BIT_STRING, ENUMERATED, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, push, tlv};
use crate::issue::issuer::LocalCa;
use crate::issue::time_field;
use crate::key::SigningKey;
use crate::read::certificate::{Certificate, KeyUsage};
use crate::read::crl::Crl;

/// The number and the dates of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListHeader {
    /// The CRL number (section 5.2.3). It grows from list to list of the same key.
    pub number: u64,
    /// The time at which the list is made, in whole seconds.
    pub this_update: OffsetDateTime,
    /// The latest time at which the next list is made. Verifiers do not use this list afterwards.
    pub next_update: OffsetDateTime,
}

/// A certificate that is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSerial {
    /// The serial number, most significant octet first, with or without leading zeros.
    pub serial: Vec<u8>,
    /// The time of the revocation.
    pub at: OffsetDateTime,
    /// The reason in the entry (RFC 5280, section 5.3.1).
    pub reason: Reason,
}

/// The reason of a revocation (section 5.3.1).
///
/// `certificateHold` and `removeFromCRL` are missing, because a revocation is final.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No reason was given. The list then has no reason code, as section 5.3.1 recommends.
    #[default]
    Unspecified,
    /// The private key may be known to others: the device was stolen.
    KeyCompromise,
    /// The key of the CA may be known to others.
    CaCompromise,
    /// The subject's name or another field of the certificate is no longer right.
    AffiliationChanged,
    /// Another certificate has replaced it.
    Superseded,
    /// The device or server is out of service.
    CessationOfOperation,
    /// The subject may no longer use what the certificate permits.
    PrivilegeWithdrawn,
}

impl Reason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The name in RFC 5280.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }
}

impl FromStr for Reason {
    type Err = Error;

    /// Reads the names of RFC 5280 in any case, also with hyphens (`key-compromise`).
    fn from_str(text: &str) -> Result<Self> {
        // Tools write the names in different ways, such as key-compromise or KEY_COMPROMISE.
        let folded = |text: &str| text.replace(['-', '_', ' '], "").to_ascii_lowercase();
        let wanted = folded(text);
        Self::ALL.into_iter().find(|reason| folded(reason.as_str()) == wanted).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|reason| reason.as_str()).collect();
            let error = Code::UnknownReason.error(format!("{text:?} is not a reason for a revocation"));
            match wanted.as_str() {
                "certificatehold" | "removefromcrl" => error.fix("a revocation is final: choose another reason"),
                _ => error.fix(format!("use one of {}", names.join(", "))),
            }
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// cRLNumber (section 5.2.3).
const CRL_NUMBER: [u8; 3] = [0x55, 0x1d, 0x14];

/// reasonCode (section 5.3.1).
const REASON_CODE: [u8; 3] = [0x55, 0x1d, 0x15];

/// authorityKeyIdentifier (section 5.2.1).
const AUTHORITY_KEY_ID: [u8; 3] = [0x55, 0x1d, 0x23];

/// `[0]`: the extensions of a list, and the key identifier of an AuthorityKeyIdentifier.
const LIST_EXTENSIONS: u8 = 0xa0;
const KEY_IDENTIFIER: u8 = 0x80;

/// Makes and signs the list of a CA.
///
/// The list is built in memory, about 40 octets for an entry, because the signature covers all of it. The entries keep
/// their order.
///
/// # Errors
/// [`Code::CrlDates`] if the list would end before it begins or lies outside of the calendar, [`Code::NotACrlIssuer`]
/// if the CA may not sign lists, errors of `entries`, and errors of the key.
pub fn sign<K: SigningKey>(
    ca: &LocalCa<K>,
    header: &ListHeader,
    entries: impl IntoIterator<Item = Result<RevokedSerial>>,
) -> Result<Crl> {
    check_may_sign_lists(ca.certificate())?;
    let algorithm = tlv(SEQUENCE, signature_algorithm(ca.key().public().algorithm()).as_ref());
    let (tbs, count) = write(ca, header, &algorithm, entries)?;
    let signature = ca.key().sign(&tbs)?;
    // The first octet of a BIT STRING counts the unused bits of the last one.
    let mut bits = vec![0];
    bits.extend_from_slice(&signature);
    let mut content = tbs;
    content.extend_from_slice(&algorithm);
    push(&mut content, BIT_STRING, &bits);
    let crl = Crl::from_der(&tlv(SEQUENCE, &content))?;
    check_as_ordered(&crl, ca.certificate(), header, count)?;
    Ok(crl)
}

/// The TBSCertList (section 5.1.2) in DER, and the number of its entries.
fn write<K: SigningKey>(
    ca: &LocalCa<K>,
    header: &ListHeader,
    algorithm: &[u8],
    entries: impl IntoIterator<Item = Result<RevokedSerial>>,
) -> Result<(Vec<u8>, usize)> {
    if header.next_update <= header.this_update {
        return Err(Code::CrlDates
            .error(format!("the list would end at {} and begin at {}", header.next_update, header.this_update))
            .fix("give at least one day"));
    }
    let mut list = Vec::new();
    let mut count = 0;
    for entry in entries {
        push_entry(&mut list, &entry?)?;
        count += 1;
    }
    let issuer = ca.issued_by();
    let mut content = Vec::new();
    // 1 means version 2, which extensions need (section 5.1.2.1).
    push(&mut content, INTEGER, &[1]);
    content.extend_from_slice(algorithm);
    content.extend_from_slice(issuer.name_der);
    push_time(&mut content, header.this_update)?;
    push_time(&mut content, header.next_update)?;
    // Without entries the field must be absent (section 5.1.2.6).
    if count > 0 {
        push(&mut content, SEQUENCE, &list);
    }
    let key_id = tlv(SEQUENCE, &tlv(KEY_IDENTIFIER, &issuer.key_id));
    let number = tlv(INTEGER, &unsigned(&header.number.to_be_bytes()));
    // Every list must have both (section 5.2).
    let extensions = [extension(&AUTHORITY_KEY_ID, &key_id), extension(&CRL_NUMBER, &number)].concat();
    push(&mut content, LIST_EXTENSIONS, &tlv(SEQUENCE, &extensions));
    Ok((tlv(SEQUENCE, &content), count))
}

fn push_entry(list: &mut Vec<u8>, entry: &RevokedSerial) -> Result<()> {
    let mut content = Vec::with_capacity(64);
    push(&mut content, INTEGER, &unsigned(&entry.serial));
    push_time(&mut content, entry.at)?;
    // The reason "unspecified" should be left out (RFC 5280, 5.3.1).
    if entry.reason != Reason::Unspecified {
        let reason = tlv(ENUMERATED, &[entry.reason.code()]);
        push(&mut content, SEQUENCE, &extension(&REASON_CODE, &reason));
    }
    push(list, SEQUENCE, &content);
    Ok(())
}

/// Appends a time.
///
/// # Errors
/// [`Code::CrlDates`] for a year that the type cannot express.
fn push_time(to: &mut Vec<u8>, at: OffsetDateTime) -> Result<()> {
    time_field::push(to, at).ok_or_else(|| {
        Code::CrlDates
            .error(format!("a revocation list cannot contain the year {}", at.year()))
            .fix("check the clock of this machine")
    })
}

/// An extension that is not critical.
fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    let mut content = tlv(OBJECT_IDENTIFIER, id);
    push(&mut content, OCTET_STRING, value);
    tlv(SEQUENCE, &content)
}

/// The content of an INTEGER for a number that is not negative, as short as DER demands (X.690, section 8.3).
fn unsigned(octets: &[u8]) -> Vec<u8> {
    let leading = octets.iter().take_while(|octet| **octet == 0).count();
    let digits = octets.get(leading..).unwrap_or_default();
    let mut content = Vec::with_capacity(digits.len() + 1);
    // An INTEGER is signed: without the leading zero a serial number of 0x80 and up would be negative.
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    content
}

/// The algorithm that a key signs with, as [`SigningKey::sign`] does.
pub(crate) fn signature_algorithm(key: Algorithm) -> AlgorithmIdentifier {
    match key {
        Algorithm::EcP256 => alg_id::ECDSA_SHA256,
        Algorithm::EcP384 => alg_id::ECDSA_SHA384,
        Algorithm::Ed25519 => alg_id::ED25519,
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => alg_id::RSA_PKCS1_SHA256,
    }
}

fn check_may_sign_lists(ca: &Certificate) -> Result<()> {
    // Without the extension a key may be used for everything (4.2.1.3).
    if ca.key_usage().is_none_or(KeyUsage::crl_sign) {
        return Ok(());
    }
    Err(Code::NotACrlIssuer
        .error(format!("{} may not sign revocation lists", ca.subject()))
        .fix("import a CA certificate with the key usage cRLSign for the same key"))
}

/// Fails with [`Code::LintFailed`] unless a reader sees in the list what was to be in it, signed by the CA.
fn check_as_ordered(crl: &Crl, ca: &Certificate, header: &ListHeader, count: usize) -> Result<()> {
    crl.verify_signed_by(ca)?;
    // Dates have whole seconds in a list.
    let whole = |at: OffsetDateTime| at.unix_timestamp();
    let as_ordered = crl.issuer_der() == ca.subject_der()
        && whole(crl.this_update()) == whole(header.this_update)
        && crl.next_update().map(whole) == Some(whole(header.next_update))
        && crl.revoked().len() == count
        && crl.format_faults().is_empty();
    if as_ordered { Ok(()) } else { Err(Code::LintFailed.error("a revocation list differs from its order")) }
}

#[cfg(test)]
mod tests;
