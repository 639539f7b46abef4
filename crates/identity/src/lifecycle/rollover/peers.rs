//! Which peers must have the next generation of a CA, and which of them are known to have it.

use base::text::counted;
use base::{Code, Error, Finding, Result};
use config::Anchors;
use ledger::{Entry, Key, Kind, PeerScope, Role, Unconfirmed, View};
use store::ca::Ca;
use store::{Store, Workspace};
use time::Duration;

/// Which peers must have the next generation of a CA before it signs: devices hold the servers' root, and brokers the
/// CAs of devices. The servers' issuing CA comes with the chain that servers send, and the platform has that of a profile.
pub(super) fn peers_of(workspace: &Workspace<'_>, ca: &Ca) -> Option<Kind> {
    match ca {
        Ca::ServerRoot => {
            // Devices that trust other anchors do not need our root.
            (workspace.config.server.anchors.value == Anchors::Ours).then_some(Kind::Device)
        }
        Ca::ServerIssuing | Ca::Profile(_) => None,
        Ca::DevicesRoot | Ca::DevicesIssuing => Some(Kind::Server),
    }
}

/// Which peers of a kind count. A device may come back for `serve.renew_expired` days after the end of its certificate, and
/// needs the new CA then.
pub(super) fn scope(workspace: &Workspace<'_>, kind: Kind) -> PeerScope {
    let days = workspace.config.serve.renew_expired.value.as_ref().filter(|_| kind == Kind::Device);
    let back = Duration::days(days.map_or(0, |days| i64::from(days.number())));
    PeerScope { kind, since: workspace.now.checked_sub(back).unwrap_or(workspace.now), now: workspace.now }
}

/// The name under which the ledger records what is known of brokers that it does not have, if `firmware.mqtt_host` names
/// none: no server has a name with blanks.
const OTHER_BROKERS: &str = "brokers that are not in the ledger";

/// The broker of a store that has no server with a valid certificate: its certificate is from others.
pub(super) fn other_broker<'a>(workspace: &'a Workspace<'_>) -> &'a str {
    workspace.config.firmware.mqtt_host.value.as_ref().map_or(OTHER_BROKERS, |host| host.as_str())
}

/// The peers that are not known to have a generation.
#[derive(Debug)]
pub(super) struct PeersWithout {
    /// All that count, and the names of those without it.
    pub(super) unconfirmed: Unconfirmed,
    /// Whether the one peer is the broker that the ledger does not have.
    is_other: bool,
}

/// The peers that are not known to have a generation. A store without servers has a broker all the same: one with a
/// certificate of others, which must accept the CAs of the devices like any other.
///
/// # Errors
/// Those of the ledger, here and below.
pub(super) fn unconfirmed(workspace: &Workspace<'_>, view: &View, ca: &Key, kind: Kind) -> Result<PeersWithout> {
    let unconfirmed = view.unconfirmed(ca, scope(workspace, kind))?;
    if unconfirmed.total > 0 || kind == Kind::Device {
        return Ok(PeersWithout { unconfirmed, is_other: false });
    }
    let broker = other_broker(workspace);
    let is_known = view.is_confirmed(ca, kind, broker)?;
    let names = (!is_known).then(|| broker.to_owned()).into_iter().collect();
    Ok(PeersWithout { unconfirmed: Unconfirmed { total: 1, names }, is_other: true })
}

/// As [`unconfirmed`], without the names: all that count, and how many of them have no confirmation.
pub(super) fn count_unconfirmed(workspace: &Workspace<'_>, view: &View, ca: &Key, kind: Kind) -> Result<(u64, u64)> {
    let counts = view.count_unconfirmed(ca, scope(workspace, kind))?;
    if counts.0 > 0 || kind == Kind::Device {
        return Ok(counts);
    }
    let without = unconfirmed(workspace, view, ca, kind)?.unconfirmed;
    Ok((without.total, without.names.len() as u64))
}

