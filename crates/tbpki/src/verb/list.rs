//! `tbpki list`.

mod row;
mod table;

use std::io;

use base::{Code, Result};
use fleet::csv;
use fleet::selection::{Horizon, NameGlob, Selection, job};
use fleet::store;
use ledger::{Kind, State};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::{ListArgs, SelectionArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use row::{CSV_HEAD, ListedIdentity};
use table::Table;

/// What the store holds.
///
/// What is printed has this form, but is never in memory as a whole.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(dead_code, reason = "the schema is made of it, and the rows are printed one by one")]
pub(crate) struct ListReport {
    /// One for each identity, CAs first.
    identities: Vec<ListedIdentity>,
}

pub(crate) fn run(args: &ListArgs, context: &mut Context) -> Result<Exit> {
    let now = OffsetDateTime::now_utc();
    let mut selection = selection(&args.selection, now)?;
    let config = context.config(&Overrides::default())?;
    let home = context.home(&config)?;
    let store = home.dir();
    let view = store::view(&home)?;
    selection.job = args.selection.job.map(|number| job(&view, number)).transpose()?;
    let mut rows = selection.entries(&view).map(|entry| entry.map(|entry| ListedIdentity::of(&entry, store, now)));
    if context.output.is_json() {
        context.output.json_list("identities", rows)?;
    } else if args.csv {
        context.output.stream(|out| {
            csv::write_line(out, CSV_HEAD.map(csv::Cell::from))?;
            rows.try_for_each(|row| Ok(csv::write_line(out, row?.cells())?))
        })?;
    } else if args.ndjson {
        context.output.stream(|out| {
            rows.try_for_each(|row| {
                serde_json::to_writer(&mut *out, &row?).map_err(io::Error::from)?;
                Ok(writeln!(out)?)
            })
        })?;
    } else {
        context.output.stream(|out| Table::print(rows, out))?;
    }
    Ok(Exit::Done)
}

/// What the flags ask for; which job is for the ledger to say.
fn selection(args: &SelectionArgs, now: OffsetDateTime) -> Result<Selection> {
    let kinds = args.kind.iter().map(|text| word("--kind", &Kind::ALL, Kind::as_str, text));
    let states = args.state.iter().map(|text| word("--state", &State::ALL, State::as_str, text));
    let horizon = args.expiring_within.as_deref().map(str::parse::<Horizon>).transpose();
    Ok(Selection {
        kinds: kinds.collect::<Result<_>>()?,
        states: states.collect::<Result<_>>()?,
        name: args.name.as_deref().map(NameGlob::new),
        expiring_before: horizon.map_err(|error| error.item("--expiring-within"))?.map(|horizon| horizon.after(now)),
        unregistered: args.unregistered,
        unbundled: args.unbundled,
        failed: args.failed,
        job: None,
        all_generations: args.all,
    })
}

/// The one of `all` whose word this is.
fn word<T: Copy>(flag: &str, all: &[T], word: impl Fn(T) -> &'static str, text: &str) -> Result<T> {
    all.iter().copied().find(|one| word(*one) == text.trim()).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        Code::Usage.error(format!("there is no {text:?} here")).item(flag).fix(format!("use {}", words.join(", ")))
    })
}
