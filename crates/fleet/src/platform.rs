//! The platform of a station: where it is, and who talks to it.

use std::num::NonZeroU32;
use std::time::Duration;

use base::text::shell_word;
use base::{Code, Error, Finding, Result};
use config::{Origin, Platform as Settings, PlatformKind};
use ledger::{Entry, Kind, PlatformUrl, View};
use provision::thingsboard::ApiLogin;
use provision::{ApiClientConfig, Runtime, ThingsBoard};

use store::ca::Ca;
use store::{Workspace, roots};

/// Requests at once for a fleet, unless the user sets a number. A real server on two cores gained nothing by more.
const FLEET_CONCURRENCY: usize = 32;

/// A client of the station's ThingsBoard, and what waits for its answers.
pub struct Connection {
    pub(crate) board: ThingsBoard,
    pub(crate) runtime: Runtime,
    /// The number of simultaneous requests.
    pub(crate) concurrency: usize,
    /// Whether the command line names the platform.
    is_named: bool,
}

impl Connection {
    /// The ThingsBoard that the configuration names. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::PlatformUnset`] where address or user are missing, [`Code::ForeignKeys`] where the platform takes no
    /// certificates of ours, and what the address, the roots and the secrets can be wrong about.
    pub fn of(workspace: &mut Workspace<'_>) -> Result<Self> {
        Self::reaching(workspace, |_| {})
    }

    /// The same for a whole fleet: with more requests at once, unless the user has set a number, and no more than
    /// `rate` devices a second.
    ///
    /// # Errors
    /// Those of [`of`](Self::of).
    pub fn of_fleet(workspace: &mut Workspace<'_>, rate: Option<NonZeroU32>) -> Result<Self> {
        let is_said = workspace.config.platform.concurrency.is_explicit();
        Self::reaching(workspace, |reach| {
            reach.rate = rate;
            if !is_said {
                reach.concurrency = FLEET_CONCURRENCY;
            }
        })
    }

    fn reaching(workspace: &mut Workspace<'_>, adapt: impl FnOnce(&mut ApiClientConfig)) -> Result<Self> {
        let settings = &workspace.config.platform;
        if settings.kind.value == PlatformKind::ActorCloud {
            return Err(foreign_keys());
        }
        let is_named = matches!(settings.url.origin, Origin::Flag(_));
        let mut reach = reach(settings)?;
        reach.accept_clock = workspace.accept_clock;
        adapt(&mut reach);
        let login = if settings.api_key.is_some() && !names_user(settings) {
            ApiLogin::ApiKey(workspace.secrets.password(&settings.api_key, "platform.api_key")?)
        } else {
            let user = user(settings)?;
            ApiLogin::Password { user, password: workspace.secrets.password(&settings.password, "platform.password")? }
        };
        Ok(Self {
            board: ThingsBoard::new(&reach, login)?,
            runtime: Runtime::new()?,
            concurrency: reach.concurrency,
            is_named,
        })
    }

    /// The URL that commands in messages must name to mean this platform; `None` if the configuration alone does.
    pub(crate) fn url_for_commands(&self, view: &View) -> Option<&str> {
        (self.is_named || view.has_other_platforms()).then(|| self.board.url())
    }
}

/// A command, with the URL of the platform that it must name.
pub(crate) fn with_url(command: String, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("{command} --platform-url {}", shell_word(url)),
        None => command,
    }
}

/// The command that takes a credential of another party from a platform.
pub(crate) fn command_to_take_away(name: &str, url: Option<&str>) -> String {
    with_url(format!("tbpki unregister --replace {}", shell_word(name)), url)
}

/// Whether this command names the user, in place of an API key that is configured.
fn names_user(settings: &Settings) -> bool {
    let is_flag = |origin: &Origin| matches!(origin, Origin::Flag(_));
    (is_flag(&settings.user.origin) || is_flag(&settings.password.origin)) && !is_flag(&settings.api_key.origin)
}

/// Whether the ledger has a registration of a generation with any platform, or its profile's CA is there.
pub(crate) fn is_known_to_platform(entry: &Entry) -> bool {
    // By the time of the registration: a bundled device has another state and is still registered.
    let is_known = entry.is_registered() || Ca::profile_of(&entry.issuer).is_some();
    entry.key.kind == Kind::Device && is_known
}

/// A warning if the ledger has no registration at the platform that is configured, and has some at others: the platform may
/// have moved to another URL.
///
/// # Errors
/// Those of the ledger.
pub fn new_platform(workspace: &Workspace<'_>, view: &View) -> Result<Option<Finding>> {
    let Some(url) = workspace.location.platform() else { return Ok(None) };
    let others = view.other_platforms_of_unknown()?;
    let Some(first) = others.first() else { return Ok(None) };
    let list: Vec<&str> = others.iter().map(PlatformUrl::as_str).collect();
    Ok(Some(
        Code::NewPlatform
            .warning(format!("no device is registered at {url} so far"))
            .because(format!("the registrations of the ledger are at {}", list.join(" and ")))
            .fix(format!("if {first} has moved to {url}, run `tbpki ledger platform --rename {first} {url}`")),
    ))
}

/// The user to log in as.
pub(crate) fn user(settings: &Settings) -> Result<String> {
    settings.user.value.as_ref().map(|user| user.as_str().to_owned()).ok_or_else(|| {
        Code::PlatformUnset
            .error("no platform user is configured")
            .fix("set `[platform] user` in keygen.toml, or give --platform-user or --platform-api-key-file")
    })
}

/// The configuration of the connection to the platform.
pub(crate) fn reach(settings: &Settings) -> Result<ApiClientConfig> {
    let url = settings.url.value.as_ref().ok_or_else(|| {
        Code::PlatformUnset
            .error("no platform URL is configured")
            .fix("set `[platform] url` in keygen.toml, or give --platform-url")
    })?;
    Ok(ApiClientConfig {
        roots: settings.ca.value.as_ref().map(|path| roots(path.resolved(), "the platform")).transpose()?,
        allow_plain_http: settings.allow_plain_http.value,
        timeout: Duration::from_secs(u64::from(settings.timeout.value.number())),
        concurrency: usize::from(settings.concurrency.value.number()),
        ..ApiClientConfig::to(url.as_str())
    })
}

/// Why nothing of ours can be registered in ActorCloud.
pub(crate) fn foreign_keys() -> Error {
    Code::ForeignKeys
        .error("ActorCloud does not accept keys and certificates of other CAs")
        .because("its server makes both, and compares only the common name that it has chosen")
        .fix("use `tbpki actorcloud cert create` and `tbpki actorcloud cert bind`, or set `[platform] kind = \"thingsboard\"`")
}
