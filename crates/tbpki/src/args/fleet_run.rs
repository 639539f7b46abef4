//! The arguments of `tbpki fleet run`.

use clap::Args;

use super::fleet::FleetIssueArgs;
use super::fleet_bundle::BundleArgs;
use super::fleet_register::PaceArgs;
use super::platform::PlatformArgs;
use super::text;

/// The arguments of `tbpki fleet run`.
#[derive(Debug, Clone, Args)]
pub struct FleetRunArgs {
    /// How its identities are made.
    #[command(flatten)]
    pub issue: FleetIssueArgs,
    /// Do not register the devices in the platform
    #[arg(long)]
    pub no_register: bool,
    /// Replace the credential of a device that has another one in the platform
    #[arg(long, conflicts_with = "no_register")]
    pub replace: bool,
    /// The label of devices whose line has none
    #[arg(long, value_name = "TEXT", value_parser = text(), conflicts_with = "no_register", help_heading = "Platform")]
    pub label: Option<String>,
    /// Make the devices gateways
    #[arg(long, conflicts_with = "no_register", help_heading = "Platform")]
    pub gateway: bool,
    /// How fast the platform is asked.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// Do not make bundles
    #[arg(long)]
    pub no_bundle: bool,
    /// How bundles are made.
    #[command(flatten)]
    pub bundle: BundleArgs,
}
