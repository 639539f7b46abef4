//! `tbpki enroll list`, `tbpki enroll approve` and `tbpki enroll deny`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use enroll::approval::{self, RequestsReport};
use ledger::RequestDecision;

use crate::args::{ListRequestsArgs, RequestArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn list(args: &ListRequestsArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let report = context.in_workspace(&config, |workspace| approval::list(workspace, args.all))?;
    if report.requests.is_empty() {
        context.output.say("no request waits");
    }
    context.output.result(&report)?;
    Ok(Exit::Done)
}

pub(crate) fn approve(args: &RequestArgs, context: &mut Context) -> Result<Exit> {
    decide(args, RequestDecision::Approved, context)
}

pub(crate) fn deny(args: &RequestArgs, context: &mut Context) -> Result<Exit> {
    decide(args, RequestDecision::Denied, context)
}

fn decide(args: &RequestArgs, decision: RequestDecision, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let report = context.in_workspace(&config, |workspace| approval::decide(workspace, &args.requests, decision))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for RequestsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.requests {
            let kind = if one.first { "first certificate" } else { "renewal" };
            let label = one.label.as_ref().map(|label| format!(", label {}", printable(label))).unwrap_or_default();
            let user = one.user.as_ref().map(|user| format!(" by {}", printable(user))).unwrap_or_default();
            writeln!(
                out,
                "{}  {}{user}  {}: {kind}{label}, asked {} from {}",
                one.request,
                one.state,
                printable(&one.device),
                one.asked,
                one.address
            )?;
        }
        Ok(())
    }
}
