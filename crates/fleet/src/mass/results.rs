//! A line for each device of a job: as CSV for people and spreadsheets, as NDJSON for programs.

use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use base::csv_writer::{Cell, CsvWriter};
use base::file::{self, BulkDir};
use base::{Code, Error, Result, digest};
use ledger::{Entry, Filter, Job, JobId, Kind, View};
use serde::Serialize;

use crate::names::has_misplaced_quotes;

/// The columns.
const COLUMNS: &str = "name,state,serial,fingerprint,credentials_id,error,job";
/// The same in version 0.1.0, whose lines did not name the job.
const COLUMNS_0_1_0: &str = "name,state,serial,fingerprint,credentials_id,error";

/// A device, as a line of NDJSON.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    state: &'a str,
    serial: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The random identifier of the job: its number is that of other jobs in other stores.
    job: &'a str,
}

/// Fails where `dir` holds results of a job of the same number in another store.
///
/// # Errors
/// [`Code::PlaceTaken`], and those of the ledger and of the disk.
pub(crate) fn check_is_free(view: &View, job: &Job, dir: &Path) -> Result<()> {
    let [table, _] = names(job.id);
    let path = dir.join(table);
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if is_of(view, job, &head(&path)?)? { Ok(()) } else { Err(taken(job.id, &path)) }
}

/// The beginning of a file of results.
fn head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    file::stream(path)?
        // Bounded: any large file may have this name.
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| Code::FileUnreadable.error("these results cannot be read").at(path).caused_by(error))?;
    Ok(head)
}

fn taken(job: JobId, path: &Path) -> Error {
    Code::PlaceTaken
        .error(format!("these results are not of job {job} of this store"))
        .at(path)
        .fix("name another directory, or move the file away")
}

/// Fails if `dir` has other files in the place of the results of the next job of a ledger. When that job is staged, its names
/// are reserved already. Writes nothing.
///
/// # Errors
/// [`Code::PlaceTaken`], and those of the ledger and of the disk.
pub(crate) fn check_new(view: &View, dir: &Path) -> Result<()> {
    let next = JobId::new(view.jobs()?.last().map_or(1, |job| job.id.number() + 1));
    let [table, lines] = names(next).map(|name| dir.join(name));
    let is_file = |path: &Path| path.symlink_metadata().map_or(true, |there| there.is_file());
    if let Some(path) = [&table, &lines].into_iter().find(|path| !is_file(path)) {
        return Err(taken(next, path));
    }
    if table.symlink_metadata().is_ok() && !is_empty(&head(&table)?) {
        return Err(taken(next, &table));
    }
    Ok(())
}

/// Makes the directory for the results of a job, before the work of hours whose results it is for.
///
/// # Errors
/// Those of [`check_is_free`], and [`Code::FileUnwritable`].
pub(crate) fn prepare(view: &View, job: &Job, dir: &Path) -> Result<()> {
    check_is_free(view, job, dir)?;
    file::create_writable_dir(dir)
}

/// Bytes of a file of results that are read to tell whose it is: its first two lines are shorter.
const HEAD: u64 = 64 << 10;

/// True for a file of results without devices: it holds nothing to lose.
fn is_empty(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let columns = lines.next();
    columns.is_some_and(|line| [COLUMNS, COLUMNS_0_1_0].iter().any(|known| known.as_bytes() == line))
        && lines.next().is_none()
}

