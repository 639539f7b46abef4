//! Tokens: finding the one that a URI means, and logging in to it without ever locking it.

use base::{Code, Error, Result, Secret};
use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as CryptokiError, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::uri::TokenUri;
use super::{fault, module};

/// A token that is there.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) context: Pkcs11,
    pub(super) slot: Slot,
    pub(super) info: TokenInfo,
}

impl Token {
    /// The one token that the URI means.
    pub(super) fn find(uri: &TokenUri) -> Result<Self> {
        let context = module::load(&uri.module)?;
        let looking = |error| fault::failed("looking for it", &error);
        let mut found = Vec::new();
        let mut others = Vec::new();
        for slot in context.get_slots_with_token().map_err(looking)? {
            // What is taken out between the two calls is not there.
            let Ok(info) = context.get_token_info(slot) else { continue };
            // An empty reader slot or a new card: no token that could have the key.
            if !info.token_initialized() {
                continue;
            }
            match fits(uri, slot, &info) {
                true => found.push((slot, info)),
                false => others.push(described(slot, &info)),
            }
        }
        // With two fitting tokens, a signature could come from the wrong CA.
        let several = found.len() > 1;
        match found.pop() {
            Some((slot, info)) if !several => Ok(Self { context, slot, info }),
            Some(last) => {
                found.push(last);
                let names: Vec<String> = found.iter().map(|(slot, info)| described(*slot, info)).collect();
                Err(Code::Pkcs11Ambiguous
                    .error(format!("{} fits several tokens", uri.token_name()))
                    .because(names.join("; "))
                    .fix("add the serial number of the one that is meant to the URI: serial=.."))
            }
            None => Err(missing(uri, &others)),
        }
    }

    /// Opens a session and logs in, if that was not done yet in this process. `pin` is asked for only where the token
    /// wants one; what it gave is handed back, to log in again later.
    pub(super) fn log_in(
        &self,
        writable: bool,
        pin: &mut dyn FnMut() -> Result<Secret>,
    ) -> Result<(Session, Option<Secret>)> {
        let session = self.session(writable)?;
        if !self.info.login_required() || is_logged_in(&session)? {
            return Ok((session, None));
        }
        // A reader with keys of its own asks the person itself.
        let pin = if self.info.protected_authentication_path() { None } else { Some(pin()?) };
        // Asked again: the PIN may have been mistyped elsewhere since the token was found.
        let info =
            self.context.get_token_info(self.slot).map_err(|error| fault::failed("asking for its state", &error))?;
        // One more wrong PIN must not lock the token: the user has to unlock it with the maker's tool.
        Attempts { locked: info.user_pin_locked(), last: info.user_pin_final_try() }.check()?;
        let typed = pin.as_ref().map(|pin| AuthPin::from(pin.reveal().to_owned()));
        match session.login(UserType::User, typed.as_ref()) {
            // Another session of this process has logged in meanwhile.
            Ok(()) | Err(CryptokiError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok((session, pin)),
            Err(error) => Err(self.refusal(&error)),
        }
    }

    /// A session that is not logged in by itself.
    pub(super) fn session(&self, writable: bool) -> Result<Session> {
        let opened = match writable {
            true => self.context.open_rw_session(self.slot),
            false => self.context.open_ro_session(self.slot),
        };
        opened.map_err(|error| fault::failed("opening a session", &error))
    }

    /// Why a login failed.
    fn refusal(&self, error: &CryptokiError) -> Error {
        let what = match error {
            CryptokiError::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
                "the token rejects the PIN"
            }
            CryptokiError::Pkcs11(RvError::PinLocked, _) => "the token is locked",
            CryptokiError::Pkcs11(RvError::PinExpired, _) => "the PIN of the token has expired",
            CryptokiError::Pkcs11(RvError::UserPinNotInitialized, _) => "the token has no PIN for its user yet",
            other => return fault::failed("logging in", other),
        };
        let left = self.context.get_token_info(self.slot).ok().filter(TokenInfo::user_pin_count_low);
        let why = match left {
            Some(_) => format!("{}; the token locks itself after a few wrong ones", fault::words(error)),
            None => fault::words(error),
        };
        Code::Pkcs11Pin
            .error(what)
            .because(why)
            .item(described(self.slot, &self.info))
            .fix("correct the PIN in the place that --ca-pin-file or `[ca] pin` names, or --pin-file for the key of a host; it is not tried again by itself")
    }
}

/// The number of remaining attempts at the PIN, as far as tokens report it.
struct Attempts {
    locked: bool,
    last: bool,
}

impl Attempts {
    /// Fails where no PIN can help, and where a wrong one would lock the token for good.
    fn check(&self) -> Result<()> {
        let what = match self {
            Self { locked: true, .. } => "the token is locked after too many wrong PINs",
            Self { last: true, .. } => "one more wrong PIN would lock the token, so that none is tried",
            Self { .. } => return Ok(()),
        };
        Err(Code::Pkcs11Pin
            .error(what)
            .fix("log in with the maker's tool, which unlocks the token or sets its counter back"))
    }
}

/// True if the process is logged in to the token: that applies to every session.
pub(super) fn is_logged_in(session: &Session) -> Result<bool> {
    let info = session.get_session_info().map_err(|error| fault::failed("asking for its state", &error))?;
    Ok(matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
}

fn fits(uri: &TokenUri, slot: Slot, info: &TokenInfo) -> bool {
    // Labels and serial numbers are padded with blanks to a fixed length.
    let is = |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|wanted| wanted == there.trim_end());
    is(&uri.token, info.label())
        && is(&uri.manufacturer, info.manufacturer_id())
        && is(&uri.model, info.model())
        && is(&uri.serial, info.serial_number())
        && uri.slot_id.is_none_or(|wanted| wanted == slot.id())
}

/// A token in a message.
fn described(slot: Slot, info: &TokenInfo) -> String {
    let label = base::text::printable(info.label().trim_end()).to_string();
    let serial = base::text::printable(info.serial_number().trim_end()).to_string();
    format!("token {label} (serial {serial}, slot {})", slot.id())
}

fn missing(uri: &TokenUri, others: &[String]) -> Error {
    let why = match others {
        [] => "the module sees no token at all".to_owned(),
        others => format!("the module sees {}", others.join("; ")),
    };
    Code::Pkcs11TokenMissing
        .error(format!("the token of the URI is not there: {}", uri.token_name()))
        .because(why)
        .fix("put it in, or correct the URI; `p11tool --list-tokens` shows what there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_brought_to_lock_itself() {
        assert!(Attempts { locked: false, last: false }.check().is_ok());
        for (locked, last) in [(true, false), (false, true), (true, true)] {
            assert_eq!(Attempts { locked, last }.check().unwrap_err().code(), Code::Pkcs11Pin);
        }
    }
}
