//! The fingerprint of a certificate.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};
use pki::Certificate;

/// The SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        Self(certificate.fingerprint())
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Parses 64 hexadecimal digits in any case, with colons or spaces between them, and with the prefixes of openssl
    /// (`sha256 Fingerprint=`), browsers and keytool (`SHA256:`).
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: String| {
            Code::BadValue
                .error("invalid SHA-256 fingerprint")
                .because(why)
                .fix("give 64 hexadecimal digits, with or without colons")
        };
        let digits = text.trim();
        let digits = match digits.get(..6) {
            Some(prefix) if prefix.eq_ignore_ascii_case("sha256") => digits.get(6..).unwrap_or_default(),
            _ => digits,
        };
        let digits = digits.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
        let digits = match digits.split_once('=') {
            Some((word, digits)) if word.eq_ignore_ascii_case("fingerprint") || word.is_empty() => digits,
            _ => digits,
        };
        let mut nibbles = Vec::with_capacity(64);
        for c in digits.chars().filter(|c| !c.is_whitespace() && *c != ':') {
            let nibble = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            nibbles.push(nibble.ok_or_else(|| bad(format!("{c:?} is not a hexadecimal digit")))?);
        }
        let bytes: Vec<u8> = nibbles.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, n| byte << 4 | n)).collect();
        match <[u8; 32]>::try_from(bytes) {
            Ok(sha256) if nibbles.len() == 64 => Ok(Self(sha256)),
            _ if nibbles.len() == 40 => Err(bad("it has the 40 digits of SHA-1, which can be forged".to_owned())),
            _ => Err(bad(format!("it has {} digits", nibbles.len()))),
        }
    }
}

impl fmt::Display for Fingerprint {
    /// 64 lower-case digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_every_tool_writes_it() {
        let digits = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        for text in [
            digits.clone(),
            digits.to_uppercase(),
            format!(" {} ", ["ab cd"; 16].join(" ").replace("cd", "ab")),
            format!("sha256 Fingerprint={colons}"),
            format!("SHA256 Fingerprint={colons}\n"),
            format!("SHA256: {colons}"),
            format!("sha256:{digits}"),
        ] {
            assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), digits, "{text}");
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_no_number_is_refused() {
        for (text, why) in [
            (String::new(), "0 digits"),
            ("ab".repeat(31), "62 digits"),
            ("ab".repeat(33), "66 digits"),
            (format!("{}a", "ab".repeat(31)), "63 digits"),
            // The length of SHA-1, which browsers and OpenSSL show by default or next to the other one.
            ("ab".repeat(20), "SHA-1"),
            ("xy".repeat(32), "'x' is not"),
            (format!("serial={}", "ab".repeat(32)), "'s' is not"),
            ("日本".repeat(3), "is not a hexadecimal digit"),
        ] {
            let error = text.parse::<Fingerprint>().unwrap_err();
            assert!(error.code() == Code::BadValue && error.to_string().contains(why), "{text}: {error}");
        }
    }
}
