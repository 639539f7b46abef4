//! Selection of the client certificate by the issuers that a server names.

use base::{Code, Finding};
use pki::certificate::name_text;

/// The number of names that a message lists.
const SHOWN: usize = 5;

/// The text for a certificate request with this number of issuers.
pub(super) fn asked(named: usize) -> String {
    match named {
        0 => "the server requests one, of any issuer".to_owned(),
        1 => "the server requests one, and names 1 issuer".to_owned(),
        many => format!("the server requests one, and names {many} issuers"),
    }
}

/// The way to a server that names the devices' CAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IssuersAdvice {
    /// `tbpki server` has written a keystore, or would write one.
    UseKeystore,
    /// The directory has none: the key of the server is elsewhere, or only PEM files were asked for.
    MakeKeystore,
}

impl IssuersAdvice {
    const fn text(self) -> &'static str {
        match self {
            IssuersAdvice::UseKeystore => {
                "use the KEYSTORE lines of thingsboard.env: the keystore that `tbpki server` writes names the devices' CAs"
            }
            IssuersAdvice::MakeKeystore => {
                "use a keystore with the devices' CAs as trusted entries: `tbpki server --format p12` writes one; for a                  server with a key of its own (--csr), make it where the key is, with `openssl pkcs12 -export` and                  `keytool -importcert`, as the guide about signing requests shows"
            }
        }
    }
}

/// The finding for Java and Go clients if none of `own` (the issuers of the certificates that they could send) is among
/// `named` (the issuers that the server accepts). Both compare the DER bytes.
pub(super) fn finding(own: &[&[u8]], named: &[&[u8]], advice: IssuersAdvice) -> Option<Finding> {
    let first = own.first()?;
    if named.is_empty() || own.iter().any(|issuer| named.contains(issuer)) {
        return None;
    }
    let mut names: Vec<String> = named.iter().take(SHOWN).map(|name| name_text(name)).collect();
    if let Some(more) = named.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    Some(
        Code::IssuersNotNamed
            .warning("clients built on Java or Go will send no certificate to this server")
            .because(format!("it accepts certificates from {}, and not from {}", names.join("; "), name_text(first)))
            .fix(advice.text()),
    )
}
