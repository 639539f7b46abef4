//! The findings for a login that the broker rejected or did not answer.

use std::time::Duration;

use base::text::{device_option, device_words, shell_word};
use base::{Code, Finding};
use mqtt::Version;
use pki::Certificate;
use rustls::AlertDescription as Alert;
use time::OffsetDateTime;

use super::{BrokerKind, IssuingProfile, Registered, UnregisteredLeaf, login};
use crate::tls::CloseReason;

/// The facts about a login that explain its rejection.
pub(super) struct LoginContext<'a> {
    pub(super) kind: BrokerKind,
    /// The certificate that was sent; `None` for a login with a token.
    pub(super) shown: Option<&'a Certificate>,
    pub(super) registered: Option<&'a Registered>,
    pub(super) profile: Option<&'a IssuingProfile>,
    /// Whether the ledger has the certificate as revoked.
    pub(super) is_revoked: bool,
    /// When `tbpki unregister` took the certificate from the platform, according to the ledger.
    pub(super) unregistered: Option<&'a UnregisteredLeaf>,
    pub(super) client_id: &'a str,
    pub(super) now: OffsetDateTime,
}

/// The meaning of a code, independent of the MQTT version.
enum Meaning {
    Version,
    ClientId,
    Unavailable,
    Credentials,
    Other,
}

fn meaning(version: Version, code: u8) -> Meaning {
    // MQTT 3.1.1, section 3.2.2.3, and MQTT 5.0, section 3.2.2.2.
    match (version, code) {
        (Version::V311, 1) | (Version::V5, 0x84) => Meaning::Version,
        (Version::V311, 2) | (Version::V5, 0x85) => Meaning::ClientId,
        (Version::V311, 3) | (Version::V5, 0x88 | 0x89 | 0x8B | 0x97 | 0x9C | 0x9D | 0x9F) => Meaning::Unavailable,
        (Version::V311, 4 | 5) | (Version::V5, 0x86 | 0x87 | 0x8A | 0x8C) => Meaning::Credentials,
        _ => Meaning::Other,
    }
}

