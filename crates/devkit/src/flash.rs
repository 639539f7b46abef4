//! Flashing a board over a serial port.

mod monitor;

pub use monitor::monitor;

use base::{Code, Error, Result};
use espflash::connection::{Connection, ResetAfterOperation, ResetBeforeOperation};
use espflash::flasher::Flasher;
use espflash::target::ProgressCallbacks;
use serialport::{FlowControl, SerialPortInfo, SerialPortType, UsbPortInfo};

use crate::chip::{Chip, ForeignChip, revision_text};

/// The initial baud rate of the chips' ROM loader.
const INITIAL_BAUD: u32 = 115_200;

/// The board to connect to.
#[derive(Debug, Clone)]
pub struct SerialTarget<'a> {
    /// The serial port; `None` selects the only USB serial port.
    pub port: Option<&'a str>,
    /// The baud rate for writing.
    pub baud: u32,
    /// The chip that the board must have; `None` accepts every supported chip.
    pub chip: Option<Chip>,
}

/// A connected board, in the mode in which its flash can be written.
pub struct ConnectedBoard {
    flasher: Flasher,
    port: String,
    chip: Chip,
    /// The revision of the chip, as 100 times the major and once the minor number; unknown in secure download mode.
    revision: Option<u16>,
}

impl ConnectedBoard {
    /// Connects to a board. `say` receives progress messages.
    ///
    /// # Errors
    /// [`Code::PortMissing`] if no port or more than one is found, [`Code::FlashFailed`] with espflash's error,
    /// [`Code::ChipUnsupported`].
    pub fn connect(target: &SerialTarget<'_>, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let port = port(target.port)?;
        let serial = serialport::new(&port.port_name, INITIAL_BAUD)
            .flow_control(FlowControl::None)
            .open_native()
            .map_err(|error| unusable(&port.port_name).caused_by(error))?;
        let connection = Connection::new(
            serial,
            usb(&port),
            ResetAfterOperation::HardReset,
            ResetBeforeOperation::DefaultReset,
            INITIAL_BAUD,
        );
        say(&format!("connecting to {}", port.port_name));
        let chip = target.chip.map(crate::image::esp_chip);
        // The flags in their order: with the stub loader, with
        // verification, and without skipping what seems to be there.
        let mut flasher = Flasher::connect(connection, true, true, false, chip, Some(target.baud))
            .map_err(|error| failed(&port.port_name, error))?;
        let found = flasher.chip();
        // After the connection, because the chip that answers decides, and not the one that was named.
        let chip = Chip::with_image_id(found.id())
            .ok_or_else(|| ForeignChip::with_image_id(found.id()).unsupported().item(port.port_name.clone()))?;
        let info = flasher.device_info().map_err(|error| failed(&port.port_name, error))?;
        let revision = info.revision.and_then(|(major, minor)| u16::try_from(major * 100 + minor).ok());
        Ok(Self { flasher, port: port.port_name, chip, revision })
    }

    /// The chip that answered at the port.
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// The serial port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Fails if the chip has an older revision than `minimum`, or a newer one than `maximum`.
    ///
    /// # Errors
    /// [`Code::ChipRevision`].
    pub fn check_revision(&self, minimum: u16, maximum: Option<u16>) -> Result<()> {
        check_revision(self.chip, self.revision, minimum, maximum)
    }

    /// Writes each part to its offset and has the chip verify it.
    ///
    /// # Errors
    /// [`Code::FlashFailed`] with espflash's error.
    pub fn write(&mut self, parts: &[(u32, &[u8])], say: &mut dyn FnMut(&str)) -> Result<()> {
        for (offset, bytes) in parts {
            let mut progress = Progress { offset: *offset, length: bytes.len(), say };
            let written = self.flasher.write_bin_to_flash(*offset, bytes, &mut progress);
            written.map_err(|error| failed(&self.port, error))?;
        }
        Ok(())
    }
}

fn failed(port: &str, error: espflash::Error) -> Error {
    Code::FlashFailed
        .error(format!("the board at {port} cannot be flashed"))
        .caused_by(error)
        .fix("hold BOOT while you press RESET, close other programs that use the port, and try a lower --baud")
}

