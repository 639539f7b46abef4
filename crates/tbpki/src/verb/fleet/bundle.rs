//! `tbpki fleet bundle`.

use base::Result;
use fleet::bundle::Devices;
use fleet::mass::{FleetBundleRequest, bundle};

use super::super::bundle_firmware::{firmware, plain};
use super::register::{place, which};
use crate::args::FleetBundleArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &FleetBundleArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    firmware(&mut overrides, &args.bundle.firmware);
    let request = FleetBundleRequest {
        which: which(&args.job),
        pending: args.pending,
        destination: place(&args.job),
        firmware: plain(Devices::All, &args.bundle.firmware)?,
        merged: args.bundle.merged,
        again: args.again,
        results: args.results.clone(),
        dry_run: args.dry_run,
    };
    super::run_job(context, &overrides, |workspace, control| bundle(workspace, &request, control))
}
