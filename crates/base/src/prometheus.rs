//! Figures as Prometheus text, version 0.0.4 of the exposition format.
//!
//! Written by hand because the format is a few lines of text.

use std::fmt::{Display, Write as _};

/// A family of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name: letters, digits and underscores.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// The meaning, in one line.
    pub help: &'static str,
}

impl Family {
    /// A value that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "gauge", help }
    }

    /// A value that only grows.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "counter", help }
    }
}

/// A text that grows by families. The samples of a family follow each other.
#[derive(Debug, Default)]
pub struct MetricsText(String);

impl MetricsText {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family.
    pub fn family(&mut self, family: &Family) {
        let Family { name, kind, help } = family;
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample of a family.
    pub fn sample(&mut self, family: &Family, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(family.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if index == 0 { '{' } else { ',' });
            text.chars().for_each(|one| self.push_escaped(one));
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Adds a family with one sample that has no labels.
    pub fn single(&mut self, family: &Family, value: impl Display) {
        self.family(family);
        self.sample(family, &[], value);
    }

    fn push_escaped(&mut self, one: char) {
        match one {
            '\\' => self.0.push_str("\\\\"),
            '"' => self.0.push_str("\\\""),
            '\n' => self.0.push_str("\\n"),
            one => self.0.push(one),
        }
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_single_samples_have_none() {
        const ENDS: Family = Family::gauge("tbpki_ca_end_seconds", "End of a CA.");
        let mut text = MetricsText::new();
        text.family(&ENDS);
        text.sample(&ENDS, &[("ca", "profile-\"a\\b\"\n"), ("kind", "x")], 7);
        text.single(&Family::counter("tbpki_requests_total", "Requests."), 1);
        assert_eq!(
            text.into_string(),
            "# HELP tbpki_ca_end_seconds End of a CA.\n# TYPE tbpki_ca_end_seconds gauge\n\
             tbpki_ca_end_seconds{ca=\"profile-\\\"a\\\\b\\\"\\n\",kind=\"x\"} 7\n\
             # HELP tbpki_requests_total Requests.\n# TYPE tbpki_requests_total counter\ntbpki_requests_total 1\n"
        );
    }
}
