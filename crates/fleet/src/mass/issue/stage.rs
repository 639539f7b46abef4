//! The checks of names beyond their form: a CA may sign for them, and the platform will find them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use base::text::quote;
use base::{Code, Result};
use ledger::StagedName;
use pki::{Certificate, San};

use super::issuing::ca_of;
use crate::job_order::JobOrder;
use crate::names::NameFault;
use crate::names::attributes::check_name;
use identity::profile_ca;
use identity::profile_ca::name_pattern::NamePattern;

/// The number of names in a shard. One takes a core some 25 ms, and is the most that an interruption can cost.
pub(crate) const SHARD: u32 = 1000;

/// Lets through the names that can be issued, and the faults of the others.
pub(crate) fn checked<'a>(
    store: &'a Path,
    order: &'a JobOrder,
    accept_numbers: bool,
    names: impl Iterator<Item = Result<StagedName, NameFault>> + 'a,
) -> impl Iterator<Item = Result<StagedName, NameFault>> + 'a {
    let mut check = Check { store, order, accept_numbers, rules: BTreeMap::new() };
    names.map(move |name| {
        let name = name?;
        match check.name(&name) {
            Ok(()) => Ok(name),
            Err(error) => {
                Err(NameFault { line: name.line, code: error.code(), text: error.finding().what.clone(), fix: None })
            }
        }
    })
}

struct Check<'a> {
    store: &'a Path,
    order: &'a JobOrder,
    /// True if attributes may be stored as numbers.
    accept_numbers: bool,
    /// By profile, none being that of names without one.
    rules: BTreeMap<Option<String>, Rules>,
}

/// The rules for names below one CA.
struct Rules {
    pattern: Option<NamePattern>,
    /// The CA and those above it.
    above: Vec<Certificate>,
}

impl Check<'_> {
    fn name(&mut self, name: &StagedName) -> Result<()> {
        // The profile of the line has priority over that of the job, as at registration.
        let profile = name.profile.as_ref().or(self.order.profile.as_ref()).cloned();
        let rules = match self.rules.entry(profile) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let rules = Rules::of(self.store, new.key().as_deref())?;
                new.insert(rules)
            }
        };
        rules.check(name)?;
        if self.accept_numbers { Ok(()) } else { check_name(name) }
    }
}

impl Rules {
    fn of(store: &Path, profile: Option<&str>) -> Result<Self> {
        let ca = ca_of(store, profile)?;
        let pattern = ca.profile().map(|profile| profile_ca::pattern(store, profile)).transpose()?;
        // A root may limit names as well, although tbpki's own limits are in the issuing CA.
        let above = ca.chain(store)?;
        Ok(Self { pattern, above })
    }

    fn check(&self, name: &StagedName) -> Result<()> {
        if let Some(pattern) = &self.pattern {
            // The platform finds the device by this expression: a name that it does not match would create no device.
            pattern.check_name(&name.name)?;
        }
        for text in &name.sans {
            let san = text.parse::<San>()?;
            if !self.above.iter().all(|ca| ca.may_vouch_for(&san)) {
                return Err(Code::NameConstraint.error(format!("the issuing CA cannot issue for {}", quote(text))));
            }
        }
        Ok(())
    }
}
