//! MQTT packets of versions 3.1, 3.1.1 and 5 (OASIS): the bytes, without the rules of any broker.

pub(crate) mod answers;
pub(crate) mod codec;
pub(crate) mod connect;
pub(crate) mod message;
pub(crate) mod subscribe;
