//! Sessions: one for each thread that signs at the same time, opened again once when they have died.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Code, Error, Result, Secret};
use cryptoki::error::Result as CryptokiResult;
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use super::fault;
use super::object;
use super::token::{Token, is_logged_in};
use super::uri::TokenUri;

/// The sessions of one key.
pub(super) struct Pool {
    uri: TokenUri,
    state: Mutex<State>,
}

/// A session with the key in it.
struct Link {
    session: Session,
    key: ObjectHandle,
    /// When it was opened: with the token as it was the first, second, .. time.
    round: u64,
}

struct State {
    token: Token,
    /// The PIN that logs in again after the token was away.
    pin: Option<Secret>,
    /// Unused sessions. The login lasts as long as one is open.
    idle: Vec<Link>,
    round: u64,
    /// True if the token has refused the PIN: it is not offered to it again.
    refused: bool,
}

impl Pool {
    /// A pool with its first session.
    pub(super) fn open(uri: &TokenUri, pin: &mut dyn FnMut() -> Result<Secret>) -> Result<Self> {
        let token = Token::find(uri)?;
        let (session, pin) = token.log_in(false, pin)?;
        let key = object::private_key(&session, uri)?;
        let state = State { token, pin, idle: vec![Link { session, key, round: 0 }], round: 0, refused: false };
        Ok(Self { uri: uri.clone(), state: Mutex::new(state) })
    }

    /// The mechanisms that the token has.
    pub(super) fn mechanisms(&self) -> Result<Vec<MechanismType>> {
        let token = &self.state().token;
        token.context.get_mechanism_list(token.slot).map_err(|error| fault::failed("asking for its mechanisms", &error))
    }

    /// Label and serial number of the token, as far as it has them.
    pub(super) fn token_names(&self) -> (Option<String>, Option<String>) {
        let token = &self.state().token;
        let said = |text: &str| Some(text.trim_end().to_owned()).filter(|text| !text.is_empty());
        (said(token.info.label()), said(token.info.serial_number()))
    }

    /// Reads something of the key.
    // A session whose work failed is not given back: it may be in an unknown state.
    pub(super) fn with_opened<T>(&self, work: impl Fn(&Session, ObjectHandle) -> Result<T>) -> Result<T> {
        let link = self.take()?;
        let read = work(&link.session, link.key)?;
        self.give_back(link);
        Ok(read)
    }

    /// Does something with the key while `doing` it. When the session turns out to be dead, once more with a new one.
    pub(super) fn with<T>(&self, doing: &str, work: impl Fn(&Session, ObjectHandle) -> CryptokiResult<T>) -> Result<T> {
        // The round is noted before the attempt: another thread may open the token again meanwhile.
        let round = self.state().round;
        let first = match self.take().and_then(|link| self.attempt(doing, link, &work)) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !self.is_worth_another(&first) {
            return Err(first);
        }
        let again = self.renew(round).and_then(|link| self.attempt(doing, link, &work));
        again.map_err(|again| match again.code() {
            Code::Pkcs11Pin | Code::Pkcs11KeyMissing | Code::Pkcs11Ambiguous => again,
            // The way in which it went away explains more than the failure to open it again.
            _ => fault::went_away(doing, first.finding().why.as_deref().unwrap_or("it does not answer")),
        })
    }

    /// Whether a failure may be that of a session, a login or a token that is not there any more. Modules have many words
    /// for that, so that it is the token that is looked for.
    // A failure of the key itself would come again with any session.
    fn is_worth_another(&self, failure: &Error) -> bool {
        match failure.code() {
            Code::Pkcs11TokenMissing | Code::Pkcs11KeyMissing => true,
            Code::Pkcs11Failed => Token::find(&self.uri).is_err(),
            _ => false,
        }
    }

    /// One try. The session goes back when it has done its work, and is closed when it has not.
    fn attempt<T>(
        &self,
        doing: &str,
        link: Link,
        work: impl Fn(&Session, ObjectHandle) -> CryptokiResult<T>,
    ) -> Result<T> {
        let done = work(&link.session, link.key).map_err(|error| fault::failed(doing, &error))?;
        self.give_back(link);
        Ok(done)
    }

    fn give_back(&self, link: Link) {
        let mut state = self.state();
        // Sessions of an earlier round belong to a token that is gone.
        if link.round == state.round {
            state.idle.push(link);
        }
    }

    fn take(&self) -> Result<Link> {
        let mut state = self.state();
        match state.idle.pop() {
            Some(link) => Ok(link),
            // Under the lock: of two logins at the same time the token would refuse one.
            None => state.connect(&self.uri),
        }
    }

    /// A session in place of one that died in this round. The first caller finds the token again, and all others go
    /// along.
    fn renew(&self, round: u64) -> Result<Link> {
        let mut state = self.state();
        // Only the first thread of a round searches for the token. The others take its sessions.
        if state.round == round {
            state.idle.clear();
            state.token = Token::find(&self.uri)?;
            state.round += 1;
        }
        match state.idle.pop() {
            Some(link) => Ok(link),
            None => state.connect(&self.uri),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that ended in between has left whole sessions, or none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Another session, logged in if the others are not.
    fn connect(&mut self, uri: &TokenUri) -> Result<Link> {
        let plain = self.token.session(false)?;
        let session =
            // The login belongs to the whole process: a second one would be refused.
            if self.token.info.login_required() && !is_logged_in(&plain)? { self.log_in_again()? } else { plain };
        let key = object::private_key(&session, uri)?;
        Ok(Link { session, key, round: self.round })
    }

    /// With the PIN that was right before. If it is not any more, that is the end of it.
    fn log_in_again(&mut self) -> Result<Session> {
        // Offering a refused PIN again could lock the token.
        if self.refused {
            return Err(
                Code::Pkcs11Pin.error("the token rejected the PIN that it accepted before; tbpki does not try again")
            );
        }
        let pin = self.pin.clone();
        let mut same =
            || pin.clone().ok_or_else(|| Code::Pkcs11Pin.error("the token requires a PIN now, and did not before"));
        let logged_in = self.token.log_in(false, &mut same);
        self.refused = logged_in.as_ref().is_err_and(|error| error.code() == Code::Pkcs11Pin);
        logged_in.map(|(session, _)| session)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({}, ..)", self.uri)
    }
}
