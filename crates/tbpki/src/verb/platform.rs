//! What the verbs that talk to a platform have in common.

use std::io::{self, Write};

use base::text::printable;
use config::Config;
use fleet::register::{DeviceRegistration, PlatformDone};
use provision::platform::NewDevice;

use crate::args::CreateArgs;
use crate::output::Report;

/// What devices are made with that the platform does not have.
pub(super) fn create(args: &CreateArgs, config: &Config) -> NewDevice {
    NewDevice {
        profile: config.platform.profile.value.as_ref().map(|name| name.as_str().to_owned()),
        label: args.label.clone(),
        gateway: args.gateway,
        ..NewDevice::default()
    }
}

/// What was done, or in a dry run would be.
pub(super) fn done(done: PlatformDone, dry_run: bool) -> &'static str {
    match (done, dry_run) {
        (PlatformDone::Created, false) => "created",
        (PlatformDone::Created, true) => "would be created",
        (PlatformDone::Replaced, false) => "credential replaced",
        (PlatformDone::Replaced, true) => "credential would be replaced",
        (PlatformDone::Unchanged, _) => "unchanged",
        (PlatformDone::Deleted, _) => "deleted",
        (PlatformDone::Absent, _) => "was not there",
        (PlatformDone::Planned, _) => "planned",
        (PlatformDone::Failed, _) => "failed",
    }
}

impl Report for DeviceRegistration {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "device {} {}", printable(&self.name), done(self.done, self.dry_run))
    }
}
