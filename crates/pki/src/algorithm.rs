//! The key algorithms that tbpki makes.

use std::fmt;
use std::str::FromStr;

use base::suggest::closest;
use base::{Code, Error};
use serde::{Deserialize, Serialize};

/// A key algorithm with its size or curve. Signatures use the hash that fits the strength.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on secp256r1 (NIST P-256), signing with SHA-256.
    #[default]
    EcP256,
    /// ECDSA on secp384r1 (NIST P-384), signing with SHA-384.
    EcP384,
    /// Ed25519 (RFC 8032, RFC 8410).
    Ed25519,
    /// RSA with a modulus of 2,048 bits, signing PKCS#1 v1.5 with SHA-256.
    Rsa2048,
    /// RSA with a modulus of 3,072 bits, signing PKCS#1 v1.5 with SHA-256.
    Rsa3072,
    /// RSA with a modulus of 4,096 bits, signing PKCS#1 v1.5 with SHA-256.
    Rsa4096,
}

impl Algorithm {
    /// Every algorithm, the default first.
    pub const ALL: &'static [Algorithm] = &[
        Algorithm::EcP256,
        Algorithm::EcP384,
        Algorithm::Ed25519,
        Algorithm::Rsa2048,
        Algorithm::Rsa3072,
        Algorithm::Rsa4096,
    ];

    /// The name in configurations, on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::EcP256 => "ec-p256",
            Algorithm::EcP384 => "ec-p384",
            Algorithm::Ed25519 => "ed25519",
            Algorithm::Rsa2048 => "rsa-2048",
            Algorithm::Rsa3072 => "rsa-3072",
            Algorithm::Rsa4096 => "rsa-4096",
        }
    }

    /// True for RSA of any size: such keys can also decrypt, which `keyUsage` states.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Algorithm> for String {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name().to_owned()
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Reads our names and what people call the same things elsewhere (`secp256r1`, `prime256v1`,
    /// `rsa:4096`), in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        // OpenSSL, keytool and keygen.properties spell the same names in different ways.
        let folded = text.trim().to_ascii_lowercase().replace([':', '_', ' '], "-");
        Ok(match folded.as_str() {
            "ec-p256" | "ec" | "p256" | "p-256" | "secp256r1" | "prime256v1" | "ec-secp256r1" => Algorithm::EcP256,
            "ec-p384" | "p384" | "p-384" | "secp384r1" | "ec-secp384r1" => Algorithm::EcP384,
            "ed25519" => Algorithm::Ed25519,
            "rsa-2048" | "rsa2048" => Algorithm::Rsa2048,
            "rsa-3072" | "rsa3072" => Algorithm::Rsa3072,
            "rsa-4096" | "rsa4096" => Algorithm::Rsa4096,
            _ => {
                let names: Vec<&str> = Self::ALL.iter().map(|algorithm| algorithm.name()).collect();
                let hint = closest(&folded, &names).map_or(String::new(), |name| format!("did you mean {name}? "));
                return Err(Code::UnknownAlgorithm
                    .error(format!("unknown key algorithm {text:?}"))
                    .fix(format!("{hint}use one of {}", names.join(", "))));
            }
        })
    }
}

impl TryFrom<String> for Algorithm {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse::<Algorithm>().unwrap(), *algorithm);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = "rsa-4069".parse::<Algorithm>().unwrap_err();
        assert_eq!(error.code(), Code::UnknownAlgorithm);
        assert!(error.finding().fix.as_ref().unwrap().contains("did you mean rsa-4096"));
    }
}