impl LoginContext<'_> {
    /// The finding for a CONNACK with a code other than 0.
    pub(super) fn refused(&self, version: Version, code: u8, reason: Option<&str>) -> Finding {
        let said = login::coded(version, code, reason);
        match meaning(version, code) {
            Meaning::Version => Code::ProtocolRefused
                .fault("the broker does not support this version of MQTT")
                .because(said)
                .fix("try the other one with --mqtt"),
            // With a certificate ThingsBoard ignores the client id, so that this code means that it saw no certificate.
            Meaning::ClientId if self.kind == BrokerKind::ThingsBoard && self.shown.is_some() => dropped(&said),
            // The same holds for the user name (0x86). MQTT 3.1.1 has one code for both cases.
            Meaning::Credentials if self.kind == BrokerKind::ThingsBoard && self.shown.is_some() && code == 0x86 => {
                dropped(&said)
            }
            Meaning::ClientId => Code::ClientIdRefused
                .fault(format!("the broker does not accept the client id {:?}", self.client_id))
                .because(said)
                .fix(match self.kind {
                    BrokerKind::ActorCloud => "give the device's id with --client-id",
                    _ => "give one that the broker knows with --client-id",
                }),
            Meaning::Unavailable => Code::BrokerUnavailable
                .fault("the broker is temporarily unavailable")
                .because(said)
                .fix(match self.kind {
                    BrokerKind::ThingsBoard => {
                        "wait and try again; then look at rate limits, and whether the transport of the device profile is \
                         DEFAULT or MQTT"
                    }
                    _ => "wait and try again; then look into the broker's log",
                }),
            Meaning::Credentials => match self.shown {
                Some(leaf) => self.unknown(leaf, &said),
                None => self.token(&said),
            },
            Meaning::Other => Code::BrokerRefused
                .fault("the broker rejects the login")
                .because(said)
                .fix("look into the broker's log"),
        }
    }

    /// The finding for a certificate that the broker received and rejected. Its validity can be checked locally.
    fn unknown(&self, leaf: &Certificate, said: &str) -> Finding {
        let label = leaf.label();
        // The dates first: an expired certificate is usually unknown as well, and the date is the cause.
        if self.now > leaf.not_after() {
            return Code::Expired
                .fault("the broker refuses the certificate, which has expired")
                .because(format!("{said}; it ended on {}", leaf.not_after().date()))
                .item(label)
                .fix("issue a new one with `tbpki client --force`, and register it");
        }
        if self.now < leaf.not_before() {
            return Code::NotYetValid
                .fault("the broker refuses the certificate, which is not valid yet")
                .because(format!("{said}; it begins on {}", leaf.not_before().date()))
                .item(label)
                .fix("check the clocks of this machine and of the one that issued it");
        }
        // Before the advice to register it: this certificate must not come back.
        if self.is_revoked {
            return Code::CertificateUnknown
                .fault("the broker refuses the certificate, which is revoked")
                .because(said)
                .item(label)
                .fix("issue a new generation: `tbpki client --device NAME`");
        }
        let name = leaf.common_name().unwrap_or_else(|| "NAME".to_owned());
        if let (BrokerKind::ThingsBoard, Some(unregistered)) = (self.kind, self.unregistered) {
            return Code::CertificateUnknown
                .fault("the platform knows no device with this certificate")
                .because(format!("{said}; the device was unregistered on {}", unregistered.at.date()))
                .item(label)
                .fix(format!("if it is to log in again: `tbpki register {} --again --replace`", device_option(&name)));
        }
        if let (BrokerKind::ThingsBoard, Some(profile), None) = (self.kind, self.profile, self.registered) {
            return unknown_of_profile(profile, said).item(label);
        }
        let id = leaf.credentials_id();
        // Only if the registered certificate is this one: another generation does not matter here.
        let known = self.registered.filter(|registered| registered.credentials_id == id);
        let finding = Code::CertificateUnknown.fault(match self.kind {
            BrokerKind::Mqtt => "the broker does not let this certificate log in",
            _ => "the platform knows no device with this certificate",
        });
        let (why, fix) = match (self.kind, known) {
            (BrokerKind::ThingsBoard, Some(registered)) => (
                format!(
                    "{said}; it was registered on {}, so that the device was deleted or its credentials replaced since",
                    registered.at.date()
                ),
                format!("register it again with `tbpki register --replace {}`", device_words(&name)),
            ),
            (BrokerKind::ThingsBoard, None) => (
                format!("{said}; its credentials id is {id}"),
                format!(
                    "if it was not revoked or unregistered elsewhere, register it with `tbpki register {}`, with --replace if \
                     the device has another credential; or paste cert.pem as the device's X.509 credentials",
                    device_words(&name)
                ),
            ),
            (BrokerKind::ActorCloud, _) => (
                format!("{said}; the client id was {:?}", self.client_id),
                "bind the certificate to the device of this id, and see that it is enabled".to_owned(),
            ),
            (BrokerKind::Mqtt, _) => (
                said.to_owned(),
                "see what the broker takes for the user's name (mosquitto: use_identity_as_username), and its list of users"
                    .to_owned(),
            ),
        };
        finding.because(why).item(label).fix(fix)
    }

    fn token(&self, said: &str) -> Finding {
        Code::TokenRefused
            .fault(match self.kind {
                BrokerKind::ThingsBoard => "no device has this access token",
                _ => "the broker refuses user name and password",
            })
            .because(said)
            .fix(match self.kind {
                BrokerKind::ThingsBoard => "fetch the device's token with `tbpki token --device NAME`",
                BrokerKind::ActorCloud => "compare client id, user name and token with the device in ActorCloud",
                BrokerKind::Mqtt => "compare user name and password with the broker's list",
            })
    }

    /// The finding for a connection that ended without an answer.
    pub(super) fn ended(&self, reason: &CloseReason, timeout: Duration) -> Finding {
        let said = reason.text(timeout);
        let CloseReason::Alert(alert) = reason else {
            return Code::NoConnack
                .fault("the broker does not answer the login")
                .because(said)
                .fix("read the broker's log, and check whether a broker runs behind the load balancer");
        };
        // The numbers of alerts: RFC 8446, section 6.
        match (*alert, self.shown) {
            (Alert::CertificateUnknown, Some(_)) => Code::ChainRefused
                .fault("the server refuses the chain that was shown")
                .because(format!("{said} (46)"))
                .fix("send the leaf first, each certificate followed by its issuer, or the leaf alone"),
            (Alert::UnknownCA, Some(leaf)) => Code::CertificateRefused
                .fault("the server does not trust the issuer of the certificate")
                .because(format!("{said} (48); it was issued by {}", leaf.issuer()))
                .item(leaf.label())
                .fix(
                    "give the broker clients-ca.pem as its file of CAs, and send chain.pem rather than the leaf alone",
                ),
            (Alert::CertificateExpired, Some(leaf)) => Code::Expired
                .fault("the server refuses the certificate as expired")
                .because(format!("{said} (45); it ends on {}", leaf.not_after().date()))
                .item(leaf.label())
                .fix("issue a new one with `tbpki client --force`; if it has not expired, check the server's clock"),
            (Alert::CertificateRevoked, Some(leaf)) => Code::Revoked
                .fault("the server reports that the certificate is revoked")
                .because(said)
                .item(leaf.label()),
            // OpenSSL sends the first alert in TLS 1.2 and the second in TLS 1.3 to clients without a certificate.
            (Alert::HandshakeFailure | Alert::CertificateRequired | Alert::BadCertificate, None) => {
                Code::CertificateRequired
                    .fault("the server requires a client certificate")
                    .because(said)
                    .fix("log in with a certificate: --auth certificate")
            }
            // Any other alert to a client with a certificate concerns that certificate.
            (alert, Some(leaf)) => Code::CertificateRefused
                .fault("the server rejects the client's certificate")
                .because(format!("{said} ({})", u8::from(alert)))
                .item(leaf.label())
                .fix("look into the server's log for its reason"),
            (_, None) => Code::TlsFailed
                .fault("the server ends the connection")
                .because(said)
                .fix("look into the server's log for its reason"),
        }
    }
}

/// The finding for a certificate of a profile's CA that was never registered.
fn unknown_of_profile(profile: &IssuingProfile, said: &str) -> Finding {
    let word = shell_word(&profile.name);
    let finding = Code::CertificateUnknown.fault("the platform knows no device with this certificate");
    if profile.creates_devices {
        return finding
            .because(format!(
                "{said}; the CA of the profile {} issued it, which is to create its devices",
                profile.name
            ))
            .fix(format!("compare the profile with the store: `tbpki profile show {word}`"));
    }
    finding.because(format!("{said}; the CA of the profile {} issued it, which creates no devices", profile.name)).fix(
        format!(
            "create the device in the profile {} with `tbpki register`, or let the profile create devices: `tbpki \
             profile create {word} --create-devices --replace`",
            profile.name
        ),
    )
}

/// The finding for a proxy that requested the certificate and did not pass it on to ThingsBoard.
fn dropped(said: &str) -> Finding {
    Code::CertificateDropped
        .fault("the certificate does not reach ThingsBoard")
        .because(format!("{said}, as for clients that show none"))
        .fix("let the load balancer pass TCP through to port 8883 instead of terminating TLS")
}
