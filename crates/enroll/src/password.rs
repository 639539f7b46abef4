//! One-time passwords for first certificates.

use std::path::PathBuf;

use base::file::{self, Mode, OutputTarget};
use base::timestamp::rfc3339;
use base::{Code, Result, ShownSecret};
use identity::lifecycle::enrol::label_of;
use identity::lifecycle::one_time_password::{PasswordLifetime, check_profile, hash, random};
use ledger::{Kind, NewPassword, View};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;
use store::ca::Ca;
use zeroize::Zeroizing;

/// What is asked for.
#[derive(Debug)]
pub struct PasswordRequest {
    /// The device that may use it.
    pub device: DeviceName,
    /// Its profile, if its certificate is issued below the CA of one; `None` for that of its present certificate.
    pub profile: Option<DeviceName>,
    /// Whether the next certificate may be issued by another CA than the present one.
    pub other_ca: bool,
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
    #[schemars(with = "Option<String>")]
    pub password: Option<ShownSecret>,
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
/// [`Code::UnknownProfile`], [`Code::ProfilePattern`], [`Code::NameReserved`], [`Code::TargetExists`],
/// [`Code::PasswordOfOtherCa`] if the device has a certificate of another CA, and errors of the store.
pub fn make(workspace: &mut Workspace<'_>, request: &PasswordRequest) -> Result<PasswordReport> {
    let dir = workspace.store_dir().to_owned();
    store::check_exists(&dir)?;
    if let Some(profile) = &request.profile {
        check_profile(&dir, profile, &request.device, workspace.now)?;
    }
    if request.out.is_none() {
        file::check_stdout_is_read()?;
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
    let profile = profile_of(&store.ledger, request)?;
    if let Some(profile) = profile.as_ref().filter(|_| request.profile.is_none()) {
        check_profile(&dir, profile, &request.device, workspace.now)?;
    }
    // Under the lock, or a password that is made at the same time would not be reported as replaced.
    let earlier = store.ledger.password_of(name)?;
    // The file comes first: a password that only the ledger has is of no use, and one that only the file has is refused.
    if let Some(output) = &output {
        output.write(&Zeroizing::new(format!("{}\n", password.reveal()).into_bytes()))?;
    }
    store.ledger.new_password(&NewPassword {
        device: name,
        label: profile.as_ref().map(DeviceName::as_str),
        hash: hash(&password),
        expires_at,
    })?;
    Ok(PasswordReport {
        device: name.to_owned(),
        profile: profile.map(|profile| profile.as_str().to_owned()),
        password: request.out.is_none().then(|| password.into()),
        file: request.out.clone(),
        expires: rfc3339(expires_at),
        replaces: earlier.is_some_and(|earlier| !earlier.is_spent && earlier.expires_at > workspace.now),
    })
}

/// The profile below whose CA the certificate is issued: the requested one, or that of the present certificate. A platform knows
/// the device by the CA of its profile, so a certificate of another CA would lock it out.
fn profile_of(view: &View, request: &PasswordRequest) -> Result<Option<DeviceName>> {
    let name = request.device.as_str();
    let used = view.current(Kind::Device, name)?;
    let used = match used {
        Some(used) => Some(used),
        None => view.pending(Kind::Device, name)?,
    };
    // Self-signed, or made elsewhere and imported: the service can issue below any of its CAs.
    let Some((used, label)) = used.and_then(|used| label_of(&used.issuer).map(|label| (used, label))) else {
        return Ok(request.profile.clone());
    };
    let own = label.map(|label| label.parse::<DeviceName>()).transpose()?;
    match &request.profile {
        None => Ok(own),
        Some(wanted) if own.as_ref() == Some(wanted) || request.other_ca => Ok(Some(wanted.clone())),
        Some(wanted) => Err(Code::PasswordOfOtherCa
            .error(format!(
                "{} has issued the certificate of the device, and the password would be for {}",
                used.issuer,
                Ca::Profile(wanted.clone()).name()
            ))
            .item(name)
            .because("a platform or broker that accepts the device by its present CA would refuse it")
            .fix(match own {
                Some(own) => {
                    format!("name the profile {own} with --profile; to move the device to the other CA, add --force")
                }
                None => "leave --profile out; to move the device to the other CA, add --force".to_owned(),
            })),
    }
}
