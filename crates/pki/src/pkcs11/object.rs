//! Objects in a token: finding a private key, and reading what may be known of it.

use base::text::printable;
use base::{Code, Error, Result, hex};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::uri::TokenUri;
use super::{encoding, fault};
use crate::key::PublicKey;

/// The names of a key in its token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyLabels {
    pub(super) label: Option<String>,
    pub(super) id: Option<Vec<u8>>,
}

/// The capabilities of a private key, and whether it can leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyCapabilities {
    pub(super) signs: bool,
    pub(super) stays: bool,
    pub(super) asks_each_time: bool,
}

/// The one private key that the URI means. The session has to be logged in.
pub(super) fn private_key(session: &Session, uri: &TokenUri) -> Result<ObjectHandle> {
    let mut found = find(session, uri, ObjectClass::PRIVATE_KEY)?;
    match (found.pop(), found.is_empty()) {
        (Some(key), true) => Ok(key),
        (None, _) => Err(missing(session, uri)),
        (Some(last), false) => {
            found.push(last);
            let names: Vec<String> = found.iter().map(|key| described(session, *key)).collect();
            Err(Code::Pkcs11Ambiguous
                .error(format!("{} fits {} private keys in the token", uri.key_name(), found.len()))
                // The first that fits would sign with a key by chance.
                .because(names.join("; "))
                .fix("add the id of the key that is meant to the URI: id=%01%02"))
        }
    }
}

/// The objects of a class that have the label and the id of the URI.
pub(super) fn find(session: &Session, uri: &TokenUri, class: ObjectClass) -> Result<Vec<ObjectHandle>> {
    let mut template = vec![Attribute::Class(class), Attribute::Token(true)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.clone().map(Attribute::Id));
    session.find_objects(&template).map_err(|error| fault::failed("looking for the key", &error))
}

/// Whether no private and no public key has the label and the id of the URI.
pub(super) fn is_absent(session: &Session, uri: &TokenUri) -> Result<bool> {
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        if !find(session, uri, class)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The label and the id of an object.
pub(super) fn names(session: &Session, object: ObjectHandle) -> Result<KeyLabels> {
    let mut names = KeyLabels::default();
    for attribute in read(session, object, &[AttributeType::Label, AttributeType::Id])? {
        match attribute {
            Attribute::Label(label) if !label.is_empty() => names.label = String::from_utf8(label).ok(),
            Attribute::Id(id) if !id.is_empty() => names.id = Some(id),
            _ => {}
        }
    }
    Ok(names)
}

/// The capabilities of a private key.
pub(super) fn traits(session: &Session, key: ObjectHandle) -> Result<KeyCapabilities> {
    let asked = [
        AttributeType::Sign,
        AttributeType::Sensitive,
        AttributeType::AlwaysSensitive,
        AttributeType::Extractable,
        AttributeType::NeverExtractable,
        AttributeType::AlwaysAuthenticate,
    ];
    // What a token does not say of a key is taken for the worse.
    let mut traits = KeyCapabilities { signs: false, stays: true, asks_each_time: false };
    let mut said = 0;
    for attribute in read(session, key, &asked)? {
        match attribute {
            Attribute::Sign(signs) => traits.signs = signs,
            Attribute::Sensitive(yes) | Attribute::AlwaysSensitive(yes) | Attribute::NeverExtractable(yes) => {
                traits.stays &= yes;
                said += 1;
            }
            Attribute::Extractable(yes) => {
                traits.stays &= !yes;
                said += 1;
            }
            Attribute::AlwaysAuthenticate(yes) => traits.asks_each_time = yes,
            _ => {}
        }
    }
    // All four answers are needed to show that the key never leaves the token.
    traits.stays &= said == 4;
    Ok(traits)
}

/// The public half of a private key: its own attributes, or those of the public key that goes with it.
pub(super) fn public_half(session: &Session, key: ObjectHandle) -> Result<PublicKey> {
    if let Some(public) = public_of(session, key)? {
        return Ok(public);
    }
    let names = names(session, key)?;
    // PKCS #11 ties the halves of a pair together by the same CKA_ID.
    let same = match (&names.id, &names.label) {
        (Some(id), _) => Attribute::Id(id.clone()),
        (None, Some(label)) => Attribute::Label(label.clone().into_bytes()),
        (None, None) => return Err(no_public_half()),
    };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), same];
    let candidates =
        session.find_objects(&template).map_err(|error| fault::failed("looking for the public key", &error))?;
    for candidate in candidates {
        if let Some(public) = public_of(session, candidate)? {
            return Ok(public);
        }
    }
    Err(no_public_half())
}

