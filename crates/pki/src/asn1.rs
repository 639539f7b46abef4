//! The encodings below all formats: elements of DER, and PEM.

pub mod armour;
pub(crate) mod canonical;
pub(crate) mod oid;
pub(crate) mod reader;
pub(crate) mod tlv;
