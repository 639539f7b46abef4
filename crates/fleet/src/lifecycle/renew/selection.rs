//! Which identities are renewed.

use std::path::Path;

use base::text::{device_words, quote, shell_word};
use base::{Code, Error, Result};
use ledger::{Entry, Filter, Key, Kind, Role, State, View};
use pki::device_name::DeviceName;
use store::holds_token;

use crate::register::{only_pending, revoked};

/// The identities that are renewed.
#[derive(Debug, Clone)]
pub enum RenewSelection {
    /// These devices.
    Devices(Vec<DeviceName>),
    /// This server; without a name, the only one of the store.
    Server(Option<String>),
    /// All servers and devices.
    All,
}

impl RenewSelection {
    /// Whether an identity is meant.
    pub(super) fn includes(&self, key: &Key) -> bool {
        match self {
            RenewSelection::Devices(names) => {
                key.kind == Kind::Device && names.iter().any(|name| name.as_str() == key.name)
            }
            RenewSelection::Server(name) => {
                key.kind == Kind::Server && name.as_ref().is_none_or(|name| *name == key.name)
            }
            RenewSelection::All => key.kind != Kind::Ca,
        }
    }
}

/// The identities that are meant, and how many are skipped because they were revoked.
pub(super) fn entries(store: &Path, view: &View, which: &RenewSelection) -> Result<(Vec<Entry>, usize)> {
    match which {
        RenewSelection::Devices(names) => {
            let mut entries: Vec<Entry> = Vec::new();
            for name in names {
                if !entries.iter().any(|entry| entry.key.name == name.as_str()) {
                    let entry = named(view, Kind::Device, name.as_str());
                    entries.push(entry.map_err(|error| without_certificate(store, name, error))?);
                }
            }
            Ok((entries, 0))
        }
        RenewSelection::Server(Some(name)) => Ok((vec![named(view, Kind::Server, name)?], 0)),
        RenewSelection::Server(None) => Ok((vec![only_server(view)?], 0)),
        RenewSelection::All => {
            let mut entries = Vec::new();
            // Collected before the first renewal: a row that is written while the list is read would appear in it.
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
/// [`Code::UnknownIdentity`]; [`Code::Revoked`] if the last one was revoked, and [`Code::EnrolmentUnconfirmed`] if its
/// device has not confirmed it yet.
pub fn named(view: &View, kind: Kind, name: &str) -> Result<Entry> {
    let unknown = || {
        Code::UnknownIdentity
            .error(format!("the store has no {kind} {} with a certificate", quote(name)))
            .item(name)
            .fix("`tbpki list` shows the identities of the store")
    };
    let entry = view.latest(kind, name)?.ok_or_else(unknown)?;
    match entry.role {
        Role::Current => Ok(entry),
        Role::Pending if kind == Kind::Device => Err(only_pending(view, &entry)?),
        Role::Revoked if kind == Kind::Device => Err(revoked(name)),
        Role::Revoked => Err(Code::Revoked
            .error(format!("the certificate of the {kind} {} was revoked", quote(name)))
            .item(name)
            .fix(format!("issue a new generation: `tbpki server --name {} --force`", shell_word(name)))),
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
    // Two rows are enough to know, however many servers there are.
    match (servers.next().transpose()?, servers.next().transpose()?) {
        (Some(server), None) => Ok(server),
        (None, _) => Err(Code::UnknownIdentity
            .error("the store has no server with a certificate")
            .fix("make one with `tbpki server`")),
        _ => Err(Code::Usage.error("the store has more than one server").fix("name one with --server NAME")),
    }
}

/// The error for a device without a certificate: one with an access token is in the store all the same.
fn without_certificate(store: &Path, name: &DeviceName, error: Error) -> Error {
    if error.code() != Code::UnknownIdentity || !holds_token(store, name.as_str()) {
        return error;
    }
    Code::NotRenewable
        .error(format!("the device {} has no certificate that could be renewed", quote(name.as_str())))
        .item(name.as_str())
        .because("it logs in with an access token, which does not expire")
        .fix(format!("to give it a certificate, run `tbpki client {}`", device_words(name.as_str())))
}
