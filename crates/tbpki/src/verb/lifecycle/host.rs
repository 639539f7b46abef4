//! `tbpki enroll fetch`, and `tbpki renew --est`: hosts without a store.

use std::io::{self, Write};
use std::path::Path;

use base::text::printable;
use base::{Code, Result};
use enroll::client::{HostReport, HostRequest, Proof};
use fleet::lifecycle::renew::RenewReport;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::passphrase;
use super::super::passphrase::token_pin::Pins;
use super::renew::hook;
use crate::args::{FetchArgs, RenewArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;

/// The result of `tbpki renew`: that of identities of the store, or that of a host. Only its schema is used.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(dead_code, reason = "each verb prints its own report, and the schema describes both")]
#[serde(untagged)]
pub(crate) enum RenewOutput {
    /// With `--est`.
    Host(Box<HostReport>),
    /// Without it.
    Store(Box<RenewReport>),
}

pub(crate) fn fetch(args: &FetchArgs, context: &mut Context) -> Result<Exit> {
    let (name, algorithm) = (args.device.as_str().to_owned(), args.alg);
    let proof = match (&args.password_file, &args.with_cert, &args.with_key) {
        (Some(file), ..) => {
            let password = passphrase::read_from(file, "the one-time password", context)?;
            Proof::Password { name, password, algorithm }
        }
        (None, Some(cert), Some(key)) => {
            Proof::Certificate { name, cert: cert.clone(), key: Box::new(key.clone()), algorithm }
        }
        // clap requires one of them.
        (None, ..) => {
            return Err(Code::Usage.error("nothing proves the name").fix("use --password-file or --with-cert"));
        }
    };
    let request = HostRequest {
        url: args.est.clone(),
        label: args.files.label.clone(),
        cafile: args.files.cafile.clone(),
        cert: args.files.cert.clone(),
        key: args.files.key.clone(),
        same_key: args.existing_key,
        proof,
        after: hook(&args.after),
        keep: usize::from(u8::MAX),
        dry_run: false,
    };
    run(&request, args.files.pin_file.as_deref(), context)
}

/// Renews the certificate of this host at the server of `--est`.
pub(crate) fn renew(args: &RenewArgs, est: &str, context: &mut Context) -> Result<Exit> {
    let (Some(cert), Some(key)) = (&args.cert, &args.key) else {
        // clap requires both with --est.
        return Err(Code::Usage.error("no certificate or no key").fix("use --cert and --key"));
    };
    let request = HostRequest {
        url: est.to_owned(),
        label: args.label.clone(),
        cafile: args.cafile.clone(),
        cert: cert.clone(),
        key: key.clone(),
        same_key: args.same_key,
        proof: Proof::Present,
        after: hook(&args.after),
        keep: usize::from(args.keep),
        dry_run: args.dry_run,
    };
    run(&request, args.pin_file.as_deref(), context)
}

fn run(request: &HostRequest, pin_file: Option<&Path>, context: &mut Context) -> Result<Exit> {
    let mut pins = Pins::new(pin_file);
    let mut report = enroll::client::fetch(request, &mut |source| pins.get(source, context))?;
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
        let what = if self.written { "written " } else { "in place" };
        for path in [&self.cert, &self.key] {
            writeln!(out, "  {what}  {}", printable(&path.to_string_lossy()))?;
        }
        for path in &self.kept {
            writeln!(out, "  kept      {}", printable(&path.to_string_lossy()))?;
        }
        let keys = self.key_uri.iter().map(|uri| ("key      ", uri));
        let removed = self.removed_keys.iter().map(|uri| ("removed  ", uri));
        let earlier = self.earlier_keys.iter().map(|uri| ("in token ", uri));
        for (what, uri) in keys.chain(removed).chain(earlier) {
            writeln!(out, "  {what} {}", printable(uri))?;
        }
        Ok(())
    }
}
