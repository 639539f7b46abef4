//! The faults of names, each with its line.

use std::path::Path;

use base::text::{device_option, quote};
use base::timestamp::rfc3339;
use base::{Code, Error, Finding, Severity};
use ledger::{Duplicate, Duplicates, EarlierUse, JobId};

/// The way out for names of a list without certificates that are reserved.
const RESERVED: &str = "use the bundles that have the passwords, or give the names new ones with --again; \
    `tbpki fleet cancel JOB` frees names that wait in a job";

/// One thing that is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFault {
    /// The line, from 1.
    pub line: u64,
    /// The stable number of what is wrong.
    pub code: Code,
    /// The problem, in one sentence without a full stop, and the reason.
    pub text: String,
    /// The way out, if it is not to correct the line.
    pub fix: Option<String>,
}

impl NameFault {
    /// The fault of a line, from its error.
    pub(super) fn of(line: u64, error: &Error) -> Self {
        Self { line, code: error.code(), text: error.to_string(), fix: error.finding().fix.clone() }
    }

    fn of_duplicate(duplicate: &Duplicate) -> Self {
        let name = quote(&duplicate.name);
        let text = match &duplicate.earlier {
            EarlierUse::Line(line) => format!("duplicate name {name} (first on line {line})"),
            EarlierUse::Store(entry) => format!("the store has the device {name} already ({})", entry.state),
            EarlierUse::Job(job, line) => format!("the name {name} waits in job {job} already (line {line} there)"),
            EarlierUse::Password(end) => format!(
                "the name {name} is reserved by a one-time password until {}, which `tbpki forget {}` ends",
                rfc3339(*end),
                device_option(&duplicate.name)
            ),
        };
        Self { line: duplicate.line, code: Code::DuplicateNames, text, fix: None }
    }

    /// The same as a finding about a file.
    pub fn finding(&self, file: &Path) -> Finding {
        let mut finding = Finding::new(self.code, Severity::Fault, self.text.as_str()).at(file);
        finding.location.line = usize::try_from(self.line).ok();
        finding
    }
}

/// The faults of a list: the first ones, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<NameFault>,
    total: u64,
    /// The number of duplicates, and the last line with one.
    duplicates: (u64, u64),
    /// The job in which the first duplicate waits, if it does.
    waiting: Option<JobId>,
}

impl Faults {
    /// The number of faults that are kept.
    pub const LIMIT: usize = 1000;

    /// Adds one. They come by their lines.
    pub fn push(&mut self, fault: NameFault) {
        // All faults are counted, and the first ones are kept: a list with the wrong encoding has a fault on each line.
        self.total += 1;
        if self.first.len() < Self::LIMIT {
            self.first.push(fault);
        }
    }

    /// Adds names that are there already, at their lines.
    pub(super) fn add_duplicates(&mut self, duplicates: &Duplicates) {
        self.total += duplicates.total;
        self.duplicates = (duplicates.total, duplicates.last_line);
        self.waiting = match duplicates.first.first().map(|first| &first.earlier) {
            Some(EarlierUse::Job(job, _)) => Some(*job),
            _ => None,
        };
        self.first.extend(duplicates.first.iter().map(NameFault::of_duplicate));
        // Duplicates are found at the end of the list, and must appear among the other lines.
        self.first.sort_by_key(|fault| fault.line);
        self.first.truncate(Self::LIMIT);
    }

    /// The first ones, by their lines.
    pub fn first(&self) -> &[NameFault] {
        &self.first
    }

    /// The number of faults.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// True without any fault.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The error for names `start` to `start + count - 1` of a pattern: a line is the place of a name among them. If
    /// some exist already, the first number behind them is the way out.
    pub(super) fn of_pattern(&self, start: u64, count: u64) -> Option<Error> {
        let first = self.first.first()?;
        let (known, last) = self.duplicates;
        // Not all faults are duplicates, so that beginning at a later number would not help.
        if known < self.total {
            let other = self.first.iter().find(|fault| fault.code != Code::DuplicateNames).unwrap_or(first);
            let error = other.code.error(other.text.as_str()).because(match self.total {
                1 => "nothing was staged".to_owned(),
                total => format!("nothing was staged: {total} of the {count} names of the pattern cannot be used"),
            });
            return Some(if other.code == Code::NameReserved { error.fix(RESERVED) } else { error });
        }
        // After the last known name, every further one is free.
        let next = start.saturating_add(last);
        let rest = match count - last.min(count) {
            0 => String::new(),
            rest => format!("; `--start {next} --count {rest}` issues the names behind them"),
        };
        Some(
            Code::DuplicateNames
                .error(format!(
                    "{known} of the {count} names of the pattern {} already",
                    if known == 1 { "exists" } else { "exist" }
                ))
                .because(match first.text.split_once(" (line ") {
                    // Lines of a pattern are nothing that a person can look up.
                    Some((text, _)) => text.to_owned(),
                    None => first.text.clone(),
                })
                .fix(match self.waiting {
                    // Other numbers would make other devices, next to those that wait.
                    Some(job) => go_on_or_cancel(job),
                    None => format!("use `--start {next}`{rest}"),
                }),
        )
    }

    /// The error that ends the verb, once the faults have been shown.
    pub fn to_error(&self) -> Error {
        let what = match self.total {
            1 => "a line of the list of names cannot be used".to_owned(),
            total => format!("{total} things in the list of names are wrong"),
        };
        let error = Code::NamesRefused.error(what).because("no name was staged");
        let error = match self.first.first() {
            Some(fault) => error.item(format!("line {}", fault.line)),
            None => error,
        };
        // With only such faults the general advice would be misleading.
        let is_number = |fault: &NameFault| fault.code == Code::NumberAttribute;
        if !self.first.is_empty() && self.first.iter().all(is_number) {
            return error.fix(super::attributes::ADVICE);
        }
        // Of a list without certificates, which a job does not have.
        if !self.first.is_empty() && self.first.iter().all(|fault| fault.code == Code::NameReserved) {
            return error.fix(RESERVED);
        }
        // A fault behind which nothing is read concerns the whole list.
        if let Some(NameFault { code: Code::NamesUnreadable, fix: Some(fix), .. }) = self.first.last() {
            return error.fix(format!("{fix} and give it again"));
        }
        match self.waiting {
            Some(job) => error.fix(format!("{}; correct other lines", go_on_or_cancel(job))),
            None => error.fix("correct the lines and give the whole list again"),
        }
    }
}

fn go_on_or_cancel(job: JobId) -> String {
    format!("`tbpki fleet issue --resume {job}` issues the names that wait, `tbpki fleet cancel {job}` frees them")
}
