//! The intervals and time limits of a session.

use super::sntp;

/// Intervals and time limits, in milliseconds unless the name states another unit.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The interval between readings.
    pub interval: u64,
    /// The MQTT keep-alive time. The broker disconnects a device that is silent for one and a half times as long.
    pub keep_alive_seconds: u16,
    /// The time limit of the broker's answers, in TCP and MQTT.
    pub answer: u64,
    /// The time limit of the TLS handshake. RSA with 4,096 bits takes seconds on a small chip.
    pub handshake: u64,
    /// The silence in a TLS handshake after which the log names it.
    pub handshake_notice: u64,
    /// The time limit of one enrolment or renewal, which makes several connections.
    pub enrolment: u64,
    /// The time limit for the last bytes of a connection that has failed, which contain the reason for the broker.
    pub farewell: u64,
    /// The first pause after a failure.
    pub first_pause: u64,
    /// The longest pause between two attempts.
    pub longest_pause: u64,
    /// The time that the first connection waits for the date.
    pub date: u64,
    /// The time limit of one SNTP request.
    pub date_answer: u64,
    /// The interval between requests for the date while it is known.
    pub date_refresh: u64,
    /// The SNTP server's port.
    pub time_port: u16,
    /// The build time of the firmware in seconds since 1970. Earlier dates are rejected.
    pub build: u64,
}

impl SessionSettings {
    /// The settings of the firmware.
    pub const fn for_build(build: u64) -> Self {
        Self {
            interval: 5_000,
            keep_alive_seconds: 60,
            answer: 15_000,
            handshake: 60_000,
            handshake_notice: 15_000,
            enrolment: 300_000,
            farewell: 1_000,
            first_pause: 1_000,
            longest_pause: 60_000,
            date: 30_000,
            date_answer: 5_000,
            date_refresh: 6 * 3_600_000,
            time_port: sntp::PORT,
            build,
        }
    }
}
