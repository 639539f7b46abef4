//! `tbpki ca passphrase`.

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Result, Secret};
use identity::lifecycle::ca_passphrase::{CaPassphraseReport, CaPassphraseRequest, KeyChange, change};
use identity::lifecycle::rollover;

use super::super::passphrase as secret;
use crate::args::ChangePassphraseArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The keys, in messages.
const WHOSE: &str = "the CA keys";

pub(crate) fn run(args: &ChangePassphraseArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    let config = context.config(&overrides)?;
    // Read before the prompts, so that a file that is missing is found first.
    let given = match &args.new_passphrase_file {
        Some(path) => {
            Some(secret::check_length(secret::read_from(path, "the new passphrase of the CA keys", context)?, WHOSE)?)
        }
        None => None,
    };
    let prompter = context.prompter;
    let mut passphrase = || -> Result<Option<Secret>> {
        if args.insecure_no_passphrase || given.is_some() {
            return Ok(given.clone());
        }
        let flag = "--new-passphrase-file FILE or --insecure-no-passphrase";
        match prompter.new_passphrase("new passphrase of the CA keys", secret::SHORTEST, flag)? {
            Some(new) => secret::check_length(new, WHOSE).map(Some),
            None => Err(Code::NeedsAnswer
                .error("the new passphrase is empty")
                .fix("use --insecure-no-passphrase to store the keys without a passphrase")),
        }
    };
    let mut report = context.in_workspace(&config, |workspace| {
        store::check_exists(workspace.store_dir())?;
        let view = workspace.view()?;
        let cas = args.ca.iter().map(|name| rollover::named(&view, name)).collect::<Result<_>>()?;
        drop(view);
        change(workspace, &CaPassphraseRequest { cas, new: given.clone(), dry_run: args.dry_run }, &mut passphrase)
    })?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for CaPassphraseReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for key in &self.keys {
            let done = match key.done {
                KeyChange::Encrypted => "encrypted with the new passphrase",
                KeyChange::Decrypted => "stored without a passphrase",
                KeyChange::Unchanged => "has no passphrase",
                KeyChange::Planned => "would be changed",
            };
            writeln!(out, "{}, generation {}: {done}", printable(&key.ca), key.generation)?;
        }
        if self.dry_run {
            return Ok(());
        }
        writeln!(
            out,
            "next: bring the new passphrase to where later commands read it (`[ca] passphrase` in keygen.toml); earlier \
             backups keep the earlier passphrase"
        )
    }
}
