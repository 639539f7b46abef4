//! The envelope of a PKCS#12 file: everything that can be read without a password.
//!
//! Written by hand because p12-keystore opens a file only as a whole, before the total work that it demands can be limited.
//!
//! ```text
//! PFX ::= SEQUENCE { INTEGER 3, ContentInfo(data: AuthenticatedSafe), MacData OPTIONAL }   -- RFC 7292, section 4
//! AuthenticatedSafe ::= SEQUENCE OF ContentInfo     -- data: SafeContents; encryptedData: the same, encrypted
//! SafeContents ::= SEQUENCE OF SafeBag
//! SafeBag ::= SEQUENCE { bagId OID, bagValue [0], bagAttributes SET OPTIONAL }
//! ```

use base::Result;
use der::asn1::{AnyRef, BmpString, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Tag, Tagged};
use pkcs5::pbes2;

use super::super::fault::unreadable;
use super::super::tlv::{self, CONTEXT_0};
use crate::kdf::Cost;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const SECRET_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.5");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
/// SHA-1, then SHA-224 to SHA-512/256: what the crate makes MACs of.
const MAC_DIGESTS: [ObjectIdentifier; 7] = [
    ObjectIdentifier::new_unwrap("1.3.14.3.2.26"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.5"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6"),
];

/// The rounds of key derivation that one step may ask for: what the crate allows, and far beyond what anybody writes.
const MAX_ROUNDS: u64 = 1_000_000;
/// The rounds that a whole file may ask for: a thousand keys of Java's, or some seconds. Fuzzers have less patience; what
/// keytool writes for one key still passes.
const MAX_TOTAL_ROUNDS: u64 = if cfg!(fuzzing) { 50_000 } else { 10_000_000 };
/// The memory that scrypt may ask for, in bytes; OpenSSL's default takes 16 MiB.
const MAX_SCRYPT_MEMORY: u64 = 64 << 20;

/// Whether this begins as PKCS#12 does: a sequence of the number 3 and another sequence.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    // Any length, the indefinite one of BER included, so that such a file is at least told for what it is.
    let skip = match rest.first() {
        Some(length @ 0x81..=0x84) => 1 + usize::from(length & 0x7f),
        Some(0x00..=0x80) => 1,
        _ => return false,
    };
    rest.get(skip..).is_some_and(|rest| rest.starts_with(&[0x02, 0x01, 0x03, 0x30]))
}

/// A file taken apart.
pub(super) struct Envelope {
    pub(super) has_mac: bool,
    pub(super) safes: Vec<Safe>,
    /// The digest of the MAC, if there is one.
    mac_digest: Option<ObjectIdentifier>,
    /// What the MAC, each encrypted safe and each encrypted key ask for.
    costs: Vec<Cost>,
}

/// A part of the file that one password encrypts, or none.
pub(super) enum Safe {
    /// A PKCS#12 without a MAC that holds this safe and nothing else.
    Encrypted(Vec<u8>),
    Plain(Vec<Bag>),
}

/// A key, a certificate or something else.
pub(super) struct Bag {
    /// A PKCS#12 without a MAC that holds this bag and nothing else.
    pub(super) alone: Vec<u8>,
    pub(super) is_shrouded_key: bool,
    pub(super) name: Option<String>,
    pub(super) key_id: Option<Vec<u8>>,
}

