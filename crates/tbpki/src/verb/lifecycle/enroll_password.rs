//! `tbpki enroll password`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use enroll::password::{PasswordReport, PasswordRequest, make};

use crate::args::PasswordArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &PasswordArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let request = PasswordRequest {
        device: args.device.clone(),
        profile: args.profile.clone(),
        other_ca: args.force,
        days: args.days.map(config::Days::number),
        // The report is standard output: the password alone, or JSON.
        out: args.out.clone().filter(|path| path.as_os_str() != "-"),
    };
    let report = context.in_workspace(&config, |workspace| make(workspace, &request))?;
    if report.replaces {
        context.output.say("the earlier password of this device is no longer valid");
    }
    if let Some(profile) = report.profile.as_ref().filter(|_| args.profile.is_none()) {
        context
            .output
            .say(format!("for the profile {profile}, whose CA has issued the present certificate of the device"));
    }
    // To standard error, because a script reads standard output as the password.
    context.output.say(format!("expires {}", report.expires));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for PasswordReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.password, &self.file) {
            (Some(password), _) => writeln!(out, "{}", password.reveal()),
            (None, Some(file)) => writeln!(out, "written to {}", printable(&file.to_string_lossy())),
            (None, None) => Ok(()),
        }
    }
}
