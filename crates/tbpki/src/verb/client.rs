//! `tbpki client`.

use base::Result;
use base::file::Ownership;
use fleet::device::{make_and_register, make_device};
use fleet::profile::has_ca;
use fleet::request::Request;
use fleet::station::Station;
use pki::device_name::DeviceName;

use super::platform::create;
use crate::args::{ClientArgs, IdentityArgs, OwnerArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &ClientArgs, context: &mut Context) -> Result<Exit> {
    let name: DeviceName = args.device.parse()?;
    let mut overrides = Overrides::default();
    overrides.identity(&args.identity, ["client.alg", "client.days", "client.formats", "client.san"]);
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    let config = context.config(&overrides)?;
    let mut request = request(&args.identity, args.out.as_ref(), &args.owner);
    let mut report = context.at_station(&config, |station| {
        request.profile = issuing_profile(args, station)?;
        match args.register {
            true => make_and_register(station, &name, &request, create(&args.create, &config), args.replace),
            false => make_device(station, &name, &request),
        }
    })?;
    context.output.findings(std::mem::take(&mut report.findings));
    let failed = report.registration.as_ref().and_then(|registration| registration.error.clone());
    let exit = if failed.is_some() { Exit::Partly } else { Exit::Done };
    context.output.findings(failed);
    context.output.result(&report)?;
    Ok(exit)
}

/// The profile below whose CA the device is issued: the one that was named, if it has a CA in the store.
fn issuing_profile(args: &ClientArgs, station: &Station<'_>) -> Result<Option<DeviceName>> {
    let Some(name) = &args.create.profile else { return Ok(None) };
    match name.parse::<DeviceName>() {
        // Without a CA it is a profile of the platform's alone, in which the device is made.
        Ok(profile) => Ok((!args.register || has_ca(station, &profile)?).then_some(profile)),
        Err(_) if args.register => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the flags ask for beyond the configuration, for servers and devices alike.
pub(super) fn request(args: &IdentityArgs, out: Option<&std::path::PathBuf>, owner: &OwnerArgs) -> Request {
    Request {
        self_signed: args.self_signed,
        profile: None,
        csr: args.csr.clone(),
        force: args.force,
        dry_run: args.dry_run,
        out: out.cloned(),
        ownership: Ownership::of_server(owner.owner.as_deref(), owner.group.as_deref()),
    }
}
