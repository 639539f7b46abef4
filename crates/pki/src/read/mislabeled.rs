//! Structures under the label of another kind, or under one that no program knows (RFC 7468).

use base::text::quote;
use base::{Code, Error};

use crate::asn1::blocks::Block;
use crate::foreign;
use crate::read::kind::StructureKind;

/// The label that OpenSSL writes and reads for a kind; none for the kinds that are not read here.
const fn label_of(kind: StructureKind) -> Option<&'static str> {
    Some(match kind {
        StructureKind::Certificate => "CERTIFICATE",
        StructureKind::Request => "CERTIFICATE REQUEST",
        StructureKind::RevocationList => "X509 CRL",
        StructureKind::Pkcs8 => "PRIVATE KEY",
        StructureKind::Sec1 => "EC PRIVATE KEY",
        StructureKind::Pkcs1 => "RSA PRIVATE KEY",
        StructureKind::DsaKey => "DSA PRIVATE KEY",
        StructureKind::EncryptedKey => "ENCRYPTED PRIVATE KEY",
        StructureKind::Pkcs7 => "PKCS7",
        _ => return None,
    })
}

/// The error for a block that has a label of its own and a content that tbpki knows; none for a content of another kind, such
/// as parameters of a curve. Such a block must not be passed over: OpenSSL and tbpki would go on without its certificate.
pub(crate) fn unknown_label(block: &Block) -> Option<Error> {
    let kind = StructureKind::of(&block.der);
    match kind {
        StructureKind::Pkcs12 => Some(foreign::PKCS12.error()),
        kind => label_of(kind).map(|_| error(kind, &block.label)),
    }
    .map(|error| error.position(block.line, 1))
}

/// The error for a structure under the label of another kind.
pub(crate) fn error(kind: StructureKind, label: &str) -> Error {
    let error = code(kind).error(format!("this is {}, under the label {}", kind.name(), quote(label)));
    match label_of(kind) {
        Some(right) => {
            error.fix(format!("write {right} as the label in the lines of BEGIN and END, or name another file"))
        }
        None => error.fix("name the file with the certificate, the key or the request"),
    }
}

/// The error for a structure in DER of a kind that is not read here.
pub(crate) fn not_read(kind: StructureKind) -> Error {
    let fix = match kind {
        StructureKind::RsaPublicKey | StructureKind::PublicKey => {
            "name the file with the certificate or the private key"
        }
        StructureKind::PkiPath => {
            "write its certificates as PEM, with Java's `CertificateFactory.generateCertPath(stream, \"PkiPath\")`"
        }
        _ => "name the file with the certificate, the key or the request",
    };
    code(kind).error(format!("the file is {}", kind.name())).fix(fix)
}

/// The error for a text that is DER behind white space.
pub(crate) fn behind_white_space(bytes: &[u8]) -> Option<Error> {
    let der = bytes.trim_ascii_start();
    let kind = StructureKind::of(crate::asn1::ber::without_padding(der));
    let octets = bytes.len().checked_sub(der.len()).filter(|octets| *octets > 0 && kind != StructureKind::Other)?;
    Some(
        code(kind)
            .error(format!("the file is {}, and white space is in front of it", kind.name()))
            .fix(format!("remove it: `tail -c +{} OLD > NEW`", octets + 1)),
    )
}

/// The code of errors about structures of a kind.
pub(crate) fn code(kind: StructureKind) -> Code {
    match kind {
        StructureKind::Pkcs8 | StructureKind::Sec1 | StructureKind::Pkcs1 | StructureKind::EncryptedKey => {
            Code::KeyUnreadable
        }
        StructureKind::Request => Code::CsrUnreadable,
        _ => Code::CertificateUnreadable,
    }
}