impl Envelope {
    /// Takes a file apart. What is not understood is left to the crate to refuse.
    pub(super) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let parts = tlv::elements(tlv::only(bytes, Tag::Sequence)?)?;
        let [version, auth_safe, mac @ ..] = parts.as_slice() else {
            return Err(Tag::Sequence.length_error().into());
        };
        tlv::content(*version, Tag::Integer)?;
        let mut envelope = Self { has_mac: !mac.is_empty(), safes: Vec::new(), mac_digest: None, costs: Vec::new() };
        if let Some(mac) = mac.first() {
            let (digest, cost) = read_mac(*mac)?;
            envelope.mac_digest = Some(digest);
            envelope.costs.push(cost);
        }
        let (_, content) = read_content_info(*auth_safe)?;
        for safe in tlv::elements(tlv::only(tlv::only(content, Tag::OctetString)?, Tag::Sequence)?)? {
            envelope.read_safe(safe)?;
        }
        Ok(envelope)
    }

    /// Refuses files that ask for more work or memory than any honest one, and MACs that cannot be verified here.
    pub(super) fn check_limits(&self) -> Result<()> {
        let rounds = self.costs.iter().fold(0_u64, |sum, cost| sum.saturating_add(cost.rounds));
        let greedy = |cost: &Cost| cost.rounds > MAX_ROUNDS || cost.memory > MAX_SCRYPT_MEMORY;
        if rounds > MAX_TOTAL_ROUNDS || self.costs.iter().any(greedy) {
            return Err(unreadable("the PKCS#12 keystore asks for an absurd amount of work")
                .because(format!("{rounds} rounds of key derivation")));
        }
        match self.mac_digest {
            Some(digest) if !MAC_DIGESTS.contains(&digest) => {
                Err(unreadable("the PKCS#12 keystore guards its integrity with an algorithm that is not read here")
                    .because(digest)
                    .fix("write it anew with `openssl pkcs12 -export -macalg sha256` or `keytool -importkeystore`"))
            }
            _ => Ok(()),
        }
    }

    fn read_safe(&mut self, safe: AnyRef<'_>) -> der::Result<()> {
        let (kind, content) = read_content_info(safe)?;
        if kind == DATA {
            let bags = tlv::elements(tlv::only(tlv::only(content, Tag::OctetString)?, Tag::Sequence)?)?;
            let bags = bags.into_iter().map(|bag| self.read_bag(bag)).collect::<der::Result<_>>()?;
            self.safes.push(Safe::Plain(bags));
        } else {
            if kind == ENCRYPTED_DATA {
                self.costs.push(encrypted_data_cost(content)?);
            }
            self.safes.push(Safe::Encrypted(file_of(&safe.to_der()?)?));
        }
        Ok(())
    }

    fn read_bag(&mut self, bag: AnyRef<'_>) -> der::Result<Bag> {
        let parts = tlv::elements(tlv::content(bag, Tag::Sequence)?)?;
        let [id, value, attributes @ ..] = parts.as_slice() else {
            return Err(Tag::Sequence.length_error().into());
        };
        let id = id.decode_as::<ObjectIdentifier>()?;
        if matches!(id, SHROUDED_KEY_BAG | SECRET_BAG) {
            self.costs.push(bag_cost(id, *value)?);
        }
        let (mut name, mut key_id) = (None, None);
        if let Some(attributes) = attributes.first() {
            for attribute in tlv::elements(tlv::content(*attributes, Tag::Set)?)? {
                match read_attribute(attribute)? {
                    (FRIENDLY_NAME, Some(value)) => {
                        name = value.decode_as::<BmpString>().ok().map(|name| name.to_string());
                    }
                    (LOCAL_KEY_ID, Some(value)) => key_id = Some(tlv::content(value, Tag::OctetString)?.to_vec()),
                    _ => {}
                }
            }
        }
        let safe_contents = tlv::element(Tag::Sequence, &[&bag.to_der()?])?;
        let alone = file_of(&content_info(&safe_contents)?)?;
        Ok(Bag { alone, is_shrouded_key: id == SHROUDED_KEY_BAG, name, key_id })
    }
}

/// `ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY }`
fn read_content_info(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, &[u8])> {
    match tlv::elements(tlv::content(element, Tag::Sequence)?)?.as_slice() {
        [kind, content] => Ok((kind.decode_as()?, tlv::content(*content, CONTEXT_0)?)),
        _ => Err(Tag::Sequence.length_error().into()),
    }
}

/// `Attribute ::= SEQUENCE { type OID, values SET }`: the type and the first value.
fn read_attribute(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    match tlv::elements(tlv::content(element, Tag::Sequence)?)?.as_slice() {
        [kind, values] => Ok((kind.decode_as()?, tlv::elements(tlv::content(*values, Tag::Set)?)?.first().copied())),
        _ => Err(Tag::Sequence.length_error().into()),
    }
}

/// `MacData ::= SEQUENCE { SEQUENCE { digestAlgorithm, digest }, salt OCTET STRING, iterations INTEGER DEFAULT 1 }`
fn read_mac(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, Cost)> {
    let parts = tlv::elements(tlv::content(element, Tag::Sequence)?)?;
    let [digest_info, _salt, iterations @ ..] = parts.as_slice() else {
        return Err(Tag::Sequence.length_error().into());
    };
    let digest_info = tlv::elements(tlv::content(*digest_info, Tag::Sequence)?)?;
    let algorithm = digest_info.first().ok_or_else(|| Tag::Sequence.length_error())?;
    let (digest, _) = read_algorithm(*algorithm)?;
    let rounds = iterations.first().map(|iterations| rounds(*iterations)).transpose()?.unwrap_or(1);
    Ok((digest, Cost { rounds, memory: 0 }))
}

