//! Renewing identities: which ones, and what became of each.

use base::{Code, Error, Finding, Result, Severity};
use identity::lifecycle::renew::{RenewRequest, RenewalRule, renew, settle_interrupted};
use identity::report::IdentityReport;
use ledger::{Entry, Filter, Key, Kind, Role, State, View};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;

use crate::register::revoked;

/// Which identities are renewed, and how.
#[derive(Debug, Clone)]
pub struct RenewManyRequest {
    /// The identities.
    pub which: RenewSelection,
    /// Only those whose renewal is due by this rule.
    pub due: Option<RenewalRule>,
    /// The way in which each is renewed.
    pub how: RenewRequest,
}

/// Which identities are renewed.
#[derive(Debug, Clone)]
pub enum RenewSelection {
    /// These devices.
    Devices(Vec<DeviceName>),
    /// This server; without a name, the only one of the store.
    Server(Option<String>),
    /// All servers and devices.
    All,
}

/// The result of a renewal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RenewReport {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// The renewed identities.
    pub renewed: Vec<IdentityReport>,
    /// The number of identities that need no renewal yet.
    pub not_due: usize,
    /// The number of identities that were skipped because they are revoked.
    pub revoked: usize,
    /// The identities that must be renewed in another way.
    pub left: Vec<NotRenewed>,
}

/// An identity that was not renewed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotRenewed {
    /// `device` or `server`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// Why, and what to do.
    pub why: Finding,
}

/// Renews identities, each by itself: one that fails does not keep the others from it.
///
/// # Errors
/// [`Code::UnknownIdentity`], [`Code::Revoked`] and [`Code::Usage`] before anything is renewed. If a single identity was
/// named, what was wrong with it; otherwise that is in the report.
pub fn renew_many(workspace: &mut Workspace<'_>, wish: &RenewManyRequest) -> Result<RenewReport> {
    store::check_exists(workspace.store_dir())?;
    let complete = if wish.how.dry_run { Vec::new() } else { settle(workspace, &wish.which)? };
    let view = workspace.view()?;
    let (entries, skipped) = entries(&view, &wish.which)?;
    drop(view);
    let is_single = entries.len() == 1 && !matches!(wish.which, RenewSelection::All);
    let mut report =
        RenewReport { dry_run: wish.how.dry_run, renewed: Vec::new(), not_due: 0, revoked: skipped, left: Vec::new() };
    for entry in entries {
        if complete.contains(&entry.key) || wish.due.is_some_and(|due| !due.includes(&entry, workspace.now)) {
            report.not_due += 1;
            continue;
        }
        let done = check_not_registered(&entry).and_then(|()| renew(workspace, &entry, wish.how));
        match done {
            Ok(renewed) => report.renewed.push(renewed),
            Err(error) if is_single => return Err(error),
            Err(error) => report.left.push(NotRenewed::of(&entry, error)),
        }
    }
    Ok(report)
}

/// Settles what interrupted commands have left of the identities. Returns the generations that are complete by this.
fn settle(workspace: &Workspace<'_>, which: &RenewSelection) -> Result<Vec<Key>> {
    let is_meant = |entry: &Entry| match which {
        RenewSelection::Devices(names) => {
            entry.key.kind == Kind::Device && names.iter().any(|name| name.as_str() == entry.key.name)
        }
        RenewSelection::Server(name) => {
            entry.key.kind == Kind::Server && name.as_ref().is_none_or(|name| *name == entry.key.name)
        }
        RenewSelection::All => entry.key.kind != Kind::Ca,
    };
    let mut unfinished = workspace.view()?.unfinished()?;
    unfinished.retain(is_meant);
    if unfinished.is_empty() {
        return Ok(Vec::new());
    }
    let mut store = workspace.open_store("renew")?;
    unfinished.iter().filter_map(|entry| settle_interrupted(&mut store, entry).transpose()).collect()
}

/// The identities that are meant, and how many are skipped because they were revoked.
fn entries(view: &View, which: &RenewSelection) -> Result<(Vec<Entry>, usize)> {
    match which {
        RenewSelection::Devices(names) => {
            let mut entries: Vec<Entry> = Vec::new();
            for name in names {
                if !entries.iter().any(|entry| entry.key.name == name.as_str()) {
                    entries.push(named(view, Kind::Device, name.as_str())?);
                }
            }
            Ok((entries, 0))
        }
        RenewSelection::Server(Some(name)) => Ok((vec![named(view, Kind::Server, name)?], 0)),
        RenewSelection::Server(None) => Ok((vec![only_server(view)?], 0)),
        RenewSelection::All => {
            let mut entries = Vec::new();
            for kind in [Kind::Server, Kind::Device] {
                let current = Filter { kind: Some(kind), current_only: true, ..Filter::default() };
                for entry in view.list(&current) {
                    entries.push(entry?);
                }
            }
            let gone = Filter { latest_only: true, states: vec![State::Revoked], ..Filter::default() };
            Ok((entries, usize::try_from(view.count(&gone)?).unwrap_or(usize::MAX)))
        }
    }
}

/// The current generation of a name.
///
/// # Errors
/// [`Code::UnknownIdentity`]; [`Code::Revoked`] if the last one was revoked.
pub fn named(view: &View, kind: Kind, name: &str) -> Result<Entry> {
    let unknown = || {
        Code::UnknownIdentity
            .error(format!("the store holds no {kind} {name:?} with a certificate"))
            .item(name)
            .fix("`tbpki list` shows the identities of the store")
    };
    let entry = view.latest(kind, name)?.ok_or_else(unknown)?;
    match entry.role {
        Role::Current => Ok(entry),
        Role::Revoked if kind == Kind::Device => Err(revoked(name)),
        Role::Revoked => Err(Code::Revoked
            .error(format!("the certificate of the {kind} {name:?} was revoked"))
            .item(name)
            .fix(format!("issue a new generation: `tbpki server --name {name} --force`"))),
        _ => Err(unknown()),
    }
}

/// The store's only server.
///
/// # Errors
/// [`Code::UnknownIdentity`] if there is none, [`Code::Usage`] if there are several.
pub fn only_server(view: &View) -> Result<Entry> {
    let servers = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    let mut servers = view.list(&servers);
    match (servers.next().transpose()?, servers.next().transpose()?) {
        (Some(server), None) => Ok(server),
        (None, _) => Err(Code::UnknownIdentity
            .error("the store holds no server with a certificate")
            .fix("make one with `tbpki server`")),
        _ => Err(Code::Usage.error("the store holds more than one server").fix("name one with --server NAME")),
    }
}

/// A device that the platform knows must change its credential there at the same time.
fn check_not_registered(entry: &Entry) -> Result<()> {
    let is_registered = entry.reached(State::Registered).is_some() && entry.unregistered_at.is_none();
    if entry.key.kind != Kind::Device || !is_registered {
        return Ok(());
    }
    let name = &entry.key.name;
    Err(Code::NotRenewable
        .error(format!("the device {name:?} is registered with the platform"))
        .item(name)
        .because("the platform knows one certificate of a device, so the new one must be registered at the same time")
        .fix(format!("run `tbpki client --device {name} --force --register --replace`, then install its new files")))
}

impl NotRenewed {
    fn of(entry: &Entry, error: Error) -> Self {
        let mut why = error.into_finding();
        why.severity = Severity::Warning;
        Self { kind: entry.key.kind.as_str().to_owned(), name: entry.key.name.clone(), why }
    }
}
