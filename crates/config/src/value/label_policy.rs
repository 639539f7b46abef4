//! The policy of one label.

use std::fmt;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use pki::device_name::DeviceName;

use super::kind::WordValue;
use super::word::EnrolmentPolicy;

/// The policy of one label, as `LABEL=POLICY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelPolicy {
    /// The label, which is the name of a device profile.
    pub label: DeviceName,
    /// When a certificate of this label counts as used.
    pub policy: EnrolmentPolicy,
}

impl FromStr for LabelPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The last sign: the name of a profile may hold one, and no policy does.
        let (label, policy) = text.rsplit_once('=').ok_or_else(|| {
            Code::BadValue
                .error(format!("{} has no policy", quote(text)))
                .fix("write LABEL=POLICY, for example pumps=first-login")
        })?;
        Ok(Self { label: label.trim().parse()?, policy: policy.parse()? })
    }
}

impl fmt::Display for LabelPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.label, self.policy)
    }
}

impl WordValue for LabelPolicy {
    fn takes() -> String {
        format!("LABEL=POLICY with {}", EnrolmentPolicy::takes())
    }

    fn contradicts(&self, earlier: &Self) -> Option<String> {
        (self.label == earlier.label).then(|| format!("the label {} has two policies", quote(self.label.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_and_its_policy_are_read_and_written_alike() {
        let read: LabelPolicy = "a=b=First-Login".parse().unwrap();
        assert_eq!((read.label.as_str(), read.policy), ("a=b", EnrolmentPolicy::FirstLogin));
        assert_eq!(read.to_string(), "a=b=first-login");
    }

    #[test]
    fn what_is_no_label_with_a_policy_is_refused() {
        for wrong in ["", "pumps", "=confirm", "pumps=", "pumps=sometimes", "pumps=confirm="] {
            assert!(wrong.parse::<LabelPolicy>().is_err(), "{wrong}");
        }
        let error = "pumps=confirmed".parse::<LabelPolicy>().unwrap_err();
        assert_eq!(error.code(), Code::BadValue);
    }
}
