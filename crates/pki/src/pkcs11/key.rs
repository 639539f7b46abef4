//! A private key in a token, which signs for us.

use std::fmt;

use base::{Code, Error, Finding, Result, Secret, random};

use super::mechanism::{Method, verifies};
use super::object::{self, KeyCapabilities};
use super::pool::Pool;
use super::token::Token;
use super::uri::TokenUri;
use crate::key::{PublicKey, SigningKey};

/// A private key that its token keeps to itself. Several threads sign at once, each in a session of its own.
pub struct TokenKey {
    uri: TokenUri,
    public: PublicKey,
    method: Method,
    stays: bool,
    pub(super) pool: Pool,
}

impl TokenKey {
    /// Opens the key that the URI means, and has it sign once to see that it can. `pin` is asked for only where the token
    /// wants one, and what it gives is offered to the token once.
    ///
    /// # Errors
    /// [`Code::Pkcs11Module`], [`Code::Pkcs11TokenMissing`], [`Code::Pkcs11Ambiguous`], [`Code::Pkcs11Pin`],
    /// [`Code::Pkcs11KeyMissing`], [`Code::Pkcs11KeyUnfit`] for a key that cannot sign certificates, and
    /// [`Code::Pkcs11Failed`].
    pub fn open(uri: &TokenUri, pin: &mut dyn FnMut() -> Result<Secret>) -> Result<Self> {
        let pool = Pool::open(uri, pin)?;
        let (public, traits) =
            pool.with_opened(|session, key| Ok((object::public_half(session, key)?, object::traits(session, key)?)))?;
        // Refused before the first signature: a key that asks for its PIN each time could not sign a fleet.
        check(traits)?;
        let method = Method::choose(public.algorithm(), &pool.mechanisms()?)?;
        let key = Self { uri: uri.clone(), public, method, stays: traits.stays, pool };
        // A token may contain a private and a public key of one label that do not belong together.
        key.prove()?;
        Ok(key)
    }

    /// The public half of the key that the URI means, without a PIN. Nothing if the token hides it from users who have
    /// not logged in.
    ///
    /// # Errors
    /// Those of finding the token, and [`Code::Pkcs11Ambiguous`].
    pub fn public_without_pin(uri: &TokenUri) -> Result<Option<PublicKey>> {
        let session = Token::find(uri)?.session(false)?;
        let mut keys = Vec::new();
        for object in object::find(&session, uri, cryptoki::object::ObjectClass::PUBLIC_KEY)? {
            keys.extend(object::public_of(&session, object)?.filter(|key| !keys.contains(key)));
        }
        match keys.len() {
            0 | 1 => Ok(keys.pop()),
            count => Err(Code::Pkcs11Ambiguous
                .error(format!("{} fits {count} keys in the token", uri.key_name()))
                .fix("add the id of the key that is meant to the URI: id=%01%02")),
        }
    }

    /// The URI of the key.
    pub fn uri(&self) -> &TokenUri {
        &self.uri
    }

    /// A URI that goes on meaning this key when there are more tokens and more keys: with the token's label and serial
    /// number if the URI has neither, with label and id of the key, and without the number of a slot.
    ///
    /// # Errors
    /// Those of a token that went away, and [`Code::Pkcs11Uri`] for names that no URI of ours can have.
    pub fn lasting_uri(&self) -> Result<TokenUri> {
        let names = self.pool.with_opened(object::names)?;
        let mut uri = self.uri.clone();
        // Without a name, a second token in another slot would make the URI ambiguous later.
        if uri.token.is_none() && uri.serial.is_none() {
            let (label, serial) = self.pool.token_names();
            uri.token = label;
            uri.serial = serial;
        }
        // Slot numbers change when tokens are plugged in another order.
        uri.slot_id = None;
        uri.object = uri.object.or(names.label);
        uri.id = names.id.or(uri.id);
        // Names that others have given may hold what cannot be seen. They would not be read again.
        match uri.to_string().parse::<TokenUri>() {
            Ok(_) => Ok(uri),
            Err(error) => Err(error.item(self.uri.key_name()).fix("give the token and the key names that can be read")),
        }
    }

    /// Warnings about the key: that it could leave its token.
    pub fn findings(&self) -> Vec<Finding> {
        let warning = || {
            Code::Pkcs11KeyUnfit
                .warning("the key in the token could leave it, or has been outside of it")
                .item(self.uri.key_name())
                .fix("make a new key, which cannot be extracted, with --devices-key alone")
        };
        (!self.stays).then(warning).into_iter().collect()
    }

    /// True if it cannot leave its token and was never outside.
    pub fn stays(&self) -> bool {
        self.stays
    }

    /// Has the token sign a text of ours: a key that does not is found out before anything depends on it.
    fn prove(&self) -> Result<()> {
        let message = challenge()?;
        let signature = self.sign(&message)?;
        if verifies(&self.public, &message, &signature) {
            return Ok(());
        }
        Err(unfit("the token does not sign with the private key that belongs to its public key")
            .fix("see to it that only one key in the token has this label and id"))
    }
}

/// A text that a key signs to prove that it can.
pub(super) fn challenge() -> Result<[u8; 53]> {
    // A text cannot be taken for a certificate, a request or a list, which begin with 0x30.
    // The random end makes every proof another one, so that an old signature does not pass.
    let mut message = *b"tbpki asks whether this key can sign ................";
    let (_, end) = message.split_at_mut(37);
    random::fill(end)?;
    Ok(message)
}

fn check(traits: KeyCapabilities) -> Result<()> {
    let what = match traits {
        KeyCapabilities { signs: false, .. } => "the key in the token is not allowed to sign",
        KeyCapabilities { asks_each_time: true, .. } => "the key in the token wants the PIN for every signature",
        KeyCapabilities { .. } => return Ok(()),
    };
    Err(unfit(what).fix(
        "use a key that signs without a person: `tbpki init --devices-key` and `tbpki enroll fetch` make such keys",
    ))
}

fn unfit(what: &str) -> Error {
    Code::Pkcs11KeyUnfit.error(what)
}

impl SigningKey for TokenKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let raw = self.pool.with("signing", |session, key| self.method.sign(session, key, message))?;
        self.method.encode(raw)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, {})", self.public.algorithm(), self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_ca_signs_without_a_person() {
        let good = KeyCapabilities { signs: true, stays: true, asks_each_time: false };
        assert!(check(good).is_ok());
        // The caller who takes such a key warns if it could leave.
        assert!(check(KeyCapabilities { stays: false, ..good }).is_ok());
        for unfit in [KeyCapabilities { signs: false, ..good }, KeyCapabilities { asks_each_time: true, ..good }] {
            assert_eq!(check(unfit).unwrap_err().code(), Code::Pkcs11KeyUnfit);
        }
    }
}
