//! A platform that has moved to another address.

use base::{Code, Error, Result};

use crate::ledger::Ledger;
use crate::platform::join::PlatformJoin;
use crate::platform::url::PlatformUrl;
use crate::platform::{KnownPlatform, PlatformId};
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// What becomes of a platform with a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformRename {
    /// Nothing: the ledger knows only the new address.
    Nothing,
    /// Its address is another one.
    Renamed,
    /// The ledger has records at both addresses, and they become those of one platform.
    Joined(PlatformJoin),
}

impl View {
    /// What [`Ledger::rename_platform`] would do. Nothing is written.
    ///
    /// # Errors
    /// [`Code::UnknownPlatform`] if the ledger does not know the old address.
    pub fn plan_rename(&self, old: &PlatformUrl, new: &PlatformUrl) -> Result<PlatformRename> {
        match RenamedPlatforms::find(self, old, new)? {
            RenamedPlatforms::OnlyNew => Ok(PlatformRename::Nothing),
            RenamedPlatforms::OnlyOld(_) => Ok(PlatformRename::Renamed),
            RenamedPlatforms::Both { old, new } => self.plan_join_of_used(old, new),
        }
    }

    /// A platform without records is only the row of a command that has asked there.
    fn plan_join_of_used(&self, old: PlatformId, new: PlatformId) -> Result<PlatformRename> {
        match self.has_rows_at(old)? && self.has_rows_at(new)? {
            true => Ok(PlatformRename::Joined(self.plan_join(old, new)?)),
            false => Ok(PlatformRename::Renamed),
        }
    }
}

impl Ledger {
    /// Gives a platform another address. Everything that is recorded of it stays. If the ledger has records at both addresses,
    /// `joins` permits to make them those of one platform; this cannot be undone. One transaction; may be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownPlatform`] if the ledger does not know the old address; [`Code::PlatformInUse`] if it has records at both
    /// and `joins` is false.
    pub fn rename_platform(&mut self, old: &PlatformUrl, new: &PlatformUrl, joins: bool) -> Result<PlatformRename> {
        let renamed = self.transaction(|transaction| transaction.rename_platform(old, new, joins))?;
        self.look_at_platforms()?;
        Ok(renamed)
    }
}

impl Transaction<'_> {
    fn rename_platform(&self, old: &PlatformUrl, new: &PlatformUrl, joins: bool) -> Result<PlatformRename> {
        let (renamed, stays) = match RenamedPlatforms::find(self, old, new)? {
            RenamedPlatforms::OnlyNew => return Ok(PlatformRename::Nothing),
            RenamedPlatforms::OnlyOld(platform) => (PlatformRename::Renamed, platform),
            RenamedPlatforms::Both { old, new: there } => {
                let plan = self.plan_join_of_used(old, there)?;
                if !joins && plan != PlatformRename::Renamed {
                    return Err(in_use(new));
                }
                // The columns of the first platform cannot be given up.
                let (from, to) = if old == PlatformId::FIRST { (there, old) } else { (old, there) };
                self.join_platforms(from, to)?;
                (plan, to)
            }
        };
        // By its row, because earlier versions wrote the address in other words. The first platform is the first row.
        match stays {
            PlatformId::FIRST => self.execute(
                "UPDATE platform SET url = ?1 WHERE id = (SELECT MIN(id) FROM platform)",
                values![new.as_str()],
            )?,
            PlatformId(id) => self.execute("UPDATE platform SET url = ?1 WHERE id = ?2", values![new.as_str(), id])?,
        };
        Ok(renamed)
    }
}

/// The platforms with the two addresses.
enum RenamedPlatforms {
    /// The command was interrupted after its commit, or is repeated, or the old address has a slip.
    OnlyNew,
    /// The ordinary case.
    OnlyOld(PlatformId),
    /// Commands have used both.
    Both { old: PlatformId, new: PlatformId },
}

impl RenamedPlatforms {
    fn find(view: &View, old: &PlatformUrl, new: &PlatformUrl) -> Result<Self> {
        let known = view.platforms()?;
        let find = |url: &PlatformUrl| known.iter().find(|platform| platform.url == *url).map(|known| known.id);
        match (find(old), find(new)) {
            (None, Some(_)) => Ok(Self::OnlyNew),
            (None, None) => Err(unknown(old, &known)),
            (Some(old), Some(new)) if old != new => Ok(Self::Both { old, new }),
            (Some(old), _) => Ok(Self::OnlyOld(old)),
        }
    }
}

fn unknown(url: &PlatformUrl, known: &[KnownPlatform]) -> Error {
    let error = Code::UnknownPlatform.error(format!("the ledger does not know a platform {url}"));
    if known.is_empty() {
        return error
            .because("no command of this version has recorded a registration yet")
            .fix("nothing is to be done: the first platform that a command uses has all registrations");
    }
    let urls: Vec<&str> = known.iter().map(|platform| platform.url.as_str()).collect();
    error.because(format!("it knows {}", urls.join(", "))).fix("compare the address, its port included")
}

fn in_use(new: &PlatformUrl) -> Error {
    Code::PlatformInUse
        .error(format!("the ledger has registrations or open steps at both URLs; the new one is {new}"))
        .because("two platforms become one only if both URLs are those of one server")
        .fix("run the same command with --dry-run, which prints what would be joined, then with --yes")
}