/// The generation of a CA that peers can be confirmed to have: the prepared one, or the one that signs while an earlier one
/// is trusted. Those that were left behind get it later.
pub(super) fn confirmable(view: &View, ca: &Ca) -> Result<Option<Entry>> {
    Ok(next_of(&view.trusted_generations(&ca.name())?).cloned())
}

/// The one of a CA's trusted generations that peers get next: the prepared one, or the one that signs while an earlier one
/// is trusted.
pub fn next_of(trusted: &[Entry]) -> Option<&Entry> {
    let pending = trusted.iter().find(|entry| entry.role == Role::Pending);
    let is_replacing = trusted.iter().any(|entry| entry.role == Role::Superseded);
    pending.or_else(|| trusted.iter().find(|entry| entry.is_current() && is_replacing))
}

/// Records the access tokens of devices whose files come from a version that did not record them: these devices have the
/// servers' root too.
pub(super) fn record_tokens(workspace: &Workspace<'_>, store: &mut Store, ca: &Ca) -> Result<()> {
    if *ca != Ca::ServerRoot {
        return Ok(());
    }
    for name in store::token_devices(&workspace.location, &store.ledger)? {
        if store.ledger.device_tokens_of(&name)?.is_empty() {
            store.ledger.transaction(|transaction| transaction.device_token_may_be_anywhere(&name))?;
        }
    }
    Ok(())
}

impl PeersWithout {
    /// The error for them.
    pub(super) fn error(&self, ca: &Ca, number: u32, kind: Kind) -> Error {
        let Unconfirmed { total, names } = &self.unconfirmed;
        let (count, total) = (names.len(), *total);
        let first: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        let more = if count > first.len() { ", .." } else { "" };
        let (name, word) = (ca.name(), ca.word());
        let (what, fix) = match kind {
            Kind::Device => (
                format!(
                    "{count} of {} known to trust generation {number} of {name}",
                    are_not(total, "device", "devices")
                ),
                format!(
                    "bring the new trust anchors to them, then run `tbpki ca confirm {word}` with --device, --job or --all"
                ),
            ),
            _ if self.is_other => (
                format!("no broker is in this ledger, and none is known to accept generation {number} of {name}"),
                format!("let the brokers trust the new CA, then run `tbpki ca confirm {word} --all`"),
            ),
            _ => (
                format!(
                    "{count} of {} known to accept generation {number} of {name}",
                    are_not(total, "broker", "brokers")
                ),
                format!(
                    "restart them with the new files, then run `tbpki check --server` or `tbpki ca confirm {word} --server NAME`"
                ),
            ),
        };
        Code::CaNotConfirmed
            .error(what)
            .because(match self.is_other {
                true => {
                    "no server of the store has a valid certificate, so that the brokers have certificates of others"
                        .to_owned()
                }
                false => format!("for example {}{more}", first.join(", ")),
            })
            .fix(format!("{fix}; --leave-behind goes on without them"))
    }
}

/// A warning about those who are not known to have the generation that signs, before the earlier one goes.
///
/// # Errors
/// Those of the ledger.
pub(super) fn still_without(
    workspace: &Workspace<'_>,
    view: &View,
    ca: &Ca,
    current: &Entry,
) -> Result<Option<Finding>> {
    let Some(kind) = peers_of(workspace, ca) else { return Ok(None) };
    let without = unconfirmed(workspace, view, &current.key, kind)?;
    if without.unconfirmed.names.is_empty() {
        return Ok(None);
    }
    let number = current.generation().number();
    let fix = match kind {
        Kind::Device => "bring the trust anchors of the store to them: until then they refuse the servers",
        _ => "restart them with the files of the store: until then they refuse the devices below it",
    };
    Ok(Some(without.error(ca, number, kind).fix(fix).into_warning()))
}

/// "1 broker is not", "2 brokers are not": the middle of a sentence about the peers of a generation.
fn are_not(total: u64, one: &str, many: &str) -> String {
    format!("{} {} not", counted(total, one, many), if total == 1 { "is" } else { "are" })
}
