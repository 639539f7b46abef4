//! Devices on their way to the platform, whoever has them registered and however many there are.

use std::time::Duration;

use base::{Code, Error, Result};
use ledger::Key;
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Registration, Replace};

use crate::platform::Connection;

/// A device with a certificate that the platform is to know.
pub(crate) struct Candidate {
    pub(crate) key: Key,
    pub(crate) certificate: Certificate,
    pub(crate) create: NewDevice,
}

/// How devices are registered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Replace the credential of a device that has another one.
    pub(crate) replace: bool,
    /// Say what would happen and change nothing.
    pub(crate) dry_run: bool,
}

/// What became of a candidate.
pub(crate) struct Tried {
    pub(crate) key: Key,
    /// The credentials id of its certificate; none where that could not be read.
    pub(crate) credentials_id: Option<String>,
    pub(crate) outcome: Result<Registration>,
}

/// Candidates that cannot be, with the reason, take part: they fail in their turn.
pub(crate) type MaybeCandidate = Result<Candidate, (Key, Error)>;

impl Connection {
    /// Registers devices, as many at once as the platform bears, and hands over what became of each as it comes. Where
    /// nothing comes for as long as `watch`, nothing is handed over. The first error of `take` ends it.
    pub(crate) fn register_each(
        &self,
        manner: Manner,
        candidates: impl IntoIterator<Item = MaybeCandidate>,
        watch: Duration,
        take: impl FnMut(Option<Tried>) -> Result<()>,
    ) -> Result<()> {
        let work = |candidate: MaybeCandidate| {
            let board = self.board.clone();
            async move {
                match candidate {
                    Ok(candidate) => {
                        let _turn = board.pace().permit().await;
                        let credentials_id = Some(candidate.certificate.credentials_id());
                        let (key, wanted) = candidate.wanted(manner);
                        let outcome = match manner.dry_run {
                            true => board.examine(&wanted).await,
                            false => board.register(&wanted).await,
                        };
                        Tried { key, credentials_id, outcome }
                    }
                    Err((key, error)) => Tried { key, credentials_id: None, outcome: Err(error) },
                }
            }
        };
        self.runtime.for_each_watched(self.concurrency, watch, candidates, work, take)
    }
}

impl Candidate {
    fn wanted(self, manner: Manner) -> (Key, DesiredDevice) {
        let wanted = DesiredDevice {
            name: self.key.name.clone(),
            credential: DeviceCredential::X509(Box::new(self.certificate)),
            replace: if manner.replace { Replace::Anything } else { Replace::Nothing },
            create: Some(self.create),
        };
        (self.key, wanted)
    }
}

/// Whether an error concerns everything that is asked of the platform, so that going on makes no sense.
pub(crate) fn concerns_all(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Unreachable
            | Code::TlsFailed
            | Code::PlatformUnverified
            | Code::PlatformRedirect
            | Code::LoginRefused
            | Code::UserDisabled
            | Code::UserLocked
            | Code::PasswordExpired
            | Code::SecondFactor
            | Code::SessionExpired
            | Code::ApiKeyRefused
            | Code::PlatformPermission
            | Code::DeviceLimit
    )
}

/// Whether an error may be gone the next time, though it has been met several times in a row.
pub(crate) fn may_pass(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::AnswerLost | Code::PlatformFault | Code::RateLimited | Code::NotThePlatform | Code::VersionConflict
    )
}