/// True if a file of results is of this job, judged by its first device. A file without devices holds nothing to lose.
fn is_of(view: &View, job: &Job, head: &[u8]) -> Result<bool> {
    // The csv crate would read a malformed file without an error and might find the columns in it.
    if has_misplaced_quotes(head) {
        return Ok(false);
    }
    let mut reader = csv::Reader::from_reader(head);
    let Ok(columns) = reader.headers().map(|columns| columns.iter().collect::<Vec<_>>().join(",")) else {
        return Ok(false);
    };
    let mut records = reader.records();
    let first = match records.next() {
        None => return Ok(columns == COLUMNS || columns == COLUMNS_0_1_0),
        Some(Err(_)) => return Ok(false),
        Some(Ok(first)) => first,
    };
    if columns == COLUMNS {
        return Ok(first.get(6) == Some(job.uid.to_string().as_str()));
    }
    let (Some(name), Some(serial), true) = (first.get(0), first.get(2), columns == COLUMNS_0_1_0) else {
        return Ok(false);
    };
    // A cell that a spreadsheet could take for a formula has an apostrophe in front: `CsvWriter` writes it.
    let names = [Some(name), name.strip_prefix('\'')];
    for name in names.into_iter().flatten() {
        let known = view.history(Kind::Device, name)?;
        if known.iter().any(|entry| entry.serial.to_string() == serial && entry.job.is_some_and(|(of, _)| of == job.id))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn names(job: JobId) -> [String; 2] {
    // The number of the job keeps the results of several jobs in one directory apart.
    ["csv", "ndjson"].map(|extension| format!("job-{job}.{extension}"))
}

/// Writes `job-N.csv` and `job-N.ndjson` into `dir`, in place of those of an earlier run.
///
/// # Errors
/// Those of [`check_is_free`].
pub(crate) fn write(view: &View, job: &Job, dir: &Path) -> Result<Vec<PathBuf>> {
    check_is_free(view, job, dir)?;
    file::create_dir(dir)?;
    let out = BulkDir::open(dir)?;
    let names = names(job.id);
    let uid = job.uid.to_string();
    let partial = names.clone().map(|name| format!(".partial-{name}"));
    // Leftovers of a killed run.
    partial.iter().try_for_each(|name| out.remove(name))?;
    let failed =
        |error: std::io::Error| Code::FileUnwritable.error("the results cannot be written").at(dir).caused_by(error);
    let [csv_name, json_name] = &partial;
    let mut table = CsvWriter::new(out.create(csv_name)?);
    let mut lines = BufWriter::new(out.create(json_name)?);
    table.line(COLUMNS.split(',').map(Cell::from)).map_err(failed)?;
    // The latest generation of each name: older ones are history.
    let filter = Filter { kind: Some(Kind::Device), job: Some(job.id), latest_only: true, ..Filter::default() };
    for entry in view.list(&filter) {
        let entry = entry?;
        let line = line(&entry, &uid);
        table.line(cells(&line)).map_err(failed)?;
        serde_json::to_writer(&mut lines, &line).map_err(|error| failed(error.into()))?;
        lines.write_all(b"\n").map_err(failed)?;
    }
    // Data before names: a name must never lead to an incomplete file.
    let lines = lines.into_inner().map_err(|error| failed(error.into_error()))?;
    for file in [table.finish().map_err(failed)?, lines] {
        file.sync_all().map_err(failed)?;
    }
    for (partial, name) in partial.iter().zip(&names) {
        // They follow from the ledger: those of an earlier run are out of date.
        out.remove(name)?;
        out.publish(partial, &out, name)?;
    }
    out.sync_names()?;
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

fn line<'a>(entry: &'a Entry, job: &'a str) -> Line<'a> {
    Line {
        name: &entry.key.name,
        state: entry.state.as_str(),
        serial: entry.serial.to_string(),
        fingerprint: entry.fingerprint.map(|fingerprint| digest::hex(&fingerprint)),
        credentials_id: entry.credentials_id.as_deref(),
        error: entry.last_error.as_deref(),
        job,
    }
}

fn cells<'a>(line: &'a Line<'a>) -> [Cell<'a>; 7] {
    [
        line.name.into(),
        line.state.into(),
        (&line.serial).into(),
        line.fingerprint.as_deref().into(),
        line.credentials_id.into(),
        line.error.into(),
        line.job.into(),
    ]
}
