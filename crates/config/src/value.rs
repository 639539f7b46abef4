//! The values that keys take: types that cannot contain what no program could use.

pub(crate) mod flash_offset;
pub(crate) mod kind;
pub(crate) mod label_policy;
pub(crate) mod path;
pub(crate) mod secret_ref;
pub(crate) mod texts;
pub(crate) mod word;
