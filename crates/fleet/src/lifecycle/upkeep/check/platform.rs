//! The registrations of the ledger compared with the platform.

use base::Result;
use base::text::device_words;
use ledger::{Entry, Filter, Key, Kind, Role, State, View};
use provision::thingsboard::StoredCredential;
use store::Workspace;

use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};
use crate::platform::Connection;

/// Devices that are looked up before their outcomes are passed on.
const BATCH: usize = 1000;

/// A device for which the platform has something else than the ledger records.
pub(in crate::lifecycle::upkeep) struct Difference {
    pub(in crate::lifecycle::upkeep) entry: Entry,
    /// The credential of the platform.
    pub(in crate::lifecycle::upkeep) there: StoredCredential,
    /// The generation of the name that the platform has, if the ledger has it.
    pub(in crate::lifecycle::upkeep) generation: Option<Key>,
    /// Whether that generation is revoked.
    pub(in crate::lifecycle::upkeep) is_revoked: bool,
    /// Whether that generation is a renewal that waits: a repair puts it into use.
    is_pending: bool,
}

impl Difference {
    pub(in crate::lifecycle::upkeep) fn problem(&self) -> Problem {
        let what = match (&self.there, &self.generation) {
            (StoredCredential::Absent, _) => {
                "it is recorded as registered, and the platform does not have the device".to_owned()
            }
            (StoredCredential::Withdrawn, _) => {
                "tbpki has unregistered it from the platform, and the ledger does not record that".to_owned()
            }
            (StoredCredential::Other, _) => {
                "it is recorded as registered, and the platform has a token for the device".to_owned()
            }
            (_, Some(key)) if self.is_revoked => format!(
                "the platform accepts the certificate of generation {}, which is revoked: `tbpki revoke {}` takes it away",
                key.generation,
                device_words(&key.name)
            ),
            (_, Some(key)) if *key == self.entry.key => {
                "the platform has the certificate, and the ledger does not record that".to_owned()
            }
            (_, Some(key)) => format!("the platform has the certificate of generation {}", key.generation),
            (_, None) => self.of_unknown_certificate(),
        };
        Problem::new(ProblemKind::Platform, what).entry(&self.entry).staying(!self.can_be_repaired())
    }

    /// Whether `store repair`, or the command that the text names, removes the difference while verbs that write are closed.
    /// Others need such a verb, for example `register` for a generation that is not registered yet: they must not keep a
    /// restored store closed.
    fn can_be_repaired(&self) -> bool {
        match (&self.there, &self.generation) {
            (StoredCredential::Absent | StoredCredential::Withdrawn | StoredCredential::Other, _) => true,
            (StoredCredential::Certificate(_), Some(key)) => {
                self.is_revoked || self.is_pending || *key == self.entry.key
            }
            (StoredCredential::Certificate(_), None) => false,
        }
    }

    /// A renewal after the backup, or a certificate of another party: the files of a job tell which.
    fn of_unknown_certificate(&self) -> String {
        let name = &self.entry.key.name;
        format!(
            "the platform has a certificate that the ledger does not have: if the directory of a job has it, run `tbpki \
             fleet adopt DIR`, then `tbpki store repair`; if the device has the certificate of the ledger, run `tbpki \
             register --replace {}`",
            device_words(name)
        )
    }
}

/// Looks up every device in use and every device whose last certificate is revoked, and passes on those for which the
/// platform has something else than the ledger records: a platform that was restored from a backup can have a revoked
/// certificate again.
///
/// # Errors
/// Those of the platform, of the ledger and of `take`.
pub(in crate::lifecycle::upkeep) fn compare(
    workspace: &mut Workspace<'_>,
    view: &View,
    take: &mut dyn FnMut(Difference) -> Result<()>,
) -> Result<()> {
    let connection = Connection::of_fleet(workspace, None)?;
    // First, so that a wrong password is one error and not the outcome of each device.
    connection.runtime.wait(connection.board.log_in())?;
    let of_devices = Filter { kind: Some(Kind::Device), ..Filter::default() };
    let in_use = Filter { current_only: true, ..of_devices.clone() };
    let revoked = Filter { latest_only: true, states: vec![State::Revoked], ..of_devices };
    for filter in [in_use, revoked] {
        let mut entries = view.list(&filter);
        loop {
            let batch: Vec<Entry> = entries.by_ref().take(BATCH).collect::<Result<_>>()?;
            if batch.is_empty() {
                break;
            }
            for (entry, there) in look_up(&connection, batch)? {
                if let Some(difference) = difference(view, entry, there)? {
                    take(difference)?;
                }
            }
        }
    }
    Ok(())
}

fn look_up(connection: &Connection, batch: Vec<Entry>) -> Result<Vec<(Entry, StoredCredential)>> {
    let work = |entry: Entry| {
        let board = connection.board.clone();
        async move {
            let _turn = board.pace().permit().await;
            let there = board.stored_credential(&entry.key.name).await;
            there.map(|there| (entry, there))
        }
    };
    let mut found = Vec::with_capacity(batch.len());
    connection.runtime.for_each(connection.concurrency, batch, work, |outcome| {
        found.push(outcome?);
        Ok(())
    })?;
    // Answers come in any order.
    found.sort_by(|(a, _), (b, _)| a.key.name.cmp(&b.key.name));
    Ok(found)
}

fn difference(view: &View, entry: Entry, there: StoredCredential) -> Result<Option<Difference>> {
    let is_recorded = entry.reached(State::Registered).is_some();
    let found = match &there {
        StoredCredential::Certificate(id) if entry.credentials_id.as_ref() == Some(id) => Some(entry.clone()),
        StoredCredential::Certificate(id) => {
            let history = view.history(Kind::Device, &entry.key.name)?;
            history.into_iter().find(|row| row.credentials_id.as_ref() == Some(id))
        }
        StoredCredential::Absent | StoredCredential::Withdrawn | StoredCredential::Other => None,
    };
    let is_revoked = found.as_ref().is_some_and(|found| found.role == Role::Revoked);
    let is_pending = found.as_ref().is_some_and(|found| found.role == Role::Pending);
    let generation = found.map(|found| found.key);
    let is_same = match &there {
        _ if is_revoked => false,
        // Of a revoked device, only a certificate that this ledger has revoked is a difference.
        _ if entry.role == Role::Revoked => true,
        StoredCredential::Certificate(_) => is_recorded && generation.as_ref() == Some(&entry.key),
        // Without a mark, `register --all` would bring the device back.
        StoredCredential::Withdrawn => !is_recorded && is_withdrawal_known(view, &entry)?,
        StoredCredential::Absent | StoredCredential::Other => !is_recorded,
    };
    Ok((!is_same).then_some(Difference { entry, there, generation, is_revoked, is_pending }))
}

/// Whether the ledger shows why the platform has a token of a withdrawal: the device was unregistered, or an earlier generation
/// was revoked or forgotten, and the present one is not registered yet.
fn is_withdrawal_known(view: &View, entry: &Entry) -> Result<bool> {
    let history = view.history(Kind::Device, &entry.key.name)?;
    let shows = |row: &Entry| row.unregistered_at.is_some() || row.role == Role::Revoked || row.forgotten_at.is_some();
    Ok(history.iter().any(shows))
}
