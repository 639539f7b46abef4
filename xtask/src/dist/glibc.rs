//! The version of glibc that a program needs.

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
}
