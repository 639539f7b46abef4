//! The parameters of the certificates of a CA's key by further generations of its root, as their rows have them.

use base::{Code, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::Entry;
use crate::key::Generation;
use crate::parameters::Parameters;

/// The parameters of a certificate that a further generation of the root has issued for the key of a CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossParameters {
    /// The number of the CA's generation that has the key.
    pub of: u32,
    /// The number of the root's generation in the files of the store; `None` if it is unknown.
    pub by: Option<u32>,
}

impl CrossParameters {
    /// The CA's generation that has the key.
    pub fn generation(self) -> Generation {
        Generation(self.of)
    }

    /// As a new row has them.
    ///
    /// # Errors
    /// [`Code::Internal`].
    pub fn to_parameters(self) -> Result<Parameters> {
        Parameters::of(&self)
    }

    /// Those of the row of a CA. `None` for a row of another kind: the CA of a profile can have a name of the same form.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] if the parameters are damaged.
    pub fn of_row(row: &Entry) -> Result<Option<Self>> {
        let unreadable = |error: serde_json::Error| {
            let error = Code::LedgerUnreadable.error("the parameters of a CA cannot be read").caused_by(error);
            error.item(&row.key.name)
        };
        let value: Value = serde_json::from_str(row.parameters.as_str()).map_err(unreadable)?;
        if value.get("of").is_none() {
            return Ok(None);
        }
        serde_json::from_value(value).map(Some).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::role::Role;
    use crate::lifecycle::rollover::tests::row;

    fn of(parameters: &str) -> Result<Option<CrossParameters>> {
        CrossParameters::of_row(&row("x-cross", 1, Role::Current, parameters))
    }

    #[test]
    fn the_parameters_of_a_cross_certificate_are_read_as_they_are_written() {
        let parameters = CrossParameters { of: 2, by: Some(3) };
        let text = parameters.to_parameters().unwrap();
        assert_eq!(text.as_str(), r#"{"by":3,"of":2}"#);
        assert_eq!(of(text.as_str()).unwrap(), Some(parameters));
        let unknown = CrossParameters { of: 2, by: None };
        assert_eq!(of(r#"{"by":null,"of":2}"#).unwrap(), Some(unknown));
    }

    #[test]
    fn the_parameters_of_another_row_are_none_and_damaged_ones_an_error() {
        for other in [r#""CN=x""#, r#"{"days":3650}"#] {
            assert_eq!(of(other).unwrap(), None, "{other}");
        }
        for damaged in ["", r#"{"of":2"#, r#"{"of":"2"}"#, r#"{"of":-1}"#, r#"{"of":4294967296}"#] {
            let error = of(damaged).unwrap_err();
            assert_eq!(error.code(), Code::LedgerUnreadable, "{damaged}");
            assert!(error.to_string().contains("x-cross"), "{error}");
        }
    }
}
