//! The clock of Mbed TLS: uptime plus the Unix time at which it began.

use core::sync::atomic::{AtomicU32, Ordering};

use firmware_clock::Moment;

use crate::date::Date;

/// A clock that continues from the last date that was set.
pub struct Clock {
    uptime: fn() -> u64,
    /// The Unix time in seconds at uptime 0; 0 if no date is set. 32 bits last until 2106, and are the widest value that all
    /// chips load and store atomically.
    start: AtomicU32,
}

impl Clock {
    /// A clock without a date. `uptime` returns milliseconds and never decreases.
    pub const fn new(uptime: fn() -> u64) -> Self {
        Self { uptime, start: AtomicU32::new(0) }
    }

    /// The uptime in milliseconds.
    pub fn uptime(&self) -> u64 {
        (self.uptime)()
    }

    /// Sets the date, in seconds since 1970.
    pub fn set_date(&self, unix_seconds: u64) {
        let start = unix_seconds.saturating_sub(self.uptime() / 1_000);
        self.start.store(u32::try_from(start).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Makes this the clock of Mbed TLS.
    pub fn install(&'static self) {
        firmware_clock::install(self);
    }
}

impl firmware_clock::Clock for Clock {
    fn uptime(&self) -> u64 {
        (self.uptime)()
    }

    fn now(&self) -> Option<Moment> {
        match self.start.load(Ordering::Relaxed) {
            0 => None,
            start => Some(Date(u64::from(start) + self.uptime() / 1_000).into()),
        }
    }
}

impl From<Date> for Moment {
    fn from(date: Date) -> Self {
        let (year, month, day) = date.civil();
        let (hour, minute, second) = date.time();
        // The values always fit: years exceed 16 bits long after the 32 bits of seconds have overflowed.
        let small = |number| u8::try_from(number).unwrap_or(u8::MAX);
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: small(month),
            day: small(day),
            hour: small(hour),
            minute: small(minute),
            second: small(second),
        }
    }
}
