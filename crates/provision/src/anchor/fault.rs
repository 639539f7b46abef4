//! webpki's errors as codes and texts of this workspace.

use base::Code;
use webpki::Error;

/// The code and the text of a chain's fault.
pub(super) type ChainFault = (Code, String);

pub(super) fn fault(error: &Error) -> ChainFault {
    let (code, why) = match error {
        Error::CertExpired { .. } => (Code::Expired, "a certificate of the chain has expired"),
        Error::CertNotValidYet { .. } => (Code::NotYetValid, "a certificate of the chain is not valid yet"),
        Error::CertNotValidForName(_) => (Code::WrongName, "the certificate is not for this name"),
        Error::RequiredEkuNotFoundContext(_) => (Code::WrongPurpose, "the certificate is not one for servers"),
        Error::InvalidSignatureForPublicKey => (Code::BadSignature, "a signature is invalid"),
        Error::NameConstraintViolation => (Code::NameConstraint, "a CA of the chain cannot issue for this name"),
        Error::PathLenConstraintViolated => (Code::PathLength, "a CA of the chain violates a path length limit"),
        Error::EndEntityUsedAsCa => (Code::NotACa, "a certificate that is not that of a CA issued another"),
        Error::CaUsedAsEndEntity => (Code::Untrusted, "the server's certificate is that of a CA, which rustls refuses"),
        Error::UnknownIssuer => (Code::Untrusted, "nothing that is trusted issued it"),
        Error::UnsupportedCertVersion => (Code::VersionOne, "a certificate of the chain has no extensions"),
        Error::UnsupportedCriticalExtension => {
            (Code::CriticalExtension, "a certificate of the chain has an unknown critical extension")
        }
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => {
            (Code::CertificateUnreadable, "a certificate of the chain cannot be read")
        }
        other => return (Code::Untrusted, other.to_string()),
    };
    (code, why.to_owned())
}
