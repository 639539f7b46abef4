//! Platforms that have an earlier certificate of a device than another platform.

use base::text::device_words;
use base::{Code, Finding, Result};
use ledger::{JobId, Kind, OutdatedRegistration, View};
use schemars::JsonSchema;
use serde::Serialize;

use crate::platform::with_url;

/// A platform at which a device cannot log in with its present certificate, although another platform takes it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OutdatedPlatform {
    /// The name of the device.
    pub name: String,
    /// The URL of the platform.
    pub platform: String,
    /// The generation that the platform has, from 1.
    pub generation: u32,
    /// The command that registers the present one there.
    pub command: String,
}

impl OutdatedPlatform {
    /// The platforms that have an earlier certificate of a device.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn of(view: &View, name: &str) -> Result<Vec<Self>> {
        let outdated = view.outdated_registrations(Kind::Device, name)?.into_iter();
        Ok(outdated.map(|one| Self::new(name, &one)).collect())
    }

    /// As [`Self::of`], for all devices, and at most `limit` of each platform.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn of_all(view: &View, limit: u32) -> Result<Vec<Self>> {
        let outdated = view.outdated_devices(limit)?.into_iter();
        Ok(outdated.map(|one| Self::new(&one.name, &one.registration)).collect())
    }

    fn new(name: &str, outdated: &OutdatedRegistration) -> Self {
        Self {
            name: name.to_owned(),
            generation: outdated.generation.number(),
            command: with_url(format!("tbpki register {}", device_words(name)), Some(outdated.url.as_str())),
            platform: outdated.url.to_string(),
        }
    }

    /// The warning about it.
    pub(crate) fn finding(&self) -> Finding {
        let Self { name, platform, generation, command } = self;
        Code::RegisteredElsewhere
            .warning(format!("{platform} still has the certificate of generation {generation}"))
            .item(name)
            .because("the device cannot log in there with its present certificate")
            .fix(format!("run `{command}`"))
    }
}

/// The warnings about platforms that have earlier certificates of devices whose present ones a job has issued. `verb` is the
/// command that registers them.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn findings_of_job(view: &View, job: JobId, verb: &str) -> Result<Vec<Finding>> {
    let outdated = view.outdated_of_job(job)?.into_iter().map(|count| {
        let devices = base::text::counted(count.devices, "device", "devices");
        Code::RegisteredElsewhere
            .warning(format!("{} still has the earlier certificates of {devices} of job {job}", count.url))
            .because("the devices cannot log in there with their present certificates")
            .fix(format!("run `{verb} --pending --job {job} --platform-url {}`", count.url))
    });
    Ok(outdated.collect())
}
