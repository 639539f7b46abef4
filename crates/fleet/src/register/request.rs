//! Requests for registration, and the receivers of the outcomes.

use base::{Finding, Result};
use ledger::JobId;
use pki::device_name::DeviceName;
use provision::platform::NewDevice;

use super::report::DeviceRegistration;

/// A request to register devices.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// Which devices.
    pub names: DeviceSelection,
    /// Register the pending renewals, in the place of the present certificates: the devices were reflashed.
    pub pending: bool,
    /// Replace the credential of a device that has another one.
    pub replace: bool,
    /// Also register devices that were unregistered.
    pub again: bool,
    /// The properties of new devices.
    pub create: NewDevice,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// Which devices are meant.
#[derive(Debug, Clone)]
pub enum DeviceSelection {
    /// Every device of the store.
    All,
    /// These.
    These(Vec<DeviceName>),
    /// Those that this job has issued.
    OfJob(JobId),
}

/// The receiver of the outcome of each device, with what was noticed at it.
pub type TellDevice<'a> = &'a mut dyn FnMut(DeviceRegistration, Vec<Finding>) -> Result<()>;