/// `EncryptedData ::= SEQUENCE { version, SEQUENCE { contentType, AlgorithmIdentifier, [0] content } .. }`
fn encrypted_data_cost(content: &[u8]) -> der::Result<Cost> {
    let parts = tlv::elements(tlv::only(content, Tag::Sequence)?)?;
    let Some(info) = parts.get(1) else { return Ok(Cost::default()) };
    let info = tlv::elements(tlv::content(*info, Tag::Sequence)?)?;
    info.get(1).map(|algorithm| cost(*algorithm)).transpose().map(Option::unwrap_or_default)
}

/// The bag is an `EncryptedPrivateKeyInfo ::= SEQUENCE { AlgorithmIdentifier, OCTET STRING }`, or a
/// `SecretBag ::= SEQUENCE { OID, [0] OCTET STRING }` around one.
fn bag_cost(bag: ObjectIdentifier, value: AnyRef<'_>) -> der::Result<Cost> {
    let mut parts = tlv::elements(tlv::only(tlv::content(value, CONTEXT_0)?, Tag::Sequence)?)?;
    if bag == SECRET_BAG {
        let Some(secret) = parts.get(1) else { return Ok(Cost::default()) };
        let info = tlv::only(tlv::only(secret.value(), Tag::OctetString)?, Tag::Sequence);
        // Anything may stand in there; what is not encrypted costs nothing.
        let Ok(info) = info.and_then(tlv::elements) else { return Ok(Cost::default()) };
        parts = info;
    }
    Ok(parts.first().and_then(|algorithm| cost(*algorithm).ok()).unwrap_or_default())
}

/// `AlgorithmIdentifier ::= SEQUENCE { OID, parameters OPTIONAL }`
fn read_algorithm(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    match tlv::elements(tlv::content(element, Tag::Sequence)?)?.as_slice() {
        [id, parameters @ ..] => Ok((id.decode_as()?, parameters.first().copied())),
        [] => Err(Tag::Sequence.length_error().into()),
    }
}

/// What decrypting asks for. Unknown algorithms cost nothing: the crate refuses them.
fn cost(algorithm: AnyRef<'_>) -> der::Result<Cost> {
    let (id, parameters) = read_algorithm(algorithm)?;
    let Some(parameters) = parameters else { return Ok(Cost::default()) };
    if id == PBES2 {
        // What does not decode here does not in the crate, which uses the same type.
        let parameters = pbes2::Parameters::from_der(&parameters.to_der()?);
        return Ok(parameters.map(|parameters| Cost::of(&parameters.kdf)).unwrap_or_default());
    }
    // pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }
    if parameters.tag() != Tag::Sequence {
        return Ok(Cost::default());
    }
    let rounds = match tlv::elements(parameters.value())?.as_slice() {
        [_salt, iterations] if iterations.tag() == Tag::Integer => rounds(*iterations)?,
        _ => 0,
    };
    Ok(Cost { rounds, memory: 0 })
}

/// An iteration count. Negative ones count as none, which is how the crate treats them.
fn rounds(element: AnyRef<'_>) -> der::Result<u64> {
    let bytes = tlv::content(element, Tag::Integer)?;
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Ok(0);
    }
    Ok(bytes.iter().fold(0_u64, |value, byte| value.saturating_mul(256).saturating_add((*byte).into())))
}

/// A PKCS#12 without a MAC that holds one safe.
fn file_of(safe: &[u8]) -> der::Result<Vec<u8>> {
    let auth_safe = content_info(&tlv::element(Tag::Sequence, &[safe])?)?;
    tlv::element(Tag::Sequence, &[&tlv::element(Tag::Integer, &[&[3]])?, &auth_safe])
}

fn content_info(data: &[u8]) -> der::Result<Vec<u8>> {
    let octets = OctetStringRef::new(data)?.to_der()?;
    tlv::element(Tag::Sequence, &[&DATA.to_der()?, &tlv::element(CONTEXT_0, &[&octets])?])
}
