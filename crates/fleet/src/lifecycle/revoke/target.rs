//! Which identities are revoked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::text::{counted, quote};
use base::{Code, Error, Finding, Result, file};
use config::Config;
use ledger::{Entry, Filter, JobId, Kind, Role, SerialNumber, View};
use pki::device_name::DeviceName;
use time::{Duration, OffsetDateTime};

use super::other_stores;
use super::parts::Parts;

/// The largest list of names or serial numbers that is read, in bytes.
pub(super) const LIMIT: usize = 64 << 20;

/// Why the station of a certificate is not known.
pub(super) const WITHOUT_STATION: &str = "the ledger has them from their files, which do not show the station";

/// Which identities are revoked.
#[derive(Debug, Clone)]
pub enum Targets {
    /// Every generation of these devices that is in use, or that something can still accept.
    Devices(Vec<DeviceName>),
    /// The same for servers.
    Servers(Vec<String>),
    /// The devices of a file, each with its line: [`listed`] reads them.
    Listed {
        /// The file.
        path: PathBuf,
        /// The lines, from 1, and the devices.
        names: Vec<(usize, DeviceName)>,
    },
    /// The certificates with these serial numbers.
    Serials {
        /// The serial numbers.
        serials: Vec<SerialNumber>,
        /// The CA that issued them, by its name in the ledger; needed if several CAs have used a number.
        issuer: Option<String>,
    },
    /// The same, also those that the ledger does not have, because a station with another ledger has issued them.
    NotInLedger {
        /// The serial numbers.
        serials: Vec<SerialNumber>,
        /// The CA that issued them, by its name in the ledger.
        issuer: String,
    },
    /// What a job has issued.
    Job(JobId),
    /// What a station has issued: its host name, or the name of a run of tbpki there.
    Station(String),
    /// Generations of a CA, because its key can be known to others.
    Ca(CaTarget),
    /// Nothing more: what is open is finished.
    Open,
}

/// Which generations of a CA are revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaTarget {
    /// The CA, by its name in the ledger.
    pub name: String,
    /// The generation. `None`: those that the present one has replaced; if there are none, the present one.
    pub generation: Option<u32>,
}

