//! Access tokens, for devices that verify the server and log in without a certificate.

use std::path::PathBuf;

use base::file::{FileSet, Mode};
use base::text::{device_words, quote};
use base::{Code, Finding, Result, Secret, ShownSecret};
use ledger::{Kind, Role, State, View};
use pki::Certificate;
use pki::device_name::DeviceName;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};
use provision::thingsboard::is_withdrawal_token;
use schemars::JsonSchema;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::lifecycle::lease::Leases;
use crate::platform::Connection;
use crate::register::PlatformOutcome;
use identity::files::output::pem_of;
use identity::report::FileReport;
use store::file_names::{ANCHORS, TOKEN};
use store::{Store, Workspace, identity_dir};

/// The most characters that ThingsBoard's web interface takes for a token.
const LONGEST: usize = 32;

/// Which token is wanted.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The token that the device gets; none to fetch the one that it has.
    pub set: Option<Secret>,
    /// Also replace a credential of another kind.
    pub replace: bool,
    /// The properties of the device, if it may be created.
    pub create: Option<NewDevice>,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// The fetched token and its device.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenReport {
    /// The device.
    pub name: String,
    /// The change in the platform.
    pub done: PlatformOutcome,
    /// The files: the token, and what the device trusts.
    pub files: Vec<FileReport>,
    /// The token itself, where it was asked for with `--show`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub token: Option<ShownSecret>,
    /// The token, for the caller who shows it.
    #[serde(skip)]
    pub secret: Option<Secret>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Fetches or sets the access token of a device, and writes it next to the trust anchors of the device.
///
/// # Errors
/// [`Code::NotAToken`] and [`Code::OtherCredential`] for a device that logs in otherwise,
/// [`Code::PlatformNotFound`], and what the disk can be wrong about.
pub fn token(
    workspace: &mut Workspace<'_>,
    connection: &Connection,
    device: &DeviceName,
    request: &TokenRequest,
) -> Result<TokenReport> {
    store::check_exists(workspace.store_dir())?;
    let name = device.as_str();
    let anchors = workspace.client_anchors()?;
    let dir = identity_dir(workspace.store_dir(), Kind::Device, name);
    // Held from here on, so that nothing is asked of the platform that could not be written down.
    let mut store = if request.dry_run { None } else { Some(workspace.open_store("token")?) };
    let leases = store.as_mut().map(|store| Leases::of_locked_store(&mut store.ledger)).transpose()?;
    if let (Some(leases), Some(store)) = (&leases, &mut store) {
        leases.take(&mut store.ledger, name)?;
    }
    let work = || -> Result<TokenReport> {
        // Recorded first: after an interruption, the platform may have a token that is in no file.
        let was_recorded = match &mut store {
            Some(store) => record_possible(store, name)?,
            None => true,
        };
        let outcome = at_platform(connection, device, request);
        // The files before the ledger: a token that only the platform has is lost if the ledger is away now.
        let files = outcome.as_ref().ok().map(|(_, secret)| write(dir, secret, &anchors, request.dry_run));
        if let Some(store) = &mut store {
            record_outcome(store, name, was_recorded, &outcome)?;
        }
        let (done, secret) = outcome?;
        // In any case: the platform does not have the certificate any more.
        if let (Some(store), Some(_)) = (&mut store, &request.set) {
            certificate_is_replaced(store, name)?;
        }
        let files = files.unwrap_or_else(|| Ok(Vec::new()))?;
        let findings = revoked_before(&workspace.view()?, name)?.into_iter().collect();
        Ok(TokenReport { name: name.to_owned(), done, files, token: None, secret: Some(secret), findings })
    };
    let report = work();
    if let (Some(leases), Some(store)) = (&leases, &mut store) {
        // After a failure too: others must not wait until the lease ends.
        leases.end(&mut store.ledger, name);
    }
    report
}

/// A note if the last certificate of the device was revoked: with a token, the device logs in again.
fn revoked_before(view: &View, name: &str) -> Result<Option<Finding>> {
    let revoked = view.latest(Kind::Device, name)?.filter(|latest| latest.role == Role::Revoked);
    let note = |_| {
        Code::Revoked
            .note(format!("the device {} logs in again, with its access token", quote(name)))
            .item(name)
            .because("its certificate was revoked")
            .fix(format!("if it must not log in, run `tbpki revoke {}`", device_words(name)))
    };
    Ok(revoked.map(note))
}

