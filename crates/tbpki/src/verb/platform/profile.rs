//! `tbpki profile`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::profile::{NamePatternRequest, ProfileReport, ProfileRequest, create_profile, show_profiles};
use fleet::register::PlatformOutcome;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{ProfileCreateArgs, ProfileShowArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::identity::report::write_files;
use crate::verb::platform::{declined, done};

/// The requested profiles.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProfilesReport {
    /// The profiles, by name.
    profiles: Vec<ProfileReport>,
}

pub(crate) fn create(args: &ProfileCreateArgs, context: &mut Context) -> Result<Exit> {
    let pattern = match (&args.name_prefix, &args.pattern) {
        (Some(prefix), _) => Some(NamePatternRequest::Prefix(prefix.clone())),
        (None, Some(pattern)) => Some(NamePatternRequest::Expression(pattern.clone())),
        (None, None) => None,
    };
    let request = ProfileRequest {
        name: args.name.clone(),
        pattern,
        examples: args.example.clone(),
        creates_devices: args.create_devices,
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    // Asked before the work begins, so that its lock is not held while a person reads.
    if args.create_devices && !args.accept_issuer_risk && !args.dry_run {
        let question = "The platform will create a device for every certificate below this CA, and anyone with a key \
                        that the CA has signed can issue more. Continue?";
        if !context.prompter.confirm(question, "--accept-issuer-risk")? {
            return Err(declined("the profile was not created"));
        }
    }
    let mut report = context.in_workspace(&config, |workspace| create_profile(workspace, &request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

pub(crate) fn show(args: &ProfileShowArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    let profiles = context.in_workspace(&config, |workspace| show_profiles(workspace, args.name.as_ref()))?;
    context.output.result(&ProfilesReport { profiles })?;
    Ok(Exit::Done)
}

impl Report for ProfilesReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.profiles.is_empty() {
            return writeln!(out, "no profiles");
        }
        self.profiles.iter().try_for_each(|profile| profile.render(out))
    }
}

impl Report for ProfileReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.done {
            Some(PlatformOutcome::Replaced) if !self.dry_run => {
                writeln!(out, "profile {} changed", printable(&self.name))?;
            }
            Some(PlatformOutcome::Replaced) => writeln!(out, "profile {} would be changed", printable(&self.name))?,
            Some(word) => writeln!(out, "profile {} {}", printable(&self.name), done(word, self.dry_run))?,
            None => writeln!(out, "profile {}", printable(&self.name))?,
        }
        if let Some(certificate) = &self.certificate {
            writeln!(out, "  issuing CA      {}", printable(&certificate.subject))?;
            writeln!(out, "  valid           {} to {}", certificate.not_before, certificate.not_after)?;
            writeln!(out, "  credentials id  {}", certificate.credentials_id)?;
        }
        if let Some(pattern) = &self.pattern {
            writeln!(out, "  expression      {}", printable(pattern))?;
            writeln!(out, "  creates devices {}", if self.creates_devices { "yes" } else { "no" })?;
        }
        match &self.platform {
            Some(theirs) if theirs.as_in_store => writeln!(out, "  platform        same as in the store")?,
            Some(theirs) => {
                let pattern = theirs.pattern.as_deref().unwrap_or("none");
                writeln!(out, "  platform        {}", printable(&theirs.provision_type))?;
                writeln!(out, "    expression    {}", printable(pattern))?;
                writeln!(out, "    creates devices {}", if theirs.creates_devices { "yes" } else { "no" })?;
            }
            None if self.done.is_none() => writeln!(out, "  platform        missing")?,
            None => {}
        }
        write_files(out, &self.files)
    }
}
