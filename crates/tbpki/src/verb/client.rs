//! `tbpki client`.

use std::io::{self, Write};

use base::file::Ownership;
use base::{Code, Finding, Result};
use config::{Config, key};
use fleet::platform::Connection;
use fleet::profile::has_ca;
use fleet::register::new_device::{DeviceReport, NewRegistration, make_and_register};
use identity::device::make_device;
use identity::request::IdentityRequest;
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;

use super::platform::create;
use crate::args::{ClientArgs, IdentityArgs, OwnerArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The result: one device as it is, several as a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ClientReport {
    /// The only device.
    One(Box<DeviceReport>),
    /// Several devices, in the order of the command line.
    Several {
        /// The devices that were made.
        devices: Vec<DeviceReport>,
        /// The names after a device that could not be made.
        left: Vec<String>,
    },
}

pub(crate) fn run(args: &ClientArgs, context: &mut Context) -> Result<Exit> {
    let names = args.devices.names();
    check_several(args, names.len())?;
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
    findings.extend(made.failure);
    let is_registered = |device: &DeviceReport| device.registration.as_ref().is_none_or(|one| one.error.is_none());
    let exit = if made.left.is_empty() && made.devices.iter().all(is_registered) { Exit::Done } else { Exit::Partly };
    context.output.findings(findings);
    let report = match made.devices.pop() {
        Some(only) if names.len() == 1 => ClientReport::One(Box::new(only)),
        last => {
            made.devices.extend(last);
            ClientReport::Several { devices: made.devices, left: made.left }
        }
    };
    context.output.result(&report)?;
    Ok(exit)
}

/// The devices of a run.
struct MadeDevices {
    devices: Vec<DeviceReport>,
    /// The failure that ended the run. The names from its device on are left.
    failure: Option<Finding>,
    left: Vec<String>,
}

/// Fails for options that belong to one device.
fn check_several(args: &ClientArgs, count: usize) -> Result<()> {
    let of_one = [("--csr", args.identity.csr.is_some()), ("--out", args.out.is_some())];
    match of_one.into_iter().find(|(_, is_given)| *is_given && count > 1) {
        None => Ok(()),
        Some((option, _)) => Err(Code::Usage
            .error(format!("{option} takes one device, and {count} are given"))
            .argument(option)
            .fix("run the command for each device, or use `tbpki fleet issue` for many")),
    }
}

/// Makes the devices in their order, up to the first that cannot be made. What was made is reported, because it exists;
/// a failure of the first device is the failure of the run.
fn make_all(
    args: &ClientArgs,
    config: &Config,
    names: &[&DeviceName],
    workspace: &mut Workspace<'_>,
) -> Result<MadeDevices> {
    let mut request = request(&args.identity, args.out.as_ref(), &args.owner);
    request.profile = issuing_profile(args, workspace)?;
    // One login for all, before a key is made: the settings may be wrong.
    let connection = if args.register { Some(Connection::of(workspace)?) } else { None };
    let mut create = create(&args.create, config);
    create.accept_number_attributes = args.accept_number_attributes;
    let registration = NewRegistration { create, replace: args.replace, again: args.again };
    let mut made = MadeDevices { devices: Vec::new(), failure: None, left: Vec::new() };
    for (index, name) in names.iter().enumerate() {
        let device = match &connection {
            Some(connection) => make_and_register(workspace, connection, name, &request, &registration),
            None => make_device(workspace, name, &request).map(DeviceReport::from),
        };
        match device {
            Ok(device) => made.devices.push(device),
            Err(error) if index == 0 => return Err(error),
            Err(error) => {
                made.failure = Some(error.into_finding());
                made.left = names.iter().skip(index).map(ToString::to_string).collect();
                break;
            }
        }
    }
    Ok(made)
}

impl Report for ClientReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::One(device) => device.render(out),
            Self::Several { devices, left } => {
                devices.iter().try_for_each(|device| device.render(out))?;
                match left.as_slice() {
                    [] => Ok(()),
                    left => writeln!(out, "{} not made: {}; run the same command again", left.len(), left.join(", ")),
                }
            }
        }
    }
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
