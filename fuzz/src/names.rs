//! Lists of names, as CSV and as patterns.

use std::io::{self, Read};

use fleet::names::{self, ColumnSelection, NameFault, NumberPattern};
use ledger::StagedName;
use pki::San;
use pki::device_name::DeviceName;

/// A CSV of names, whole and in pieces, and the first line of it as a pattern.
pub(crate) fn fleet_names(input: &[u8]) {
    for name in [None, Some("id".to_owned())] {
        let wish = ColumnSelection { name, attributes: Vec::new() };
        let whole = read(io::Cursor::new(input.to_vec()), &wish);
        // A pipe delivers pieces of any length, and the names must not depend on it.
        let pieces = read(Slow { bytes: input.to_vec(), at: 0 }, &wish);
        assert_eq!(whole, pieces, "pieces make other names");
        check(input, whole.iter().flatten());
    }
    if let Some(Ok(pattern)) = input.split(|byte| *byte == b'\n').next().map(std::str::from_utf8)
        && let Ok(pattern) = pattern.parse::<NumberPattern>()
    {
        let again = pattern.to_string().parse();
        assert!(again.is_ok_and(|again: NumberPattern| again == pattern), "a pattern does not read back");
    }
}

type Names = Vec<Result<StagedName, NameFault>>;

fn read(input: impl Read + Send + 'static, wish: &ColumnSelection) -> Option<Names> {
    names::read(input, wish).ok().map(Iterator::collect)
}

/// Accepted names can be used, and have line numbers of the input in ascending order.
fn check<'a>(input: &[u8], names: impl Iterator<Item = &'a Result<StagedName, NameFault>>) {
    let mut last = 0;
    let lines = 1 + input.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    for name in names {
        let line = match name {
            Ok(name) => {
                assert!(name.name.parse::<DeviceName>().is_ok(), "{name:?}");
                assert!(name.sans.iter().all(|san| san.parse::<San>().is_ok()), "{name:?}");
                // Faults are reported by line, so that two names of one line could not be told apart.
                assert!(name.line > last, "two names on line {last}");
                name.line
            }
            Err(fault) => fault.line,
        };
        // The fault of an empty list is on its first line.
        assert!(line <= lines, "there is no line {line}");
        last = line;
    }
}

/// Gives a byte at a time.
struct Slow {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some(byte), Some(place)) = (self.bytes.get(self.at), buffer.first_mut()) else { return Ok(0) };
        *place = *byte;
        self.at += 1;
        Ok(1)
    }
}
