//! The date of the device: when it is requested, and how certain it is.

use super::failure::{Failure, NetworkFailure, TlsFailure};
use super::platform::{Datagrams, Log, Random, Time};
use super::settings::SessionSettings;
use super::sntp;
use super::timeout::with_timeout;
use crate::date::Date;

/// Requests the date from the record's SNTP server: before the first connection, again after a refusal because of dates,
/// and now and then while the device runs.
pub(super) struct DateKeeper<'a, D, C, L> {
    /// The SNTP server of the record; empty for none.
    server: &'a str,
    settings: &'a SessionSettings,
    datagrams: D,
    time: &'a C,
    log: &'a L,
    /// The Unix time at uptime 0 in milliseconds, if the date is known.
    epoch: Option<u64>,
    /// The uptime of the next request in milliseconds.
    next: u64,
    /// True if the first connection was made without a date. Later requests make a single attempt.
    missed: bool,
    /// The last reason without a date that was logged. Repetitions are not.
    logged: Option<DateFailure>,
}

impl<'a, D: Datagrams, C: Time, L: Log> DateKeeper<'a, D, C, L> {
    pub(super) fn new(server: &'a str, settings: &'a SessionSettings, datagrams: D, time: &'a C, log: &'a L) -> Self {
        Self { server, settings, datagrams, time, log, epoch: None, next: 0, missed: false, logged: None }
    }

    /// The Unix time of an uptime, both in milliseconds, if the date is known.
    pub(super) fn at(&self, uptime: u64) -> Option<u64> {
        self.epoch.map(|epoch| epoch.saturating_add(uptime))
    }

    /// The date in seconds since 1970, if it is known.
    pub(super) fn seconds(&self) -> Option<u64> {
        self.at(self.time.uptime()).map(|milliseconds| milliseconds / 1_000)
    }

    /// Requests the date before a connection, if it is unknown or a request is due. The first connection waits for it.
    pub(super) async fn before_connection(&mut self, random: &mut impl Random) {
        if self.server.is_empty() {
            // Logged once, and not before each connection.
            if !self.missed {
                self.missed = true;
                let build = Date(self.settings.build);
                self.log.line(format_args!("date: the record has no time server: using the build date, {build}"));
            }
            return;
        }
        // The first connection alone waits for a date.
        if self.epoch.is_some() || self.missed {
            return self.refresh(random).await;
        }
        let end = self.time.uptime() + self.settings.date;
        while !self.request(random).await {
            let now = self.time.uptime();
            if now >= end {
                self.missed = true;
                let (seconds, build) = (self.settings.date / 1_000, Date(self.settings.build));
                self.log.line(format_args!(
                    "date: still unknown after {seconds} s: connecting with the build date, {build}, and retrying later"
                ));
                return;
            }
            self.time.sleep(self.settings.first_pause.min(end - now)).await;
        }
    }

    /// True if a request is due during a connection.
    pub(super) fn is_due(&self) -> bool {
        !self.server.is_empty() && self.time.uptime() >= self.next
    }

    /// Requests the date once, if it is unknown or a request is due.
    pub(super) async fn refresh(&mut self, random: &mut impl Random) {
        if self.epoch.is_none() || self.is_due() {
            self.request(random).await;
        }
    }

    /// Doubts the date after a failure that a wrong one explains. Returns whether it did.
    pub(super) fn doubt(&mut self, failure: &Failure) -> bool {
        // Only these two faults depend on the date.
        let Failure::Tls(TlsFailure::Certificate(faults)) = failure else { return false };
        let is_doubtful = (faults.expired || faults.not_yet_valid) && self.epoch.is_some();
        if is_doubtful {
            self.epoch = None;
            self.log.line(format_args!("date: it may be wrong: asking {} again", self.server));
        }
        is_doubtful
    }

    /// Makes one request. Returns whether the date is known now.
    async fn request(&mut self, random: &mut impl Random) -> bool {
        let server = self.server;
        match self.answer(random).await {
            Ok(date) => {
                let uptime = self.time.uptime();
                self.time.set_date(date / 1_000);
                // Computed from the uptime, because the answer may have taken seconds.
                self.next = uptime + self.settings.date_refresh;
                let was_known = self.epoch.replace(date.saturating_sub(uptime)).is_some();
                let recovered = self.logged.take().is_some();
                if !was_known || recovered {
                    self.log.line(format_args!("date: {} from {server}", Date(date / 1_000)));
                }
                true
            }
            Err(why) => {
                // A failed request is repeated earlier, but not at once: the server may be overloaded.
                self.next = self.time.uptime() + self.settings.date_refresh / DUE_EARLIER;
                // The same failure is logged once, or it would fill the serial log.
                if self.logged != Some(why) {
                    self.logged = Some(why);
                    self.log.line(format_args!("date: no date from {server}: {why}"));
                }
                false
            }
        }
    }

    /// The answer to one request, in milliseconds since 1970.
    async fn answer(&mut self, random: &mut impl Random) -> Result<u64, DateFailure> {
        // 64 random bits: an attacker who cannot see the request cannot forge its answer.
        let nonce = (u64::from(random.next()) << 32) | u64::from(random.next());
        let mut answer = [0; sntp::PACKET];
        let request = sntp::request(nonce);
        let exchange = self.datagrams.exchange(self.server, self.settings.time_port, &request, &mut answer);
        let length = match with_timeout(self.time, self.settings.date_answer, exchange).await {
            Some(Ok(length)) => length,
            Some(Err(NetworkFailure::UnknownHost)) => return Err(DateFailure::UnknownHost),
            Some(Err(_)) | None => return Err(DateFailure::NoAnswer),
        };
        sntp::date(answer.get(..length).unwrap_or_default(), nonce, self.settings.build).map_err(DateFailure::Rejected)
    }
}

/// The advance of the next request after a failed one.
// A 24th of the interval: 15 minutes of the firmware's six hours.
const DUE_EARLIER: u64 = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum DateFailure {
    UnknownHost,
    NoAnswer,
    Rejected(sntp::AnswerError),
}

impl core::fmt::Display for DateFailure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("its name cannot be resolved"),
            Self::NoAnswer => f.write_str("it does not answer"),
            Self::Rejected(why) => why.fmt(f),
        }
    }
}
