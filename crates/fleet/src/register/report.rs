//! The results of registration, for people and for programs.

use base::{Code, Error, Finding};
use provision::platform::PlatformChange;
use schemars::JsonSchema;
use serde::Serialize;

use crate::lifecycle::open_renewal::OpenRenewalReport;
use crate::lifecycle::outdated::OutdatedPlatform;

/// A run that registered devices of the store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RegisterReport {
    /// The address of the platform; empty if renewals came into use without one.
    pub platform: String,
    /// True if nothing was changed.
    pub dry_run: bool,
    /// The number of devices that are registered, or would be in a dry run.
    pub registered: u64,
    /// The number of devices that failed.
    pub failed: u64,
    /// The number of devices that were not tried, because the cause of an earlier failure concerns them too, or because
    /// the run was stopped.
    pub left: u64,
    /// The number of devices that were skipped, because they were unregistered.
    pub skipped: u64,
    /// The number of devices that were skipped, because they were revoked.
    pub revoked: u64,
    /// Steps of renewals that are begun and not done. The same command finishes them.
    pub open: Vec<OpenRenewalReport>,
    /// Other platforms that have earlier certificates of the devices that were named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<OutdatedPlatform>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The error or the signal that ended the run early.
    #[serde(skip)]
    pub stopped: Option<Finding>,
}

/// The result for one device in the platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeviceRegistration {
    /// The name of the device.
    pub name: String,
    /// The change.
    pub done: PlatformOutcome,
    /// True if that is only what would be done.
    pub dry_run: bool,
    /// The platform's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The credentials id of its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Finding>,
}

/// A change in the platform, or in a dry run the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlatformOutcome {
    /// The device was not there and is now.
    Created,
    /// The device was there with another credential.
    Replaced,
    /// All was so already.
    Unchanged,
    /// The device was deleted.
    Deleted,
    /// There was no such device.
    Absent,
    /// A dry run of an identity that is not issued yet.
    Planned,
    /// It could not be done.
    Failed,
}

impl From<PlatformChange> for PlatformOutcome {
    fn from(done: PlatformChange) -> Self {
        match done {
            PlatformChange::Created => PlatformOutcome::Created,
            PlatformChange::Replaced => PlatformOutcome::Replaced,
            PlatformChange::Unchanged => PlatformOutcome::Unchanged,
            PlatformChange::Deleted => PlatformOutcome::Deleted,
            PlatformChange::Absent => PlatformOutcome::Absent,
        }
    }
}

/// Failures for which the connection to the platform is the reason.
const WITHOUT_ANSWER: [Code; 4] = [Code::AnswerLost, Code::Unreachable, Code::TlsFailed, Code::PlatformUnverified];

impl DeviceRegistration {
    /// The result of a dry run for a device whose identity is not issued yet.
    pub(crate) fn planned(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, done: PlatformOutcome::Planned, dry_run: true, device_id: None, credentials_id: None, error: None }
    }

    pub(crate) fn failed(name: String, error: Error) -> Self {
        let mut finding = error.into_finding();
        let place = match finding.location.item.take() {
            // The device has no part in it: the address can be wrong.
            Some(platform) if WITHOUT_ANSWER.contains(&finding.code) => format!("{platform} (device {name})"),
            // The position of the device in the list is more useful than the platform's address.
            _ => name.clone(),
        };
        let error = Some(finding.item(place));
        Self { name, done: PlatformOutcome::Failed, dry_run: false, device_id: None, credentials_id: None, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_connection_is_at_the_platform_and_another_one_at_the_device() {
        let place = |code: Code, item: Option<&str>| {
            let error = item.into_iter().fold(code.error("no"), Error::item);
            let failed = DeviceRegistration::failed("lamp".to_owned(), error);
            failed.error.and_then(|finding| finding.location.item)
        };
        let url = Some("http://tb.example:8080");
        for code in WITHOUT_ANSWER {
            assert_eq!(place(code, url).as_deref(), Some("http://tb.example:8080 (device lamp)"), "{code:?}");
        }
        assert_eq!(place(Code::AnswerLost, None).as_deref(), Some("lamp"));
        assert_eq!(place(Code::CertificateTaken, url).as_deref(), Some("lamp"));
    }
}