/// The public key that an object's attributes say, as far as it is of a kind that we know.
pub(super) fn public_of(session: &Session, object: ObjectHandle) -> Result<Option<PublicKey>> {
    let (mut kind, mut params, mut point, mut modulus, mut exponent, mut spki) = (None, None, None, None, None, None);
    let asked = [AttributeType::KeyType, AttributeType::PublicKeyInfo];
    let mut attributes = read(session, object, &asked)?;
    for attribute in &attributes {
        if let Attribute::KeyType(found) = attribute {
            kind = Some(*found);
        }
    }
    // Asked for apart, since tokens refuse what a key of this type does not have.
    attributes.extend(match kind {
        Some(KeyType::EC) => read(session, object, &[AttributeType::EcParams, AttributeType::EcPoint])?,
        Some(KeyType::RSA) => read(session, object, &[AttributeType::Modulus, AttributeType::PublicExponent])?,
        Some(other) => {
            return Err(Code::Pkcs11KeyUnfit
                .error(format!("the key in the token is of the type {other}"))
                .fix("use a key of EC P-256, EC P-384 or RSA"));
        }
        None => Vec::new(),
    });
    for attribute in attributes {
        match attribute {
            Attribute::EcParams(octets) => params = Some(octets),
            Attribute::EcPoint(octets) => point = Some(octets),
            Attribute::Modulus(octets) => modulus = Some(octets),
            Attribute::PublicExponent(octets) => exponent = Some(octets),
            Attribute::PublicKeyInfo(octets) if !octets.is_empty() => spki = Some(octets),
            _ => {}
        }
    }
    match (params, point, modulus, exponent, spki) {
        (Some(params), Some(point), ..) if !point.is_empty() => encoding::ec_public(&params, &point).map(Some),
        (_, _, Some(modulus), Some(exponent), _) if !exponent.is_empty() => {
            encoding::rsa_public(&modulus, &exponent).map(Some)
        }
        (.., Some(spki)) => PublicKey::from_spki_der(&spki).map(Some),
        _ => Ok(None),
    }
}

fn read(session: &Session, object: ObjectHandle, types: &[AttributeType]) -> Result<Vec<Attribute>> {
    session.get_attributes(object, types).map_err(|error| fault::failed("reading the key's attributes", &error))
}

fn no_public_half() -> Error {
    Code::Pkcs11KeyUnfit
        .error("the token has the private key without its public key")
        .fix("write the public key into the token too, under the same id")
}

/// The error for a URI that fits no private key.
pub(super) fn missing(session: &Session, uri: &TokenUri) -> Error {
    if let Some(kind) = other_kind(session, uri) {
        return Code::Pkcs11ObjectType
            .error(format!("{} in the token is {kind}, and no private key has this name", uri.key_name()))
            .fix("name the private key in object and id of the URI; `pkcs11-tool --login --list-objects` shows what there is");
    }
    let all = TokenUri { object: None, id: None, ..uri.clone() };
    // The list only helps: without it the error still names the key.
    let others = find(session, &all, ObjectClass::PRIVATE_KEY).unwrap_or_default();
    // A token can hold hundreds of keys, and an error is one line.
    let names: Vec<String> = others.iter().take(8).map(|key| described(session, *key)).collect();
    let why = match names.is_empty() {
        true => "it shows no private key at all".to_owned(),
        false => format!("it holds {}", names.join("; ")),
    };
    Code::Pkcs11KeyMissing
        .error(format!("the token does not have the private key {}", uri.key_name()))
        .because(why)
        .fix("correct object and id in the URI; `pkcs11-tool --login --list-objects` shows what there is")
}

/// The kind of an object that has the names of a URI and is no private key.
fn other_kind(session: &Session, uri: &TokenUri) -> Option<&'static str> {
    // A URI without names fits every object.
    if uri.object.is_none() && uri.id.is_none() {
        return None;
    }
    let kinds = [
        (ObjectClass::PUBLIC_KEY, "a public key"),
        (ObjectClass::CERTIFICATE, "a certificate"),
        (ObjectClass::SECRET_KEY, "a secret key"),
        (ObjectClass::DATA, "a data object"),
    ];
    // The kind only helps: without it the error still names the key.
    kinds
        .into_iter()
        .find(|(class, _)| find(session, uri, *class).is_ok_and(|found| !found.is_empty()))
        .map(|(_, kind)| kind)
}

/// A key in a message.
pub(super) fn described(session: &Session, key: ObjectHandle) -> String {
    let names = names(session, key).unwrap_or_default();
    let label = names.label.map_or_else(|| "without a label".to_owned(), |label| printable(&label).to_string());
    let id = names.id.map_or_else(|| "none".to_owned(), |id| hex::lower(&id));
    format!("{label} (id {id})")
}
