//! One-time passwords for first certificates.

use std::path::PathBuf;

use base::Result;
use base::file::{Mode, OutputTarget};
use identity::lifecycle::one_time_password::{PasswordLifetime, check_profile, hash, random};
use identity::report::rfc3339;
use ledger::{Kind, NewPassword};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;
use zeroize::Zeroizing;

/// What is asked for.
#[derive(Debug)]
pub struct PasswordRequest {
    /// The device that may use it.
    pub device: DeviceName,
    /// Its profile, if its certificate is issued below the CA of one.
    pub profile: Option<DeviceName>,
    /// Days until it expires; `None` for those of the configuration.
    pub days: Option<u32>,
    /// The file that gets it (mode 0600); `None` for the report.
    pub out: Option<PathBuf>,
}

/// A password that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PasswordReport {
    /// The device that may use it.
    pub device: String,
    /// Its profile, which is the label of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The password; absent if a file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The file with the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The time from which on it is refused (RFC 3339, UTC).
    pub expires: String,
    /// Whether it takes the place of a password that was not used.
    pub replaces: bool,
}

/// Makes a password for a device. The ledger keeps SHA-256 over it, which is enough for 128 random bits.
///
/// # Errors
/// [`Code::UnknownProfile`](base::Code::UnknownProfile), [`Code::ProfilePattern`](base::Code::ProfilePattern),
/// [`Code::NameReserved`](base::Code::NameReserved), [`Code::TargetExists`](base::Code::TargetExists), and errors of the
/// store.
pub fn make(workspace: &mut Workspace<'_>, request: &PasswordRequest) -> Result<PasswordReport> {
    let dir = workspace.store_dir().to_owned();
    store::check_exists(&dir)?;
    if let Some(profile) = &request.profile {
        check_profile(&dir, profile, &request.device, workspace.now)?;
    }
    let output = request.out.as_ref().map(|path| OutputTarget::new(path, Mode::Private));
    let password = random()?;
    if let Some(output) = &output {
        // Before the store is opened: a file in the way must not cost the password that was valid before.
        output.check(password.reveal().as_bytes())?;
    }
    let expires_at = request.days.map_or(PasswordLifetime::Configured, PasswordLifetime::Days).end(workspace.config)?;
    let mut store = workspace.open_store("enroll password")?;
    let name = request.device.as_str();
    store.ledger.check_not_reserved(Kind::Device, name)?;
    // Under the lock, or a password that is made at the same time would not be reported as replaced.
    let earlier = store.ledger.password_of(name)?;
    // The file comes first: a password that only the ledger has is of no use, and one that only the file has is refused.
    if let Some(output) = &output {
        output.write(&Zeroizing::new(format!("{}\n", password.reveal()).into_bytes()))?;
    }
    store.ledger.new_password(&NewPassword {
        device: name,
        label: request.profile.as_ref().map(DeviceName::as_str),
        hash: hash(&password),
        expires_at,
    })?;
    Ok(PasswordReport {
        device: name.to_owned(),
        profile: request.profile.as_ref().map(|profile| profile.as_str().to_owned()),
        password: request.out.is_none().then(|| password.reveal().to_owned()),
        file: request.out.clone(),
        expires: rfc3339(expires_at),
        replaces: earlier.is_some_and(|earlier| !earlier.is_spent && earlier.expires_at > workspace.now),
    })
}
