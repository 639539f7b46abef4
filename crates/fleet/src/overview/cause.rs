//! Failures by what they have in common.

use std::collections::HashMap;

/// So many causes are told apart; what comes behind them is counted together. A fleet that fails in more ways than
/// these has one cause to be fixed first.
const KINDS: usize = 100;

/// Longer texts are cut: the same beginning is the same cause.
const LONGEST: usize = 400;

/// The number of failures by cause.
#[derive(Debug, Default)]
pub(super) struct Causes {
    known: HashMap<String, CauseId>,
    all: Vec<Cause>,
    /// Those beyond [`KINDS`].
    pub(super) others: u64,
}

/// The number of a cause, in the order in which they were met; nothing for those that are counted together.
pub(super) type CauseId = Option<usize>;

/// Why devices failed.
#[derive(Debug)]
pub(super) struct Cause {
    /// The message, without what is different from device to device.
    pub(super) text: String,
    /// The number of devices that failed so.
    pub(super) devices: u64,
    /// The first of them.
    pub(super) example: String,
}

impl Causes {
    /// Counts the failure of a device.
    pub(super) fn add(&mut self, device: &str, error: &str) -> CauseId {
        let text = common(device, error);
        let id = match self.known.get(&text) {
            Some(id) => *id,
            None if self.all.len() < KINDS => {
                let id = Some(self.all.len());
                self.all.push(Cause { text: text.clone(), devices: 0, example: device.to_owned() });
                self.known.insert(text, id);
                id
            }
            None => None,
        };
        match id.and_then(|id| self.all.get_mut(id)) {
            Some(cause) => cause.devices += 1,
            None => self.others += 1,
        }
        id
    }

    /// The causes with their numbers, the most frequent first.
    pub(super) fn by_frequency(&self) -> Vec<(usize, &Cause)> {
        let mut causes: Vec<_> = self.all.iter().enumerate().collect();
        // By the text where counts are alike, so that two pages of one ledger do not differ.
        causes.sort_by(|(_, a), (_, b)| b.devices.cmp(&a.devices).then_with(|| a.text.cmp(&b.text)));
        causes
    }
}

/// A message about a device without its name in front, because the page shows the name next to it.
pub(super) fn without_name<'a>(device: &str, error: &'a str) -> &'a str {
    error.strip_prefix(device).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(error)
}

/// A message without what is different from device to device: the device's name in front, its name inside, texts in
/// quotes, and long numbers such as identifiers.
fn common(device: &str, error: &str) -> String {
    let error = without_name(device, error);
    let mut text = String::new();
    let mut rest = error;
    while let Some(first) = rest.chars().next() {
        if text.len() >= LONGEST {
            text.push('…');
            break;
        }
        let taken = match quoted(rest).or_else(|| named(device, rest, &text)).or_else(|| identifier(rest, &text)) {
            Some(length) => {
                text.push('…');
                length
            }
            None => {
                text.push(first);
                first.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    text
}

/// The length of a text in quotes at the beginning.
fn quoted(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('"')?;
    inner.find('"').map(|end| end + 2)
}

/// The length of the device's name, if the message begins with it as a word.
fn named(device: &str, text: &str, before: &str) -> Option<usize> {
    let rest = text.strip_prefix(device)?;
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    // As a whole word: in the messages of a device "a" every letter a would go otherwise.
    let apart = !before.ends_with(is_word) && !rest.starts_with(is_word);
    (apart && !device.is_empty()).then_some(device.len())
}

/// The length of a UUID, a serial number, a fingerprint or the like at the beginning: eight or more hexadecimal
/// digits, some of which are decimal. Statuses, codes and ports are shorter and stay.
fn identifier(text: &str, before: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let length = text.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(text.len());
    let found = text.get(..length)?.trim_end_matches('-');
    let ends = !text.get(found.len()..)?.starts_with(|c: char| c.is_alphanumeric());
    let digits = found.chars().filter(char::is_ascii_hexdigit).count();
    // With a decimal digit in it, since there are words of the letters a to f alone.
    (ends && digits >= 8 && found.contains(|c: char| c.is_ascii_digit())).then_some(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_device_to_device_is_left_out() {
        for (device, error, text) in [
            (
                "pump-1",
                "pump-1: the platform rejects the request: status 400",
                "the platform rejects the request: status 400",
            ),
            ("pump-1", "another device has the certificate of pump-1", "another device has the certificate of …"),
            ("pump-1", "pump-11 has it", "pump-11 has it"),
            ("a", "no answer from the platform", "no answer from the platform"),
            ("p", "\"valve-7\" has it", "… has it"),
            ("p", "device 784f394c-42b6-435a-983c-b7beff2784f9 is gone", "device … is gone"),
            (
                "p",
                "connection to 192.168.0.1:8883 refused (os error 111)",
                "connection to 192.168.0.1:8883 refused (os error 111)",
            ),
            ("p", "a deadbeef word", "a deadbeef word"),
            ("p", "TBPKI-0142", "TBPKI-0142"),
        ] {
            assert_eq!(common(device, error), text, "{error}");
        }
        assert!(common("p", &"ä".repeat(10_000)).len() <= LONGEST + "ä…".len());
    }

    #[test]
    fn causes_are_counted_and_the_most_frequent_comes_first() {
        let mut causes = Causes::default();
        assert_eq!(causes.add("a", "a: no answer"), Some(0));
        assert_eq!(causes.add("b", "b: refused"), Some(1));
        assert_eq!(causes.add("c", "c: refused"), Some(1));
        let found = causes.by_frequency();
        assert_eq!(found.iter().map(|(_, cause)| cause.devices).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((found[0].0, found[0].1.text.as_str(), found[0].1.example.as_str()), (1, "refused", "b"));
    }

    #[test]
    fn no_more_causes_are_kept_than_can_be_read() {
        let mut causes = Causes::default();
        for number in 0..KINDS + 5 {
            causes.add("a", &format!("error {number}"));
        }
        assert_eq!((causes.by_frequency().len(), causes.others), (KINDS, 5));
        assert_eq!(causes.add("a", "error 0"), Some(0));
    }
}
