//! What every platform that keeps devices' credentials can be asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use base::{Finding, Result, Secret};
use pki::{Certificate, credentials_id};

/// A platform that keeps devices and what they log in with.
///
/// Its copies share a session and its limits, so that thousands of devices can be registered by as many futures.
/// Every call may be repeated: what is there already is not made again, and after an answer that was lost the state
/// is looked at before anything is sent anew.
pub trait Platform: Clone + Send + Sync + 'static {
    /// Where it is, for messages.
    fn place(&self) -> &str;

    /// Sees to it that a device logs in with this credential, and reads back that it does.
    fn register(&self, wanted: &Wanted) -> impl Future<Output = Result<Registration>> + Send;

    /// What [`register`](Self::register) would do, with the same errors. Nothing is changed.
    fn examine(&self, wanted: &Wanted) -> impl Future<Output = Result<Registration>> + Send;

    /// Takes away the certificate of a device, which stays with its history.
    fn unregister(&self, device: &str, ours: &Ours) -> impl Future<Output = Result<Done>> + Send;

    /// Deletes a device with its history.
    fn delete(&self, device: &str) -> impl Future<Output = Result<Done>> + Send;

    /// The access token of a device.
    fn token(&self, device: &str) -> impl Future<Output = Result<Secret>> + Send;
}

/// A device as it is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it logs in with.
    pub credential: Credential,
    /// What may be replaced if it has another credential.
    pub replace: Replace,
    /// What else it is to be, if it has to be made; none where it must be there.
    pub create: Option<Create>,
}

/// What a device is made with.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// The device profile; none for the default.
    pub profile: Option<String>,
    /// A text for people.
    pub label: Option<String>,
    /// Whether it speaks for other devices.
    pub gateway: bool,
    /// What the platform is to know of it beside that. They are set again each time that it is registered.
    pub attributes: BTreeMap<String, String>,
}

/// Which credentials of a device may be replaced by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// None.
    Nothing,
    /// One of the same kind.
    SameKind,
    /// Any.
    Anything,
}

/// What a device logs in with.
#[derive(Clone)]
pub enum Credential {
    /// The private key of this certificate.
    X509(Box<Certificate>),
    /// A token in place of a user name.
    AccessToken(Secret),
    /// Client id, user name and password of MQTT.
    MqttBasic(MqttBasic),
}

/// Client id, user name and password of MQTT, of which one of the first two has to be there.
#[derive(Clone, PartialEq, Eq)]
pub struct MqttBasic {
    /// The client id.
    pub client_id: Option<String>,
    /// The user name.
    pub user_name: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

impl Credential {
    /// The number under which ThingsBoard keeps it; of an access token, the token itself.
    pub(crate) fn id(&self) -> Secret {
        match self {
            Credential::X509(certificate) => Secret::new(certificate.credentials_id()),
            Credential::AccessToken(token) => token.clone(),
            Credential::MqttBasic(basic) => Secret::new(match (&basic.client_id, &basic.user_name) {
                (None, Some(user)) => user.clone(),
                (Some(client), Some(user)) => credentials_id::of_text(&format!("{client}|{user}")),
                (client, None) => credentials_id::of_text(client.as_deref().unwrap_or_default()),
            }),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::X509(certificate) => write!(f, "X509({})", certificate.credentials_id()),
            Credential::AccessToken(_) => f.write_str("AccessToken(..)"),
            Credential::MqttBasic(_) => f.write_str("MqttBasic(..)"),
        }
    }
}

/// What became of a device in the platform.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What was done.
    pub done: Done,
    /// The platform's number of the device; none where it is not there yet.
    pub device_id: Option<String>,
    /// What was noticed on the way.
    pub findings: Vec<Finding>,
}

/// What was done in the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The device was not there and is now.
    Created,
    /// The device was there with another credential.
    Replaced,
    /// All was so already.
    Unchanged,
    /// The device was deleted.
    Deleted,
    /// There is no such device.
    Absent,
}

/// The certificates that a station has issued to a device.
#[derive(Debug, Clone, Default)]
pub struct Ours {
    /// Their credentials ids.
    pub credentials_ids: Vec<String>,
    /// Whether a certificate that is none of them may be taken away as well.
    pub others_too: bool,
}
