//! `tbpki import`.

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Error, Result};
use config::HostName;
use fleet::lifecycle::upkeep::import::{ImportOutcome, ImportReport, ImportRequest, import};

use crate::args::ImportArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::imported_secrets::{ImportedSecrets, Source};

pub(crate) fn run(args: &ImportArgs, context: &mut Context) -> Result<Exit> {
    if args.name.is_some() && args.cert.len() != 1 {
        return Err(Code::Usage
            .error("--name gives one device or server its name")
            .argument("--name")
            .fix("name one certificate with --cert"));
    }
    let config = context.config(&Overrides::default())?;
    let secrets = ImportedSecrets::read(
        Source {
            file: args.passphrase_file.as_deref(),
            what: "passphrase of the key or keystore",
            option: "--passphrase-file FILE",
        },
        Source {
            file: args.key_passphrase_file.as_deref(),
            what: "password of the private key in the keystore",
            option: "--key-passphrase-file FILE",
        },
        context,
    )?;
    let mut ask = |which, again| secrets.fetch(which, again);
    // The argument is a name of a device, whose rules are wider than those of a host name.
    let name = match (&args.name, args.server) {
        (Some(name), true) => {
            let host: HostName = name.as_str().parse().map_err(|error: Error| error.argument("--name"))?;
            Some(host.to_string())
        }
        (name, _) => name.as_ref().map(ToString::to_string),
    };
    let request = ImportRequest {
        servers: args.server,
        certs: args.cert.clone(),
        dir: args.dir.clone(),
        keys: args.key.clone(),
        name,
        dry_run: args.dry_run,
    };
    let mut report = context.in_workspace(&config, |workspace| import(workspace, &request, &mut ask))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for ImportReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for device in &self.imported {
            let done = match device.done {
                ImportOutcome::Imported => "imported",
                ImportOutcome::Unchanged => "is in the ledger already",
                ImportOutcome::Planned => "would be imported",
            };
            let (kind, name, end) = (&device.kind, printable(&device.name), &device.not_after);
            let mark = if device.expired { ", EXPIRED" } else { "" };
            let key = if device.key { ", with its key" } else { "" };
            writeln!(out, "{kind} {name}: {done}{key}; expires {end}{mark}")?;
            writeln!(out, "  issuer  {}", printable(&device.issuer))?;
        }
        for skipped in &self.skipped {
            let file = skipped.file.to_string_lossy();
            writeln!(out, "skipped {}: {}", printable(&file), printable(&skipped.why))?;
        }
        if self.dry_run {
            return Ok(());
        }
        if self.imported.iter().any(|one| one.kind == "server") {
            return writeln!(out, "next: `tbpki renew --server` renews them");
        }
        writeln!(out, "next: `tbpki register` compares the devices with the platform; `tbpki renew` renews them")
    }
}
