//! `tbpki enroll fetch`, and `tbpki renew --est`: hosts without a store.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use enroll::client::{HostReport, HostRequest, Proof};
use fleet::lifecycle::renew::RenewReport;
use identity::lifecycle::hook::Hook;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::passphrase;
use super::renew::hook;
use crate::args::{FetchArgs, HostFileArgs, RenewArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;

/// The result of `tbpki renew`: that of identities of the store, or that of a host. Only its schema is used.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(dead_code, reason = "each verb prints its own report, and the schema describes both")]
#[serde(untagged)]
pub(crate) enum RenewOutput {
    /// With `--est`.
    Host(HostReport),
    /// Without it.
    Store(Box<RenewReport>),
}

pub(crate) fn fetch(args: &FetchArgs, context: &mut Context) -> Result<Exit> {
    let password = passphrase::read_from(&args.password_file, "the one-time password", context)?;
    let proof = Proof::Password { name: args.device.as_str().to_owned(), password, algorithm: args.alg };
    run(&args.est, &args.files, proof, hook(&args.after), false, context)
}

/// Renews the certificate of this host at the server of `--est`.
pub(crate) fn renew(args: &RenewArgs, est: &str, context: &mut Context) -> Result<Exit> {
    // clap requires both with --est.
    let files = HostFileArgs {
        cert: args.cert.clone().unwrap_or_default(),
        key: args.key.clone().unwrap_or_default(),
        cafile: args.cafile.clone(),
        label: args.label.clone(),
    };
    run(est, &files, Proof::Present, hook(&args.after), args.dry_run, context)
}

fn run(
    est: &str,
    files: &HostFileArgs,
    proof: Proof,
    after: Option<Hook>,
    dry_run: bool,
    context: &mut Context,
) -> Result<Exit> {
    let request = HostRequest {
        url: est.to_owned(),
        label: files.label.clone(),
        cafile: files.cafile.clone(),
        cert: files.cert.clone(),
        key: files.key.clone(),
        proof,
        after,
        dry_run,
    };
    let mut report = enroll::client::fetch(&request)?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(if report.open { Exit::Partly } else { Exit::Done })
}

impl Report for HostReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}, expires {}", printable(&self.subject), self.serial, self.expires)?;
        if self.dry_run {
            return writeln!(out, "would be renewed: the server was reached, and the files fit");
        }
        for path in [&self.cert, &self.key] {
            writeln!(out, "  written   {}", printable(&path.to_string_lossy()))?;
        }
        for path in &self.kept {
            writeln!(out, "  kept      {}", printable(&path.to_string_lossy()))?;
        }
        Ok(())
    }
}
