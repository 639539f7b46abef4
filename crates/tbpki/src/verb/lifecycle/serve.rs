//! `tbpki serve`.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use base::Result;
use base::text::printable;
use config::key;
use enroll::serve::{FinishSwaps, Limits, ServeOptions, ServeReport, serve};
use fleet::lifecycle::enrolled::EnrolledSwaps;

use crate::args::ServeArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::signals;

pub(crate) fn run(args: &ServeArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    // A flag that is not given must not undo the setting of keygen.toml.
    overrides.set_if(key::serve::servers, "--servers", args.servers.then_some("true"));
    let config = context.config(&overrides)?;
    // Before the service starts: systemd may stop it while it still opens the store.
    let stop = signals::on_request_to_service()?;
    let messages = context.output.messages();
    let started = |report: &ServeReport| {
        messages.say(format!("EST: https://{}", report.est));
        for (name, address) in [("status", &report.status), ("revocation lists", &report.crl)] {
            if let Some(address) = address {
                messages.say(format!("{name}: http://{address}"));
            }
        }
    };
    let options = options(args);
    let report = context.in_workspace(&config, |workspace| {
        let swaps = EnrolledSwaps::of(workspace)?
            .map(|mut swaps| -> Box<FinishSwaps<'_>> { Box::new(move |stop: &AtomicBool| swaps.finish(stop)) });
        serve(workspace, &options, swaps, &stop, started)
    })?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

fn options(args: &ServeArgs) -> ServeOptions {
    let limits = &args.limits;
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    ServeOptions {
        listen: args.listen,
        certificate: args.cert.clone(),
        key: args.key.clone(),
        status: args.status,
        lists: args.crl,
        audit: args.audit.clone(),
        limits: Limits {
            head: size(limits.head_bytes),
            body: size(limits.body_bytes),
            handshake: Duration::from_secs(limits.handshake_seconds.into()),
            request: Duration::from_secs(limits.request_seconds.into()),
            connections: size(limits.connections),
            per_address: size(limits.connections_per_address),
            issuances: limits.issuances,
            queue: size(limits.queue),
            ..Limits::default()
        },
    }
}

impl Report for ServeReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "stopped; the audit log is {}", printable(&self.audit.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_library() {
        let cli = Cli::try_parse_from(["tbpki", "serve", "--cert", "a", "--key", "b"]).unwrap();
        let Verb::Serve(args) = cli.verb else { panic!("another verb") };
        assert_eq!(options(&args).limits, Limits::default());
    }
}