impl Targets {
    /// The devices that are named.
    pub(super) fn devices(&self) -> Vec<&str> {
        match self {
            Self::Devices(names) => names.iter().map(DeviceName::as_str).collect(),
            Self::Listed { names, .. } => names.iter().map(|(_, name)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The devices that are named and have a one-time password that is not spent, or a request.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn with_open_enrolment(&self, view: &View) -> Result<Vec<String>> {
        let mut open = Vec::new();
        for name in self.devices() {
            if view.has_open_enrolment(name)? {
                open.push(name.to_owned());
            }
        }
        Ok(open)
    }

    /// The generations. What was revoked before and what nothing accepts any more is among them; `accepted` is that of
    /// [`accepted_since`]. The devices of `enrolling` need not have a certificate.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`], [`Code::UnknownJob`], [`Code::DeviceName`] with the line of a list, [`Code::Usage`].
    pub(super) fn parts(
        &self,
        view: &View,
        accepted: OffsetDateTime,
        enrolling: &[String],
        findings: &mut Vec<Finding>,
    ) -> Result<Parts> {
        let listed = match self {
            Self::Devices(names) => {
                of_names(view, Kind::Device, names.iter().map(DeviceName::as_str), accepted, enrolling)
            }
            Self::Servers(names) => of_names(view, Kind::Server, names.iter().map(String::as_str), accepted, &[]),
            Self::Listed { path, names } => of_list(view, path, names, accepted, enrolling),
            Self::Serials { serials, issuer } => by_serials(view, serials, issuer.as_deref()),
            Self::NotInLedger { serials, issuer } => {
                // In a dry run, the ledger has only some of them.
                let missing = other_stores::missing(view, serials, issuer)?;
                let known: Vec<SerialNumber> =
                    serials.iter().filter(|serial| !missing.contains(serial)).cloned().collect();
                by_serials(view, &known, Some(issuer))
            }
            Self::Job(job) => return of_job(view, *job, findings),
            Self::Station(station) => return of_station(view, station, accepted),
            Self::Ca(target) => return Err(Code::Internal.error(format!("{} is not an identity", target.name))),
            Self::Open => return Ok(Parts::Open),
        };
        listed.map(Parts::Listed)
    }

    /// The serial numbers that the ledger need not have, with their CA.
    pub(super) fn not_in_ledger(&self) -> Option<(&[SerialNumber], &str)> {
        match self {
            Self::NotInLedger { serials, issuer } => Some((serials, issuer)),
            _ => None,
        }
    }
}

/// What a job has issued.
fn of_job(view: &View, id: JobId, findings: &mut Vec<Finding>) -> Result<Parts> {
    let unknown = || {
        let error = Code::UnknownJob.error(format!("the ledger has no job {id}")).because("nothing was revoked");
        error.fix("`tbpki fleet jobs` shows the jobs")
    };
    let job = view.job(id)?.ok_or_else(unknown)?;
    if !job.done {
        let issued = view.count(&Filter { job: Some(id), ..Filter::default() })?;
        let waiting = job.size.saturating_sub(issued);
        let (names, are) = (counted(waiting, "name", "names"), if waiting == 1 { "is" } else { "are" });
        findings.push(
            Code::JobNotFinished
                .warning(format!("{names} of job {id} {are} not issued yet"))
                .because("what a resumed run issues is not revoked")
                .fix(format!("run `tbpki fleet cancel {id}`, then the same command again")),
        );
    }
    Ok(Parts::Shards { shards: (0..job.shards).map(|shard| (id, shard)).collect(), host: None })
}

/// What a station has issued.
fn of_station(view: &View, station: &str, now: OffsetDateTime) -> Result<Parts> {
    let shards = view.shards_of_station(station)?;
    let of_host = Filter { station: Some(station.to_owned()), ..Filter::default() };
    // CAs have a verb of their own: to revoke one because its host is lost would put the whole fleet out.
    let mut others = view.list(&of_host).filter(|entry| !matches!(entry, Ok(entry) if entry.key.kind == Kind::Ca));
    if shards.is_empty() && others.next().transpose()?.is_none() {
        let error = Code::UnknownIdentity
            .error(format!("the ledger has nothing that a station {} has issued", quote(station)))
            .item(station);
        return Err(match view.of_unknown_stations(now)? {
            0 => error
                .because("nothing was revoked")
                .fix("name the station by its host name, as `hostname` prints it there"),
            count => error
                .because(format!(
                    "nothing was revoked; {} can be of this station, because {WITHOUT_STATION}",
                    counted(count, "certificate", "certificates")
                ))
                .fix("revoke those of the station with `tbpki revoke --job N`, or by their names"),
        });
    }
    Ok(Parts::Shards { shards, host: Some(station.to_owned()) })
}

/// The devices that a file names.
fn of_list(
    view: &View,
    path: &Path,
    names: &[(usize, DeviceName)],
    accepted: OffsetDateTime,
    enrolling: &[String],
) -> Result<Vec<Entry>> {
    let found = find(view, Kind::Device, names.iter().map(|(_, name)| name.as_str()), accepted, enrolling)?;
    // In the order of the file, and each with its line.
    let mut missing = names.iter().filter(|(_, name)| found.missing.contains(name.as_str())).peekable();
    let Some((line, _)) = missing.peek() else { return Ok(found.entries) };
    let position = *line;
    let missing: Vec<String> = missing.map(|(line, name)| format!("{} (line {line})", quote(name.as_str()))).collect();
    Err(unknown(Kind::Device, &missing).at(path).position(position, 1))
}

fn of_names<'a>(
    view: &View,
    kind: Kind,
    names: impl Iterator<Item = &'a str>,
    accepted: OffsetDateTime,
    enrolling: &[String],
) -> Result<Vec<Entry>> {
    let found = find(view, kind, names, accepted, enrolling)?;
    // All or nothing: a list with a typing error in it was perhaps not the list that was meant.
    if found.missing.is_empty() {
        return Ok(found.entries);
    }
    let missing: Vec<String> = found.missing.iter().map(|name| quote(name).to_string()).collect();
    Err(unknown(kind, &missing))
}

/// The generations of names, and the names that the ledger does not have.
struct Found {
    entries: Vec<Entry>,
    missing: BTreeSet<String>,
}

/// Finds names. Those of `enrolling` need no certificate: what would lead to one is taken back.
fn find<'a>(
    view: &View,
    kind: Kind,
    names: impl Iterator<Item = &'a str>,
    accepted: OffsetDateTime,
    enrolling: &[String],
) -> Result<Found> {
    let enrolling: BTreeSet<&str> = enrolling.iter().map(String::as_str).collect();
    // A name twice in a list is one device, and is reported once.
    let names: BTreeSet<&str> = names.collect();
    let (mut entries, mut missing) = (Vec::new(), BTreeSet::new());
    for name in names {
        let issued = view.history(kind, name)?.into_iter().filter(|entry| entry.fingerprint.is_some());
        // A void row never had a certificate in the field, but its serial number is used up.
        let issued: Vec<Entry> = issued.filter(|entry| entry.role != Role::Void).collect();
        let Some(last) = issued.last().cloned() else {
            if !enrolling.contains(name) {
                missing.insert(name.to_owned());
            }
            continue;
        };
        let valid: Vec<Entry> = issued.into_iter().filter(|entry| can_be_revoked(entry, accepted)).collect();
        // Nothing is left to revoke. The last generation is reported, so that the name is not missing in the report.
        if valid.is_empty() {
            entries.push(last);
        }
        entries.extend(valid);
    }
    Ok(Found { entries, missing })
}

fn by_serials(view: &View, serials: &[SerialNumber], issuer: Option<&str>) -> Result<Vec<Entry>> {
    // A number twice in a list is one certificate.
    let serials: BTreeSet<&SerialNumber> = serials.iter().collect();
    serials.into_iter().map(|serial| by_serial(view, serial, issuer)).collect()
}

fn by_serial(view: &View, serial: &SerialNumber, issuer: Option<&str>) -> Result<Entry> {
    let found = view.by_serial(serial)?.into_iter();
    let mut found = found.filter(|entry| issuer.is_none_or(|issuer| issuer == entry.issuer));
    let none = || {
        Code::UnknownIdentity
            .error(format!("the ledger has no certificate with the serial number {serial}"))
            .because("nothing was revoked")
            .fix(
                "`tbpki list --all --json` shows all serial numbers, and the name of each issuer; if a station with a \
                 ledger of its own has issued it, add --issuer and --not-in-ledger",
            )
    };
    let entry = found.next().ok_or_else(none)?;
    // Serial numbers are unique for one issuer only (RFC 5280, section 4.1.2.2).
    if let Some(other) = found.next() {
        return Err(Code::Usage
            .error(format!(
                "{} and {} have each issued a certificate with this serial number",
                entry.issuer, other.issuer
            ))
            .argument("--serial")
            .fix("name the CA with --issuer"));
    }
    if entry.key.kind == Kind::Ca {
        return Err(Code::Usage
            .error(format!("{} is a CA", entry.key.name))
            .argument("--serial")
            .fix("only devices and servers are revoked by serial number: use --ca for a CA"));
    }
    if entry.fingerprint.is_none() || entry.role == Role::Void {
        return Err(none().because("it was never issued"));
    }
    Ok(entry)
}

/// True if there is something to revoke: it is not revoked, and it is in use or ends after `accepted`
/// ([`accepted_since`]). One in use counts although it has expired: it could be renewed or registered otherwise.
pub(super) fn can_be_revoked(entry: &Entry, accepted: OffsetDateTime) -> bool {
    let is_identity_in_use = entry.role.is_in_use() && entry.key.kind != Kind::Ca;
    entry.role.can_be_revoked() && (is_identity_in_use || entry.not_after > accepted)
}

/// The time after which a certificate must end so that something can accept it now: the service takes expired ones for a
/// while if `[serve] renew_expired` is set.
pub(super) fn accepted_since(config: &Config, now: OffsetDateTime) -> OffsetDateTime {
    let days = config.serve.renew_expired.value.map_or(0, |days| i64::from(days.number()));
    now.saturating_sub(Duration::days(days))
}

/// The devices that a file names, or standard input as `-`, one on each line. Empty lines and lines that begin with `#` are
/// skipped.
///
/// # Errors
/// Those of reading the file, and the line that is wrong.
pub fn listed(path: &Path) -> Result<Targets> {
    Ok(Targets::Listed { path: path.to_owned(), names: lines(path, "name")? })
}

/// The serial numbers in a file, one on each line.
///
/// # Errors
/// Those of reading the file, and the line that is wrong.
pub fn serials(path: &Path) -> Result<Vec<SerialNumber>> {
    Ok(lines(path, "serial number")?.into_iter().map(|(_, serial)| serial).collect())
}

/// What a file has on each line, with the number of the line. Empty lines and lines that begin with `#` are skipped.
fn lines<T: FromStr<Err = Error>>(path: &Path, what: &str) -> Result<Vec<(usize, T)>> {
    let text = match path == Path::new("-") {
        true => file::read_stdin_text(LIMIT)?,
        false => file::read_text(path, LIMIT)?,
    };
    let mut read = Vec::new();
    // Programs of Windows write a byte order mark, as in the lists of `fleet issue --from`.
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        read.push((index + 1, line.parse::<T>().map_err(|error| error.at(path).position(index + 1, 1))?));
    }
    if read.is_empty() {
        let fix = format!("write one {what} on each line");
        return Err(Code::NoNames.error(format!("the list has no {what}s")).at(path).fix(fix));
    }
    Ok(read)
}

/// The error for names that the ledger does not have, each in quotes.
fn unknown(kind: Kind, names: &[String]) -> Error {
    let first: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    let count = names.len();
    let what = if count == 1 {
        format!("the store has no {kind} {}", first.concat())
    } else {
        format!(
            "the store does not hold {count} of the {kind}s: {}{}",
            first.join(", "),
            if count > 10 { ", .." } else { "" }
        )
    };
    Code::UnknownIdentity
        .error(what)
        .because("nothing was revoked")
        .fix("`tbpki list` shows the identities of the store")
}
