//! `tbpki list`.

use std::io::{self, Write};

use fleet::report::rfc3339;
use fleet::store;
use ledger::{Entry, Filter, Kind};
use pki::text::printable;
use pki::{Code, Result};
use schemars::JsonSchema;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::args::ListArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// What the store holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListReport {
    /// One for each identity, CAs first.
    pub(crate) identities: Vec<ListedIdentity>,
}

/// One identity.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedIdentity {
    /// `ca`, `server` or `device`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Which issue of this name it is, from 1.
    pub(crate) generation: u32,
    /// `intended`, `issued`, `registered`, `bundled`, `void` or `revoked`.
    pub(crate) state: &'static str,
    /// The key algorithm.
    pub(crate) algorithm: String,
    /// Who issued it.
    pub(crate) issuer: String,
    /// The serial number in hexadecimal.
    pub(crate) serial: String,
    /// The last second at which it holds (RFC 3339, UTC).
    pub(crate) not_after: String,
    /// Whole days until then; negative when it is over.
    pub(crate) days_left: i64,
    /// ThingsBoard's credentials id, of devices and servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_id: Option<String>,
    /// What went wrong with the next step, or why it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
}

pub(crate) fn run(args: &ListArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let view = store::view(&context.home(&config)?)?;
    let now = OffsetDateTime::now_utc();
    let kinds = args.kind.iter().map(|text| kind(text)).collect::<Result<Vec<_>>>()?;
    let kinds = if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds };
    let mut identities = Vec::new();
    for kind in kinds {
        let filter = Filter {
            kind: Some(kind),
            expiring_before: args.expiring.map(|days| now + Duration::days(i64::from(days))),
            current_only: !args.all,
            ..Filter::default()
        };
        for entry in view.list(&filter) {
            identities.push(listed(&entry?, now));
        }
    }
    context.output.result(&ListReport { identities })?;
    Ok(Exit::Done)
}

fn kind(text: &str) -> Result<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text.trim())
        .ok_or_else(|| Code::Usage.error(format!("there is no kind {text:?}")).fix("use ca, server or device"))
}

fn listed(entry: &Entry, now: OffsetDateTime) -> ListedIdentity {
    ListedIdentity {
        kind: entry.key.kind.as_str(),
        name: entry.key.name.clone(),
        generation: entry.generation().number(),
        state: entry.state.as_str(),
        algorithm: entry.algorithm.clone(),
        issuer: entry.issuer.clone(),
        serial: entry.serial.to_string(),
        not_after: rfc3339(entry.not_after),
        days_left: (entry.not_after - now).whole_days(),
        credentials_id: entry.credentials_id.clone(),
        last_error: entry.last_error.clone(),
    }
}

impl Report for ListReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.identities.iter().map(|identity| {
            [
                identity.kind.to_owned(),
                printable(&identity.name).to_string(),
                identity.generation.to_string(),
                identity.state.to_owned(),
                identity.algorithm.clone(),
                identity.not_after.get(..10).unwrap_or(&identity.not_after).to_owned(),
                identity.days_left.to_string(),
                identity.issuer.clone(),
            ]
        });
        let head = ["KIND", "NAME", "ISSUE", "STATE", "KEY", "ENDS", "DAYS", "ISSUER"].map(str::to_owned);
        let table: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
        let widths: Vec<usize> = (0..8)
            .map(|column| {
                table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &table {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(out, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}
