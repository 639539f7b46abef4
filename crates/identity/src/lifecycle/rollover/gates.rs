//! What must hold before a generation of a CA begins to sign.

use base::digest::{hex, sha256};
use base::file::{self, FileSet, Mode, current_user};
use base::text::{counted, quote};
use base::{Code, Result};
use config::Anchors;
use ledger::{Confirmation, Entry, Filter, JobId, Kind, View};
use pki::crl::Crl;
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::generations::CaGeneration;
use store::ca::{Ca, Hierarchy};
use store::file_names::SERVERS_LISTS;
use store::{Store, Workspace};
use time::{Duration, OffsetDateTime};

use super::activate::not_prepared;
use super::shared_name::shares_name;
use crate::lifecycle::revocation_lists::{LIMIT, devices_file};
use crate::report::FileReport;

/// Which peers must have the next generation of a CA before it signs: devices hold the servers' root, and brokers the
/// CAs of devices. The servers' issuing CA comes with the chain that servers send, and the platform has that of a profile.
pub fn peers_of(workspace: &Workspace<'_>, ca: &Ca) -> Option<Kind> {
    match ca {
        Ca::ServerRoot => {
            // Devices that trust other anchors do not need our root.
            (workspace.config.server.anchors.value == Anchors::Ours).then_some(Kind::Device)
        }
        Ca::ServerIssuing | Ca::Profile(_) => None,
        Ca::DevicesRoot | Ca::DevicesIssuing => Some(Kind::Server),
    }
}

/// The time after which the certificate of a peer must end for the peer to count. A device may come back for
/// `serve.renew_expired` days after the end of its certificate, and needs the new CA then.
pub(super) fn counted_from(workspace: &Workspace<'_>, kind: Kind) -> OffsetDateTime {
    let days = workspace.config.serve.renew_expired.value.as_ref().filter(|_| kind == Kind::Device);
    let back = Duration::days(days.map_or(0, |days| i64::from(days.number())));
    workspace.now.checked_sub(back).unwrap_or(workspace.now)
}

/// Fails if a gate is closed. Returns those who are left behind.
///
/// # Errors
/// [`Code::ListMissing`] if the file with the revocation lists has none of the new key; [`Code::CaNotConfirmed`] with the
/// count if peers are not known to have the generation, unless they are left behind.
pub(super) fn check(
    workspace: &Workspace<'_>,
    store: &Store,
    ca: &Ca,
    pending: &Entry,
    next: &CaGeneration,
    leave_behind: bool,
) -> Result<Vec<String>> {
    check_list(workspace, &store.ledger, ca, next)?;
    let Some(kind) = peers_of(workspace, ca) else { return Ok(Vec::new()) };
    let without = store.ledger.unconfirmed(&pending.key, kind, counted_from(workspace, kind))?;
    // `--leave-behind` decides about peers and never about lists: without a list a broker refuses all devices.
    if without.names.is_empty() || leave_behind {
        return Ok(without.names);
    }
    let (count, total) = (without.names.len(), without.total);
    let first: Vec<&str> = without.names.iter().take(5).map(String::as_str).collect();
    let more = if count > first.len() { ", .." } else { "" };
    let (name, word) = (ca.name(), ca.word());
    let (what, fix) = match kind {
        Kind::Device => (
            format!(
                "{count} of {} known to trust generation {} of {name}",
                are_not(total, "device", "devices"),
                next.number
            ),
            format!(
                "bring the new trust anchors to them, then run `tbpki ca confirm {word}` with --device, --job or --all"
            ),
        ),
        _ => (
            format!(
                "{count} of {} known to accept generation {} of {name}",
                are_not(total, "broker", "brokers"),
                next.number
            ),
            format!(
                "restart them with the new files, then run `tbpki check --server` or `tbpki ca confirm {word} --server NAME`"
            ),
        ),
    };
    Err(Code::CaNotConfirmed
        .error(what)
        .because(format!("for example {}{more}", first.join(", ")))
        .fix(format!("{fix}; --leave-behind goes on without them")))
}

/// "1 broker is not", "2 brokers are not": the middle of a sentence about the peers of a generation.
fn are_not(total: u64, one: &str, many: &str) -> String {
    format!("{} {} not", counted(total, one, many), if total == 1 { "is" } else { "are" })
}

