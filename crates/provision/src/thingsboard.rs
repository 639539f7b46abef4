//! ThingsBoard's REST API, as far as devices and their credentials go.
//!
//! Written for 4.2 and later; what only newer versions know is told when it is missing.

mod api;
mod fault;
mod model;
mod profiles;
mod register;
mod session;
mod token;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Result, Secret};
use tokio::sync::Mutex;

pub use profiles::{ChainProfile, ProfileState};
pub use session::Login;

use crate::http::{Http, Reach};
use crate::pace::Pace;
use crate::platform::{Done, Ours, Platform, Registration, Wanted};
use session::Session;

/// A tenant of a ThingsBoard. Its copies share a session.
#[derive(Clone)]
pub struct ThingsBoard {
    http: Http,
    session: Arc<Session>,
    /// The ids of device profiles by their names.
    profiles: Arc<Mutex<HashMap<String, String>>>,
    pause: Duration,
}

impl ThingsBoard {
    /// A tenant's ThingsBoard. Nothing is sent before something is asked for.
    ///
    /// # Errors
    /// [`Code::BadValue`](base::Code::BadValue), [`Code::PlainHttp`](base::Code::PlainHttp), and
    /// [`Code::FileUnreadable`](base::Code::FileUnreadable) where this system has no roots.
    pub fn new(reach: &Reach, login: Login) -> Result<Self> {
        let http = Http::new(reach)?;
        Ok(Self { http, session: Arc::new(Session::new(login)), profiles: Arc::default(), pause: reach.pause })
    }

    /// Logs in, where that takes a request. Everything else does so by itself; many that begin at once would all try
    /// a password that is wrong, and lock the user out.
    ///
    /// # Errors
    /// Those of a login.
    pub async fn log_in(&self) -> Result<()> {
        self.session.authorization(&self.http).await.map(drop)
    }

    /// Fails unless there is a device profile of exactly this name, as for every device that would be made in it.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`](base::Code::PlatformNotFound), and those of every call.
    pub async fn check_profile(&self, name: &str) -> Result<()> {
        self.profile_id(name).await.map(drop)
    }

    /// How fast it is asked. Whoever registers many devices takes a turn for each of them.
    pub fn pace(&self) -> &Pace {
        self.http.pace()
    }
}

impl Platform for ThingsBoard {
    fn place(&self) -> &str {
        self.http.place()
    }

    async fn register(&self, wanted: &Wanted) -> Result<Registration> {
        self.bring_about(wanted).await
    }

    async fn examine(&self, wanted: &Wanted) -> Result<Registration> {
        self.outlook(wanted).await
    }

    async fn unregister(&self, device: &str, ours: &Ours) -> Result<Done> {
        self.withdraw(device, ours).await
    }

    async fn delete(&self, device: &str) -> Result<Done> {
        self.delete_device(device).await
    }

    async fn token(&self, device: &str) -> Result<Secret> {
        self.access_token(device).await
    }
}
