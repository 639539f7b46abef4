//! Making a key inside a token, which never leaves it.

use base::{Code, Error, Result, Secret, random};
use cryptoki::error::Result as CryptokiResult;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::key::TokenKey;
use super::token::Token;
use super::uri::TokenUri;
use super::{encoding, fault, mechanism, object};
use crate::algorithm::Algorithm;

/// The octets of a key's id that was made up: nothing else in the token has the same.
pub(super) const ID_LENGTH: usize = 16;

impl TokenKey {
    /// Makes a key in the token: sensitive, not extractable, for signing alone. It gets the label of the URI, else
    /// `label`, and the id of the URI, else a random one; its [`uri`](Self::uri) names both.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`Code::Pkcs11KeyUnfit`] where a key of that label or id is there already, or where
    /// the token has made one that can leave. Nothing is left in the token then.
    pub fn generate(
        uri: &TokenUri,
        algorithm: Algorithm,
        label: &str,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<Self> {
        let token = Token::find(uri)?;
        let (session, mut typed) = token.log_in(true, pin)?;
        // The names are fixed before the key exists, so that it can be found and removed after any failure.
        let wanted = named(uri, label)?;
        check_absent(&session, &wanted)?;
        let (public, private) = generate_pair(&session, &wanted, algorithm)?;
        // The session stays logged in until the key has sessions of its own.
        let opened = Self::open(&wanted, &mut || typed.take().map_or_else(&mut *pin, Ok)).and_then(|key| {
            // A token that cannot promise this is not better than a file.
            if key.stays() {
                return Ok(key);
            }
            Err(Code::Pkcs11KeyUnfit
                .error("the token does not report that the new key cannot leave it")
                .fix("use a token that keeps keys to itself, or a key in a file"))
        });
        // The private half first, because the first failure ends the removal.
        opened.map_err(|error| match discard(&session, &[private, public]) {
            Ok(()) => error,
            Err(why) => {
                let why = fault::words(&why);
                error.fix(format!("the new key stays in the token ({why}): remove it there: {wanted}"))
            }
        })
    }

    /// Finds what would stop [`generate`](Self::generate), as far as that can be told without making a key.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate).
    pub fn rehearse(
        uri: &TokenUri,
        algorithm: Algorithm,
        label: &str,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<()> {
        let token = Token::find(uri)?;
        let (session, _) = token.log_in(true, pin)?;
        check_absent(&session, &named(uri, label)?)?;
        let mechanisms = token.context.get_mechanism_list(token.slot);
        let mechanisms = mechanisms.map_err(|error| fault::failed("asking for its mechanisms", &error))?;
        mechanism::Method::choose(algorithm, &mechanisms).map(drop)
    }

    /// Removes a key that was made a moment ago and has signed nothing that is kept.
    ///
    /// # Errors
    /// Where the token does not let go of it.
    pub fn destroy(self, pin: &mut dyn FnMut() -> Result<Secret>) -> Result<()> {
        let token = Token::find(self.uri())?;
        let (session, _) = token.log_in(true, pin)?;
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            // By label and id: several objects belong to one key.
            for key in object::find(&session, self.uri(), class)? {
                session.destroy_object(key).map_err(|error| fault::failed("removing the new key", &error))?;
            }
        }
        Ok(())
    }
}

/// The URI with the names that the new key gets.
fn named(uri: &TokenUri, label: &str) -> Result<TokenUri> {
    let mut named = uri.clone();
    named.object.get_or_insert_with(|| label.to_owned());
    if named.id.is_none() {
        let mut id = vec![0; ID_LENGTH];
        random::fill(&mut id)?;
        named.id = Some(id);
    }
    Ok(named)
}

/// Fails where the token has a key of this label, or of this id.
fn check_absent(session: &Session, wanted: &TokenUri) -> Result<()> {
    // Apart, because label and id may belong to two different keys.
    let by_label = TokenUri { id: None, ..wanted.clone() };
    let by_id = TokenUri { object: None, ..wanted.clone() };
    for (uri, class) in [&by_label, &by_id]
        .into_iter()
        .flat_map(|uri| [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY].map(|class| (uri, class)))
    {
        if !object::find(session, uri, class)?.is_empty() {
            return Err(there_already(uri));
        }
    }
    Ok(())
}

fn there_already(uri: &TokenUri) -> Error {
    Code::Pkcs11KeyUnfit
        .error(format!("the token has such a key already: {}", uri.key_name()))
        .because("tbpki replaces no key, and uses an existing one only on request")
        .fix("use it with --devices-key-existing, or name another one with object=.. in the URI")
}

/// A key pair with these names. The private half can do nothing but sign.
pub(super) fn generate_pair(
    session: &Session,
    names: &TokenUri,
    algorithm: Algorithm,
) -> Result<(ObjectHandle, ObjectHandle)> {
    let (mechanism, kind) = match algorithm {
        Algorithm::EcP256 | Algorithm::EcP384 => {
            let params = encoding::ec_params(algorithm).ok_or_else(|| mechanism::unsupported(algorithm))?;
            (Mechanism::EccKeyPairGen, vec![Attribute::EcParams(params)])
        }
        Algorithm::Rsa2048 => (Mechanism::RsaPkcsKeyPairGen, rsa(2048)),
        Algorithm::Rsa3072 => (Mechanism::RsaPkcsKeyPairGen, rsa(3072)),
        Algorithm::Rsa4096 => (Mechanism::RsaPkcsKeyPairGen, rsa(4096)),
        Algorithm::Ed25519 => return Err(mechanism::unsupported(algorithm)),
    };
    let mut both = vec![Attribute::Token(true)];
    both.extend(names.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    both.extend(names.id.clone().map(Attribute::Id));
    // Every use of the private half is named: an attribute that a template leaves out gets the default of the token's
    // maker.
    let mut public = both.clone();
    public.extend([
        // Can be read without a PIN, as `public_without_pin` needs it.
        // Without CKA_VERIFY and CKA_ENCRYPT: in tpm2-pkcs11 the rights of the private half decide about them, and it
        // makes no key for other values. What is done with a public key needs no token.
        Attribute::Private(false),
        Attribute::Wrap(false),
    ]);
    public.extend(kind);
    let mut private = both;
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]);
    session.generate_key_pair(&mechanism, &public, &private).map_err(|error| fault::failed("making the key", &error))
}

fn rsa(bits: u64) -> Vec<Attribute> {
    // 65,537, big-endian: the exponent that every verifier takes.
    vec![Attribute::ModulusBits(bits.into()), Attribute::PublicExponent(vec![1, 0, 1])]
}

/// Removes what was just made.
fn discard(session: &Session, keys: &[ObjectHandle]) -> CryptokiResult<()> {
    keys.iter().try_for_each(|key| session.destroy_object(*key))
}
