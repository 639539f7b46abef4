//! The key of the devices' issuing CA in a token: made there by `init`, or taken as it is.

use base::{Code, Error, Finding, Result, Secret};
use pki::algorithm::Algorithm;
use pki::issuer::KeySource;
use pki::key::{PublicKey, SigningKey};
use pki::pkcs11::{TokenKey, TokenUri};

/// The key in a token that `init` has to use. Not a `KeyLocation`: an existing key is open already, because its public half
/// is compared with an imported CA before anything is written.
#[derive(Debug)]
pub enum DevicesKey {
    /// A new one, which this URI will name.
    New(TokenUri),
    /// One that is there.
    Existing(Box<TokenKey>),
}

/// The key as `init` works with it. More than a `KeyLocation`: a key that this run made is removed if `init` fails.
#[derive(Debug)]
pub(crate) enum TokenKeyPlan {
    /// A new one, which goes again if nothing comes of it.
    Made(TokenKey),
    /// One that was there.
    Taken(TokenKey),
    /// A dry run: it would be made.
    Planned(TokenUri),
}

impl DevicesKey {
    /// The public half of a key that is there.
    pub fn existing(&self) -> Option<&PublicKey> {
        match self {
            DevicesKey::New(_) => None,
            DevicesKey::Existing(key) => Some(key.public()),
        }
    }

    /// Makes the key if it is to be a new one; in a dry run it is found out whether that could be done.
    pub(crate) fn prepare(
        self,
        algorithm: Algorithm,
        label: &str,
        dry_run: bool,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<TokenKeyPlan> {
        match self {
            DevicesKey::Existing(key) => Ok(TokenKeyPlan::Taken(*key)),
            DevicesKey::New(uri) if dry_run => {
                TokenKey::rehearse(&uri, algorithm, label, pin)?;
                Ok(TokenKeyPlan::Planned(uri))
            }
            DevicesKey::New(uri) => TokenKey::generate(&uri, algorithm, label, pin).map(TokenKeyPlan::Made),
        }
    }
}

impl TokenKeyPlan {
    /// The key that the certificate is issued for. In a dry run there is no key yet, and any other one serves as well.
    pub(crate) fn source(&self, algorithm: Algorithm) -> KeySource {
        match self {
            TokenKeyPlan::Made(key) | TokenKeyPlan::Taken(key) => KeySource::Public(key.public().clone()),
            TokenKeyPlan::Planned(_) => KeySource::Generate(algorithm),
        }
    }

    /// The URI of the key from now on.
    pub(crate) fn uri(&self) -> Result<TokenUri> {
        match self {
            TokenKeyPlan::Made(key) | TokenKeyPlan::Taken(key) => key.lasting_uri(),
            TokenKeyPlan::Planned(uri) => Ok(uri.clone()),
        }
    }

    /// Warnings about the key.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        match self {
            TokenKeyPlan::Made(key) | TokenKeyPlan::Taken(key) => key.findings(),
            TokenKeyPlan::Planned(_) => Vec::new(),
        }
    }

    /// Removes a key that was made for a store that did not come to be. If that fails, the error contains it.
    pub(crate) fn undo(self, error: Error) -> Error {
        let TokenKeyPlan::Made(key) = self else { return error };
        let uri = key.uri().clone();
        // Its own sessions are logged in still.
        let mut never = || Err(Code::Pkcs11Pin.error("the token requires its PIN again"));
        match key.destroy(&mut never) {
            Ok(()) => error,
            Err(why) => error.fix(format!(
                "the new key stays in the token ({why}): remove it there, or use it with --devices-key-existing: {uri}"
            )),
        }
    }
}