/// Writes the names of those who are left behind to a file of the store, and records them.
pub(super) fn leave_behind(
    store: &mut Store,
    kind: Kind,
    pending: &Entry,
    names: &[String],
) -> Result<Option<FileReport>> {
    if names.is_empty() {
        return Ok(None);
    }
    // The file first: if it cannot be written, nothing is recorded and nothing is activated.
    let mut set = FileSet::new(store.dir()).replacing("old");
    let file = format!("left-behind/{}-{}.txt", pending.key.name, pending.generation());
    set.add(file, format!("{}\n", names.join("\n")).into_bytes(), Mode::Public)?;
    let written = set.commit()?.into_iter().next().map(FileReport::from);
    let who = current_user();
    store.ledger.confirm(&pending.key, kind, names.iter().map(String::as_str), Confirmation::LeftBehind, &who)?;
    Ok(written)
}

/// As for other CAs, for the devices of a profile that do not have their certificate as their credential.
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn leave_devices_behind(store: &mut Store, pending: &Entry, names: &[String]) -> Result<Option<FileReport>> {
    leave_behind(store, Kind::Device, pending, names)
}

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
    /// The prepared generation.
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
}

/// Records that peers have the prepared generation of a CA, with the user and the time.
///
/// # Errors
/// [`Code::NotPrepared`] if no generation is prepared; [`Code::UnknownIdentity`] if a name has no current certificate;
/// [`Code::Usage`] if the CA has no such peers.
pub fn confirm(workspace: &mut Workspace<'_>, ca: &Ca, peers: &Peers) -> Result<ConfirmReport> {
    let mut store = workspace.open_store("ca confirm")?;
    let name = ca.name();
    let pending = store.ledger.pending(Kind::Ca, &name)?.ok_or_else(|| not_prepared(ca))?;
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
    let who = current_user();
    let stated = Confirmation::Stated;
    let confirmed = match peers {
        Peers::Devices(names) => state(&mut store, &pending, given, names.iter().map(DeviceName::as_str), &who)?,
        Peers::Servers(names) => state(&mut store, &pending, given, names.iter().map(String::as_str), &who)?,
        Peers::Job(job) => {
            let known = store.ledger.job(*job)?;
            known.ok_or_else(|| Code::UnknownJob.error(format!("the ledger has no job {job}")))?;
            store.ledger.confirm_all(&pending.key, given, Some(*job), stated, &who)?
        }
        Peers::All => store.ledger.confirm_all(&pending.key, given, None, stated, &who)?,
    };
    let left = store.ledger.unconfirmed(&pending.key, given, counted_from(workspace, given))?;
    Ok(ConfirmReport {
        ca: name,
        generation: pending.generation().number(),
        kind: given.as_str().to_owned(),
        confirmed,
        total: left.total,
        missing: left.names.len() as u64,
        user: who,
    })
}

/// Records a statement about names, all of which must have a current certificate.
fn state<'a>(
    store: &mut Store,
    pending: &Entry,
    kind: Kind,
    names: impl Iterator<Item = &'a str> + Clone,
    who: &str,
) -> Result<u64> {
    let mut count = 0;
    // All names before the first is recorded: a typing error in the last one must not leave half a statement.
    for name in names.clone() {
        store.ledger.current(kind, name)?.ok_or_else(|| {
            let error =
                Code::UnknownIdentity.error(format!("the store has no {kind} {} with a certificate", quote(name)));
            error.because("nothing was recorded").fix("`tbpki list` shows the identities of the store")
        })?;
        count += 1;
    }
    store.ledger.confirm(&pending.key, kind, names, Confirmation::Stated, who)?;
    Ok(count)
}

