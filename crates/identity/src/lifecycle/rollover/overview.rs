//! The CAs of a store, for `tbpki ca list`.

use base::Result;
use base::timestamp::rfc3339;
use config::Config;
use ledger::{Entry, Kind, Role, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;
use store::ca::generations::CaGeneration;
use store::ca::key_files::keys_of;
use store::ca::{Ca, certificates_in};
use store::file_names::CERT;
use time::{Duration, OffsetDateTime};

use super::peers::{count_unconfirmed, peers_of};
use crate::profile_ca;

/// The CAs of a store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CasReport {
    /// One for each generation that is trusted or revoked, by CA: the one that signs first, revoked ones last.
    pub cas: Vec<CaRow>,
}

/// A generation of a CA.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CaRow {
    /// The CA, by its name in the ledger.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// `current` signs, `pending` is prepared, `superseded` was replaced and is still trusted, `revoked` is not trusted any
    /// more.
    pub role: String,
    /// The subject (RFC 4514); `null` if the certificate is not in this store.
    pub subject: Option<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: Option<String>,
    /// The first second of its validity (RFC 3339, UTC).
    pub not_before: String,
    /// The last second of its validity (RFC 3339, UTC).
    pub not_after: String,
    /// Days until it expires; negative if it has expired.
    pub days_left: i64,
    /// Where its key is: `file`, `token`, `elsewhere`, or `unclear` if the store is inconsistent.
    pub key: String,
    /// How many certificates of servers and devices in use it has issued; for a root, how many CAs.
    pub in_use: u64,
    /// Of a prepared generation: who must have it before it signs. Of one that signs while an earlier one is trusted: who has
    /// it; those that were left behind get it later.
    pub peers: Option<PeersRow>,
    /// Of a generation that signs while an earlier one is trusted: who has a certificate of it.
    pub below: Option<BelowRow>,
    /// From this time on, certificates that it issues end earlier than configured (RFC 3339, UTC).
    pub shortens_from: String,
}

/// Who must have a generation before the earlier one goes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PeersRow {
    /// `device` or `server`.
    pub kind: String,
    /// All of them.
    pub total: u64,
    /// How many are known to have it.
    pub confirmed: u64,
}

/// Who has a certificate of a generation that signs while an earlier one is trusted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BelowRow {
    /// `device` or `server`.
    pub kind: String,
    /// All with a current certificate of the CA.
    pub total: u64,
    /// How many have one of this generation.
    pub below: u64,
}

/// Lists the CAs.
///
/// # Errors
/// Those of the ledger and of the files.
pub fn overview(workspace: &Workspace<'_>) -> Result<CasReport> {
    let view = workspace.view()?;
    let mut cas = Vec::new();
    for ca in &profile_ca::all_cas(&view)? {
        let trusted = view.trusted_generations(&ca.name())?;
        for entry in &trusted {
            cas.push(row(workspace, &view, ca, entry, &trusted)?);
        }
        // Revoked ones follow: what they issued is refused, and peers that do not read lists may still trust them.
        for entry in view.history(Kind::Ca, &ca.name())?.iter().filter(|entry| entry.role == Role::Revoked) {
            cas.push(row(workspace, &view, ca, entry, &trusted)?);
        }
    }
    Ok(CasReport { cas })
}

/// The row of a generation of a CA; `trusted` are all of its generations that are trusted.
fn row(workspace: &Workspace<'_>, view: &View, ca: &Ca, entry: &Entry, trusted: &[Entry]) -> Result<CaRow> {
    let number = entry.generation().number();
    // Stations share a ledger and not the directories: the CA of a profile can be in another store.
    let here = if entry.role == Role::Revoked {
        revoked_in_store(workspace, ca, number)?
    } else if ca.dir(workspace.store_dir()).join(CERT).exists() {
        // By the certificate: the store of a station can count its generations in another way than a shared ledger.
        let mut found = None;
        for generation in ca.trusted(workspace.store_dir())? {
            if generation.row(view, &ca.name())?.is_some_and(|row| row.key == entry.key) {
                found = Some(generation);
            }
        }
        found
    } else {
        None
    };
    let certificate = here.as_ref().and_then(|generation| generation.certificate().ok());
    let key = match here.as_ref().map(CaGeneration::key_place) {
        Some(Ok(place)) => place.word(),
        // A list is to show the store, also one that is damaged: the error comes from the verb that needs the key.
        Some(Err(_)) => "unclear",
        None => "elsewhere",
    };
    let in_use = match (&here, ca.is_root()) {
        (Some(generation), true) => cas_of(workspace, view, ca, generation)?,
        // What a root has certified is found by the signature, which takes its certificate.
        (None, true) => 0,
        (_, false) => view.count_issued_by(&ca.name(), entry.generation(), workspace.now)?,
    };
    Ok(CaRow {
        name: ca.name(),
        generation: number,
        role: entry.role.as_str().to_owned(),
        subject: certificate.map(pki::Certificate::subject),
        fingerprint: certificate.map(pki::Certificate::fingerprint_hex),
        not_before: rfc3339(entry.not_before),
        not_after: rfc3339(entry.not_after),
        days_left: (entry.not_after - workspace.now).whole_days(),
        key: key.to_owned(),
        in_use,
        peers: peers(workspace, view, ca, entry, trusted)?,
        below: below(workspace, view, ca, entry, trusted)?,
        // Nothing lives longer than the CA that signed it, or chains would end in the middle of a certificate's life.
        shortens_from: rfc3339(shortens_from(workspace.config, ca, entry)),
    })
}

