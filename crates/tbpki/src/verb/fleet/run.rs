//! `tbpki fleet run`.

use std::num::NonZeroU32;

use base::Result;
use fleet::bundle::Devices;
use fleet::mass::{
    Destination, FleetBundleRequest, FleetRegisterRequest, FleetRunRequest, JobSelector, flags_to_resume,
    run as run_fleet,
};
use provision::platform::NewDevice;

use super::super::bundle_firmware::{firmware, plain};
use super::register::connections;
use crate::args::FleetRunArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &FleetRunArgs, context: &mut Context) -> Result<Exit> {
    let args = &resumed(args, context)?;
    let issue = super::request(&args.issue)?;
    let overrides = overrides(args);
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
        flags: args.to_keep(),
    };
    super::run(context, &overrides, &args.issue.names, |workspace, control| run_fleet(workspace, &request, control))
}

/// The values of flags that replace values of keygen.toml.
fn overrides(args: &FleetRunArgs) -> Overrides {
    let mut overrides = super::overrides(&args.issue.make);
    overrides.platform(&args.platform);
    connections(&mut overrides, &args.pace);
    firmware(&mut overrides, &args.bundle.firmware);
    overrides
}

/// The arguments with those that the earlier run of a resumed job had.
fn resumed(args: &FleetRunArgs, context: &mut Context) -> Result<FleetRunArgs> {
    let mut args = args.clone();
    let Some(job) = args.issue.names.resume else { return Ok(args) };
    let which = job.map_or(JobSelector::Unfinished, JobSelector::Number);
    let (registers, bundles) = (!args.no_register, !args.no_bundle);
    let config = context.config(&overrides(&args))?;
    let kept = context.in_workspace(&config, |workspace| flags_to_resume(workspace, which, registers, bundles))?;
    args.complete(&kept)?;
    Ok(args)
}