/// Fails if a chip with this revision does not start an image that requires `minimum`, or supports `maximum` at most.
fn check_revision(chip: Chip, revision: Option<u16>, minimum: u16, maximum: Option<u16>) -> Result<()> {
    match revision {
        Some(revision) if maximum.is_some_and(|maximum| maximum < revision) => Err(Code::ChipRevision
            .error(format!("this {chip} has the revision {}", revision_text(revision)))
            .because(format!(
                "the application supports {} at most, and would not start",
                revision_text(maximum.unwrap_or_default())
            ))
            .fix("use an older board, or build the application for this revision and name it with --app")),
        Some(revision) if revision < minimum => Err(Code::ChipRevision
            .error(format!("this {chip} has the revision {}", revision_text(revision)))
            .because(format!("the image requires {} or later, and would not start", revision_text(minimum)))
            .fix("use a newer board, or an application that supports this revision (--app)")),
        _ => Ok(()),
    }
}

/// Progress as one line for each part, because other messages would break a progress bar.
struct Progress<'a> {
    offset: u32,
    length: usize,
    say: &'a mut dyn FnMut(&str),
}

impl ProgressCallbacks for Progress<'_> {
    fn init(&mut self, _: u32, _: usize) {
        (self.say)(&format!("writing {} bytes at {:#x}", self.length, self.offset));
    }

    fn update(&mut self, _: usize) {}

    fn verifying(&mut self) {
        (self.say)(&format!("verifying at {:#x}", self.offset));
    }

    fn finish(&mut self, _: bool) {}
}

/// The named port, or the only one on USB.
fn port(named: Option<&str>) -> Result<SerialPortInfo> {
    let all = serialport::available_ports()
        .map_err(|error| Code::PortMissing.error("the serial ports cannot be listed").caused_by(error))?;
    if let Some(name) = named {
        // The list does not contain links, for example /dev/serial/by-id/..., which work as well.
        let known = all.into_iter().find(|port| port.port_name == name);
        return Ok(
            known.unwrap_or_else(|| SerialPortInfo { port_name: name.to_owned(), port_type: SerialPortType::Unknown })
        );
    }
    // Without a name only USB is tried: on other ports may be a console or a modem.
    let mut boards: Vec<SerialPortInfo> =
        all.into_iter().filter(|port| matches!(port.port_type, SerialPortType::UsbPort(_))).collect();
    let names: Vec<&str> = boards.iter().map(|port| port.port_name.as_str()).collect();
    let names = names.join(", ");
    match (boards.pop(), boards.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Code::PortMissing
            .error(format!("more than one board is connected: {names}"))
            .fix("choose one with --port")),
        (None, _) => Err(Code::PortMissing
            .error("no board is connected by USB")
            .fix("connect the board, or give its serial port with --port")),
    }
}

fn usb(port: &SerialPortInfo) -> UsbPortInfo {
    match &port.port_type {
        SerialPortType::UsbPort(info) => info.clone(),
        _ => UsbPortInfo { vid: 0, pid: 0, serial_number: None, manufacturer: None, product: None },
    }
}

fn unusable(port: &str) -> Error {
    Code::PortMissing
        .error(format!("the serial port {port} cannot be opened"))
        .fix("check its name, close other programs that use it, and join the group that owns it (often dialout)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_not_there_is_named() {
        for chip in [Some(Chip::Esp32C3), None] {
            let target = SerialTarget { port: Some("/dev/no-such-port"), baud: 460_800, chip };
            let error = ConnectedBoard::connect(&target, &mut |_| ()).err().unwrap();
            assert_eq!(error.code(), Code::PortMissing);
            assert!(error.to_string().contains("/dev/no-such-port"), "{error}");
        }
    }

    #[test]
    fn an_older_revision_is_refused_with_both_numbers() {
        for (revision, minimum, refused) in [
            (Some(100), 300, true),
            (Some(300), 300, false),
            (Some(301), 300, false),
            // The revision of some chips cannot be read.
            (None, 300, false),
            (Some(0), 0, false),
        ] {
            assert_eq!(check_revision(Chip::Esp32, revision, minimum, None).is_err(), refused, "{revision:?}");
        }
        for (revision, maximum, refused) in [(2, 2, false), (3, 2, true), (3, 99, false)] {
            let checked = check_revision(Chip::Esp32C3, Some(revision), 0, Some(maximum));
            assert_eq!(checked.is_err(), refused, "{revision}");
        }
        let error = check_revision(Chip::Esp32, Some(101), 300, None).unwrap_err();
        assert_eq!(error.code(), Code::ChipRevision);
        let text = format!("{error} {:?}", error.finding().why);
        assert!(text.contains("this ESP32 has the revision v1.1") && text.contains("v3.0 or later"), "{text}");
    }
}
