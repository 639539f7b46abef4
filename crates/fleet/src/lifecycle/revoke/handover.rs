//! What another store has to revoke, because it writes the lists of the devices' CAs.

use std::collections::{BTreeMap, BTreeSet};

use base::file::Mode;
use base::text::{counted, shell_word};
use base::{Code, Finding, Result, file};
use identity::lifecycle::enrol::renewal_grace;
use identity::lifecycle::published_lists;
use identity::lifecycle::revocation_lists::devices_file;
use ledger::{Kind, Ledger, OpenStep, SerialNumber};
use store::Workspace;
use store::ca::{Ca, Hierarchy};

use super::parts::Parts;
use super::report::{HandOverReport, RevokeReport};
use super::target::LIMIT as SERIALS_LIMIT;
use crate::lifecycle::upkeep::check::lists::{PublishedBy, lists};

/// How many serial numbers a command has. More of them are in a file.
const IN_COMMAND: usize = 10;

/// Why a revocation waits.
const WAITS: &str = "the store that exported this station bundle writes the list";

/// What must be revoked together: the certificates of one CA with one reason. A CA is revoked by its name.
type Group = (String, Option<String>);

/// Ends the open step of each revocation that a published list has by now, and reports what the store that writes the
/// lists has to revoke for the others.
///
/// # Errors
/// Those of the ledger, of the published lists and of the disk.
pub(super) fn hand_over(workspace: &Workspace<'_>, ledger: &mut Ledger, report: &mut RevokeReport) -> Result<()> {
    let mut published = BTreeSet::new();
    let lists = lists(workspace, ledger)?;
    let replaced = replaced(workspace, &lists)?;
    let mut is_replaced: BTreeSet<String> = BTreeSet::new();
    for list in lists {
        for entry in list.list.revoked() {
            published.insert((list.issuer.clone(), SerialNumber::new(&entry.serial)?));
        }
    }
    if workspace.config.crl.superseded.value {
        ledger.revoke_superseded(workspace.now, &renewal_grace(workspace.config, workspace.now))?;
    }
    let mut waiting: BTreeMap<Group, Vec<SerialNumber>> = BTreeMap::new();
    let mut cas = Vec::new();
    let mut walk = Parts::Open.walk();
    while let Some(part) = walk.next(ledger)? {
        let (mut done, mut open_still) = (Vec::new(), Vec::new());
        for open in part.open(ledger)?.into_iter().filter(|open| open.step == OpenStep::List) {
            let Some(entry) = ledger.entry(&open.key)? else { continue };
            if !Ca::named(&entry.issuer).is_some_and(|ca| ca.hierarchy() == Hierarchy::Devices) {
                continue;
            }
            let is_listed = published.contains(&(entry.issuer.clone(), entry.serial.clone()));
            if is_listed || replaced.contains(&entry.issuer) {
                is_replaced.extend((!is_listed).then_some(entry.issuer));
                done.push(open.key);
                continue;
            }
            open_still.push(open.key);
            if entry.key.kind == Kind::Ca {
                cas.push(entry);
            } else {
                let reason = entry.revocation.and_then(|revocation| revocation.reason);
                waiting.entry((entry.issuer, reason)).or_default().push(entry.serial);
            }
        }
        ledger.transaction(|transaction| {
            done.iter().try_for_each(|key| transaction.step_done(key, OpenStep::List))?;
            open_still.iter().try_for_each(|key| transaction.step_failed(key, OpenStep::List, WAITS))
        })?;
    }
    report.findings.extend(is_replaced.iter().map(|ca| was_replaced(ca)));
    for ca in cas {
        let reason = ca.revocation.as_ref().and_then(|revocation| revocation.reason.clone());
        let command = format!("tbpki revoke --ca {} --generation {}", shell_word(&ca.key.name), ca.generation());
        let command = with_reason(command, reason.as_deref());
        report.hand_over.push(HandOverReport { issuer: ca.issuer, reason, certificates: 1, file: None, command });
    }
    for ((issuer, reason), serials) in waiting {
        let file = (serials.len() > IN_COMMAND).then(|| file_name(&issuer, reason.as_deref()));
        let option = match &file {
            Some(name) => {
                write(workspace, name, &serials)?;
                format!("--serial-file {}", shell_word(name))
            }
            None => format!("--serial {}", joined(&serials, ",")),
        };
        let command = format!("tbpki revoke {option} --issuer {} --not-in-ledger", shell_word(&issuer));
        report.hand_over.push(HandOverReport {
            command: with_reason(command, reason.as_deref()),
            certificates: serials.len(),
            file: file.map(|name| workspace.store_dir().join(name)),
            issuer,
            reason,
        });
    }
    let count: usize = report.hand_over.iter().map(|group| group.certificates).sum();
    if count > 0 {
        let what = counted(count, "revoked certificate is", "revoked certificates are");
        report.findings.push(
            Code::ListsElsewhere.warning(format!("{what} on no revocation list yet")).because(WAITS).fix(format!(
                "run the commands of the report in that store, copy its file with the lists to {} here, and run \
                     `tbpki revoke --open`",
                devices_file(workspace.config, workspace.store_dir()).display()
            )),
        );
    }
    Ok(())
}

