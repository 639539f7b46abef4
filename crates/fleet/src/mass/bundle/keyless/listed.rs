//! The names of a list of devices without certificates.

use std::collections::HashSet;

use base::text::quote;
use base::{Code, Error, Result};
use ledger::{Kind, StagedName, View};

use crate::bundle::Enrolment;
use crate::names::{Faults, NameFault, NamesSource, open};

/// A name of a list.
pub(super) struct ListedName {
    /// The line, from 1.
    pub(super) line: u64,
    pub(super) name: String,
}

/// Reads the names. The faults of their form are added to `faults`.
pub(super) fn read(source: &NamesSource, faults: &mut Faults) -> Result<Vec<ListedName>> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for name in open(source)? {
        match name.and_then(usable) {
            Ok(StagedName { name, line, .. }) if !seen.insert(name.clone()) => {
                faults.push(fault(line, &Code::DuplicateNames.error(format!("duplicate name {}", quote(&name)))));
            }
            Ok(StagedName { name, line, .. }) => names.push(ListedName { line, name }),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(names)
}

/// A name without anything else: the rest would be lost, because the ledger has no row of a device before it enrols.
fn usable(name: StagedName) -> Result<StagedName, NameFault> {
    let attribute = name.attributes.keys().next().map(|key| format!("attr.{key}"));
    let more = [
        ("label", name.label.is_some()),
        ("profile", name.profile.is_some()),
        ("san", !name.sans.is_empty()),
        (attribute.as_deref().unwrap_or_default(), attribute.is_some()),
    ];
    match more.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(name),
        Some((column, _)) => {
            let text = format!("the column {column} is not kept for devices without certificates");
            Err(fault(name.line, &Code::UnknownColumn.error(text)))
        }
    }
}

/// The fault of a line.
pub(super) fn fault(line: u64, error: &Error) -> NameFault {
    NameFault { line, code: error.code(), text: error.finding().what.clone(), fix: None }
}

/// Adds the names that are in use, or whose first certificate the service could not issue.
pub(super) fn check_free(
    view: &View,
    enrolment: &Enrolment,
    names: &[ListedName],
    may_replace: bool,
    faults: &mut Faults,
) -> Result<()> {
    let reserved = view.reserved_among(names.iter().map(|listed| listed.name.as_str()))?;
    for ListedName { line, name } in names {
        let taken = view.latest(Kind::Device, name)?.filter(|entry| entry.forgotten_at.is_none());
        let checked = match taken {
            Some(entry) => Err(Code::DuplicateNames.error(format!(
                "the store has the device {} already ({})",
                quote(name),
                entry.state
            ))),
            None => enrolment.check_first(view, &reserved, name).and_then(|()| match may_replace {
                true => Ok(()),
                false => enrolment.check_no_password(view, name),
            }),
        };
        if let Err(error) = checked {
            match error.code() {
                Code::DuplicateNames | Code::NameReserved | Code::ProfilePattern | Code::BadValue => {
                    faults.push(fault(*line, &error));
                }
                _ => return Err(error),
            }
        }
    }
    Ok(())
}
