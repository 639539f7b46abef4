//! `tbpki fleet register`.

use std::num::NonZeroU32;

use base::Result;
use config::key;
use fleet::mass::{Destination, FleetRegisterRequest, JobSelector, register};

use super::super::platform::create;
use crate::args::{FleetRegisterArgs, JobArgs, PaceArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &FleetRegisterArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    connections(&mut overrides, &args.pace);
    let config = context.config(&overrides)?;
    let request = FleetRegisterRequest {
        which: which(&args.job),
        pending: args.pending,
        destination: place(&args.job),
        replace: args.replace,
        create: create(&args.create, &config),
        rate: args.pace.rate.and_then(NonZeroU32::new),
        results: args.results.clone(),
        wait: args.pace.wait,
        accept_number_attributes: args.accept_number_attributes,
        dry_run: args.dry_run,
    };
    super::run_job(context, &overrides, |workspace, control| register(workspace, &request, control))
}

/// The job of `--job`, or the only unfinished one.
pub(crate) fn which(args: &JobArgs) -> JobSelector {
    args.job.map_or(JobSelector::Unfinished, JobSelector::Number)
}

/// The place of the shards, if `--out` or `--archive` is given.
pub(crate) fn place(args: &JobArgs) -> Destination {
    Destination { out: args.out.clone(), archive: args.archive.clone(), ..Destination::default() }
}

/// Sets the limit of connections.
pub(crate) fn connections(overrides: &mut Overrides, args: &PaceArgs) {
    overrides.set_if(key::platform::concurrency, "--connections", args.connections);
}
