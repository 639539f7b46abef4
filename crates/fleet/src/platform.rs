//! The platform of a station: where it is, and who talks to it.

use std::time::Duration;

use pki::config::{Platform as Settings, PlatformKind};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, Code, Error, Result, file};
use provision::thingsboard::Login;
use provision::{Reach, Runtime, ThingsBoard};

use crate::station::Station;
use crate::store::FILE_LIMIT;

/// A client of the station's ThingsBoard, and what waits for its answers.
pub struct Connection {
    pub(crate) board: ThingsBoard,
    pub(crate) runtime: Runtime,
    /// How many requests are under way at once.
    pub(crate) concurrency: usize,
}

impl Connection {
    /// The ThingsBoard that the configuration names. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::PlatformUnset`] where address or user are missing, [`Code::ForeignKeys`] where the platform takes no
    /// certificates of ours, and what the address, the roots and the secrets can be wrong about.
    pub fn of(station: &mut Station<'_>) -> Result<Self> {
        let settings = &station.config.platform;
        if settings.kind.value == PlatformKind::ActorCloud {
            return Err(foreign_keys());
        }
        let reach = reach(settings)?;
        let login = if settings.api_key.is_some() {
            Login::ApiKey(station.secrets.password(&settings.api_key, "platform.api_key")?)
        } else {
            let user = user(settings)?;
            Login::Password { user, password: station.secrets.password(&settings.password, "platform.password")? }
        };
        Ok(Self { board: ThingsBoard::new(&reach, login)?, runtime: Runtime::new()?, concurrency: reach.concurrency })
    }
}

/// The user to log in as.
pub(crate) fn user(settings: &Settings) -> Result<String> {
    settings.user.value.as_ref().map(|user| user.as_str().to_owned()).ok_or_else(|| {
        Code::PlatformUnset
            .error("it is not known as whom to log in to the platform")
            .fix("set `[platform] user` in keygen.toml, or give --platform-user or --platform-api-key-file")
    })
}

/// How the platform is reached.
pub(crate) fn reach(settings: &Settings) -> Result<Reach> {
    let url = settings.url.value.as_ref().ok_or_else(|| {
        Code::PlatformUnset
            .error("it is not known where the platform is")
            .fix("set `[platform] url` in keygen.toml, or give --platform-url")
    })?;
    Ok(Reach {
        roots: settings.ca.value.as_ref().map(|path| roots(path.resolved(), "the platform")).transpose()?,
        allow_plain_http: settings.allow_plain_http.value,
        timeout: Duration::from_secs(u64::from(settings.timeout.value.number())),
        concurrency: usize::from(settings.concurrency.value.number()),
        ..Reach::to(url.as_str())
    })
}

/// The roots in the file at `path`, which verify `what`.
pub(crate) fn roots(path: &std::path::Path, what: &str) -> Result<Vec<Certificate>> {
    let bytes = file::read(path, FILE_LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable
            .error(format!("the file with the roots for {what} holds no certificate"))
            .at(path)
            .fix("name a PEM file with the root of the CA that issued its certificate"));
    }
    Ok(certificates)
}

/// Why nothing of ours can be registered in ActorCloud.
pub(crate) fn foreign_keys() -> Error {
    Code::ForeignKeys
        .error("ActorCloud takes no keys and certificates of ours")
        .because("its server makes both itself and compares nothing but the common name that it made up")
        .fix("use `tbpki actorcloud cert create` and `bind`, or set `[platform] kind = \"thingsboard\"`")
}

/// Whether an error concerns everything that is asked of the platform, so that going on makes no sense.
pub(crate) fn concerns_all(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Unreachable
            | Code::TlsFailed
            | Code::PlatformUnverified
            | Code::PlatformRedirect
            | Code::LoginRefused
            | Code::UserDisabled
            | Code::UserLocked
            | Code::PasswordExpired
            | Code::SecondFactor
            | Code::SessionExpired
            | Code::ApiKeyRefused
            | Code::PlatformPermission
            | Code::DeviceLimit
    )
}
