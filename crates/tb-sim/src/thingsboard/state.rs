//! The server's data, and the rules for changes.
//!
//! All data is behind one lock, and no function waits while it holds the lock. A transaction is therefore a function.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::model::accounts::{Account, Accounts};
use super::model::api_key::ApiKey;
use super::model::credentials::Credentials;
use super::model::device::Device;
use super::model::profile::Profile;
use super::model::telemetry::Telemetry;
use super::settings::{Settings, Version};
use crate::clock;
use crate::ids::Uuid;

mod credentials;
mod devices;
mod keys;
mod profiles;
pub(crate) mod provisioning;
mod samples;

/// A connection that is logged in as a device: how to end it.
pub(crate) type CloseSender = tokio::sync::mpsc::UnboundedSender<Close>;

/// Why a connection is ended from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Credentials were saved, or the device deleted.
    Administrative,
    /// The device logged in again.
    TakenOver,
}

/// The data of one ThingsBoard.
pub(crate) struct State {
    version: Version,
    pub(crate) accounts: Accounts,
    pub(crate) keys: BTreeMap<Uuid, ApiKey>,
    devices: BTreeMap<Uuid, Device>,
    device_names: HashMap<(Uuid, String), Uuid>,
    /// The key is the id of the device.
    credentials: HashMap<Uuid, Credentials>,
    /// Credentials ids, to the id of the device. They are unique over all tenants and types.
    credentials_ids: HashMap<String, Uuid>,
    profiles: BTreeMap<Uuid, Profile>,
    telemetry: HashMap<Uuid, Vec<Telemetry>>,
    attributes: HashMap<(Uuid, Scope), Map<String, Value>>,
    sessions: HashMap<Uuid, (u64, CloseSender)>,
    sessions_begun: u64,
    /// Sessions that were logged out, with the time in seconds since 1970.
    logouts: HashMap<String, i64>,
}

/// The owner of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Client,
    Server,
}

impl State {
    pub(crate) fn new(settings: &Settings) -> Self {
        let accounts = Accounts::new(settings);
        let mut state = Self {
            version: settings.version,
            keys: BTreeMap::new(),
            devices: BTreeMap::new(),
            device_names: HashMap::new(),
            credentials: HashMap::new(),
            credentials_ids: HashMap::new(),
            profiles: BTreeMap::new(),
            telemetry: HashMap::new(),
            attributes: HashMap::new(),
            sessions: HashMap::new(),
            sessions_begun: 0,
            logouts: HashMap::new(),
            accounts,
        };
        for tenant in state.accounts.tenants() {
            state.add_default_profile(tenant);
        }
        state
    }

    /// A connection logged in: a device has one, so an earlier one ends. Returns the number of this one.
    pub(crate) fn begin_session(&mut self, device: Uuid, close_sender: CloseSender) -> u64 {
        self.set_server_attribute(device, "lastConnectTime", Value::from(clock::milliseconds()));
        self.set_server_attribute(device, "active", Value::Bool(true));
        self.sessions_begun += 1;
        if let Some((_, earlier)) = self.sessions.insert(device, (self.sessions_begun, close_sender)) {
            // A connection that has just ended by itself needs no telling.
            let _ = earlier.send(Close::TakenOver);
        }
        self.sessions_begun
    }

    /// A connection ended.
    pub(crate) fn end_session(&mut self, device: Uuid, number: u64) {
        // Only by its number: the session may belong to another connection by now.
        if self.sessions.get(&device).is_some_and(|(current, _)| *current == number) {
            self.sessions.remove(&device);
            self.set_server_attribute(device, "lastDisconnectTime", Value::from(clock::milliseconds()));
        }
    }

    /// The number of connected devices.
    pub(crate) fn connected(&self) -> usize {
        self.sessions.len()
    }

    fn close_session(&mut self, device: Uuid) {
        if let Some((_, close_sender)) = self.sessions.remove(&device) {
            // As above.
            let _ = close_sender.send(Close::Administrative);
        }
    }

    /// Ends a session: its tokens of earlier seconds are no longer accepted.
    pub(crate) fn log_out(&mut self, session: &str) {
        self.logouts.insert(session.to_owned(), clock::seconds());
    }

    /// True for tokens of a session that was logged out after their second of issue. Tokens carry whole seconds, so
    /// the real server cannot tell those of the same second apart and accepts them.
    pub(crate) fn is_logged_out(&self, session: &str, issued: i64) -> bool {
        self.logouts.get(session).is_some_and(|logout| issued < *logout)
    }

    /// The account of a user.
    pub(crate) fn account(&self, id: Uuid) -> Option<&Account> {
        self.accounts.by_id(id)
    }
}
