//! Keys in a token that follow each other: the next one is made while the present one signs, and removed keys are those
//! that were made here.

use base::{Code, Result, Secret, random};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectClass;

use super::generate::{ID_LENGTH, generate_pair};
use super::key::TokenKey;
use super::mechanism::Method;
use super::token::Token;
use super::uri::TokenUri;
use super::{fault, object};
use crate::algorithm::Algorithm;

impl TokenKey {
    /// Opens the key of a certificate: of the private keys in the token of `uri` that `is_meant` accepts by label and id, the
    /// one whose public half is `spki_der`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`Code::Pkcs11KeyMissing`] if no key is meant, and [`Code::KeyMismatch`] if those that
    /// are meant belong to other certificates.
    pub fn open_for(
        uri: &TokenUri,
        spki_der: &[u8],
        is_meant: &dyn Fn(&TokenUri) -> bool,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<Self> {
        let token = Token::find(uri)?;
        // The session stays logged in until the key has sessions of its own.
        let (session, _typed) = token.log_in(false, pin)?;
        let (mut found, mut others, mut fault) = (None, Vec::new(), None);
        for key in object::find(&session, &uri.with_key(None, None), ObjectClass::PRIVATE_KEY)? {
            let names = object::names(&session, key)?;
            let named = uri.with_key(names.label.as_deref(), names.id.as_deref());
            if !is_meant(&named) {
                continue;
            }
            match object::public_half(&session, key) {
                Ok(public) if public.check_belongs_to(spki_der).is_ok() => found = Some(named),
                Ok(_) => others.push(object::described(&session, key)),
                Err(error) => fault = Some(error),
            }
        }
        match (found, fault) {
            (Some(named), _) => Self::open(&named, pin),
            (None, Some(fault)) => Err(fault),
            (None, None) if others.is_empty() => Err(object::missing(&session, uri)),
            (None, None) => Err(Code::KeyMismatch
                .error("no key in the token belongs to the certificate")
                .because(format!("the token has {}", others.join("; ")))
                .fix("name the key of this certificate in the URI, or the certificate of this key")),
        }
    }

    /// The names for a key that is to be made: this label, or the first of `label.2`, `label.3` and so on that no object in the
    /// token has, and a random id.
    ///
    /// # Errors
    /// Those of finding the token and logging in.
    pub fn free_name(
        uri: &TokenUri,
        label: &str,
        first: u32,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<TokenUri> {
        let token = Token::find(uri)?;
        let (session, _typed) = token.log_in(false, pin)?;
        let mut id = vec![0; ID_LENGTH];
        random::fill(&mut id)?;
        let mut number = first;
        loop {
            let named = if number < 2 { label.to_owned() } else { format!("{label}.{number}") };
            let wanted = uri.with_key(Some(&named), None);
            if object::is_absent(&session, &wanted)? {
                return Ok(uri.with_key(Some(&named), Some(&id)));
            }
            number = number.saturating_add(1);
        }
    }

    /// Whether the token has a private or a public key with the label and id of the URI.
    ///
    /// # Errors
    /// Those of finding the token and logging in.
    pub fn exists(uri: &TokenUri, pin: &mut dyn FnMut() -> Result<Secret>) -> Result<bool> {
        let token = Token::find(uri)?;
        let (session, _typed) = token.log_in(false, pin)?;
        object::is_absent(&session, uri).map(|is_absent| !is_absent)
    }

    /// Opens the key of this label and id, or makes it. Both must be those of [`free_name`](Self::free_name) and be recorded
    /// before: what an interrupted run has left of such a key is removed first.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`Code::TokenMakesNoKey`].
    pub fn open_or_make(
        named: &TokenUri,
        algorithm: Algorithm,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<Self> {
        match Self::open(named, pin) {
            // Halves of a key, or no key at all.
            Err(error)
                if matches!(error.code(), Code::Pkcs11KeyMissing | Code::Pkcs11ObjectType | Code::Pkcs11KeyUnfit) => {}
            opened => return opened,
        }
        Self::remove(named, pin)?;
        let token = Token::find(named)?;
        let (session, _typed) = token.log_in(true, pin)?;
        let mechanisms = token.context.get_mechanism_list(token.slot);
        let mechanisms = mechanisms.map_err(|error| fault::failed("asking for its mechanisms", &error))?;
        // First, because a token would make a key with which it cannot sign.
        Method::choose(algorithm, &mechanisms)?;
        let making =
            if algorithm.is_rsa() { MechanismType::RSA_PKCS_KEY_PAIR_GEN } else { MechanismType::ECC_KEY_PAIR_GEN };
        if !mechanisms.contains(&making) {
            return Err(Code::TokenMakesNoKey
                .error("the token does not make a key")
                .item(named.to_string())
                .because(format!("it has no mechanism for making {algorithm} keys")));
        }
        generate_pair(&session, named, algorithm).map_err(|error| match error.code() {
            Code::Pkcs11Failed => Code::TokenMakesNoKey
                .error("the token does not make a key")
                .item(named.to_string())
                .because(error.finding().why.clone().unwrap_or_else(|| error.to_string())),
            _ => error,
        })?;
        let key = Self::open(named, pin)?;
        if key.stays() {
            return Ok(key);
        }
        drop(key);
        Self::remove(named, pin)?;
        Err(Code::TokenMakesNoKey
            .error("the token does not report that the new key cannot leave it")
            .item(named.to_string())
            .because("a key that can leave its token is not better protected than a key in a file"))
    }

    /// Removes both halves of the key of this label and id. Returns false if the token has neither.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`] for a URI without label or id, which could fit other keys; those of finding the token and logging
    /// in; [`Code::Pkcs11Failed`] if the token keeps the key.
    pub fn remove(named: &TokenUri, pin: &mut dyn FnMut() -> Result<Secret>) -> Result<bool> {
        if named.object.is_none() || named.id.is_none() {
            return Err(Code::Pkcs11Uri.error("only a key with label and id is removed from a token"));
        }
        let token = Token::find(named)?;
        let (session, _typed) = token.log_in(true, pin)?;
        let mut removed = false;
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            for key in object::find(&session, named, class)? {
                session.destroy_object(key).map_err(|error| fault::failed("removing the key", &error))?;
                removed = true;
            }
        }
        Ok(removed)
    }
}
