//! `tbpki client`.

use base::Result;
use base::file::Ownership;
use config::key;
use fleet::profile::has_ca;
use fleet::register::new_device::{DeviceReport, NewRegistration, make_and_register};
use identity::device::make_device;
use identity::request::IdentityRequest;
use pki::device_name::DeviceName;
use store::Workspace;

use super::platform::create;
use crate::args::{ClientArgs, IdentityArgs, OwnerArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &ClientArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.identity(&args.identity, key::client::alg, key::client::days, key::client::san);
    overrides.set_all(key::client::formats, "--format", &args.format);
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    let config = context.config(&overrides)?;
    let mut request = request(&args.identity, args.out.as_ref(), &args.owner);
    let mut report = context.in_workspace(&config, |workspace| {
        request.profile = issuing_profile(args, workspace)?;
        match args.register {
            true => {
                let mut create = create(&args.create, &config);
                create.accept_number_attributes = args.accept_number_attributes;
                let registration = NewRegistration { create, replace: args.replace, again: args.again };
                make_and_register(workspace, args.device.name()?, &request, &registration)
            }
            false => make_device(workspace, args.device.name()?, &request).map(DeviceReport::from),
        }
    })?;
    context.output.findings(std::mem::take(&mut report.identity.findings));
    let failed = report.registration.as_ref().and_then(|registration| registration.error.clone());
    let exit = if failed.is_some() { Exit::Partly } else { Exit::Done };
    context.output.findings(failed);
    context.output.result(&report)?;
    Ok(exit)
}

/// The profile whose CA issues the device: the one of `--profile`, if it has a CA in the store.
fn issuing_profile(args: &ClientArgs, workspace: &Workspace<'_>) -> Result<Option<DeviceName>> {
    let Some(name) = args.create.profile.as_ref().filter(|_| !args.identity.default_ca) else { return Ok(None) };
    match name.parse::<DeviceName>() {
        // A profile without a CA exists only on the platform; the device is created in it.
        Ok(profile) => Ok((!args.register || has_ca(workspace, &profile)?).then_some(profile)),
        // ThingsBoard allows names that no CA of a store can have, for example with a slash.
        Err(_) if args.register => Ok(None),
        Err(error) => Err(error),
    }
}

/// The request of the flags that have no key in the configuration, for servers and devices.
pub(super) fn request(args: &IdentityArgs, out: Option<&std::path::PathBuf>, owner: &OwnerArgs) -> IdentityRequest {
    IdentityRequest {
        self_signed: args.self_signed,
        profile: None,
        default_ca: args.default_ca,
        csr: args.csr.clone(),
        force: args.force,
        dry_run: args.dry_run,
        out: out.cloned(),
        ownership: Ownership::of_server(owner.owner.as_deref(), owner.group.as_deref()),
    }
}
