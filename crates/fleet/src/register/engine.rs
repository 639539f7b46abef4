//! Registration with the platform, by the same rules for one device, all devices of a store, and the shards of a job:
//! concurrency, retries, the failures that end a run, and what a failure is called.

use base::{Code, Error, Finding, Result};
use ledger::{Key, View};
use provision::platform::Registration;

use super::candidate::{Attempted, MaybeCandidate, RegisterOptions};
use super::report::DeviceRegistration;
use super::retry::{Consequence, RetryPolicy, TRIES};
use super::taken_certificate::TakenCertificates;
use crate::platform::Connection;
use crate::stop::{Stop, TICK};

/// The receiver of outcomes: the ledger, and the report of a verb.
pub(crate) trait Recorder {
    /// The ledger, to explain failures.
    fn view(&self) -> &View;

    /// A device is registered, or would be in a dry run.
    fn registered(&mut self, key: Key, registration: DeviceRegistration, findings: Vec<Finding>) -> Result<()>;

    /// A device has failed.
    fn failed(&mut self, key: Key, error: &Error, registration: DeviceRegistration) -> Result<()>;

    /// The run ends at this device, with an error that is not the device's.
    fn ended(&mut self, key: Key, error: &Error) -> Result<()>;

    /// Time has passed.
    fn tick(&mut self) -> Result<()>;
}

/// A run that registers devices.
pub(crate) struct RegisterEngine<'a> {
    connection: &'a Connection,
    options: RegisterOptions,
    stop: &'a Stop<'a>,
    retry: RetryPolicy,
    taken: TakenCertificates,
    /// The error that ended the run.
    ended: Option<Error>,
}

impl<'a> RegisterEngine<'a> {
    /// An engine over a connection; `is_reached` if the platform has answered over it already.
    pub(crate) fn new(
        connection: &'a Connection,
        options: RegisterOptions,
        stop: &'a Stop<'a>,
        is_reached: bool,
    ) -> Self {
        let retry = RetryPolicy::new(is_reached, options.wait);
        Self { connection, options, stop, retry, taken: TakenCertificates::new(), ended: None }
    }

    /// Registers a batch of `count` devices. Those whose failure may pass are tried again after the others.
    ///
    /// # Errors
    /// The error that ends the run, and those of the recorder. Devices without an outcome are left.
    pub(crate) fn register(
        &mut self,
        count: usize,
        candidate: impl Fn(usize) -> Option<MaybeCandidate>,
        recorder: &mut impl Recorder,
    ) -> Result<()> {
        let mut open: Vec<usize> = (0..count).collect();
        let mut left = TRIES;
        loop {
            // A device by itself is not tried again: its requests were, and no other one fills the time.
            let may_repeat = left > 1 && count > 1;
            self.retry.begin_pass();
            let mut again = Vec::new();
            let (connection, options, stop) = (self.connection, self.options, self.stop);
            let candidates =
                open.iter().take_while(|_| !stop.is_asked()).filter_map(|index| Some((*index, candidate(*index)?)));
            let attempts = connection.register_each(options, candidates, TICK, |attempted| match attempted {
                Some(attempted) => self.take(attempted, may_repeat, &mut again, recorder),
                None => {
                    recorder.tick()?;
                    if stop.is_overdue() { Err(Code::StoppedEarly.error("a stop was requested")) } else { Ok(()) }
                }
            });
            // An error that ends the run has priority over `StoppedEarly`, which only ended the requests.
            if let Some(error) = self.ended.take() {
                return Err(error);
            }
            match attempts {
                Err(error) if error.code() == Code::StoppedEarly => break,
                other => other?,
            }
            if again.is_empty() {
                break;
            }
            // Attempts while the platform is down do not count.
            if !self.retry.was_down() {
                left = left.saturating_sub(1);
            }
            // In the order of the batch, so that a list that is sorted by name stays readable in the log.
            again.sort_unstable();
            open = again;
        }
        Ok(())
    }

    fn take(
        &mut self,
        attempted: Attempted,
        may_repeat: bool,
        again: &mut Vec<usize>,
        recorder: &mut impl Recorder,
    ) -> Result<()> {
        let Attempted { index, key, credentials_id, outcome } = attempted;
        let error = match outcome {
            Ok(registration) => {
                self.retry.succeeded();
                let Registration { done, device_id, findings } = registration;
                let name = key.name.clone();
                let dry_run = self.options.dry_run;
                let done =
                    DeviceRegistration { name, done: done.into(), dry_run, device_id, credentials_id, error: None };
                return recorder.registered(key, done, findings);
            }
            // `CertificateTaken` names no device on ThingsBoard; the ledger may know it.
            Err(error) => self.taken.explain(error, &key, || {
                let known = recorder.view().by_credentials_id(credentials_id.as_deref().unwrap_or_default())?;
                let other = known.filter(|entry| entry.key.name != key.name);
                Ok(other.map(|entry| entry.key.to_string()))
            })?,
        };
        match self.retry.failed(&error, may_repeat) {
            Consequence::Later => {
                tracing::info!(device = key.name, %error, "is tried again later");
                again.push(index);
                Ok(())
            }
            Consequence::Device => {
                let finding = Error::new(error.finding().clone());
                let failed = DeviceRegistration::failed(key.name.clone(), finding);
                recorder.failed(key, &error, DeviceRegistration { credentials_id, ..failed })
            }
            Consequence::End => {
                if let Err(second) = recorder.ended(key, &error) {
                    tracing::warn!(error = %second, "the end of the run was not recorded");
                }
                self.ended = Some(error);
                // Requests in progress are canceled; the next run finds out what became of them.
                Err(Code::StoppedEarly.error("the run has ended"))
            }
        }
    }
}
