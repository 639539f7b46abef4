//! The date: uptime, and how far it is from 1970.

use core::sync::atomic::{AtomicU32, Ordering};

use firmware_clock::Moment;

use crate::session::date::Date;

/// A clock that counts on from the last date that it was told.
pub struct Clock {
    uptime: fn() -> u64,
    /// Seconds since 1970 at the beginning of uptime; 0 while nobody has said. 32 bits last until 2106, and are what
    /// chips without atomic instructions load and store at once.
    start: AtomicU32,
}

impl Clock {
    /// A clock without a date, over this count of milliseconds that never goes back.
    pub const fn new(uptime: fn() -> u64) -> Self {
        Self { uptime, start: AtomicU32::new(0) }
    }

    /// Milliseconds since some moment in the past.
    pub fn uptime(&self) -> u64 {
        (self.uptime)()
    }

    /// Says what date it is, in seconds since 1970.
    pub fn set_date(&self, unix_seconds: u64) {
        let start = unix_seconds.saturating_sub(self.uptime() / 1_000);
        self.start.store(u32::try_from(start).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Makes this the clock that Mbed TLS looks at.
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
        // A calendar's numbers are small; years fit until long after the 32 bits of seconds do not.
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
