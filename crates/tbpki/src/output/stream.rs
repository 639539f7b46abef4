//! Results that are printed row by row, because they can be larger than the memory.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};

use anstream::AutoStream;
use base::{Error, Finding, Result};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{JSON_VERSION, Output, stdout_fault};

/// The result of writing a stream.
pub type StreamResult = std::result::Result<(), StreamError>;

/// The reason for which a stream ended early.
#[derive(Debug)]
pub enum StreamError {
    /// A row could not be read.
    Source(Error),
    /// Standard output could not be written.
    Output(io::Error),
}

impl From<Error> for StreamError {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Output {
    /// True if the result is printed as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result as text, or in a format of its own, while it is produced.
    ///
    /// # Errors
    /// The errors of `write`. A closed pipe is not an error.
    pub fn stream(&self, write: impl FnOnce(&mut dyn Write) -> StreamResult) -> Result<()> {
        // 64 KiB: a list of a million devices is written in some thousand calls instead of a million.
        let mut out = BufWriter::with_capacity(1 << 16, AutoStream::new(io::stdout().lock(), self.color));
        let written = write(&mut out);
        // Flushed also after an error of the source, so that what came before is seen.
        let flushed = out.flush();
        match written.and_then(|()| Ok(flushed?)) {
            Err(StreamError::Source(error)) => Err(error),
            Err(StreamError::Output(error)) => stdout_fault(error),
            Ok(()) => Ok(()),
        }
    }

    /// Prints the JSON of a result that is a list in `field`, item by item.
    ///
    /// # Errors
    /// The first error of `items`, which is also in the JSON, after the items before it.
    pub fn json_list<T: Serialize>(
        &mut self,
        field: &'static str,
        items: impl Iterator<Item = Result<T>>,
    ) -> Result<()> {
        let broken = RefCell::new(None);
        let findings = std::mem::take(&mut self.findings);
        let items = Items { items: RefCell::new(items), broken: &broken };
        let envelope = Streamed { verb: self.verb, findings, list: List { field, items } };
        // Set before the output begins: an error in the middle must not print a second document.
        self.is_printed = true;
        self.stream(|out| {
            serde_json::to_writer_pretty(&mut *out, &envelope).map_err(io::Error::from)?;
            Ok(writeln!(out)?)
        })?;
        broken.into_inner().map_or(Ok(()), |finding| Err(Error::new(finding)))
    }
}

/// An [`Envelope`](super::Envelope) that is written from its first field to its last, because an error is known only
/// after the list.
struct Streamed<'a, I> {
    verb: &'static str,
    findings: Vec<Finding>,
    list: List<'a, I>,
}

/// A result with one list.
struct List<'a, I> {
    field: &'static str,
    items: Items<'a, I>,
}

/// The items of the list, and the error that ended it.
struct Items<'a, I> {
    items: RefCell<I>,
    broken: &'a RefCell<Option<Finding>>,
}

impl<T: Serialize, I: Iterator<Item = Result<T>>> Serialize for Streamed<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("version", &JSON_VERSION)?;
        fields.serialize_entry("verb", self.verb)?;
        fields.serialize_entry("findings", &self.findings)?;
        fields.serialize_entry("result", &self.list)?;
        // Only now is known whether the list came to its end, so the error follows the result.
        if let Some(error) = &*self.list.items.broken.borrow() {
            fields.serialize_entry("error", error)?;
        }
        fields.end()
    }
}

impl<T: Serialize, I: Iterator<Item = Result<T>>> Serialize for List<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(1))?;
        fields.serialize_entry(self.field, &self.items)?;
        fields.end()
    }
}

impl<T: Serialize, I: Iterator<Item = Result<T>>> Serialize for Items<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in &mut *self.items.borrow_mut() {
            match item {
                Ok(item) => list.serialize_element(&item)?,
                Err(error) => {
                    // Not an error of serde: that would end the document in the middle, and a script could parse none
                    // of it.
                    *self.broken.borrow_mut() = Some(error.into_finding());
                    break;
                }
            }
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use base::Code;
    use serde_json::{Value, json};

    use super::*;

    fn printed(items: Vec<Result<u32>>) -> Value {
        let broken = RefCell::new(None);
        let items = Items { items: RefCell::new(items.into_iter()), broken: &broken };
        let list = List { field: "numbers", items };
        serde_json::to_value(Streamed { verb: "count", findings: Vec::new(), list }).unwrap()
    }

    #[test]
    fn a_list_is_printed_like_other_results() {
        let expected = json!({"version": 1, "verb": "count", "findings": [], "result": {"numbers": [1, 2]}});
        assert_eq!(printed(vec![Ok(1), Ok(2)]), expected);
        assert_eq!(printed(vec![])["result"], json!({"numbers": []}));
    }

    #[test]
    fn the_error_of_a_list_is_in_valid_json() {
        let printed = printed(vec![Ok(1), Err(Code::LedgerUnreadable.error("it is damaged")), Ok(3)]);
        assert_eq!(printed["result"]["numbers"], json!([1]));
        assert_eq!(printed["error"]["what"], "it is damaged");
    }
}
