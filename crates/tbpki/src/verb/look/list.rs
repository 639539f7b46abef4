//! `tbpki list`.

mod row;
mod table;

use std::cell::Cell;
use std::io;

use base::Result;
use base::csv_writer::{self, CsvWriter};
use base::timestamp::rfc3339;
use config::Config;
use fleet::lifecycle::renew::RenewalStatus;
use fleet::selection::{NameGlob, Selection, job};
use identity::lifecycle::published_lists;
use identity::lifecycle::renew::RenewalRule;
use identity::lifecycle::rollover;
use ledger::{Entry, Kind};
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::Ca;
use time::OffsetDateTime;

use crate::args::{ListArgs, SelectionArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use row::{CSV_HEAD, ListedIdentity, ListedPlatform};
use table::ListTable;

/// The identities of the store. The list is printed row by row, and is never in memory as a whole.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is generated from it")]
pub(crate) struct IdentitiesReport {
    /// The identities, CAs first.
    identities: Vec<ListedIdentity>,
}

pub(crate) fn run(args: &ListArgs, context: &mut Context) -> Result<Exit> {
    let now = OffsetDateTime::now_utc();
    let mut selection = selection(&args.selection, args.word.as_deref(), now);
    let config = context.config(&Overrides::default())?;
    let location = context.store_location(&config)?;
    let store = location.dir();
    let view = store::view(&location)?;
    selection.job = args.selection.job.map(|number| job(&view, number)).transpose()?;
    // Before the rows: a list of a million devices would carry them out of sight.
    context.output.findings(published_lists::warnings(&config, store, &view, now));
    let rule = RenewalRule::of(&config);
    let status = RenewalStatus::of(&view)?;
    let count = Cell::new(0_u64);
    let all = selection.all_generations;
    let row = |entry: Entry| {
        let platforms = ListedPlatform::of(&view, &entry)?;
        let mut listed = ListedIdentity::of(&entry, store, &status, rule, all, platforms, now);
        listed.shortens_from = shortens_from(&config, &entry);
        Ok(listed)
    };
    let with_certificate = selection.entries(&view).map(|entry| entry.and_then(row));
    let with_token = if selection.includes_tokens() { store::token_devices(&location, &view)? } else { Vec::new() };
    let with_token = with_token.into_iter().filter(|name| selection.includes_name(name)).map(ListedIdentity::of_token);
    // Counted while they pass: the rows are consumed by the output, and the exit status depends on their number.
    let mut rows = with_certificate.chain(with_token.map(Ok)).inspect(|_| count.set(count.get() + 1));
    if context.output.is_json() {
        context.output.json_list("identities", rows)?;
    } else if args.csv {
        context.output.stream(|out| {
            let mut table = CsvWriter::new(out);
            table.line(CSV_HEAD.map(csv_writer::Cell::from))?;
            for row in rows.by_ref() {
                table.line(row?.cells())?;
            }
            table.finish()?;
            Ok(())
        })?;
    } else if args.ndjson {
        context.output.stream(|out| {
            rows.try_for_each(|row| {
                serde_json::to_writer(&mut *out, &row?).map_err(io::Error::from)?;
                Ok(writeln!(out)?)
            })
        })?;
    } else {
        context.output.stream(|out| ListTable::print(rows, out))?;
    }
    Ok(if args.exit_status && count.get() > 0 { Exit::FaultFound } else { Exit::Done })
}

/// The time from which on a CA in use issues certificates that end earlier than configured.
fn shortens_from(config: &Config, entry: &Entry) -> Option<String> {
    let ca = Ca::named(&entry.key.name).filter(|_| entry.key.kind == Kind::Ca && entry.role.is_in_use())?;
    Some(rfc3339(rollover::shortens_from(config, &ca, entry)))
}

/// The conditions of the flags, except the job, which must be looked up in the ledger. `word` is the name without a flag.
fn selection(args: &SelectionArgs, word: Option<&str>, now: OffsetDateTime) -> Selection {
    Selection {
        kinds: args.kind.clone(),
        states: args.state.clone(),
        name: args.name.as_deref().or(word).map(NameGlob::new),
        expiring_before: args.expiring_within.map(|horizon| horizon.after(now)),
        unregistered: args.unregistered,
        unbundled: args.unbundled,
        failed: args.failed,
        job: None,
        pending: args.pending,
        all_generations: args.all,
    }
}