/// Records that a broker names the prepared generations of the devices' CAs to clients: `leaf` is the SHA-256 of the
/// certificate that it sent, in hexadecimal, and `named` has the subjects. Returns the CAs.
///
/// # Errors
/// Those of the store and its ledger.
pub fn seen(workspace: &mut Workspace<'_>, leaf: &str, named: &[String]) -> Result<Vec<String>> {
    let mut found: Vec<Entry> = Vec::new();
    let view = workspace.view()?;
    // A broker proves which server it is by its certificate, whatever the address that it was reached at.
    let servers = Filter { kind: Some(Kind::Server), ..Filter::default() };
    let mut server = None;
    for entry in view.list(&servers) {
        let entry = entry?;
        if entry.fingerprint.is_some_and(|own| hex(&own) == leaf)
            // A server that was revoked or forgotten confirms nothing, although its old certificate is still served.
            && view.current(Kind::Server, &entry.key.name)?.is_some()
        {
            server = Some(entry.key.name);
        }
    }
    let Some(server) = server else { return Ok(Vec::new()) };
    for ca in Hierarchy::Devices.cas() {
        let Some(pending) = view.pending(Kind::Ca, &ca.name())? else { continue };
        let number = pending.generation().number();
        let all = ca.trusted(workspace.store_dir())?;
        let Some(next) = all.iter().find(|generation| generation.number == number) else { continue };
        if named.contains(&next.certificate()?.subject()) {
            found.push(pending);
        }
    }
    // The store is opened only if there is something to record: `check` works without the right to write.
    drop(view);
    if !found.is_empty() {
        let mut store = workspace.open_store("check")?;
        for pending in &found {
            store.ledger.confirm(&pending.key, Kind::Server, [server.as_str()], Confirmation::Seen, &current_user())?;
        }
    }
    Ok(found.into_iter().map(|pending| pending.key.name).collect())
}

/// Brokers that read a file with revocation lists refuse every certificate below a CA that has none in it.
fn check_list(workspace: &Workspace<'_>, view: &View, ca: &Ca, next: &CaGeneration) -> Result<()> {
    let is_devices = ca.hierarchy() == Hierarchy::Devices;
    let store = workspace.store_dir();
    // A further certificate of the same key: its list is the one that brokers have, or do without.
    if ca
        .certificates(store)?
        .first()
        .is_some_and(|now| next.certificate().is_ok_and(|next| next.spki_der() == now.spki_der()))
    {
        return Ok(());
    }
    let path = if is_devices { devices_file(workspace.config, store) } else { store.join(SERVERS_LISTS) };
    let is_named = is_devices && workspace.config.crl.out.value.is_some();
    let bytes = file::read_optional(&path, LIMIT)?;
    // A file that is lost was read by the peers, unless each command names another one (`--out`): then the new key has a list.
    let made = view.listing_cas()?;
    let was_made = made.iter().filter_map(|name| Ca::named(name)).any(|one| one.hierarchy() == ca.hierarchy());
    let has_list = view.last_list(&sha256(next.certificate()?.spki_der()))?.is_some();
    let is_wanted = is_named || (was_made && !has_list);
    // No list was ever written and none is configured: brokers read none.
    if bytes.is_none() && !is_wanted {
        return Ok(());
    }
    let lists = match &bytes {
        Some(bytes) => PemBundle::parse(bytes).map_err(|error| error.at(&path))?.crls,
        None => Vec::new(),
    };
    let certificate = next.certificate()?;
    for list in &lists {
        // By signature too: generations of a CA can have the same name.
        if Crl::from_der(list)?.is_issued_by(certificate) {
            return Ok(());
        }
    }
    Err(Code::ListMissing
        .error(format!("the file has no revocation list of generation {} of {}", next.number, ca.name()))
        .at(path)
        .because(match ca.hierarchy() {
            Hierarchy::Devices => "brokers that read this file would refuse every device below the new CA",
            Hierarchy::Server => "clients that read this file would refuse every server below the new CA",
        })
        .fix(match (ca.hierarchy(), shares_name(store, ca, certificate)?) {
            (_, true) => format!(
                "no list is made of two keys of the name {}: take the prepared one away with `tbpki revoke --ca {word} \
                 --generation {number}`, and prepare one with another subject",
                certificate.subject(),
                word = ca.word(),
                number = next.number
            ),
            (Hierarchy::Devices, false) => "run `tbpki crl`, make the brokers read the file, then activate".to_owned(),
            (Hierarchy::Server, false) => "run `tbpki crl`, make the clients read the file, then activate".to_owned(),
        }))
}
