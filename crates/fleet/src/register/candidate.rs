//! Devices on their way to the platform.

use std::time::Duration;

use base::{Error, Result};
use ledger::{Key, StagedName};
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Registration, Replace};

use crate::platform::Connection;

/// A device with a certificate that the platform must know.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) key: Key,
    pub(crate) certificate: Certificate,
    pub(crate) create: NewDevice,
    /// The credentials ids of the certificates that it replaces: those that the platform is known to have.
    pub(crate) expected: Vec<String>,
    /// Whether it is a renewal: then the platform has the device.
    pub(crate) is_renewal: bool,
}

/// The options of a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegisterOptions {
    /// Replace the credential of a device that has another one.
    pub(crate) replace: bool,
    /// Ask the platform what would happen, and change nothing.
    pub(crate) dry_run: bool,
    /// The time to wait for a platform that is down; `None` to try a device as often as after other failures.
    pub(crate) wait: Option<Duration>,
}

/// An attempt to register a candidate.
pub(crate) struct Attempted {
    /// The number of the candidate in its batch.
    pub(crate) index: usize,
    pub(crate) key: Key,
    /// The credentials id of its certificate; none if that could not be read.
    pub(crate) credentials_id: Option<String>,
    pub(crate) outcome: Result<Registration>,
}

/// A candidate, or the reason why a device cannot be one: it fails in its turn.
pub(crate) type MaybeCandidate = Result<Candidate, (Key, Error)>;

impl Connection {
    /// Registers devices, as many at once as the platform allows, and passes on the outcome of each as it comes;
    /// nothing whenever none has come for `watch`. The first error of `take` ends it.
    pub(crate) fn register_each(
        &self,
        options: RegisterOptions,
        candidates: impl IntoIterator<Item = (usize, MaybeCandidate)>,
        watch: Duration,
        take: impl FnMut(Option<Attempted>) -> Result<()>,
    ) -> Result<()> {
        let work = |(index, candidate): (usize, MaybeCandidate)| {
            let board = self.board.clone();
            async move {
                match candidate {
                    Ok(candidate) => {
                        // The limit adapts to the answers of the platform, so that the number of tasks is an upper
                        // bound only.
                        let _turn = board.pace().permit().await;
                        let credentials_id = Some(candidate.certificate.credentials_id());
                        let (key, wanted) = candidate.wanted(options);
                        let outcome = match options.dry_run {
                            true => board.examine(&wanted).await,
                            false => board.register(&wanted).await,
                        };
                        Attempted { index, key, credentials_id, outcome }
                    }
                    Err((key, error)) => Attempted { index, key, credentials_id: None, outcome: Err(error) },
                }
            }
        };
        self.runtime.for_each_watched(self.concurrency, watch, candidates, work, take)
    }
}

impl Candidate {
    pub(super) fn wanted(self, options: RegisterOptions) -> (Key, DesiredDevice) {
        let wanted = DesiredDevice {
            name: self.key.name.clone(),
            credential: DeviceCredential::X509(Box::new(self.certificate)),
            // Without `--replace` a device that logs in with another certificate keeps it: replacing it would lock the
            // device out.
            replace: match self.expected.is_empty() {
                _ if options.replace => Replace::Anything,
                false => Replace::OneOf(self.expected),
                true => Replace::Nothing,
            },
            // A device that is renewed exists.
            create: (!self.is_renewal).then_some(self.create),
        };
        (self.key, wanted)
    }
}

/// The settings of a new device: those of its line in the list of names come first.
pub(crate) fn settings_of(name: Option<&StagedName>, create: &NewDevice) -> NewDevice {
    let mut create = create.clone();
    if let Some(name) = name {
        create.profile = name.profile.clone().or(create.profile);
        create.label = name.label.clone().or(create.label);
        // Attributes of the line are added to those of the command line, and take their place where both have one.
        create.attributes.extend(name.attributes.clone());
    }
    create
}
