//! The bundles that are in a directory, compared with the run that published them.

use std::collections::HashSet;
use std::path::Path;

use base::text::{counted, quote};
use base::{Code, Error, Finding, Result};
use ledger::Kind;
use store::shard::Attempt;

use super::listed::{ListedName, fault};
use crate::mass::bundle::bundled_passwords::BundledPasswords;
use crate::mass::bundle::enrolment_mark::EnrolmentRun;
use crate::mass::bundle::output::BundleOutput;
use crate::names::Faults;

/// The shards whose bundles are there.
pub(super) fn published(shards: &[(Attempt, &[ListedName])], output: &BundleOutput) -> Result<Vec<u32>> {
    let mut there = Vec::new();
    for (attempt, _) in shards {
        if output.has_published(*attempt)? {
            there.push(attempt.shard);
        }
    }
    Ok(there)
}

/// Whether the ledger knows a name of these shards; true without a shard.
pub(super) fn knows_any(
    passwords: &BundledPasswords<'_>,
    shards: &[(Attempt, &[ListedName])],
    of: &[u32],
) -> Result<bool> {
    for (_, names) in shards.iter().filter(|(attempt, _)| of.contains(&attempt.shard)) {
        if passwords.knows_any(&names_of(names))? {
            return Ok(true);
        }
    }
    Ok(of.is_empty())
}

/// What a directory lacks.
pub(super) struct RunState<'n> {
    /// The shards that get bundles.
    pub(super) missing: Vec<(Attempt, &'n [ListedName])>,
    /// The shards that an interrupted run has published, and that are not there any more, or not whole. Their passwords stay.
    pub(super) gone: Vec<u32>,
    /// The number of their names.
    gone_names: u64,
    /// The number of names in shards that get new bundles, because no password of the present ones can be used.
    dead_names: u64,
}

impl<'n> RunState<'n> {
    /// Compares the directory with the run. Names whose bundles alone are gone, or have a password that cannot be used, are
    /// added to `faults`: the others of their shard keep their passwords.
    pub(super) fn find(
        passwords: &BundledPasswords<'_>,
        shards: &[(Attempt, &'n [ListedName])],
        output: Option<&BundleOutput>,
        run: &EnrolmentRun,
        again: bool,
        faults: &mut Faults,
    ) -> Result<Self> {
        let mut state = Self { missing: Vec::new(), gone: Vec::new(), gone_names: 0, dead_names: 0 };
        for (attempt, names) in shards {
            let Some(output) = output.filter(|_| run.has_published(attempt.shard)) else {
                state.missing.push((*attempt, names));
                continue;
            };
            match output.lacking_of(*attempt, names.iter().map(|listed| listed.name.as_str()))? {
                // Its bundles can be in devices, and the run of the same request must not end their passwords.
                lacking if again => {
                    let count = lacking.map_or(names.len(), |lacking| lacking.len());
                    state.gone_names += count as u64;
                    state.gone.extend((count > 0).then_some(attempt.shard));
                }
                None => state.missing.push((*attempt, names)),
                Some(lacking) => {
                    let dead = passwords.ended(attempt.shard, &names_of(names), run)?;
                    if dead.len() == names.len() {
                        state.dead_names += names.len() as u64;
                        state.missing.push((*attempt, names));
                        continue;
                    }
                    let lacking: HashSet<&str> = lacking.into_iter().collect();
                    for listed in names.iter().filter(|listed| lacking.contains(listed.name.as_str())) {
                        // A device that has enrolled needs no bundle.
                        let row = passwords.view.latest(Kind::Device, &listed.name)?;
                        if row.is_none_or(|row| row.forgotten_at.is_some()) {
                            faults.push(fault(listed.line, &gone(&listed.name)));
                        }
                    }
                    let is_ended = |name: &str| dead.contains(name) && !lacking.contains(name);
                    for listed in names.iter().filter(|listed| is_ended(&listed.name)) {
                        faults.push(fault(listed.line, &ended(&listed.name)));
                    }
                }
            }
        }
        Ok(state)
    }

    /// The number of names that get bundles.
    pub(super) fn missing_names(&self) -> u64 {
        self.missing.iter().map(|(_, names)| names.len() as u64).sum()
    }

    /// The findings about bundles that a continued run leaves out, and about those that it makes again.
    pub(super) fn findings(&self, dir: &Path) -> impl Iterator<Item = Finding> {
        let dead = counted(self.dead_names, "bundle", "bundles");
        let dead = (self.dead_names > 0).then(|| {
            Code::BundledPasswordEnded
                .warning(format!("{dead} have one-time passwords that cannot be used, and get new ones"))
                .at(dir)
                .because("the ledger does not have the passwords any more, and no certificate of their devices")
                .fix("flash the new bundles: devices with the earlier ones cannot enrol")
        });
        let bundles = counted(self.gone_names, "bundle", "bundles");
        let gone = (self.gone_names > 0).then(|| {
            Code::NameReserved
                .warning(format!("{bundles} that this run has published are not there any more"))
                .at(dir)
                .because("their devices may have the passwords, so that an interrupted run does not replace them")
                .fix("when this run is complete, the same command makes all bundles again, with new passwords")
        });
        gone.into_iter().chain(dead)
    }
}

/// The error of a bundle that is not where it was published.
fn gone(name: &str) -> Error {
    Code::NameReserved
        .error(format!("the bundle of {} is missing, and has the one-time password of the name", quote(name)))
}

/// The error of a bundle whose password cannot be used.
fn ended(name: &str) -> Error {
    Code::BundledPasswordEnded
        .error(format!("the one-time password in the bundle of {} cannot be used any more", quote(name)))
}

/// The names of a shard.
fn names_of(names: &[ListedName]) -> Vec<&str> {
    names.iter().map(|listed| listed.name.as_str()).collect()
}
