//! `tbpki fleet bundle`.

use std::path::Path;

use base::{Code, Result};
use fleet::bundle::Devices;
use fleet::mass::{Destination, FleetBundleRequest, KeylessBundleRequest, bundle, bundle_keyless};
use fleet::names::{ColumnSelection, NamesSource};

use super::super::bundle_firmware::{firmware, plain};
use super::register::{place, which};
use crate::args::{FleetBundleArgs, KeylessArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &FleetBundleArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    firmware(&mut overrides, &args.bundle.firmware);
    if let Some(names) = names(&args.keyless) {
        return without_certificates(args, names, &overrides, context);
    }
    let seal = &args.keyless.seal;
    if seal.zstd || !seal.recipient.is_empty() || seal.recipients_file.is_some() {
        return Err(Code::Usage.error("the bundles of a job have the compression and the recipients of the job").fix(
            "leave out --zstd, --recipient and --recipients-file, or name devices without certificates with --from",
        ));
    }
    let request = FleetBundleRequest {
        which: which(&args.job),
        pending: args.pending,
        destination: place(&args.job),
        firmware: plain(Devices::All, &args.bundle.firmware, args.label.as_ref(), context)?,
        merged: args.bundle.merged,
        again: args.again,
        results: args.results.clone(),
        dry_run: args.dry_run,
    };
    super::run_job(context, &overrides, |workspace, control| bundle(workspace, &request, control))
}

/// The names of devices without certificates, if there are any.
fn names(args: &KeylessArgs) -> Option<NamesSource> {
    if let Some(path) = &args.from {
        let columns = ColumnSelection { name: args.name_column.clone(), attributes: Vec::new() };
        return Some(NamesSource::Table { file: (path != Path::new("-")).then(|| path.clone()), columns });
    }
    let (count, pattern) = args.count.zip(args.name_pattern.clone())?;
    Some(NamesSource::Numbered { pattern, start: args.start, count })
}

fn without_certificates(
    args: &FleetBundleArgs,
    names: NamesSource,
    overrides: &Overrides,
    context: &mut Context,
) -> Result<Exit> {
    let recipients = super::recipients(&args.keyless.seal)?;
    let request = KeylessBundleRequest {
        names,
        destination: Destination { zstd: args.keyless.seal.zstd, recipients, ..place(&args.job) },
        firmware: plain(Devices::All, &args.bundle.firmware, args.label.as_ref(), context)?,
        merged: args.bundle.merged,
        again: args.again,
        dry_run: args.dry_run,
    };
    let source = args.keyless.from.as_deref().unwrap_or(Path::new("--name-pattern"));
    super::run_from(context, overrides, source, |workspace, control| bundle_keyless(workspace, &request, control))
}
