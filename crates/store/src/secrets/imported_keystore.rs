//! A keystore of others, which can have a password of its own for its key.

use base::{Code, Error, Result, Secret};
use pki::keystore::{Keystore, Passwords, list};

use super::{TRIES, open_with};

/// The secrets that are requested when imported files are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedSecret {
    /// The password of a keystore, or the passphrase of a key.
    Passphrase,
    /// The password of the key inside a keystore that the keystore's own does not open.
    KeyPassword,
}

/// Fetches what opens imported files. The flag is true after a wrong answer; none is returned if there is no
/// other one.
pub type AskForImported<'a> = dyn FnMut(ImportedSecret, bool) -> Result<Option<Secret>> + 'a;

/// The keystore, and its certificates that belong to no key and are not trusted. The empty password is tried before one is
/// asked for: openssl, certtool and others write keystores without one.
///
/// # Errors
/// [`Code::KeystorePassword`] if no password fits, and those of `ask` and of reading the keystore.
pub fn open(bytes: &[u8], ask: &mut AskForImported<'_>) -> Result<(Keystore, Vec<Vec<u8>>)> {
    let read = |passwords: &Passwords| Keystore::read_with_others(bytes, passwords);
    let mut failure = match read(&Passwords::same(Secret::from(""))) {
        Err(error) if is_wrong(&error) => error,
        other => return other,
    };
    // The second secret has its own count, in `open_with`.
    for attempt in 0..TRIES {
        let Some(store) = ask(ImportedSecret::Passphrase, attempt > 0)? else { break };
        match read(&Passwords::same(store.clone())) {
            Err(error) if is_wrong(&error) => failure = error,
            other => return other,
        }
        // The password of the whole fits if the integrity check does.
        let opens = list(bytes, Some(&Passwords::same(store.clone()))).is_ok_and(|listing| listing.intact);
        if opens {
            let mut ask_key = |again| ask(ImportedSecret::KeyPassword, again);
            return open_with(&mut ask_key, &mut |key| read(&Passwords { store: store.clone(), key: key.clone() }));
        }
    }
    Err(failure)
}

fn is_wrong(error: &Error) -> bool {
    error.code() == Code::KeystorePassword
}
