//! `tbpki crl`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::lifecycle::upkeep::repair::listed_revocations::take_over_listed;
use identity::lifecycle::revocation_lists::{self, RevocationListsReport};

use super::super::identity::report::write_files;
use crate::args::CrlArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &CrlArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.lists(&args.lists);
    let config = context.config(&overrides)?;
    let mut report = context.in_workspace(&config, |workspace| {
        store::check_exists(workspace.store_dir())?;
        revocation_lists::check_written_here(workspace)?;
        let mut store = workspace.open_restored_store("crl")?;
        if !args.dry_run {
            take_over_listed(workspace, &mut store)?;
        }
        let mut report = revocation_lists::write_scheduled(workspace, &mut store, args.dry_run)?;
        // The program of `[crl] after` may call a verb that needs the store.
        drop(store);
        revocation_lists::run_hook(workspace, &mut report);
        Ok(report)
    })?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(if report.hook_failed || !report.unmade.is_empty() { Exit::Partly } else { Exit::Done })
}

impl Report for RevocationListsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for list in &self.lists {
            let is_one = self.lists.iter().filter(|other| other.ca == list.ca).count() == 1;
            let generation = if is_one { String::new() } else { format!(", generation {}", list.generation) };
            let name = format!("{}{generation}", printable(&list.ca));
            write!(out, "{name:<24}  {} revoked", list.revoked)?;
            if let Some(next) = &list.next_update {
                write!(out, ", next list by {next}")?;
            }
            let is_unmade = self.unmade.iter().any(|one| one.ca == list.ca && one.generation == list.generation);
            let kept = match (list.kept, is_unmade) {
                (false, _) => "",
                (true, false) => " (kept: the key is elsewhere)",
                (true, true) => " (kept: no list could be made)",
            };
            writeln!(out, "{kept}")?;
        }
        write_files(out, &self.files)?;
        // After an error of the program, the findings tell the next step.
        if self.dry_run || self.hook_failed {
            return Ok(());
        }
        if self.hook_done {
            return writeln!(out, "the program of `[crl] after` has run");
        }
        writeln!(out, "next: make the broker read the file, for example `systemctl reload mosquitto`")
    }
}
