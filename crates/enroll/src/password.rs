//! One-time passwords for first certificates.

use std::path::PathBuf;

use base::file::{Mode, OutputTarget};
use base::{Code, Result, Secret, digest, hex};
use identity::report::rfc3339;
use ledger::{Kind, NewPassword};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;
use store::ca::Ca;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// The random bytes of a password: 128 bits.
const RANDOM: usize = 16;

/// What is asked for.
#[derive(Debug)]
pub struct PasswordRequest {
    /// The device.
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
    /// The device.
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
/// [`Code::UnknownProfile`], [`Code::ProfilePattern`], [`Code::NameReserved`], [`Code::TargetExists`], and errors of the
/// store.
pub fn make(workspace: &mut Workspace<'_>, request: &PasswordRequest) -> Result<PasswordReport> {
    let dir = workspace.store_dir().to_owned();
    store::check_exists(&dir)?;
    if let Some(profile) = &request.profile {
        identity::profile_ca::pattern(&dir, profile)?.check_name(request.device.as_str())?;
        Ca::Profile(profile.clone()).check_usable(&dir, workspace.now)?;
    }
    let output = request.out.as_ref().map(|path| OutputTarget::new(path, Mode::Private));
    let password = random()?;
    if let Some(output) = &output {
        // Before the store is opened: a file in the way must not cost the password that was valid before.
        output.check(password.reveal().as_bytes())?;
    }
    let days = request.days.unwrap_or_else(|| workspace.config.serve.password_days.value.number());
    let expires_at = (OffsetDateTime::now_utc() + Duration::days(i64::from(days)))
        // Whole seconds, which is what the ledger keeps: the report must not promise a part of one more.
        .replace_nanosecond(0)
        .map_err(|error| Code::Internal.error("there is no such time").caused_by(error))?;
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
        hash: digest::sha256(password.reveal().as_bytes()),
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

fn random() -> Result<Secret> {
    let mut bytes = Zeroizing::new([0; RANDOM]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice())
        .map_err(|_| Code::Internal.error("the random generator does not work"))?;
    Ok(Secret::new(hex::lower(bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_128_bits_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), 2 * RANDOM);
        assert!(one.reveal().chars().all(|digit| digit.is_ascii_hexdigit()));
    }
}
