//! The names of the rows about certificates of a CA's key by further generations of its root.

/// The end of a [`cross_name`].
const CROSS: &str = "-cross";

/// The name in the ledger of the certificates that other generations of the root have issued for the key of a CA.
pub fn cross_name(ca: &str) -> String {
    format!("{ca}{CROSS}")
}

/// The CA whose key the certificates of this name are of, if it is one of [`cross_name`]. The CA of a profile can have such
/// a name, too.
pub fn of_cross_name(name: &str) -> Option<&str> {
    name.strip_suffix(CROSS)
}
