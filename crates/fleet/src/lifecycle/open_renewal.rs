//! Steps of renewals that are begun and not done: their report, and the one that needs no platform.

use base::Result;
use identity::lifecycle::renew::{Installed, install};
use ledger::{Entry, OpenRenewal, RenewalStep};
use schemars::JsonSchema;
use serde::Serialize;
use store::Store;

/// A step of a renewal that is not done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenRenewalReport {
    /// `device` or `server`.
    pub kind: String,
    /// The name of the device or server.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// `swap`: the platform gets the new certificate. `back`: the platform gets the earlier certificate again. `install`:
    /// the files are moved to their places, and copied to the directory of their copies. `hook`: the program runs that makes a service load the files.
    pub step: String,
    /// Why the step failed last; `null` if it was interrupted.
    pub error: Option<String>,
    /// The URL of the platform of `swap` and `back`, if it is not the one that is configured: only a command with this URL
    /// finishes the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

impl From<OpenRenewal> for OpenRenewalReport {
    fn from(open: OpenRenewal) -> Self {
        Self {
            kind: open.key.kind.as_str().to_owned(),
            name: open.key.name,
            generation: open.key.generation.number(),
            step: open.step.as_str().to_owned(),
            error: open.error,
            platform: open.elsewhere.map(|url| url.to_string()),
        }
    }
}

/// Installs the files of a generation that has become current.
pub(crate) fn finish_install(store: &mut Store, entry: &Entry) -> Result<Installed> {
    match install(store, entry) {
        Ok(installed) => store.ledger.end_step(&entry.key, RenewalStep::Install).map(|()| installed),
        Err(error) => {
            store.ledger.fail_step(&entry.key, RenewalStep::Install, &error.to_string())?;
            Err(error)
        }
    }
}
