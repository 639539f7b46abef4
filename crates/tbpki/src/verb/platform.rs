//! Functions that all verbs with a platform use.

pub(crate) mod actorcloud;
pub(crate) mod profile;
pub(crate) mod register;
pub(crate) mod token;
pub(crate) mod unregister;

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Error};
use config::Config;
use fleet::register::{DeviceRegistration, PlatformOutcome};
use provision::platform::NewDevice;

use crate::args::CreateArgs;
use crate::output::Report;

/// The options of devices that are created on the platform.
pub(super) fn create(args: &CreateArgs, config: &Config) -> NewDevice {
    NewDevice {
        profile: config.platform.profile.value.as_ref().map(|name| name.as_str().to_owned()),
        profile_is_given: args.profile.is_some(),
        label: args.label.clone(),
        gateway: args.gateway,
        ..NewDevice::default()
    }
}

/// The words for what was done, or what would happen in a dry run.
pub(super) fn done(done: PlatformOutcome, dry_run: bool) -> &'static str {
    match (done, dry_run) {
        (PlatformOutcome::Created, false) => "created",
        (PlatformOutcome::Created, true) => "would be created",
        (PlatformOutcome::Replaced, false) => "credential replaced",
        (PlatformOutcome::Replaced, true) => "credential would be replaced",
        (PlatformOutcome::Unchanged, _) => "unchanged",
        (PlatformOutcome::Deleted, _) => "deleted",
        (PlatformOutcome::Absent, _) => "does not exist",
        (PlatformOutcome::Planned, _) => "planned",
        (PlatformOutcome::Failed, _) => "failed",
    }
}

/// The error of a command that a person did not confirm.
pub(in crate::verb) fn declined(what: &str) -> Error {
    Code::NotConfirmed.error(what).because("the answer was no")
}

impl Report for DeviceRegistration {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "device {} {}", printable(&self.name), done(self.done, self.dry_run))
    }
}
