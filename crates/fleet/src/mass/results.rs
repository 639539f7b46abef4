//! A line for each device of a job: as CSV for people and spreadsheets, as NDJSON for programs.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use base::file::{self, Bulk};
use base::{Code, Result, digest};
use ledger::{Entry, Filter, JobId, Kind, View};
use serde::Serialize;

use crate::csv;

/// The columns.
const COLUMNS: &str = "name,state,serial,fingerprint,credentials_id,error";

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
}

/// Writes `job-N.csv` and `job-N.ndjson` into `dir`, in place of those of an earlier run.
///
/// # Errors
/// Those of the ledger and of the disk.
pub(crate) fn write(view: &View, job: JobId, dir: &Path) -> Result<Vec<PathBuf>> {
    file::create_dir(dir)?;
    let out = Bulk::open(dir)?;
    let names = ["csv", "ndjson"].map(|extension| format!("job-{job}.{extension}"));
    let partial = names.clone().map(|name| format!(".partial-{name}"));
    partial.iter().try_for_each(|name| out.remove(name))?;
    let failed =
        |error: std::io::Error| Code::FileUnwritable.error("the results cannot be written").at(dir).because(error);
    let [csv_name, json_name] = &partial;
    let mut table = BufWriter::new(out.create(csv_name)?);
    let mut lines = BufWriter::new(out.create(json_name)?);
    writeln!(table, "{COLUMNS}").map_err(failed)?;
    let filter = Filter { kind: Some(Kind::Device), job: Some(job), current_only: true, ..Filter::default() };
    let mut row = String::new();
    for entry in view.list(&filter) {
        let entry = entry?;
        row.clear();
        fields(&entry, &mut row);
        table.write_all(row.as_bytes()).map_err(failed)?;
        let line = line(&entry);
        serde_json::to_writer(&mut lines, &line).map_err(|error| failed(error.into()))?;
        lines.write_all(b"\n").map_err(failed)?;
    }
    for mut file in [table, lines] {
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
    }
    for (partial, name) in partial.iter().zip(&names) {
        // They follow from the ledger: those of an earlier run are out of date.
        out.remove(name)?;
        out.publish(partial, &out, name)?;
    }
    out.sync_names()?;
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

fn line(entry: &Entry) -> Line<'_> {
    Line {
        name: &entry.key.name,
        state: entry.state.as_str(),
        serial: entry.serial.to_string(),
        fingerprint: entry.fingerprint.map(|fingerprint| digest::hex(&fingerprint)),
        credentials_id: entry.credentials_id.as_deref(),
        error: entry.last_error.as_deref(),
    }
}

fn fields(entry: &Entry, to: &mut String) {
    let Line { name, state, serial, fingerprint, credentials_id, error } = line(entry);
    let fields = [
        name,
        state,
        &serial,
        fingerprint.as_deref().unwrap_or_default(),
        credentials_id.unwrap_or_default(),
        error.unwrap_or_default(),
    ];
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            to.push(',');
        }
        to.push_str(&csv::quoted(field));
    }
    to.push('\n');
}
