//! Revoking generations of a CA, because its key can be known to others.
//!
//! A revoked CA has no revocation list of its own: brokers that ask for the list of the CA of a leaf then refuse every leaf
//! below it. It is taken out of the files that brokers trust, and the list of its root has its certificate.

use base::text::{counted, shell_word};
use base::{Code, Error, Finding, Result};
use identity::lifecycle::revocation_lists::is_written_here;
use identity::lifecycle::rollover::{CaBelow, cas_below, cross_generations, named, renewal_commands};
use ledger::{Dependents, Entry, Kind, OpenStep, Role, View};
use pki::revocation_list::Reason;
use store::Workspace;
use store::ca::generations::{PlacedGeneration, listed, placed};
use store::ca::{Ca, Hierarchy};

use super::parts::Parts;
use super::report::{RevokeOutcome, RevokeReport};
use super::target::{CaTarget, can_be_revoked};
use super::{RevokeRequest, done_before, finish, not_listed};

/// Revokes generations of a CA.
///
/// # Errors
/// [`Code::UnknownIdentity`] for an unknown CA or generation; [`Code::OnlyCa`] for a root that no other generation has
/// replaced. Nothing is revoked then.
pub(super) fn revoke(
    workspace: &mut Workspace<'_>,
    target: &CaTarget,
    request: &RevokeRequest,
    report: &mut RevokeReport,
) -> Result<()> {
    let now = workspace.now;
    let view = workspace.view()?;
    let ca = named(&view, &target.name)?;
    let mut entries = generations(&view.history(Kind::Ca, &ca.name())?, &ca, target.generation)?;
    let of_same_key = with_same_key(workspace, &view, &ca, &entries)?;
    if matches!(request.reason, Reason::KeyCompromise | Reason::CaCompromise) {
        // Who has the key can sign with each of its certificates.
        entries.extend(of_same_key);
    } else {
        report.findings.extend(of_same_key.iter().map(|one| same_key(&ca, one)));
    }
    if ca.is_root() && entries.iter().any(Entry::is_current) {
        return Err(only_root(&ca.name()));
    }
    let kept = view.current(Kind::Ca, &ca.name())?.filter(|current| entries.iter().all(|one| one.key != current.key));
    for entry in &entries {
        let done = match (can_be_revoked(entry, now), request.dry_run) {
            (true, true) => RevokeOutcome::Planned,
            (true, false) => RevokeOutcome::Revoked,
            (false, _) => done_before(entry),
        };
        report.add(entry, done, true);
        let dependents = view.dependents_on(&ca.name(), entry.generation(), now)?;
        if ca.is_root() && entry.role != Role::Retired {
            report.findings.extend(cut_off(workspace, &view, &ca, entry)?);
        }
        if !ca.is_root() && dependents.count > 0 && entry.role != Role::Retired {
            report.findings.push(in_use(&ca, entry, &dependents, kept.is_some()));
        }
    }
    // The generation of a root that signs is never revoked.
    if let Some(kept) = kept.filter(|_| !ca.is_root()) {
        let (number, name) = (kept.generation(), ca.name());
        report.findings.push(
            Code::CaRevoked
                .note(format!("generation {number} of {name} signs and is not revoked"))
                .fix(format!("`tbpki revoke --ca {} --generation {number}` revokes it, too", ca.word())),
        );
    }
    if request.dry_run {
        return Ok(());
    }
    let mut all = entries.clone();
    for entry in &entries {
        all.extend(cross_generations(&view, &ca, entry.generation())?);
    }
    drop(view);
    // Without the lock of the store, as for devices.
    let mut ledger = workspace.open_restored_ledger()?;
    let leaving: Vec<_> =
        all.iter().filter(|entry| can_be_revoked(entry, now)).map(|entry| entry.key.clone()).collect();
    let still_listed = listed(workspace.store_dir(), &ledger, &ledger.cas()?, &leaving)?;
    ledger.set_listed(still_listed);
    // RFC 5280, section 5.3.1: a list leaves the reason out instead of giving `unspecified`.
    let reason = (request.reason != Reason::Unspecified).then(|| request.reason.as_str());
    ledger.transaction(|transaction| {
        all.iter().filter(|entry| can_be_revoked(entry, now)).try_for_each(|entry| {
            let is_cross = entry.key.name != ca.name();
            // The list of the CA itself must go from the file here, also if none can have its certificate because its
            // issuer is a CA of others.
            let is_of_others = Ca::named(&entry.issuer).is_none() && !is_written_here(workspace.config);
            // A root is on no list, and no file contains a certificate of another root for the key of a revoked CA.
            let steps: &[OpenStep] = match (ca.is_root() || is_of_others, is_cross) {
                (true, _) => &[OpenStep::Platform],
                (false, true) => &[OpenStep::List],
                (false, false) => &[OpenStep::Platform, OpenStep::List],
            };
            transaction.revoke(&entry.key, reason, steps).map(drop)
        })
    })?;
    let of_others = |entry: &&Entry| Ca::named(&entry.issuer).is_none();
    let of_others: Vec<String> = entries.iter().filter(of_others).map(|entry| entry.key.name.clone()).collect();
    report.findings.extend(not_listed(&of_others));
    if ca.root().hierarchy() == Hierarchy::Devices && !ca.is_root() {
        report.findings.push(
            Code::RevocationUnknown
                .note("a broker without the file with the revocation lists accepts what this CA has signed")
                .because("a client can send the CA with its chain, and the root is still trusted")
                .fix("give every broker the file of `tbpki crl`, or replace the root of the devices"),
        );
    }
    finish(workspace, &mut ledger, &Parts::Listed(all), report, &mut |_| {})
}

