//! The advice for a code, if the finding itself has none.

use super::Code;
use crate::error::{Finding, Severity};

impl Code {
    /// The advice for this code in a report on files and connections; none if the code alone does not tell enough.
    pub const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Code::SecretUnavailable => "store the secret there, or configure its place",
            Code::KeyUnreadable => "name a file with one private key in PEM or DER, or restore it from a backup",
            Code::KeyMismatch => "put the key and the certificate that belong together in these places",
            Code::WeakKey => "issue a new certificate with an EC key, or RSA of 2,048 bits or more",
            Code::CertificateUnreadable => "restore the file from a backup, or issue it again with `--force`",
            Code::NotACa => "find out who made the chain: this certificate may not issue others",
            Code::NotYetValid => "look at the clock first; otherwise wait, or issue a new certificate",
            Code::Expired => "renew it: `tbpki renew --device NAME` or `tbpki renew --server NAME`",
            Code::ChainOrder => "put the leaf first, and each certificate's issuer behind it",
            Code::BadSignature => {
                "find out who made the chain: a certificate was changed, or another CA of the same name has issued it; use the \
                 trust anchors of the store that made the chain"
            }
            Code::ChainGap => "add the issuing CA behind the leaf",
            Code::Untrusted => "trust the root that the chain leads to, or issue the chain with a trusted CA",
            Code::WrongName => "connect by a name that the certificate has, or issue it with this name as `--san`",
            Code::WrongPurpose => "servers need a certificate of `tbpki server`, devices one of `tbpki client`",
            Code::PathLength => "issue with a CA at a depth that the CAs above it allow",
            Code::NameConstraint => "use a name below the domains for which the CA can issue, or another CA",
            Code::DuplicateInChain => "remove the second copy",
            Code::VersionOne => "use a client that takes such certificates, or have the platform make another one",
            Code::WeakSignature => "issue the certificate again with SHA-256",
            Code::Revoked => "issue a new generation with `tbpki client --device NAME`",
            Code::NotSelfSigned => "add the root behind the certificates that are trusted",
            Code::LegacyName => "issue the server's certificate again: `tbpki server` includes every name of the host",
            Code::SignatureUnsupported => "have the certificate issued with RSA, ECDSA on a NIST curve, or Ed25519",
            Code::CriticalExtension => "have the certificate issued without the extension, or not as a critical one",
            Code::BadFormat => "issue the certificate again with a tool that keeps to its format",
            Code::CaAsLeaf => "issue a leaf: `--self-signed` makes one that is not a CA",
            Code::KeystoreUnreadable => "name a PKCS#12 or JKS file, or write it again with `tbpki server --force`",
            Code::KeystorePassword => {
                "give the keystore's own password; in `thingsboard.env` it is ..._KEY_STORE_PASSWORD"
            }
            Code::EntryMissing => "name an alias that the keystore has: `tbpki inspect FILE` lists them",
            Code::LoosePermissions => "take the file away from others: `chmod 600 FILE`",
            Code::SecondOpinion => "issue the certificate again with tbpki, which writes what both accept",
            _ => return None,
        })
    }
}

impl Finding {
    /// Adds the code's advice to a warning or fault that has none.
    #[must_use]
    pub fn advised(mut self) -> Self {
        // The finding's own advice knows the file and the value at
        // fault, so the general one of the code never replaces it.
        if self.fix.is_none() && self.severity > Severity::Note {
            self.fix = self.code.advice().map(str::to_owned);
        }
        self
    }
}
