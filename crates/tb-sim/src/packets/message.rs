//! PUBLISH, received.

use super::answers;
use super::codec::{Frame, Reader};
use super::connect::Version;

/// A message.
pub(crate) struct Message<'a> {
    pub(crate) topic: String,
    /// None for quality of service 0.
    pub(crate) id: Option<u16>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a packet. `None` is malformed.
    pub(crate) fn read(frame: &'a Frame, version: Version) -> Option<Self> {
        let mut reader = Reader::new(&frame.body);
        let topic = reader.text().filter(|topic| is_plain(topic))?;
        let id = match (frame.flags >> 1) & 3 {
            0 => None,
            1 | 2 => Some(reader.identifier()?),
            _ => return None,
        };
        if version == Version::V5 {
            reader.properties()?;
        }
        Some(Self { topic, id, payload: reader.rest() })
    }

    /// The acknowledgement; empty for quality of service 0. Quality of service 2 gets that of 1.
    pub(crate) fn acknowledge(&self, version: Version, reason: u8) -> Vec<u8> {
        self.id.map(|id| answers::puback(version, id, reason)).unwrap_or_default()
    }
}

/// True for a topic without wildcards, which only filters may contain.
fn is_plain(topic: &str) -> bool {
    !topic.contains(['+', '#'])
}
