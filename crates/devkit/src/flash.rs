//! Flashing a board over a serial port.

use base::{Code, Error, Result};
use espflash::connection::{Connection, ResetAfterOperation, ResetBeforeOperation};
use espflash::flasher::Flasher;
use espflash::target::ProgressCallbacks;
use serialport::{FlowControl, SerialPortInfo, SerialPortType, UsbPortInfo};

use crate::chip::Chip;

/// The initial baud rate of the chips' ROM loader.
const INITIAL_BAUD: u32 = 115_200;

/// The board to flash.
#[derive(Debug, Clone)]
pub struct SerialTarget<'a> {
    /// The serial port; `None` selects the only USB serial port.
    pub port: Option<&'a str>,
    /// The baud rate for writing.
    pub baud: u32,
    /// The chip that the board must have.
    pub chip: Chip,
}

/// Writes each part to its offset and has the chip verify it. Returns the port; `say` receives progress messages.
///
/// # Errors
/// [`Code::PortMissing`] if no port or more than one is found, [`Code::FlashFailed`] with espflash's error.
pub fn write(target: &SerialTarget<'_>, parts: &[(u32, &[u8])], say: &mut dyn FnMut(&str)) -> Result<String> {
    let port = port(target.port)?;
    let failed = |error: espflash::Error| {
        Code::FlashFailed
            .error(format!("the {} at {} cannot be flashed", target.chip, port.port_name))
            .because(error)
            .fix("hold BOOT while you press RESET, close other programs that use the port, and try a lower --baud")
    };
    let serial = serialport::new(&port.port_name, INITIAL_BAUD)
        .flow_control(FlowControl::None)
        .open_native()
        .map_err(|error| unusable(&port.port_name).because(error))?;
    let connection = Connection::new(
        serial,
        usb(&port),
        ResetAfterOperation::HardReset,
        ResetBeforeOperation::DefaultReset,
        INITIAL_BAUD,
    );
    say(&format!("connecting to {}", port.port_name));
    let chip = Some(crate::image::esp_chip(target.chip));
    let mut flasher = Flasher::connect(connection, true, true, false, chip, Some(target.baud)).map_err(failed)?;
    for (offset, bytes) in parts {
        let mut progress = Progress { offset: *offset, length: bytes.len(), say };
        flasher.write_bin_to_flash(*offset, bytes, &mut progress).map_err(failed)?;
    }
    Ok(port.port_name)
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
        .map_err(|error| Code::PortMissing.error("the serial ports cannot be listed").because(error))?;
    if let Some(name) = named {
        // The list does not contain links, for example /dev/serial/by-id/..., which work as well.
        let known = all.into_iter().find(|port| port.port_name == name);
        return Ok(
            known.unwrap_or_else(|| SerialPortInfo { port_name: name.to_owned(), port_type: SerialPortType::Unknown })
        );
    }
    let mut boards: Vec<SerialPortInfo> =
        all.into_iter().filter(|port| matches!(port.port_type, SerialPortType::UsbPort(_))).collect();
    let names: Vec<&str> = boards.iter().map(|port| port.port_name.as_str()).collect();
    let names = names.join(", ");
    match (boards.pop(), boards.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Code::PortMissing
            .error(format!("more than one board is connected: {names}"))
            .argument("--port")
            .fix("choose one with --port")),
        (None, _) => Err(Code::PortMissing
            .error("no board is connected by USB")
            .argument("--port")
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
        let target = SerialTarget { port: Some("/dev/no-such-port"), baud: 460_800, chip: Chip::Esp32C3 };
        let error = write(&target, &[(0, b"x")], &mut |_| ()).unwrap_err();
        assert_eq!(error.code(), Code::PortMissing);
        assert!(error.to_string().contains("/dev/no-such-port"), "{error}");
    }
}