/// The files of a revoked generation, wherever they are in the store.
fn revoked_in_store(workspace: &Workspace<'_>, ca: &Ca, number: u32) -> Result<Option<CaGeneration>> {
    for key in keys_of(workspace.store_dir(), ca)? {
        if key.generation == number && key.dir.join(CERT).exists() {
            let certificates = certificates_in(&key.dir.join(CERT))?;
            return Ok(Some(CaGeneration { number, dir: key.dir, certificates }));
        }
    }
    Ok(None)
}

fn peers(
    workspace: &Workspace<'_>,
    view: &View,
    ca: &Ca,
    entry: &Entry,
    trusted: &[Entry],
) -> Result<Option<PeersRow>> {
    let is_replacing = entry.is_current() && trusted.iter().any(|other| other.role == Role::Superseded);
    let is_next = entry.role == Role::Pending || is_replacing;
    let Some(kind) = peers_of(workspace, ca).filter(|_| is_next) else { return Ok(None) };
    let (total, without) = count_unconfirmed(workspace, view, &entry.key, kind)?;
    Ok(Some(PeersRow { kind: kind.as_str().to_owned(), total, confirmed: total.saturating_sub(without) }))
}

fn below(
    workspace: &Workspace<'_>,
    view: &View,
    ca: &Ca,
    entry: &Entry,
    trusted: &[Entry],
) -> Result<Option<BelowRow>> {
    let kind = match ca {
        Ca::ServerIssuing => Kind::Server,
        Ca::DevicesIssuing | Ca::Profile(_) => Kind::Device,
        // A root has no certificates of servers and devices below it.
        Ca::ServerRoot | Ca::DevicesRoot => return Ok(None),
    };
    let is_replaced = |other: &Entry| other.role == Role::Superseded;
    if entry.role != Role::Current || !trusted.iter().any(is_replaced) {
        return Ok(None);
    }
    let (total, below) = view.count_below(&ca.name(), entry.generation(), workspace.now)?;
    Ok(Some(BelowRow { kind: kind.as_str().to_owned(), total, below }))
}

/// From this time on, what a generation of a CA issues ends earlier than configured.
pub fn shortens_from(config: &Config, ca: &Ca, entry: &Entry) -> OffsetDateTime {
    entry.not_after.checked_sub(Duration::days(days_of_issued(config, ca))).unwrap_or(entry.not_before)
}

/// The configured lifetime of what a CA issues, in days.
fn days_of_issued(config: &Config, ca: &Ca) -> i64 {
    i64::from(match ca {
        Ca::ServerRoot | Ca::DevicesRoot => config.ca.issuing_days.value.number(),
        Ca::ServerIssuing => config.server.days.value.number(),
        Ca::DevicesIssuing | Ca::Profile(_) => config.client.days.value.number(),
    })
}

/// How many CAs lead to this generation of a root: those that it has certified, in their present path. One with several
/// generations counts once, as in the refusal to retire the root.
fn cas_of(workspace: &Workspace<'_>, view: &View, root: &Ca, generation: &CaGeneration) -> Result<u64> {
    let certificate = generation.certificate()?;
    let mut all = vec![root.hierarchy().issuing()];
    if *root == Ca::DevicesRoot {
        all.extend(profile_ca::names_with_revoked(view)?.into_iter().map(Ca::Profile));
    }
    let mut count = 0;
    for ca in all {
        let generations = ca.trusted(workspace.store_dir())?;
        let mut paths = generations.iter().filter_map(|generation| generation.certificates.last());
        count += u64::from(paths.any(|last| last.verify_signed_by(certificate).is_ok()));
    }
    Ok(count)
}
