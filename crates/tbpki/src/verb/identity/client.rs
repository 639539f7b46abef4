//! `tbpki client`.

use base::file::Ownership;
use base::{Code, Error, Finding, Result};
use config::{Config, key};
use fleet::platform::Connection;
use fleet::profile::has_ca;
use fleet::register::new_device::{DeviceReport, NewRegistration, make_and_register};
use identity::device::make_device;
use identity::request::IdentityRequest;
use pki::device_name::DeviceName;
use store::Workspace;

use crate::args::{ClientArgs, IdentityArgs, OwnerArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::verb::each_device::{DoneDevices, each_device};
use crate::verb::platform::create;

pub(crate) fn run(args: &ClientArgs, context: &mut Context) -> Result<Exit> {
    let names = args.devices.names();
    check_several(args, names.len())?;
    check_used(args)?;
    let mut overrides = Overrides::default();
    overrides.identity(&args.identity, key::client::alg, key::client::days, key::client::san);
    overrides.set_all(key::client::formats, "--format", &args.format);
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    let config = context.config(&overrides)?;
    let mut made = context.in_workspace(&config, |workspace| make_all(args, &config, &names, workspace))?;
    let mut findings: Vec<Finding> = Vec::new();
    for device in &mut made.devices {
        findings.append(&mut device.identity.findings);
        findings.extend(device.registration.as_ref().and_then(|registration| registration.error.clone()));
    }
    findings.append(&mut made.failures);
    let is_registered = |device: &DeviceReport| device.registration.as_ref().is_none_or(|one| one.error.is_none());
    let exit = if made.left.is_empty() && made.devices.iter().all(is_registered) { Exit::Done } else { Exit::Partly };
    context.output.findings(findings);
    context.output.result(&made.into_result())?;
    Ok(exit)
}

/// Fails for options that belong to one device.
fn check_several(args: &ClientArgs, count: usize) -> Result<()> {
    let of_one = [("--csr", args.identity.csr.is_some()), ("--out", args.out.is_some())];
    match of_one.into_iter().find(|(_, is_given)| *is_given && count > 1) {
        None => Ok(()),
        Some((option, _)) => Err(Code::Usage
            .error(format!("{option} requires one device, and {count} are given"))
            .argument(option)
            .fix("run the command for each device, or use `tbpki fleet issue` for many")),
    }
}

/// Fails for options about the platform without `--register`, and for an owner of copies without `--out`: they would do
/// nothing.
fn check_used(args: &ClientArgs) -> Result<()> {
    let (create, platform) = (&args.create, &args.platform);
    // The profile is not among them: its CA issues the device.
    let of_platform = [
        ("--label", create.label.is_some()),
        ("--gateway", create.gateway),
        ("--platform-url", platform.platform_url.is_some()),
        ("--platform-user", platform.platform_user.is_some()),
        ("--platform-password-file", platform.platform_password_file.is_some()),
        ("--platform-api-key-file", platform.platform_api_key_file.is_some()),
        ("--platform-ca", platform.platform_ca.is_some()),
        ("--allow-plain-http", platform.allow_plain_http),
    ];
    let given = |options: &[(&'static str, bool)]| options.iter().find(|(_, given)| *given).map(|(option, _)| *option);
    if let Some(option) = given(&of_platform).filter(|_| !args.register) {
        return Err(useless(option, "--register"));
    }
    // A new generation is copied to the directory of the earlier one.
    check_owner(&args.owner, args.out.is_some() || args.identity.force)
}

/// Fails for an owner of copies where none are made.
pub(super) fn check_owner(owner: &OwnerArgs, has_copies: bool) -> Result<()> {
    let options = [("--owner", owner.owner.is_some()), ("--group", owner.group.is_some())];
    match options.into_iter().find(|(_, given)| *given && !has_copies) {
        Some((option, _)) => Err(useless(option, "--out DIR")),
        None => Ok(()),
    }
}

/// The error for an option that has an effect only with another one.
fn useless(option: &'static str, with: &str) -> Error {
    Code::Usage
        .error(format!("{option} has an effect only with {with}"))
        .argument(option)
        .fix(format!("add {with}, or leave {option} out"))
}

/// Makes the devices in their order.
fn make_all(
    args: &ClientArgs,
    config: &Config,
    names: &[&DeviceName],
    workspace: &mut Workspace<'_>,
) -> Result<DoneDevices<DeviceReport>> {
    let mut request = request(&args.identity, args.out.as_ref(), &args.owner);
    request.profile = issuing_profile(args, workspace)?;
    // One login for all, before a key is made: the settings may be wrong.
    let connection = if args.register { Some(Connection::of(workspace)?) } else { None };
    let mut create = create(&args.create, config);
    create.accept_number_attributes = args.accept_number_attributes;
    let registration = NewRegistration { create, replace: args.replace, again: args.again };
    each_device(names, |name| match &connection {
        Some(connection) => make_and_register(workspace, connection, name, &request, &registration),
        None => make_device(workspace, name, &request).map(DeviceReport::from),
    })
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
