//! `tbpki token`.

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Error, Result, ShownSecret};
use fleet::token::{TokenReport, TokenRequest, check_token, token};

use crate::args::TokenArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::each_device::each_device_of_platform;
use crate::verb::identity::report::write_files;
use crate::verb::passphrase;
use crate::verb::platform::{create, done};

pub(crate) fn run(args: &TokenArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    overrides.create(&args.create_as);
    let config = context.config(&overrides)?;
    let names = args.devices.names();
    let set = match &args.set_file {
        Some(_) if names.len() > 1 => return Err(several(names.len())),
        Some(path) => Some(passphrase::read_from(path, "the access token", context)?),
        None => None,
    };
    set.as_ref().map_or(Ok(()), check_token)?;
    let request = TokenRequest {
        set,
        replace: args.replace,
        create: args.create.then(|| create(&args.create_as, &config)),
        dry_run: args.dry_run,
    };
    let mut done = each_device_of_platform(&names, &config, context, |workspace, connection, name| {
        token(workspace, connection, name, &request)
    })?;
    for report in &mut done.devices {
        context.output.findings(std::mem::take(&mut report.findings));
    }
    if args.show {
        // Only on request: the output of a script often ends in a log that others read.
        for report in &mut done.devices {
            report.token = report.secret.clone().map(ShownSecret::from);
        }
    }
    done.finish(context)
}

/// The error of a token that would be that of several devices.
fn several(count: usize) -> Error {
    // ThingsBoard rejects a token that another device has.
    Code::Usage
        .error(format!("--set-file requires one device, and {count} are given"))
        .argument("--set-file")
        .fix("run the command once for each device, each with its own token")
}

impl Report for TokenReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        // Only the token, so that a script can use the output directly.
        if let Some(token) = &self.token {
            return writeln!(out, "{}", token.reveal());
        }
        writeln!(out, "device {} {}", printable(&self.name), done(self.done, false))?;
        write_files(out, &self.files)
    }
}
