//! The version of glibc that a program needs.

use crate::error::{Error, Result};

/// The oldest glibc on which programs for glibc run when zig links them: that of Debian 11 and Ubuntu 20.04.
pub(super) const OLDEST: (u32, u32) = (2, 31);

/// Fails if the program needs a later glibc than [`OLDEST`]. One symbol of a later version is enough that the program does not
/// start there.
pub(super) fn check(program: &[u8]) -> Result<()> {
    match needed(program) {
        Some(version) if version <= OLDEST => Ok(()),
        Some((major, minor)) => Err(Error::new(format!(
            "the program needs glibc {major}.{minor}, and releases are for glibc {}.{} and later",
            OLDEST.0, OLDEST.1
        ))),
        None => Err(Error::new("the program for glibc does not use glibc")),
    }
}

/// The highest version among the names of symbol versions (`GLIBC_2.31`) in a program; none if it is static.
pub(super) fn needed(program: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_2.";
    let positions = program.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX);
    positions
        .filter_map(|(at, _)| {
            let digits: String = program
                .get(at + PREFIX.len()..)?
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .map(|byte| char::from(*byte))
                .collect();
            // Compared as numbers: as texts, 2.4 would be above 2.31.
            Some((2, digits.parse().ok()?))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_counts() {
        assert_eq!(needed(b"\0GLIBC_2.2.5\0GLIBC_2.30\0GLIBC_2.4\0GLIBC_PRIVATE\0"), Some((2, 30)));
        assert_eq!(needed(b"\0GLIBC_2."), None);
        assert_eq!(needed(b"static"), None);
    }

    #[test]
    fn a_symbol_of_a_later_glibc_fails_the_build() {
        assert!(check(b"\0GLIBC_2.2.5\0GLIBC_2.31\0").is_ok());
        let error = check(b"\0GLIBC_2.31\0GLIBC_2.34\0").expect_err("2.34 is later");
        assert!(error.to_string().contains("needs glibc 2.34, and releases are for glibc 2.31"), "{error}");
        assert!(check(b"static").is_err());
    }
}
