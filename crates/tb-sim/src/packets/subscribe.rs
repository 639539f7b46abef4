//! SUBSCRIBE and UNSUBSCRIBE.

use super::answers;
use super::codec::{Frame, Reader};
use super::connect::Version;

/// Filters, with the quality of service that is wanted for each.
pub(crate) fn read(frame: &Frame, version: Version, with_options: bool) -> Option<(u16, Vec<(String, u8)>)> {
    let mut reader = Reader::new(&frame.body);
    let id = reader.identifier()?;
    if version == Version::V5 {
        reader.properties()?;
    }
    let mut filters = Vec::new();
    while !reader.rest().is_empty() {
        let filter = reader.text()?;
        let options = if with_options { reader.u8()? } else { 0 };
        if options & 3 == 3 {
            return None;
        }
        filters.push((filter, options & 3));
    }
    Some((id, filters))
}

/// The answer to SUBSCRIBE. A quality of service of 2 is granted as 1.
pub(crate) fn granted(version: Version, id: u16, filters: &[(String, u8)], known: impl Fn(&str) -> bool) -> Vec<u8> {
    let refused = if version == Version::V5 { 0x8f } else { 0x80 };
    let code = |(filter, qos): &(String, u8)| if known(filter) { (*qos).min(1) } else { refused };
    answers::suback(version, id, &filters.iter().map(code).collect::<Vec<u8>>())
}
