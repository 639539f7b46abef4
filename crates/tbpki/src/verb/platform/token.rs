//! `tbpki token`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::token::{TokenReport, TokenRequest, token};

use crate::args::TokenArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::identity_report::write_files;
use crate::verb::passphrase;
use crate::verb::platform::{create, done};

pub(crate) fn run(args: &TokenArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    overrides.create(&args.create_as);
    let config = context.config(&overrides)?;
    let set = match &args.set_file {
        Some(path) => Some(passphrase::read_from(path, "the access token", context)?),
        None => None,
    };
    let request = TokenRequest {
        device: args.device.name()?.clone(),
        set,
        replace: args.replace,
        create: args.create.then(|| create(&args.create_as, &config)),
        dry_run: args.dry_run,
    };
    let mut report = context.in_workspace(&config, |workspace| token(workspace, &request))?;
    if args.show {
        // Only on request: the output of a script often ends in a log that others read.
        report.token = report.secret.as_ref().map(|secret| secret.reveal().to_owned());
    }
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for TokenReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        // Only the token, so that a script can use the output directly.
        if let Some(token) = &self.token {
            return writeln!(out, "{token}");
        }
        writeln!(out, "device {} {}", printable(&self.name), done(self.done, false))?;
        write_files(out, &self.files)
    }
}
