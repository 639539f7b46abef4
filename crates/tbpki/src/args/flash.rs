//! `tbpki flash`.

use std::path::PathBuf;

use clap::Args;
use devkit::chip::Chip;
use pki::device_name::DeviceName;

use super::value::{chip, parsed, text};
use crate::completion;

/// The arguments of `tbpki flash`.
#[derive(Debug, Clone, Args)]
pub struct FlashArgs {
    /// The device of the image [default: the only device of the store]
    #[arg(value_parser = parsed::<DeviceName>(), value_name = "NAME", add = completion::devices())]
    pub(crate) name: Option<DeviceName>,
    /// The same, as an option
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "NAME", add = completion::devices())]
    #[arg(conflicts_with = "name")]
    pub(crate) device: Option<DeviceName>,
    /// The chip [default: firmware.chip of keygen.toml, then the chip of the board]
    #[arg(long, value_parser = chip(), value_name = "CHIP")]
    pub chip: Option<Chip>,
    /// The directory of the image, if `bundle-firmware --out` has written it there
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "device", "chip"])]
    pub from: Option<PathBuf>,
    /// The serial port of the board [default: the only board on USB]
    #[arg(long, value_parser = text(), value_name = "PORT")]
    pub port: Option<String>,
    /// The speed of the serial port in baud
    #[arg(long, value_name = "N", default_value_t = 460_800)]
    pub baud: u32,
    /// Write only the parts with secrets, to a board that has the application
    #[arg(long)]
    pub credentials_only: bool,
    /// Print what the board prints after that, until Ctrl-C
    #[arg(long)]
    pub monitor: bool,
}
