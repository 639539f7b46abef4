//! Encoding: DER, BER and PEM, written and read.

pub mod armor;
pub(crate) mod ber;
pub(crate) mod blocks;
pub(crate) mod canonical;
pub(crate) mod element;
pub(crate) mod oid;
pub(crate) mod reader;
pub(crate) mod tlv;
