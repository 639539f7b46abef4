//! The signature of a certificate on itself, which tbpki cannot always check.

use base::{Code, Finding};

use super::{Certificate, SignatureFailure};

/// The state of the signature of a certificate on itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfSignature {
    /// The own key made the signature.
    Valid,
    /// It names itself as its issuer, and its key did not make the signature.
    False,
    /// It names itself as its issuer. The signature is of a kind that tbpki cannot check: the algorithm.
    Unchecked(String),
    /// It names another issuer.
    OtherIssuer,
}

impl SelfSignature {
    /// True unless the certificate is known not to be self-signed.
    pub fn is_possible(&self) -> bool {
        matches!(self, SelfSignature::Valid | SelfSignature::Unchecked(_))
    }
}

impl Certificate {
    /// Checks the signature of a certificate that names itself as its issuer.
    pub fn self_signature(&self) -> SelfSignature {
        if !self.is_self_issued() {
            return SelfSignature::OtherIssuer;
        }
        match self.signed_by(self) {
            Ok(()) => SelfSignature::Valid,
            Err(SignatureFailure::Mismatch) => SelfSignature::False,
            Err(SignatureFailure::Unsupported(algorithm)) => SelfSignature::Unchecked(algorithm),
        }
    }

    /// True for the end of a path: it names itself as its issuer, and its own key has signed it as far as that can be checked.
    /// A self-issued certificate that another key has signed, as a CA has it that changes its key, is no root (RFC 5280,
    /// section 3.2; RFC 4210, section 4.4).
    pub fn is_root(&self) -> bool {
        self.self_signature().is_possible()
    }

    /// A warning if tbpki cannot check the signature of a root on itself. Peers trust a root without it.
    pub fn unchecked_self_signature(&self) -> Option<Finding> {
        let SelfSignature::Unchecked(algorithm) = self.self_signature() else { return None };
        let finding = Code::SignatureUnsupported
            .warning("the signature of this certificate on itself cannot be checked")
            .because(format!("tbpki does not verify {algorithm}; peers trust a root without its signature"));
        Some(finding)
    }
}
