//! The types of entries. For numbers, the low digit is the size in bytes.

pub(super) const U8: u8 = 0x01;
pub(super) const U16: u8 = 0x02;
pub(super) const U32: u8 = 0x04;
pub(super) const U64: u8 = 0x08;
pub(super) const I8: u8 = 0x11;
pub(super) const I16: u8 = 0x12;
pub(super) const I32: u8 = 0x14;
pub(super) const I64: u8 = 0x18;
pub(super) const TEXT: u8 = 0x21;
pub(super) const BLOB_DATA: u8 = 0x42;
pub(super) const BLOB_INDEX: u8 = 0x48;
