//! The arguments of `tbpki fleet run`.

use clap::Args;
use pki::device_name::DeviceName;

use crate::args::fleet::FleetIssueArgs;
use crate::args::fleet::bundle::BundleArgs;
use crate::args::fleet::register::PaceArgs;
use crate::args::platform::PlatformArgs;
use crate::args::value::{parsed, text};

/// The arguments of `tbpki fleet run`.
#[derive(Debug, Clone, Args)]
pub struct FleetRunArgs {
    /// The identities.
    #[command(flatten)]
    pub issue: FleetIssueArgs,
    /// Do not register the devices with the platform
    #[arg(long, help_heading = "Platform")]
    pub no_register: bool,
    /// Replace other credentials of the devices on the platform
    #[arg(long, conflicts_with = "no_register", help_heading = "Platform")]
    pub replace: bool,
    /// The label of devices without one in the list
    #[arg(long, value_name = "TEXT", value_parser = text(), conflicts_with = "no_register", help_heading = "Platform")]
    pub label: Option<String>,
    /// Create the devices as gateways
    #[arg(long, conflicts_with = "no_register", help_heading = "Platform")]
    pub gateway: bool,
    /// Limits of the requests to the platform.
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// Do not create bundles
    #[arg(long, help_heading = "Bundles")]
    pub no_bundle: bool,
    /// The label of the requests for certificates: the devices' profile, if the CA of a profile issues them
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "PROFILE", requires = "enroll")]
    #[arg(help_heading = "Enrolment")]
    pub enroll_label: Option<DeviceName>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}
