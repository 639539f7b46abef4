//! Reading the record from a chip's flash.

use alloc::string::String;
use core::fmt;

use super::{
    EnrolmentSettings, Invalid, Login, MAX_PEM, NAMESPACE, Parts, Record, SALT, SCHEMA, SCHEMA_ENROLMENT,
    SKIP_HOST_NAME_CHECK, key,
};
use crate::nvs::{self, Flash, Namespace};
use crate::secret::Secret;

/// An error of reading the record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The partition or one of its entries cannot be read.
    Nvs(nvs::NvsError),
    /// The version of the record is unknown.
    Schema(u8),
    /// The entries are readable, but the hash does not match them.
    Hash,
    /// A part is outside its limits.
    Invalid(Invalid),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nvs(error) => error.fmt(f),
            Self::Schema(found) => {
                write!(
                    f,
                    "the record has version {found}, but this firmware reads versions {SCHEMA} and \
                     {SCHEMA_ENROLMENT}: write both again"
                )
            }
            Self::Hash => f.write_str(
                "the record's hash does not match its entries: some were changed or lost; write the partition again",
            ),
            Self::Invalid(invalid) => write!(f, "the record is invalid: {invalid}"),
        }
    }
}

impl core::error::Error for ReadError {}

impl From<nvs::NvsError> for ReadError {
    fn from(error: nvs::NvsError) -> Self {
        Self::Nvs(error)
    }
}

impl From<Invalid> for ReadError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl Record {
    /// Reads the record of an NVS partition.
    ///
    /// # Errors
    /// [`ReadError`] if an entry is damaged, missing or invalid, or if the version or the hash does not match.
    pub fn read(flash: impl Flash) -> Result<Self, ReadError> {
        let mut nvs = Namespace::open(flash, NAMESPACE)?;
        // The version comes first, because other versions may have other entries.
        let schema = nvs.u8(key::SCHEMA)?;
        if !matches!(schema, SCHEMA | SCHEMA_ENROLMENT) {
            return Err(ReadError::Schema(schema));
        }
        let flags = nvs.u8(key::FLAGS)?;
        // An unknown flag could switch off a check that this version does not know.
        if flags & !SKIP_HOST_NAME_CHECK != 0 {
            return Err(Invalid::Flags(flags).into());
        }
        let record = Self::new(Parts {
            device_name: nvs.text(key::DEVICE)?,
            wifi_ssid: nvs.text(key::WIFI_SSID)?,
            wifi_password: nvs.text(key::WIFI_PASSWORD)?.into(),
            host: nvs.text(key::HOST)?,
            port: nvs.u16(key::PORT)?,
            ca_chain: pem(&mut nvs, key::CA_CHAIN)?,
            login: login(&mut nvs, schema)?,
            skip_host_name_check: flags & SKIP_HOST_NAME_CHECK != 0,
            ntp_server: nvs.text(key::NTP_SERVER)?,
            enrolment: if schema == SCHEMA_ENROLMENT { Some(enrolment(&mut nvs)?) } else { None },
        })?;
        // The hash covers all entries, so a mixture of an old and a new record is detected.
        let hash = nvs.blob(key::HASH, record.hash().len())?;
        if hash == record.hash() { Ok(record) } else { Err(ReadError::Hash) }
    }
}

/// The credential. All three entries are read, because a missing one must be reported even if it would be empty.
fn login(nvs: &mut Namespace<impl Flash>, schema: u8) -> Result<Login, ReadError> {
    let chain = pem(nvs, key::CLIENT_CHAIN)?;
    let key = Secret::from(pem(nvs, key::CLIENT_KEY)?);
    let token = Secret::from(nvs.text(key::TOKEN)?);
    // One way to log in, or none yet. A record with both would leave the choice to the firmware.
    match (chain.is_empty(), key.is_empty(), token.is_empty()) {
        (false, false, true) => Ok(Login::Certificate { chain, key }),
        (true, true, false) => Ok(Login::Token(token)),
        (true, true, true) if schema == SCHEMA_ENROLMENT => Ok(Login::Pending),
        _ => Err(Invalid::Login.into()),
    }
}

/// The entries that version 2 has in addition.
fn enrolment(nvs: &mut Namespace<impl Flash>) -> Result<EnrolmentSettings, ReadError> {
    Ok(EnrolmentSettings {
        host: nvs.text(key::ENROLL_HOST)?,
        port: nvs.u16(key::ENROLL_PORT)?,
        label: nvs.text(key::ENROLL_LABEL)?,
        anchors: pem(nvs, key::ENROLL_ANCHORS)?,
        password: nvs.text(key::ENROLL_PASSWORD)?.into(),
        renew_days: nvs.u16(key::RENEW_DAYS)?,
        salt: nvs.blob(key::SALT, SALT)?.try_into().map_err(|_| Invalid::Salt)?,
    })
}

/// A PEM text without its final NUL.
fn pem(nvs: &mut Namespace<impl Flash>, key: &'static str) -> Result<String, ReadError> {
    let bytes = nvs.blob(key, MAX_PEM + 1)?;
    let Ok(mut text) = String::from_utf8(bytes) else { return Err(Invalid::NotPem { key }.into()) };
    // The NUL at the end is for Mbed TLS, which needs it to accept PEM.
    if text.pop() == Some('\0') { Ok(text) } else { Err(Invalid::NotPem { key }.into()) }
}
