//! `tbpki ca confirm`: an operator states which peers have the next generation of a CA.

use base::file::current_user;
use base::text::quote;
use base::{Code, Error, Result};
use ledger::{Confirmation, JobId, Kind};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;
use store::ca::Ca;

use super::activate::not_prepared;
use super::peers::{confirmable, count_unconfirmed, other_broker, peers_of, record_tokens, scope};

/// Who has the next generation of a CA.
#[derive(Debug, Clone)]
pub enum Peers {
    /// These devices.
    Devices(Vec<DeviceName>),
    /// These servers.
    Servers(Vec<String>),
    /// The devices of a job.
    Job(JobId),
    /// All that must have it.
    All,
}

/// A statement of who has the next generation of a CA.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConfirmReport {
    /// The CA, by its name in the ledger.
    pub ca: String,
    /// The prepared generation, or the one that signs while an earlier one is trusted.
    pub generation: u32,
    /// `device` if devices must trust it, `server` if brokers must accept what it signs.
    pub kind: String,
    /// How many were confirmed by this command.
    pub confirmed: u64,
    /// All that must have it.
    pub total: u64,
    /// How many are not known to have it.
    pub missing: u64,
    /// The user who stated it.
    pub user: String,
    /// Whether it was a dry run: nothing was recorded.
    pub dry_run: bool,
}

/// Records that peers have the prepared generation of a CA, or the one that signs while an earlier one is trusted, with the
/// user and the time. A dry run makes all checks.
///
/// # Errors
/// [`Code::NotPrepared`] if there is no such generation; [`Code::UnknownIdentity`] if a name does not count;
/// [`Code::Usage`] if the CA has no such peers.
pub fn confirm(workspace: &mut Workspace<'_>, ca: &Ca, peers: &Peers, dry_run: bool) -> Result<ConfirmReport> {
    let mut store = workspace.open_store("ca confirm")?;
    let name = ca.name();
    let confirmable = confirmable(&store.ledger, ca)?.ok_or_else(|| not_prepared(ca))?;
    let wanted = peers_of(workspace, ca).ok_or_else(|| {
        Code::Usage.error(format!("{name} needs no confirmation")).fix(format!("run `tbpki ca activate {}`", ca.word()))
    })?;
    // A device knows nothing of the CAs that brokers accept, and a broker not what devices trust.
    let given = match peers {
        Peers::Devices(_) | Peers::Job(_) => Kind::Device,
        Peers::Servers(_) => Kind::Server,
        Peers::All => wanted,
    };
    if given != wanted {
        return Err(Code::Usage.error(format!("{name} is confirmed for {wanted}s, not for {given}s")).fix(format!(
            "use {}",
            if wanted == Kind::Server { "--server or --all" } else { "--device, --job or --all" }
        )));
    }
    if !dry_run {
        record_tokens(workspace, &mut store, ca)?;
    }
    let who = current_user();
    let (key, scope, stated) = (&confirmable.key, scope(workspace, given), Confirmation::Stated);
    let before = count_unconfirmed(workspace, &store.ledger, key, given)?.0;
    // The ledger has no row of this one, so that no statement about all of its rows is about it.
    let other = other_broker(workspace).to_owned();
    let has_other = given == Kind::Server && store.ledger.count_unconfirmed(key, scope)?.0 == 0;
    let names: Vec<&str> = match peers {
        Peers::Devices(names) => names.iter().map(DeviceName::as_str).collect(),
        Peers::Servers(names) => names.iter().map(String::as_str).collect(),
        Peers::All if has_other => vec![other.as_str()],
        Peers::All | Peers::Job(_) => Vec::new(),
    };
    // All names before the first is recorded: a typing error in the last one must not leave half a statement.
    for name in &names {
        let is_other = has_other && *name == other;
        if !is_other && store.ledger.current(given, name)?.is_none() && !store.ledger.is_peer(scope, name)? {
            return Err(unknown(given, name));
        }
    }
    let mut confirmed = names.len() as u64;
    if let Peers::Job(job) = peers {
        let known = store.ledger.job(*job)?;
        known.ok_or_else(|| Code::UnknownJob.error(format!("the ledger has no job {job}")))?;
    }
    match peers {
        Peers::Job(job) if dry_run => confirmed = store.ledger.count_peers_of_job(scope, *job)?,
        Peers::Job(job) => confirmed = store.ledger.confirm_all(key, scope, Some(*job), stated, &who)?,
        Peers::All if dry_run => confirmed = before,
        Peers::All if !has_other => confirmed = store.ledger.confirm_all(key, scope, None, stated, &who)?,
        _ if dry_run => {}
        _ => store.ledger.confirm(key, given, names, stated, &who)?,
    }
    let (total, missing) = count_unconfirmed(workspace, &store.ledger, key, given)?;
    Ok(ConfirmReport {
        ca: name,
        generation: confirmable.generation().number(),
        kind: given.as_str().to_owned(),
        confirmed,
        total,
        missing,
        user: who,
        dry_run,
    })
}

/// The error for a name that does not count.
fn unknown(kind: Kind, name: &str) -> Error {
    let with = match kind {
        Kind::Device => "with a certificate, an access token or a one-time password",
        _ => "with a certificate",
    };
    Code::UnknownIdentity
        .error(format!("the store has no {kind} {} {with}", quote(name)))
        .because("nothing was recorded")
        .fix("`tbpki list` shows the identities of the store")
}
