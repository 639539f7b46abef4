//! `tbpki flash`.

use std::path::PathBuf;

use clap::Args;

use super::text;

/// The arguments of `tbpki flash`.
#[derive(Debug, Clone, Args)]
pub struct FlashArgs {
    /// The device whose image is written [default: the only one of the store]
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub device: Option<String>,
    /// The chip [default: firmware.chip of keygen.toml]
    #[arg(long, value_parser = text(), value_name = "CHIP")]
    pub chip: Option<String>,
    /// The directory of the image, where `bundle-firmware` was told another with --out
    #[arg(long, value_name = "DIR", conflicts_with_all = ["device", "chip"])]
    pub from: Option<PathBuf>,
    /// The serial port of the board [default: the only one on USB]
    #[arg(long, value_parser = text(), value_name = "PORT")]
    pub port: Option<String>,
    /// How fast to write, in baud
    #[arg(long, value_name = "N", default_value_t = 460_800)]
    pub baud: u32,
    /// Write the credentials alone, for a board that has the application
    #[arg(long)]
    pub credentials_only: bool,
}