/// Fetches the token of a device from the platform, or sets it there. A device that is not there gets a new one, if it may
/// be created.
fn at_platform(
    connection: &Connection,
    device: &DeviceName,
    request: &TokenRequest,
) -> Result<(PlatformOutcome, Secret)> {
    let name = device.as_str();
    let wanted = |token: Secret, replace| DesiredDevice {
        name: name.to_owned(),
        credential: DeviceCredential::AccessToken(token),
        replace,
        create: request.create.clone(),
    };
    connection.runtime.wait(async {
        let board = &connection.board;
        match &request.set {
            Some(token) => {
                let replace = if request.replace { Replace::Anything } else { Replace::SameKind };
                let wanted = wanted(token.clone(), replace);
                let registered =
                    if request.dry_run { board.examine(&wanted).await? } else { board.register(&wanted).await? };
                Ok((registered.done.into(), token.clone()))
            }
            None => match board.token(name).await {
                Err(error) if error.code() == Code::PlatformNotFound && request.create.is_some() => {
                    let token = pki::keystore::password::generate()?;
                    if !request.dry_run {
                        board.register(&wanted(token.clone(), Replace::Nothing)).await?;
                    }
                    Ok((PlatformOutcome::Created, token))
                }
                found => Ok((PlatformOutcome::Unchanged, found?)),
            },
        }
    })
}

/// Writes the token next to the trust anchors of the device.
fn write(dir: PathBuf, secret: &Secret, anchors: &[Certificate], dry_run: bool) -> Result<Vec<FileReport>> {
    let mut set = FileSet::new(dir).replacing("old");
    set.add(TOKEN, Zeroizing::new(format!("{}\n", secret.reveal()).into_bytes()), Mode::Private)?;
    if !anchors.is_empty() {
        set.add(ANCHORS, pem_of(anchors).into_bytes(), Mode::Public)?;
    }
    Ok(if dry_run {
        set.check()?.into_iter().map(|written| FileReport::planned(written.path)).collect()
    } else {
        set.commit()?.into_iter().map(FileReport::from).collect()
    })
}

/// Records that the platform may have a token of a device. Returns whether that was recorded before.
fn record_possible(store: &mut Store, name: &str) -> Result<bool> {
    store.ledger.transaction(|transaction| {
        let was_recorded = transaction.device_tokens_of(name)?.iter().any(|token| !token.is_elsewhere);
        transaction.device_token_may_be(name)?;
        Ok(was_recorded)
    })
}

/// Records what became of it: a new token, the one that was there, or none if the platform was not changed.
fn record_outcome(
    store: &mut Store,
    name: &str,
    was_recorded: bool,
    outcome: &Result<(PlatformOutcome, Secret)>,
) -> Result<()> {
    let is_new = outcome.as_ref().is_ok_and(|(done, _)| *done != PlatformOutcome::Unchanged);
    // After other errors, for example a lost answer, the platform may have the token.
    let is_refused = outcome.as_ref().is_err_and(|error| {
        matches!(
            error.code(),
            Code::OtherCredential | Code::PlatformNotFound | Code::NotAToken | Code::CertificateTaken
        )
    });
    store.ledger.transaction(|transaction| {
        if is_new {
            transaction.device_token_set(name)?;
        }
        if is_refused && !was_recorded { transaction.device_token_gone(name) } else { Ok(()) }
    })
}

/// Records that the platform does not have the certificate of a device any more, if it had one: bulk verbs then leave the
/// device with its token.
fn certificate_is_replaced(store: &mut Store, name: &str) -> Result<()> {
    let Some(entry) = store.ledger.current(Kind::Device, name)? else { return Ok(()) };
    if entry.reached(State::Registered).is_none() {
        return Ok(());
    }
    store.ledger.transaction(|transaction| {
        transaction.unregistering(&entry.key)?;
        transaction.unregistered(&entry.key)?;
        transaction.end_swaps(&entry.key)
    })
}

/// Fails for what cannot be an MQTT user name on every way that it goes.
///
/// # Errors
/// [`Code::BadValue`].
pub fn check_token(token: &Secret) -> Result<()> {
    let text = token.reveal();
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    // ThingsBoard takes this user name for a provisioning session, whatever credentials the device has.
    if fits && !text.eq_ignore_ascii_case("provision") && !is_withdrawal_token(text) {
        return Ok(());
    }
    Err(Code::BadValue
        .error("this cannot be an access token")
        .because(format!(
            "a token has 1 to {LONGEST} printable ASCII characters without spaces, is not \"provision\", and not one of a \
             withdrawal"
        ))
        .fix("leave --set-file out to use the token of the platform"))
}