/// The CAs of this store that the one that writes the lists has taken out of service: its file has a list of their root, one of
/// a key that this store does not know, and none of theirs. Peers with that file accept nothing that they have issued.
fn replaced(workspace: &Workspace<'_>, lists: &[PublishedBy]) -> Result<BTreeSet<String>> {
    let file = devices_file(workspace.config, workspace.store_dir());
    let all = published_lists::read(workspace.config, workspace.store_dir())?;
    let all = all.iter().filter(|(path, _)| *path == file).count();
    let ours: Vec<&str> = lists.iter().filter(|list| list.path == file).map(|list| list.issuer.as_str()).collect();
    let root = Ca::DevicesRoot.name();
    // Without a list of the root it can be the file of another hierarchy; without an unknown one, none has replaced ours.
    if !ours.contains(&root.as_str()) || all == ours.len() {
        return Ok(BTreeSet::new());
    }
    let is_gone = |ca: &String| !ours.contains(&ca.as_str());
    Ok([Ca::DevicesIssuing.name()].into_iter().filter(is_gone).collect())
}

/// The warning about a CA that is replaced where the lists are written.
fn was_replaced(ca: &str) -> Finding {
    Code::ListsElsewhere
        .warning(format!(
            "the store that exported this station bundle has replaced {ca}, and makes no list of it any more"
        ))
        .because("brokers that read its lists refuse everything that this station has issued, revoked or not")
        .fix("export a new station bundle there with `tbpki ca export devices`, and issue with that one")
}

fn with_reason(command: String, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{command} --reason {reason}"),
        None => command,
    }
}

fn joined(serials: &[SerialNumber], separator: &str) -> String {
    serials.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// The file with the serial numbers of a group. The CA of a profile has the name of the profile in its own, which can
/// contain characters that a shell or a file system does not take.
fn file_name(issuer: &str, reason: Option<&str>) -> String {
    let issuer = issuer.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-");
    format!("revoke-{issuer}-{}.txt", reason.unwrap_or("unspecified"))
}

/// Writes the serial numbers, one on each line. An earlier file is replaced: what it had is on a list, or in this one.
fn write(workspace: &Workspace<'_>, name: &str, serials: &[SerialNumber]) -> Result<()> {
    let is_ours = |before: &[u8]| before.iter().all(|octet| octet.is_ascii_hexdigit() || *octet == b'\n');
    let text = format!("{}\n", joined(serials, "\n"));
    file::replace(&workspace.store_dir().join(name), text.as_bytes(), Mode::Public, SERIALS_LIMIT, is_ours)
}
