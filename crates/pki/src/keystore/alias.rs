//! The names of entries, as Java wants them.

use std::collections::BTreeSet;

use base::{Code, Result};

use super::{KeyEntry, Keystore, TrustedEntry};

/// The longest alias that is written, in bytes of UTF-8: far beyond what users type, far within what JKS can hold.
const MAX_LENGTH: usize = 1024;

/// The alias as Java looks it up.
pub(super) fn fold(alias: &str) -> String {
    // As Java's toLowerCase(Locale.ENGLISH): no locale of this machine changes it.
    alias.to_lowercase()
}

/// The alias of a file that may hold anything, for the texts of errors: nothing in it steers a terminal.
pub(super) fn shown(alias: &str) -> String {
    alias.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// A copy with every alias folded and checked.
pub(super) fn fold_all(keystore: &Keystore) -> Result<Keystore> {
    let mut taken = BTreeSet::new();
    let mut unique = |alias: &str| {
        check(alias)?;
        let folded = fold(alias);
        if !taken.insert(folded.clone()) {
            return Err(Code::AliasTaken
                .error("two entries of the keystore have one alias")
                .because("Java folds aliases to lower case")
                .item(folded)
                .fix("give the entries aliases that differ in more than their case"));
        }
        Ok(folded)
    };
    let keys = keystore.keys.iter().map(|entry| Ok(KeyEntry { alias: unique(&entry.alias)?, ..entry.clone() }));
    let keys = keys.collect::<Result<_>>()?;
    let trusted = keystore.trusted.iter();
    let trusted = trusted.map(|entry| Ok(TrustedEntry { alias: unique(&entry.alias)?, ..entry.clone() }));
    Ok(Keystore { keys, trusted: trusted.collect::<Result<_>>()? })
}

/// Refuses what a format cannot hold (PKCS#12 names are UCS-2) or a terminal cannot show.
fn check(alias: &str) -> Result<()> {
    if alias.is_empty() {
        return Err(Code::NameEmpty.error("the alias of a keystore entry is empty"));
    }
    if alias.len() > MAX_LENGTH {
        return Err(Code::NameTooLong.error(format!("the alias of a keystore entry is longer than {MAX_LENGTH} bytes")));
    }
    if alias.chars().any(|character| character.is_control() || u32::from(character) > 0xffff) {
        return Err(Code::NameAlphabet
            .error("the alias of a keystore entry contains a control character or one beyond U+FFFF")
            .item(shown(alias)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusting(aliases: &[&str]) -> Keystore {
        let entry = |alias: &&str| TrustedEntry { alias: (*alias).to_owned(), certificate: Vec::new() };
        Keystore { keys: Vec::new(), trusted: aliases.iter().map(entry).collect() }
    }

    #[test]
    fn aliases_are_folded_as_java_looks_them_up() {
        let folded = fold_all(&trusting(&["ServerAlias", "ÄÖÜ"])).unwrap();
        assert_eq!(folded, trusting(&["serveralias", "äöü"]));
    }

    #[test]
    fn two_aliases_that_fold_to_one_are_refused() {
        let error = fold_all(&trusting(&["Server", "other", "sERVER"])).unwrap_err();
        assert_eq!(error.code(), Code::AliasTaken);
        assert_eq!(error.finding().location.item.as_deref(), Some("server"));
    }

    #[test]
    fn a_key_and_a_trusted_certificate_cannot_share_an_alias() {
        let mut keystore = trusting(&["server"]);
        keystore.keys.push(KeyEntry { alias: "Server".to_owned(), key: Vec::new().into(), chain: Vec::new() });
        assert_eq!(fold_all(&keystore).unwrap_err().code(), Code::AliasTaken);
    }

    #[test]
    fn an_alias_that_no_format_holds_is_refused() {
        let long = "x".repeat(MAX_LENGTH + 1);
        for (alias, code) in [
            ("", Code::NameEmpty),
            ("nul\0", Code::NameAlphabet),
            ("line\n", Code::NameAlphabet),
            ("🔑", Code::NameAlphabet),
            (&long, Code::NameTooLong),
        ] {
            assert_eq!(fold_all(&trusting(&[alias])).unwrap_err().code(), code, "{alias:?}");
        }
    }
}
