//! The date that Mbed TLS holds certificates against.
//!
//! Handing Mbed TLS a clock is `unsafe`, and everything unsafe of this repository is below `crates/firmware`: hence this
//! small crate, which [`install`]s a clock and nothing else. Without the feature `dates` Mbed TLS never asks for the
//! date, and certificates are as good to it after their last day as before.

#![no_std]

/// Whether Mbed TLS was built so that it asks for the date.
pub const CHECKS_DATES: bool = cfg!(feature = "dates");

/// Date and time in UTC, as a calendar has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The year, such as 2026.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
}

/// A clock.
pub trait Clock: Sync {
    /// Milliseconds since some moment in the past. It never goes back.
    fn uptime(&self) -> u64;

    /// The date, where it is known. Where it is not, no certificate is accepted.
    fn now(&self) -> Option<Moment>;
}

/// Gives Mbed TLS this clock, before its first handshake and for good. Without the feature `dates` it has no use for it.
#[cfg(not(feature = "dates"))]
pub fn install(_: &'static dyn Clock) {}

#[cfg(feature = "dates")]
pub use hooks::install;

#[cfg(feature = "dates")]
mod hooks {
    use core::cell::Cell;

    use critical_section::Mutex;
    use mbedtls_rs_sys::hook::timer::{MbedtlsTimer, hook_timer};
    use mbedtls_rs_sys::hook::wall_clock::{MbedtlsWallClock, hook_wall_clock};
    use mbedtls_rs_sys::{mbedtls_ms_time_t, tm};

    use super::{Clock, Moment};

    static CLOCK: Mutex<Cell<Option<&'static dyn Clock>>> = Mutex::new(Cell::new(None));

    /// What Mbed TLS is given: it asks the clock that is installed.
    struct Hook;

    static HOOK: Hook = Hook;

    /// Gives Mbed TLS this clock, before its first handshake and for good.
    pub fn install(clock: &'static dyn Clock) {
        critical_section::with(|section| CLOCK.borrow(section).set(Some(clock)));
        // SAFETY: both hooks live for ever, and each call of theirs goes to a clock that does. They replace what had no
        // hook before: without one Mbed TLS has no date, so there is no earlier handshake that could disagree.
        unsafe {
            hook_timer(Some(&HOOK));
            hook_wall_clock(Some(&HOOK));
        }
    }

    fn clock() -> Option<&'static dyn Clock> {
        critical_section::with(|section| CLOCK.borrow(section).get())
    }

    impl MbedtlsTimer for Hook {
        fn now(&self) -> mbedtls_ms_time_t {
            clock().map_or(0, |clock| clock.uptime() as mbedtls_ms_time_t)
        }
    }

    impl MbedtlsWallClock for Hook {
        fn instant(&self) -> Option<tm> {
            let Moment { year, month, day, hour, minute, second } = clock()?.now()?;
            Some(tm {
                tm_sec: second.into(),
                tm_min: minute.into(),
                tm_hour: hour.into(),
                tm_mday: day.into(),
                tm_mon: i32::from(month) - 1,
                tm_year: i32::from(year) - 1900,
                // Mbed TLS compares the above and looks at nothing else.
                tm_wday: 0,
                tm_yday: 0,
                tm_isdst: 0,
            })
        }
    }
}
