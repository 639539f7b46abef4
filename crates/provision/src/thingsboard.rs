//! The part of ThingsBoard's REST API that concerns devices, their credentials and device profiles.
//!
//! It requires ThingsBoard 4.2. Errors name the version that a newer feature requires.
//!
//! Every call may be repeated: a device that exists is not created again, and if an answer is lost, the state is read
//! before anything is sent again.

mod absence;
pub mod answer;
mod api;
mod attributes;
mod fault;
mod model;
mod profiles;
mod register;
mod session;
mod stored;
mod token;
mod withdrawal_token;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Result;
use tokio::sync::Mutex;

pub use attributes::stored_otherwise;
pub use profiles::{ChainProfile, ProfileState};
pub use session::ApiLogin;
pub use stored::StoredCredential;
pub use withdrawal_token::{is_withdrawal_token, withdrawal_token};

use crate::http::{ApiClientConfig, HttpClient};
use crate::pace::Pace;
use session::LoginSession;

/// A client for one tenant of a ThingsBoard. Clones share the session, the connections and the pace, so that many devices
/// can be registered concurrently.
#[derive(Clone)]
pub struct ThingsBoard {
    http: HttpClient,
    session: Arc<LoginSession>,
    /// Device profile ids by name.
    profiles: Arc<Mutex<HashMap<String, String>>>,
    pause: Duration,
}

impl ThingsBoard {
    /// A client. It sends nothing until the first call.
    ///
    /// # Errors
    /// [`Code::BadValue`](base::Code::BadValue), [`Code::PlainHttp`](base::Code::PlainHttp), and
    /// [`Code::FileUnreadable`](base::Code::FileUnreadable) if this system has no trusted roots.
    pub fn new(reach: &ApiClientConfig, login: ApiLogin) -> Result<Self> {
        let http = HttpClient::new(reach)?;
        Ok(Self { http, session: Arc::new(LoginSession::new(login)), profiles: Arc::default(), pause: reach.pause })
    }

    /// Logs in with user and password; does nothing with an API key.
    ///
    /// Every other call logs in when needed. Call this before many concurrent calls: each of them would try a wrong
    /// password, and ThingsBoard would lock the user.
    ///
    /// # Errors
    /// Those of the login.
    pub async fn log_in(&self) -> Result<()> {
        self.session.authorization(&self.http).await.map(drop)
    }

    /// Checks that a device profile of exactly this name exists.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`](base::Code::PlatformNotFound), and those of every call.
    pub async fn check_profile(&self, name: &str) -> Result<()> {
        self.profile_id(name).await.map(drop)
    }

    /// The platform's URL, for messages.
    pub fn url(&self) -> &str {
        self.http.url()
    }

    /// The pace of the requests. A caller that registers many devices must hold a permit for each of them.
    pub fn pace(&self) -> &Pace {
        self.http.pace()
    }
}
