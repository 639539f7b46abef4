//! The back end's data, in memory.

use std::collections::BTreeMap;

use serde::Serialize;

/// An entry in the log of MQTT logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectLog {
    /// The client identifier.
    #[serde(rename = "deviceID")]
    pub device_id: String,
    /// 1 for accepted, 2 for refused.
    pub connect_status: u8,
    /// The prefix of the topics, if the client was accepted.
    pub mountpoint: Option<String>,
}

/// A message that a device published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The topic, with the mountpoint as prefix.
    pub topic: String,
    /// The bytes as they were published.
    pub payload: Vec<u8>,
}

/// A certificate.
#[derive(Debug, Clone)]
pub(super) struct Cert {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) enable: u8,
    pub(super) common_name: String,
    pub(super) key: String,
    pub(super) certificate: String,
    pub(super) created: String,
    pub(super) updated: Option<String>,
}

/// A device.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) device_id: String,
    pub(super) user_name: String,
    pub(super) token: String,
    pub(super) product: String,
    pub(super) device_type: u64,
    pub(super) auth_type: u64,
    pub(super) blocked: u64,
    pub(super) created: String,
}

/// All certificates and devices. Ids count up.
#[derive(Default)]
pub(super) struct Store {
    last_id: u64,
    pub(super) certs: BTreeMap<u64, Cert>,
    pub(super) devices: BTreeMap<u64, Device>,
    /// Pairs of certificate id and device id.
    pub(super) bound: Vec<(u64, u64)>,
    pub(super) tokens: Vec<String>,
    pub(super) connects: Vec<ConnectLog>,
    pub(super) published: Vec<Published>,
}

/// The one tenant: a company's.
pub(super) const TENANT: &str = "C00000001";

/// The answer to the broker's question whether a client may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoginDecision {
    /// The client may log in, with this prefix of all topics.
    Mountpoint(String),
    /// A wrong user name or password: 401.
    WrongPassword,
    /// No such device, or a certificate that is not bound or not enabled, or the other kind of device: 404.
    NotFound(&'static str),
}

impl Store {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Decides whether a client may log in, and writes the decision to the log.
    pub(super) fn may_log_in(
        &mut self,
        client: &str,
        user: &str,
        password: &str,
        common_name: Option<&str>,
    ) -> LoginDecision {
        let decision = self.judge(client, user, password, common_name);
        let mountpoint = match &decision {
            LoginDecision::Mountpoint(mountpoint) => Some(mountpoint.clone()),
            _ => None,
        };
        let connect_status = if mountpoint.is_some() { 1 } else { 2 };
        self.connects.push(ConnectLog { device_id: client.to_owned(), connect_status, mountpoint });
        decision
    }

    fn judge(&self, client: &str, user: &str, password: &str, common_name: Option<&str>) -> LoginDecision {
        // A blocked device is as unknown as one that does not exist.
        let device = self.devices.values().find(|device| device.device_id == client && device.blocked == 0);
        let Some(device) = device else { return LoginDecision::NotFound("device") };
        match common_name {
            // Before the password: a device that has certificates is not let in by its token.
            None if device.auth_type != 1 => return LoginDecision::NotFound("authType"),
            None if device.user_name != user || device.token != password => return LoginDecision::WrongPassword,
            None => {}
            Some(common_name) => {
                // The common name alone, as in ActorCloud: it compares neither key nor serial number nor fingerprint.
                let fits = |cert: &Cert| {
                    cert.common_name == common_name && cert.enable == 1 && self.bound.contains(&(cert.id, device.id))
                };
                if !self.certs.values().any(fits) {
                    return LoginDecision::NotFound("device");
                }
                if device.auth_type != 2 {
                    return LoginDecision::NotFound("authType");
                }
            }
        }
        LoginDecision::Mountpoint(format!("/mqtt/{TENANT}/{}/{}/", device.product, device.device_id))
    }
}
