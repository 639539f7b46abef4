//! Making the identity of a device, and registering it in one step.

use base::{Code, Result};
use identity::device::make_device;
use identity::report::{Done, IdentityReport};
use identity::request::Request;
use pki::device_name::DeviceName;
use provision::platform::NewDevice;
use schemars::JsonSchema;
use serde::Serialize;

use crate::platform::Connection;
use crate::register::{DeviceRegistration, Names, RegisterRequest, register_over};
use store::Workspace;

/// How a device is registered once its identity is made.
#[derive(Debug, Clone)]
pub struct NewRegistration {
    /// What it is made with in the platform.
    pub create: NewDevice,
    /// Replace the credential that it has there.
    pub replace: bool,
    /// Register it although it was unregistered.
    pub again: bool,
}

/// The identity of a device, and its registration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeviceReport {
    /// The identity.
    #[serde(flatten)]
    pub identity: IdentityReport,
    /// What became of it in the platform, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<DeviceRegistration>,
}

impl From<IdentityReport> for DeviceReport {
    fn from(identity: IdentityReport) -> Self {
        Self { identity, registration: None }
    }
}

/// Makes the identity of the device `name`, or completes it, and registers it in the platform. What goes wrong there
/// stands in the report: the identity is made all the same, and the next run goes on from it.
///
/// # Errors
/// As [`make_device`], and those of a platform that the configuration does not describe.
pub fn make_and_register(
    workspace: &mut Workspace<'_>,
    name: &DeviceName,
    request: &Request,
    registration: NewRegistration,
) -> Result<DeviceReport> {
    let connection = Connection::of(workspace)?;
    let mut report = DeviceReport::from(make_device(workspace, name, request)?);
    if report.identity.done == Done::Planned {
        report.registration = Some(DeviceRegistration::planned(name.as_str()));
        return Ok(report);
    }
    let names = Names::These(vec![name.clone()]);
    let NewRegistration { create, replace, again } = registration;
    let wish = RegisterRequest { names, replace, again, create, dry_run: request.dry_run };
    report.registration = Some(match register_over(&connection, workspace, &wish) {
        Ok(mut registered) => {
            report.identity.findings.append(&mut registered.findings);
            registered.devices.pop().ok_or_else(|| Code::Internal.error("a device was registered and not reported"))?
        }
        Err(error) => DeviceRegistration::failed(name.as_str().to_owned(), error),
    });
    Ok(report)
}
