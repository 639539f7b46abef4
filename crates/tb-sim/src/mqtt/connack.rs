//! The table of answers to CONNECT.

use super::connect::{Connect, Version};

/// What becomes of a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// A certificate that is unknown, expired or not yet valid; or nothing at all to go by.
    NotAuthorized,
    /// A user name or password that is wrong.
    BadUserNameOrPassword,
    /// Only a client id, and an unknown one.
    ClientIdNotValid,
    /// A profile whose transport is not MQTT.
    ServerUnavailable,
}

impl Verdict {
    /// For a client without a certificate that nobody knows.
    pub(crate) fn unknown(connect: &Connect) -> Self {
        let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        let (user, password) = (given(&connect.user_name), given(&connect.password));
        let client = !connect.client_id.trim().is_empty();
        match (user, password, client) {
            (true, false, _) | (false, true, _) | (true, true, true) => Self::BadUserNameOrPassword,
            (false, false, true) => Self::ClientIdNotValid,
            _ => Self::NotAuthorized,
        }
    }

    /// The byte for a version.
    pub(crate) fn code(self, version: Version) -> u8 {
        match (self, version) {
            (Self::Accepted, _) => 0,
            (Self::NotAuthorized, Version::V5) => 0x87,
            (Self::BadUserNameOrPassword, Version::V5) => 0x86,
            (Self::NotAuthorized | Self::BadUserNameOrPassword, _) => 5,
            (Self::ClientIdNotValid, Version::V5) => 0x85,
            (Self::ClientIdNotValid, _) => 2,
            (Self::ServerUnavailable, Version::V5) => 0x88,
            (Self::ServerUnavailable, _) => 3,
        }
    }

    /// The bytes that are written, up to the end of the connection where it is refused. "Session present" is the
    /// opposite of "clean session", though no session is ever kept.
    pub(crate) fn bytes(self, connect: &Connect) -> Vec<u8> {
        let code = self.code(connect.version);
        let present = u8::from(!connect.clean_session);
        let mut bytes = match connect.version {
            Version::V5 => vec![0x20, 3, present, code, 0],
            _ => vec![0x20, 2, present, code],
        };
        if self != Self::Accepted && connect.version == Version::V5 {
            let reason = if self == Self::ServerUnavailable { 0x83 } else { code };
            bytes.extend(super::answers::disconnect(reason));
        }
        bytes
    }
}
