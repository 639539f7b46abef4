//! Rules for keystore passwords, and making one that suits every reader.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base::{Code, Result, Secret};
use zeroize::Zeroizing;

/// The least number of characters that keytool accepts.
pub const MIN_LENGTH: usize = 6;

/// The number of characters of a password that [`generate`] makes: 139 bits.
pub const GENERATED_LENGTH: usize = 24;

/// Letters and digits that no shell, properties file or TOML treats specially, without `0 O 1 I l`, which people
/// confuse when they copy a password from a screen.
const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// Checks that every reader of keystores opens one with this password. `whose` names it in the error, as the user
/// knows it: `server.keystore.password`.
///
/// # Errors
/// [`Code::PasswordTooShort`] below [`MIN_LENGTH`] characters, [`Code::PasswordAlphabet`] for anything but printable
/// ASCII, space included: Java does not open PKCS#12 files with others, and programs encode them in different ways.
pub fn check(password: &Secret, whose: &str) -> Result<()> {
    let text = password.reveal();
    if !text.chars().all(|character| matches!(character, ' '..='~')) {
        return Err(Code::PasswordAlphabet
            .error("the password contains characters other than printable ASCII")
            .item(whose)
            .fix("use printable ASCII, or leave the password out to have one made"));
    }
    // After the check of the alphabet, because only in ASCII the bytes are as many as the characters.
    if text.len() < MIN_LENGTH {
        return Err(Code::PasswordTooShort
            .error(format!("the password has fewer than {MIN_LENGTH} characters"))
            .item(whose)
            .fix("use a longer one, or leave the password out to have one made"));
    }
    Ok(())
}

/// Makes a password of [`GENERATED_LENGTH`] letters and digits from the system's random generator.
///
/// # Errors
/// [`Code::Internal`] when the system has no randomness to give.
pub fn generate() -> Result<Secret> {
    let random = SystemRandom::new();
    // The capacity is exact, so that no copy stays behind in memory that was outgrown.
    let mut password = String::with_capacity(GENERATED_LENGTH);
    // Twice as many bytes as letters: one in nine is rejected, so that a second round is very rare.
    let mut bytes = Zeroizing::new([0_u8; 2 * GENERATED_LENGTH]);
    while password.len() < GENERATED_LENGTH {
        random.fill(bytes.as_mut_slice()).map_err(|_| Code::Internal.error("the system's random generator failed"))?;
        let missing = GENERATED_LENGTH - password.len();
        password.extend(bytes.iter().filter_map(|byte| letter(*byte)).take(missing));
    }
    Ok(Secret::new(password))
}

/// Whether a text has the form of the passwords that [`generate`] makes.
pub fn is_of_generated_form(text: &str) -> bool {
    text.len() == GENERATED_LENGTH && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The letter for a random byte. Bytes above the largest multiple of the alphabet's size give none: taking them modulo
/// that size would make the first letters likelier than the others.
fn letter(byte: u8) -> Option<char> {
    let size = ALPHABET.len();
    let fair = usize::from(u8::MAX) + 1 - (usize::from(u8::MAX) + 1) % size;
    let index = usize::from(byte);
    if index < fair { ALPHABET.get(index % size).copied().map(char::from) } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn six_printable_ascii_characters_are_enough() {
        for password in ["secret", "a b c d", "~!@#$%", &"x".repeat(200)] {
            check(&Secret::from(password), "server.keystore.password").unwrap();
        }
    }

    #[test]
    fn keytool_would_not_open_a_store_with_a_shorter_password() {
        for password in ["", "five5"] {
            let error = check(&Secret::from(password), "server.keystore.password").unwrap_err();
            assert_eq!(error.code(), Code::PasswordTooShort);
            assert_eq!(error.finding().location.item.as_deref(), Some("server.keystore.password"));
        }
    }

    #[test]
    fn what_readers_encode_differently_is_refused() {
        for password in ["pässword", "tab\tbed", "line\nfeed", "nul\0nul", "del\u{7f}del", "🔑🔑🔑🔑🔑🔑", "ä"]
        {
            let error = check(&Secret::from(password), "server.keystore.password").unwrap_err();
            assert_eq!(error.code(), Code::PasswordAlphabet, "{password:?}");
            assert!(!error.to_string().contains(password));
        }
    }

    #[test]
    fn generated_passwords_pass_the_check_and_differ() {
        let passwords: BTreeSet<String> = (0..100).map(|_| generate().unwrap().reveal().to_owned()).collect();
        assert_eq!(passwords.len(), 100);
        for other in
            ["", "A1_TEST_TOKEN", "abcdefghjkmnpqrstuvw", "abcdefghijkmnopqrstuvwx0", "abcdefghijkmnopqrstuvwxyz"]
        {
            assert!(!is_of_generated_form(other), "{other}");
        }
        for password in passwords {
            assert!(is_of_generated_form(&password));
            assert_eq!(password.len(), GENERATED_LENGTH);
            assert!(
                password.chars().all(|character| character.is_ascii_alphanumeric() && !"0O1Il".contains(character))
            );
            check(&Secret::new(password), "generated").unwrap();
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_every_other() {
        let mut counts: BTreeMap<char, usize> = BTreeMap::new();
        for byte in 0..=u8::MAX {
            if let Some(letter) = letter(byte) {
                *counts.entry(letter).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), ALPHABET.len());
        // 256 / 57 is 4 and a rest, whose bytes give no letter.
        assert!(counts.values().all(|count| *count == 4), "{counts:?}");
    }
}
