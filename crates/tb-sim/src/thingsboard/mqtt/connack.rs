//! The table of answers to CONNECT.

use crate::packets::connect::{Connect, Version};

/// The decision on a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectDecision {
    Accepted,
    /// A certificate that is unknown, expired or not yet valid; or no credentials.
    NotAuthorized,
    /// A user name or password that is wrong.
    BadUserNameOrPassword,
    /// Only a client id, and an unknown one.
    ClientIdNotValid,
    /// A profile whose transport is not MQTT.
    ServerUnavailable,
}

impl ConnectDecision {
    /// The refusal of an unknown client without a certificate.
    pub(crate) fn unknown(connect: &Connect) -> Self {
        // An empty user name is one; an empty password is none.
        let user = connect.user_name.is_some();
        let password = connect.password.as_deref().is_some_and(|text| !text.is_empty());
        let client = !connect.client_id.trim().is_empty();
        match (user, password, client) {
            (true, ..) | (false, true, _) => Self::BadUserNameOrPassword,
            (false, false, true) => Self::ClientIdNotValid,
            (false, false, false) => Self::NotAuthorized,
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

    /// The bytes of the answer, with the DISCONNECT after a refusal. "Session present" is the
    /// opposite of "clean session", though no session is ever kept.
    pub(crate) fn bytes(self, connect: &Connect, with_certificate: bool) -> Vec<u8> {
        let code = self.code(connect.version);
        let present = u8::from(!connect.clean_session);
        let mut bytes = match connect.version {
            Version::V5 => vec![0x20, 3, present, code, 0],
            _ => vec![0x20, 2, present, code],
        };
        if self != Self::Accepted && connect.version == Version::V5 {
            // The exception for the profile's transport ends the two kinds of login in different handlers.
            let reason = match self {
                Self::ServerUnavailable if with_certificate => 0x83,
                Self::ServerUnavailable => 0x89,
                _ => code,
            };
            bytes.extend(crate::packets::answers::disconnect(reason));
        }
        bytes
    }
}
