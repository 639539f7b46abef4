//! `tbpki fleet run`.

use std::num::NonZeroU32;

use base::Result;
use fleet::bundle::Devices;
use fleet::mass::{
    Destination, FleetBundleRequest, FleetRegisterRequest, FleetRunRequest, JobSelector, run as run_fleet,
};
use provision::platform::NewDevice;

use super::super::bundle_firmware::{firmware, plain};
use super::register::connections;
use crate::args::FleetRunArgs;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn run(args: &FleetRunArgs, context: &mut Context) -> Result<Exit> {
    let issue = super::request(&args.issue)?;
    let mut overrides = super::overrides(&args.issue.make);
    overrides.platform(&args.platform);
    connections(&mut overrides, &args.pace);
    firmware(&mut overrides, &args.bundle.firmware);
    let config = context.config(&overrides)?;
    let register = FleetRegisterRequest {
        // The names determine the job and the place of its shards.
        which: JobSelector::Unfinished,
        pending: false,
        destination: Destination::default(),
        replace: args.replace,
        create: NewDevice {
            profile: config.platform.profile.value.as_ref().map(|name| name.as_str().to_owned()),
            label: args.label.clone(),
            gateway: args.gateway,
            ..NewDevice::default()
        },
        rate: args.pace.rate.and_then(NonZeroU32::new),
        results: args.issue.work.results.clone(),
        wait: args.pace.wait,
        accept_number_attributes: args.issue.names.accept_number_attributes,
        dry_run: args.issue.work.dry_run,
    };
    let bundle = FleetBundleRequest {
        which: JobSelector::Unfinished,
        pending: false,
        destination: Destination::default(),
        firmware: plain(Devices::All, &args.bundle.firmware, args.enroll_label.as_ref(), context)?,
        merged: args.bundle.merged,
        again: false,
        results: args.issue.work.results.clone(),
        dry_run: args.issue.work.dry_run,
    };
    let request = FleetRunRequest {
        issue,
        register: (!args.no_register).then_some(register),
        bundle: (!args.no_bundle).then_some(bundle),
    };
    super::run(context, &overrides, &args.issue.names, |workspace, control| run_fleet(workspace, &request, control))
}