/// The warnings about the CAs that no trusted root certifies from now on.
fn cut_off(workspace: &Workspace<'_>, view: &View, root: &Ca, entry: &Entry) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for CaBelow { ca, generation } in cas_below(workspace.store_dir(), view, root, entry)? {
        let mut what = format!("{ca} is below generation {} of {root} alone", entry.generation());
        let mut fix = format!("run `tbpki ca prepare {0}` and `tbpki ca activate {0}`", ca.word());
        if let Some(generation) = generation {
            what = format!("generation {generation} of {what}");
            let dependents = view.dependents_on(&ca.name(), generation, workspace.now)?;
            if dependents.count > 0 {
                let depend = counted(dependents.count, "certificate in use depends", "certificates in use depend");
                what = format!("{what}, and {depend} on it");
                fix = format!("{fix}, then renew them: {}", renewal_commands(&ca, &dependents));
            }
        }
        let why = "nothing leads from it to a trusted root any more: peers that verify the chain refuse all below it";
        findings.push(Code::CaInUse.warning(what).because(why).fix(fix));
    }
    Ok(findings)
}

/// The warning about certificates that are refused from now on. `is_replaced` is true if another generation signs.
fn in_use(ca: &Ca, entry: &Entry, dependents: &Dependents, is_replaced: bool) -> Finding {
    let (name, commands) = (ca.name(), renewal_commands(ca, dependents));
    let depending = counted(dependents.count, "certificate in use depends", "certificates in use depend");
    let peers = match ca.hierarchy() {
        Hierarchy::Devices => "brokers that read the revocation lists refuse them from now on",
        Hierarchy::Server => "clients that read the revocation lists refuse them from now on",
    };
    let first = match is_replaced {
        true => String::new(),
        false => format!("run `tbpki ca prepare {0}` and `tbpki ca activate {0}`, then ", ca.word()),
    };
    Code::CaInUse
        .warning(format!("{depending} on generation {} of {name}", entry.generation()))
        .because(peers)
        .fix(format!("{first}renew them below the generation that signs: {commands}"))
}

/// The generations that are meant.
fn generations(history: &[Entry], ca: &Ca, wanted: Option<u32>) -> Result<Vec<Entry>> {
    let name = ca.name();
    let made: Vec<&Entry> = history.iter().filter(|entry| !matches!(entry.role, Role::Void | Role::Intended)).collect();
    let meant: Vec<Entry> = match wanted {
        Some(number) => {
            let found = made.iter().find(|entry| entry.generation().number() == number);
            let unknown = || {
                let error = Code::UnknownIdentity.error(format!("{name} has no generation {number}")).item(&name);
                error.because("nothing was revoked").fix("`tbpki ca list` shows the generations")
            };
            vec![(*found.ok_or_else(unknown)?).clone()]
        }
        None => {
            // Without a number, the generation that signs is spared where there are earlier ones: it was made to
            // replace them.
            let earlier = |entry: &&&Entry| !matches!(entry.role, Role::Current | Role::Pending);
            let earlier: Vec<Entry> = made.iter().filter(earlier).map(|entry| (*entry).clone()).collect();
            match earlier.is_empty() {
                true => made.iter().filter(|entry| entry.is_current()).map(|entry| (*entry).clone()).collect(),
                false => earlier,
            }
        }
    };
    Ok(meant)
}

/// The other generations in service that have the key of one of these, as further certificates of an imported CA do.
fn with_same_key(workspace: &Workspace<'_>, view: &View, ca: &Ca, entries: &[Entry]) -> Result<Vec<Entry>> {
    let (mut keys, mut others) = (Vec::new(), Vec::new());
    for PlacedGeneration { generation, .. } in placed(workspace.store_dir(), &ca.name())? {
        let Some(row) = generation.row(view, &ca.name())? else { continue };
        let key = generation.certificate()?.spki_der().to_vec();
        if entries.iter().any(|entry| entry.key == row.key) {
            keys.push(key);
        } else if can_be_revoked(&row, workspace.now) {
            others.push((row, key));
        }
    }
    Ok(others.into_iter().filter(|(_, key)| keys.contains(key)).map(|(row, _)| row).collect())
}

/// The warning about a generation that is not revoked although its key is that of one that is.
fn same_key(ca: &Ca, other: &Entry) -> Finding {
    let (name, number) = (ca.name(), other.generation());
    Code::CaRevoked
        .warning(format!("generation {number} of {name} has the same key and is not revoked"))
        .because("what this key signs is accepted with the certificate of that generation")
        .fix(format!(
            "if others can know the key, run `tbpki revoke --ca {word} --generation {number} --reason keyCompromise`",
            word = ca.word()
        ))
}

fn only_root(name: &str) -> Error {
    Code::OnlyCa
        .error(format!("the generation of {name} that signs cannot be revoked"))
        .item(name)
        .because("everything below it would be refused, and nothing new could be issued")
        .fix(format!(
            "run `tbpki ca prepare {0}` and `tbpki ca activate {0}` first; --leave-behind if it is urgent",
            shell_word(name)
        ))
}
