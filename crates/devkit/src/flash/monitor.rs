//! The serial output of a board.

use std::io::{ErrorKind, Read};
use std::thread;
use std::time::Duration;

use base::{Code, Error, Result};
use serialport::{FlowControl, SerialPort};

use super::{INITIAL_BAUD, unusable};

/// The time after which a read without data is repeated.
const READ_TIMEOUT: Duration = Duration::from_millis(200);

/// The attempts to open a port, and the pause between them: a chip with USB of its own disappears while it restarts.
const ATTEMPTS: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// The longest line in bytes. Noise on a serial line has no line ends.
const LINE_LIMIT: usize = 4096;

/// Passes each line that a board prints to `line`, which returns whether to go on. Bytes that are not UTF-8 are replaced.
///
/// # Errors
/// [`Code::PortMissing`] if the port cannot be opened, or the board was disconnected.
pub fn monitor(port: &str, line: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
    let mut serial = open(port)?;
    let (mut buffer, mut pending) = ([0; 1024], Vec::new());
    loop {
        let length = match serial.read(&mut buffer) {
            Ok(0) => return Err(disconnected(port)),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => continue,
            Err(error) => return Err(disconnected(port).caused_by(error)),
        };
        for byte in buffer.iter().take(length) {
            if *byte != b'\n' && pending.len() < LINE_LIMIT {
                pending.push(*byte);
                continue;
            }
            let text = String::from_utf8_lossy(&pending).into_owned();
            pending.clear();
            if !line(text.trim_end_matches('\r'))? {
                return Ok(());
            }
        }
    }
}

fn open(port: &str) -> Result<Box<dyn SerialPort>> {
    let mut last = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let opened = serialport::new(port, INITIAL_BAUD).flow_control(FlowControl::None).timeout(READ_TIMEOUT).open();
        match opened {
            Ok(serial) => return Ok(serial),
            Err(error) => last = Some(error),
        }
    }
    let error = unusable(port);
    Err(last.map_or_else(|| unusable(port), |why| error.caused_by(why)))
}

fn disconnected(port: &str) -> Error {
    Code::PortMissing.error(format!("the board at {port} was disconnected"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serialport::TTYPort;

    use super::*;

    #[test]
    fn lines_arrive_one_by_one_until_the_reader_has_enough() {
        let (mut board, terminal) = TTYPort::pair().unwrap();
        let name = terminal.name().unwrap();
        // A board that restarts may send bytes at another speed, which arrive as noise.
        board.write_all(b"record: device pump-1\r\n\xFFnoise\nlast\n").unwrap();
        let mut lines = Vec::new();
        monitor(&name, &mut |line| {
            lines.push(line.to_owned());
            Ok(lines.len() < 3)
        })
        .unwrap();
        assert_eq!(lines, ["record: device pump-1", "\u{FFFD}noise", "last"]);
    }
}
