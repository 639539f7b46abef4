//! Algorithms that are not read, by name: "Camellia" leads to the cause, an object identifier does not.

use der::asn1::ObjectIdentifier;

/// An encryption that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsupported {
    /// The name of the algorithm, or its object identifier.
    pub(crate) name: String,
    /// True if OpenSSL 3 needs `-legacy` to read it.
    pub(crate) legacy: bool,
}

/// Object identifiers, names, and whether the algorithm is one of OpenSSL's legacy provider.
const NAMES: &[(&str, &str, bool)] = &[
    ("1.2.392.200011.61.1.1.1.2", "Camellia-128-CBC", false),
    ("1.2.392.200011.61.1.1.1.3", "Camellia-192-CBC", false),
    ("1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC", false),
    ("1.2.410.200046.1.1.2", "ARIA-128-CBC", false),
    ("1.2.410.200046.1.1.7", "ARIA-192-CBC", false),
    ("1.2.410.200046.1.1.12", "ARIA-256-CBC", false),
    ("1.2.410.200004.1.4", "SEED-CBC", true),
    ("1.2.410.200004.1.15", "SEED with SHA-1", true),
    ("1.2.156.10197.1.104.2", "SM4-CBC", false),
    ("1.2.643.2.2.21", "GOST 28147-89", false),
    ("1.2.643.7.1.1.5.1.1", "GOST Magma", false),
    ("1.2.643.7.1.1.5.2.1", "GOST Kuznyechik", false),
    ("1.2.840.113549.3.2", "RC2-CBC", true),
    ("1.2.840.113549.3.9", "RC5-CBC", true),
    ("1.2.840.113533.7.66.10", "CAST5-CBC", true),
    ("1.3.6.1.4.1.188.7.1.1.2", "IDEA-CBC", true),
    ("1.3.6.1.4.1.3029.1.2", "Blowfish-CBC", true),
    ("1.2.840.113549.1.12.1.1", "PBE-SHA1-RC4-128", true),
    ("1.2.840.113549.1.12.1.2", "PBE-SHA1-RC4-40", true),
    ("1.2.840.113549.1.5.1", "PBE-MD2-DES", true),
    ("1.2.840.113549.1.5.4", "PBE-MD2-RC2-64", true),
    ("1.2.840.113549.1.5.14", "PBMAC1", false),
    ("1.2.840.113549.2.6", "HMAC-MD5", true),
    ("1.2.643.7.1.1.4.1", "HMAC with GOST Streebog-256", false),
    ("1.2.643.7.1.1.4.2", "HMAC with GOST Streebog-512", false),
    ("1.2.643.7.1.1.2.2", "GOST Streebog-256", false),
    ("1.2.643.7.1.1.2.3", "GOST Streebog-512", false),
    ("1.2.643.2.2.9", "GOST R 34.11-94", false),
    ("1.2.156.10197.1.401", "SM3", false),
    ("1.2.156.10197.1.401.2", "HMAC-SM3", false),
    ("1.2.840.113549.2.5", "MD5", true),
    ("1.3.36.3.2.1", "RIPEMD-160", false),
    ("2.16.840.1.101.3.4.1.6", "AES-128-GCM", false),
    ("2.16.840.1.101.3.4.1.26", "AES-192-GCM", false),
    ("2.16.840.1.101.3.4.1.46", "AES-256-GCM", false),
    ("1.3.6.1.4.1.42.2.17.1.1", "Sun's JKS key protector", false),
    ("1.3.6.1.4.1.42.2.19.1", "Sun's JCEKS key protector", false),
];

impl Unsupported {
    /// An algorithm by its identifier.
    pub(crate) fn algorithm(id: &ObjectIdentifier) -> Self {
        let id = id.to_string();
        match NAMES.iter().find(|(known, ..)| **known == id) {
            Some((_, name, legacy)) => Self { name: (*name).to_owned(), legacy: *legacy },
            None => Self { name: format!("the algorithm {id}"), legacy: false },
        }
    }

    /// An algorithm of a PEM header, which only OpenSSL writes.
    pub(super) fn header(name: &str) -> Self {
        Self { name: base::text::quote(name).to_string(), legacy: true }
    }

    /// A known algorithm with parameters that do not belong to it.
    pub(super) fn malformed() -> Self {
        Self { name: "parameters that do not belong to its algorithm".to_owned(), legacy: false }
    }

    /// The option that OpenSSL 3 needs for it, with a space in front.
    pub(crate) fn option(&self) -> &'static str {
        if self.legacy { " -legacy" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_names_that_people_know() {
        let name = |id: &str| Unsupported::algorithm(&ObjectIdentifier::new_unwrap(id)).name;
        assert_eq!(name("1.2.392.200011.61.1.1.1.4"), "Camellia-256-CBC");
        assert_eq!(name("1.2.3.4"), "the algorithm 1.2.3.4");
        for (id, ..) in NAMES {
            assert!(ObjectIdentifier::new(id).is_ok(), "{id}");
        }
    }
}
