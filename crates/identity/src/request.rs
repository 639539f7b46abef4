//! Requests for servers and devices, beyond the configuration.

pub(crate) mod earlier;
pub(crate) mod issuing_command;

use std::path::PathBuf;

use base::file::{self, Ownership};
use base::{Finding, Result};
use config::{Config, Days, Origin, Setting};
use pki::chain_period::ChainPeriod;
use pki::csr::Csr;
use pki::device_name::DeviceName;
use pki::issuer::KeySource;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Algorithm, San, Subject};
use time::OffsetDateTime;

use store::FILE_LIMIT;
use store::ca::{Ca, Hierarchy};

/// The options of both kinds of identities.
#[derive(Debug, Clone, Default)]
pub struct IdentityRequest {
    /// Sign with the leaf's own key.
    pub self_signed: bool,
    /// Issue below the CA of this device profile.
    pub profile: Option<DeviceName>,
    /// Issue below the ordinary CA of the store, although the earlier generation has another issuer.
    pub default_ca: bool,
    /// Issue for the key of this request.
    pub csr: Option<PathBuf>,
    /// Issue a new generation in place of what is there.
    pub force: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
    /// The directory for copies.
    pub out: Option<PathBuf>,
    /// Whose the copies become.
    pub ownership: Ownership,
}

impl IdentityRequest {
    /// The certificate signing request, where one was named.
    pub(crate) fn read_csr(&self) -> Result<Option<Csr>> {
        let Some(path) = &self.csr else { return Ok(None) };
        let bytes = file::read(path, FILE_LIMIT)?;
        Csr::from_pem_or_der(&bytes).map(Some).map_err(|error| error.at(path))
    }
}

/// The base of the addresses of revocation lists for certificates that `issuer` signs. The servers' CAs have none: only
/// brokers fetch lists, for devices.
pub fn crl_url(config: &Config, issuer: &Ca) -> Option<String> {
    let is_devices = issuer.hierarchy() == Hierarchy::Devices;
    config.ca.crl_url.value.as_ref().filter(|_| is_devices).map(|url| url.as_str().to_owned())
}

/// Decides serial number and dates of a leaf.
pub(crate) fn contents(
    profile: Profile,
    subject: Subject,
    sans: Vec<San>,
    days: &Setting<Days>,
    issuer: Option<&ChainPeriod>,
    now: OffsetDateTime,
) -> Result<(Contents, Option<Finding>)> {
    let lifetime = Lifetime { days: days.value.number(), explicit: is_named_now(days) };
    let (validity, note) = Validity::starting(now, lifetime, issuer)?;
    let contents = Contents {
        profile,
        serial: Serial::random()?,
        validity,
        subject,
        sans,
        permitted_dns: Vec::new(),
        crl_url: None,
    };
    Ok((contents, note))
}

/// Whether a person asked for this value now. A value in keygen.toml applies to every identity: a lifetime there
/// may be shortened like a default, and a format there may be left out where it cannot be written.
pub fn is_named_now<T>(setting: &Setting<T>) -> bool {
    matches!(setting.origin, Origin::Flag(_) | Origin::Variable(_))
}

/// The key to issue for: the one in the request, or a new one.
pub(crate) fn key_source(csr: Option<&Csr>, algorithm: Algorithm) -> KeySource {
    match csr {
        Some(csr) => KeySource::Public(csr.key().clone()),
        None => KeySource::Generate(algorithm),
    }
}
