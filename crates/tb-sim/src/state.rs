//! What the server knows, and the rules by which it changes.
//!
//! Everything is under one lock and nothing waits while holding it, so a transaction is a function.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::ids::Uuid;
use crate::settings::Settings;

pub(crate) mod credentials;
pub(crate) mod devices;
pub(crate) mod entity_id;
pub(crate) mod keys;
pub(crate) mod people;
pub(crate) mod profiles;
pub(crate) mod provisioning;
pub(crate) mod samples;

use credentials::Credentials;
use devices::Device;
use keys::ApiKey;
use people::{Account, People};
use profiles::Profile;
pub use samples::Telemetry;

/// A connection that is logged in as a device: how to end it.
pub(crate) type Closer = tokio::sync::mpsc::UnboundedSender<Close>;

/// Why a connection is ended from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Credentials were saved, or the device deleted.
    Administrative,
    /// The device logged in again.
    TakenOver,
}

/// All of it.
pub(crate) struct State {
    pub(crate) people: People,
    pub(crate) keys: BTreeMap<Uuid, ApiKey>,
    devices: BTreeMap<Uuid, Device>,
    device_names: HashMap<(Uuid, String), Uuid>,
    /// By the id of their device.
    credentials: HashMap<Uuid, Credentials>,
    /// Credentials ids, to the id of the device. They are unique over all tenants and types.
    credentials_ids: HashMap<String, Uuid>,
    profiles: BTreeMap<Uuid, Profile>,
    telemetry: HashMap<Uuid, Vec<Telemetry>>,
    attributes: HashMap<(Uuid, Scope), Map<String, Value>>,
    sessions: HashMap<Uuid, (u64, Closer)>,
    sessions_begun: u64,
    pub(crate) outdated: HashSet<String>,
}

/// Who wrote an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Client,
    Server,
}

impl State {
    pub(crate) fn new(settings: &Settings) -> Self {
        let people = People::new(settings);
        let mut state = Self {
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
            outdated: HashSet::new(),
            people,
        };
        for tenant in state.people.tenants() {
            state.add_default_profile(tenant);
        }
        state
    }

    /// A connection logged in: a device has one, so an earlier one ends. Returns the number of this one.
    pub(crate) fn begin_session(&mut self, device: Uuid, closer: Closer) -> u64 {
        self.sessions_begun += 1;
        if let Some((_, earlier)) = self.sessions.insert(device, (self.sessions_begun, closer)) {
            // A connection that has just ended by itself needs no telling.
            let _ = earlier.send(Close::TakenOver);
        }
        self.sessions_begun
    }

    /// A connection ended.
    pub(crate) fn end_session(&mut self, device: Uuid, number: u64) {
        if self.sessions.get(&device).is_some_and(|(current, _)| *current == number) {
            self.sessions.remove(&device);
        }
    }

    /// How many devices are connected.
    pub(crate) fn connected(&self) -> usize {
        self.sessions.len()
    }

    fn close_session(&mut self, device: Uuid) {
        if let Some((_, closer)) = self.sessions.remove(&device) {
            // As above.
            let _ = closer.send(Close::Administrative);
        }
    }

    /// Who asks, where that may be anybody.
    pub(crate) fn account(&self, id: Uuid) -> Option<&Account> {
        self.people.by_id(id)
    }
}
