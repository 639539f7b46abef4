//! `tbpki ca`: the station bundle of a CA, replacing a CA, and the passphrases of CA keys.

pub(crate) mod passphrase;
pub(crate) mod rollover;

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Result, Secret};
use identity::station_bundle::{StationBundleReport, StationBundleRequest, StationKey, export_devices};

use super::identity::report::write_files;
use super::passphrase as secret;
use crate::args::{CaExportArgs, ExportedCa};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn export(args: &CaExportArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    let config = context.config(&overrides)?;
    // Read first, because standard input can be read only once.
    let given = match &args.passphrase_file {
        Some(path) => Some(secret::check_length(
            secret::read_from(path, "the passphrase of the station bundle", context)?,
            "the station bundle",
        )?),
        None => None,
    };
    let prompter = context.prompter;
    let mut passphrase = || -> Result<Secret> {
        if let Some(secret) = &given {
            return Ok(secret.clone());
        }
        match prompter.new_passphrase("passphrase of the station bundle", secret::SHORTEST, "--passphrase-file FILE")? {
            Some(secret) => secret::check_length(secret, "the station bundle"),
            None => Err(Code::NeedsAnswer
                .error("the key in a station bundle must be encrypted")
                .because("anyone who copies the station bundle could issue devices")
                .fix("use --passphrase-file FILE")),
        }
    };
    let request = StationBundleRequest { out: args.out.clone(), force: args.force, dry_run: args.dry_run };
    let mut report = context.in_workspace(&config, |workspace| match args.ca {
        ExportedCa::Devices => export_devices(workspace, &request, &mut passphrase),
    })?;
    if given.is_some() && report.key == StationKey::Token {
        context.output.say("the passphrase was not used: the key is in its token");
    }
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for StationBundleReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "station bundle: {}", printable(&self.station_bundle.to_string_lossy()))?;
        writeln!(out, "  issuing CA      {}", printable(&self.certificate.subject))?;
        writeln!(out, "  fingerprint     {}", self.certificate.fingerprint)?;
        match (self.key, &self.key_uri) {
            (StationKey::Token, Some(uri)) => writeln!(out, "  key             {uri}")?,
            (StationKey::Token, None) => writeln!(out, "  key             in a token")?,
            (StationKey::Encrypted, _) => {
                writeln!(out, "  key             encrypted with the passphrase of the station bundle")?;
            }
        }
        write_files(out, &self.files)?;
        writeln!(out, "next: copy the directory to the station, and run `tbpki client` or `tbpki fleet` in it")
    }
}
