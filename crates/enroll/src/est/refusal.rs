//! The reasons for which a request is refused: a status and a text for each. Some clients show the status alone.

use std::fmt;

/// A reason to refuse a request, or to answer it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The service does not have this path.
    NoSuchPath,
    /// The path has another method.
    Method(&'static str),
    /// No profile with a CA of its own has this name.
    UnknownLabel(String),
    /// The head of the request is too long.
    LongHead,
    /// The body is longer than this many bytes.
    LongBody(usize),
    /// The request did not arrive in time, or it was not its turn in time.
    Slow,
    /// The body is not declared as `application/pkcs10`.
    MediaType,
    /// The body is not a signing request that can be read, and why.
    Unreadable(String),
    /// The signing request asks for something that the certificate cannot have, and what.
    Request(String),
    /// The key has an algorithm that is not issued here.
    Key(String),
    /// Neither a certificate nor a password was sent.
    Unauthenticated,
    /// The name or the password is wrong, or there is no password for this name.
    WrongPassword,
    /// The password has expired.
    ExpiredPassword,
    /// Another key has used the password.
    BoundPassword,
    /// The password was used and its certificate confirmed.
    SpentPassword,
    /// The password is for another label.
    PasswordOfOtherLabel,
    /// The certificate must come with the connection.
    NoCertificate,
    /// The ledger does not have this certificate.
    UnknownCertificate,
    /// A CA of `[serve] enroll_with` has issued the certificate, and a client of TLS cannot use it, and why.
    Untrusted(String),
    /// The certificate of a maker is for a first certificate, and the ledger has the device already.
    KnownDevice,
    /// The certificate of a maker is shown for a device whose name a one-time password reserves.
    ReservedName,
    /// The certificate is not one of a device or a server.
    NotADevice,
    /// The certificate is one of a server, or the label is that of servers, and the service renews none.
    ServersOff,
    /// A server asks for its first certificate.
    FirstOfServer,
    /// A CA that is not one of this service has issued the certificate.
    OtherIssuer,
    /// The certificate was revoked.
    Revoked,
    /// A certificate of the key in the signing request was revoked.
    RevokedKey,
    /// The key in the signing request is that of another device, of a server or of a CA.
    KeyInUse,
    /// A later certificate of the same identity has been used.
    Superseded,
    /// The certificate is out of service, without a revocation.
    Retired,
    /// The certificate has expired, beyond what the policy allows.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The label is not the identity's.
    OtherLabel,
    /// The identity has had as many certificates as it can get in a day.
    TooMany(u32),
    /// The certificate is confirmed, and the platform does not have it yet.
    Platform,
    /// An operator has to approve the certificate.
    Waiting,
    /// An operator has denied the certificate.
    Denied,
    /// The service has as much to do as it can take. The number of seconds to wait.
    Busy(u32),
    /// The next certificate would hardly live longer than the present one, because the issuing CA ends.
    CaEnds,
    /// The CA that would issue the certificate is revoked.
    CaRevoked,
    /// The CA that would issue the certificate is not the one that the ledger has.
    CaNotInLedger,
    /// The clock of the service does not fit its ledger: dates of certificates would be wrong.
    Clock,
    /// The ledger is on a server that does not answer.
    Ledger,
    /// The service failed. The reason is in its log.
    Failed,
}

impl Refusal {
    /// The beginning of the text of [`Refusal::Key`].
    pub(crate) const KEY_IS: &str = "the key is ";

    /// The status (RFC 9110, section 15).
    pub const fn status(&self) -> u16 {
        match self {
            // Clients poll after 202 with Retry-After (RFC 7030, section 4.2.3). strongSwan ends with an error after
            // any other status.
            Self::Busy(_) | Self::Platform | Self::Waiting => 202,
            Self::Unreadable(_) | Self::Request(_) | Self::Key(_) => 400,
            // Only these two, since a client answers 401 with its password, which would change nothing for the others.
            Self::Unauthenticated | Self::WrongPassword => 401,
            Self::ExpiredPassword
            | Self::BoundPassword
            | Self::SpentPassword
            | Self::PasswordOfOtherLabel
            | Self::NoCertificate
            | Self::UnknownCertificate
            | Self::Untrusted(_)
            | Self::KnownDevice
            | Self::ReservedName
            | Self::NotADevice
            | Self::ServersOff
            | Self::FirstOfServer
            | Self::OtherIssuer
            | Self::Revoked
            | Self::RevokedKey
            | Self::KeyInUse
            | Self::Superseded
            | Self::Retired
            | Self::Expired
            | Self::NotYetValid
            | Self::Denied
            | Self::OtherLabel => 403,
            Self::NoSuchPath | Self::UnknownLabel(_) => 404,
            Self::Method(_) => 405,
            Self::Slow => 408,
            Self::LongBody(_) => 413,
            Self::MediaType => 415,
            Self::TooMany(_) => 429,
            Self::LongHead => 431,
            Self::Failed => 500,
            // 503, and not 500: the fault is known, and passes by itself or once an operator has seen to it.
            Self::Ledger | Self::CaEnds | Self::CaRevoked | Self::CaNotInLedger | Self::Clock => 503,
        }
    }

    /// The seconds after which the client should ask again; `None` if that changes nothing.
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy(seconds) => Some(*seconds),
            Self::Platform => Some(2),
            // A restart or a failover takes some seconds, and each attempt in between waits for the server.
            Self::Ledger => Some(30),
            // A person decides, which takes minutes at best.
            Self::Waiting => Some(60),
            // An hour: the day of the limit is over some time, and a clock and the files of a CA are set right by a person.
            Self::TooMany(_) | Self::CaNotInLedger | Self::Clock => Some(3600),
            // An operator has to replace the CA first, so more frequent attempts are only load.
            Self::CaEnds | Self::CaRevoked => Some(86_400),
            _ => None,
        }
    }

    /// One word for the log and the metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoSuchPath => "no-such-path",
            Self::Method(_) => "method",
            Self::UnknownLabel(_) => "unknown-label",
            Self::LongHead => "long-head",
            Self::LongBody(_) => "long-body",
            Self::Slow => "slow",
            Self::MediaType => "media-type",
            Self::Unreadable(_) => "unreadable",
            Self::Request(_) => "request",
            Self::Key(_) => "key",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongPassword => "wrong-password",
            Self::ExpiredPassword => "expired-password",
            Self::BoundPassword => "bound-password",
            Self::SpentPassword => "spent-password",
            Self::PasswordOfOtherLabel => "password-of-other-label",
            Self::NoCertificate => "no-certificate",
            Self::UnknownCertificate => "unknown-certificate",
            Self::Untrusted(_) => "untrusted",
            Self::KnownDevice => "known-device",
            Self::ReservedName => "reserved-name",
            Self::NotADevice => "not-a-device",
            Self::ServersOff => "servers-off",
            Self::FirstOfServer => "first-of-server",
            Self::OtherIssuer => "other-issuer",
            Self::Revoked => "revoked",
            Self::RevokedKey => "revoked-key",
            Self::KeyInUse => "key-in-use",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::OtherLabel => "other-label",
            Self::TooMany(_) => "too-many",
            Self::Platform => "platform",
            Self::Waiting => "waiting",
            Self::Denied => "denied",
            Self::Busy(_) => "busy",
            Self::CaEnds => "ca-ends",
            Self::CaRevoked => "ca-revoked",
            Self::CaNotInLedger => "ca-not-in-ledger",
            Self::Clock => "clock",
            Self::Ledger => "ledger",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPath => f.write_str("there is nothing at this path"),
            Self::Method(method) => write!(f, "use {method} here"),
            Self::UnknownLabel(label) => write!(f, "there is no label {label:?}"),
            Self::LongHead => f.write_str("the head of the request is too long"),
            Self::LongBody(limit) => write!(f, "the body is longer than {limit} bytes"),
            Self::Slow => f.write_str("the request was not served in time"),
            Self::MediaType => f.write_str("send the signing request as application/pkcs10"),
            Self::Unreadable(why) => write!(f, "the signing request cannot be read: {why}"),
            Self::Request(why) => write!(f, "the certificate cannot be what the request asks for: {why}"),
            Self::Key(name) => {
                write!(f, "{}{name}: use P-256, P-384, or RSA with 2048, 3072 or 4096 bits", Self::KEY_IS)
            }
            Self::Unauthenticated => f.write_str("a client certificate or a one-time password is required"),
            Self::WrongPassword => f.write_str("the name or the password is wrong"),
            Self::ExpiredPassword => f.write_str("the password has expired"),
            Self::BoundPassword => f.write_str("the password was used with another key"),
            Self::SpentPassword => f.write_str("the password has been used"),
            Self::PasswordOfOtherLabel => f.write_str("the password is for another label"),
            Self::NoCertificate => f.write_str("a client certificate is required"),
            Self::UnknownCertificate => f.write_str("the client certificate is unknown"),
            Self::Untrusted(why) => write!(f, "the client certificate is not trusted: {why}"),
            Self::KnownDevice => f.write_str(
                "the device has had its first certificate: renew that one, or ask the operator for a one-time password",
            ),
            Self::ReservedName => f.write_str("a one-time password reserves the name of the device: use that one"),
            Self::NotADevice => f.write_str("the client certificate is not one of a device or a server"),
            Self::ServersOff => f.write_str("this service renews no certificates of servers: [serve] servers is off"),
            Self::FirstOfServer => f.write_str("the first certificate of a server is made by `tbpki server`"),
            Self::OtherIssuer => f.write_str("the client certificate is not of a CA that this service renews for"),
            Self::Revoked => f.write_str("the client certificate is revoked"),
            Self::RevokedKey => f.write_str("a certificate of this key was revoked: make a new key"),
            // Whose it is would tell the client which devices there are.
            Self::KeyInUse => f.write_str("the key belongs to another certificate: make a new key"),
            Self::Superseded => f.write_str("a later certificate of this identity is in use"),
            Self::Retired => f.write_str("the identity is out of service"),
            Self::Expired => f.write_str("the client certificate has expired"),
            Self::NotYetValid => f.write_str("the client certificate is not valid yet"),
            Self::OtherLabel => f.write_str("the label is not the one of this certificate"),
            Self::TooMany(limit) => write!(f, "an identity gets at most {limit} certificates in a day"),
            Self::Platform => f.write_str("confirmed; the platform does not have the certificate yet: ask again later"),
            Self::Waiting => f.write_str("an operator has to approve the certificate: ask again later"),
            Self::Denied => f.write_str("an operator has denied the certificate"),
            Self::Busy(_) => f.write_str("the service is busy: ask again later"),
            Self::CaEnds => f.write_str("the issuing CA ends, and must be replaced before certificates are renewed"),
            Self::CaRevoked => f.write_str("the issuing CA is revoked, and must be replaced first"),
            Self::CaNotInLedger => f.write_str("the issuing CA of the service is not the one in its ledger"),
            Self::Clock => f.write_str("the clock of the service does not fit its ledger"),
            Self::Ledger => f.write_str("the ledger of the service does not answer: ask again later"),
            Self::Failed => f.write_str("the service failed: its log has the reason"),
        }
    }
}
