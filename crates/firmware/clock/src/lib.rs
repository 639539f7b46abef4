//! The clock with which Mbed TLS checks validity dates.
//!
//! A crate of its own, because installing a clock is `unsafe`, and all unsafe code of this repository is below
//! `crates/firmware`. Without the feature `dates`, Mbed TLS never reads the date and accepts expired certificates.

#![no_std]

/// True if Mbed TLS was built to check validity dates.
pub const CHECKS_DATES: bool = cfg!(feature = "dates");

/// A calendar date and time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The year, for example 2026.
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

/// A clock for Mbed TLS.
pub trait Clock: Sync {
    /// Milliseconds since an arbitrary time. The value never decreases.
    fn uptime(&self) -> u64;

    /// The date, or `None` if it is unknown. Mbed TLS then rejects every certificate.
    fn now(&self) -> Option<Moment>;
}

/// Installs the clock of Mbed TLS. Without the feature `dates` this does nothing.
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

    /// The hook that Mbed TLS calls. It reads the installed clock.
    struct Hook;

    static HOOK: Hook = Hook;

    /// Installs the clock of Mbed TLS. Call this before the first handshake.
    pub fn install(clock: &'static dyn Clock) {
        critical_section::with(|section| CLOCK.borrow(section).set(Some(clock)));
        // SAFETY: the hooks and the clock that they call are `'static`. No handshake can observe the change: before it,
        // Mbed TLS has no date and accepts no certificate.
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
                // C counts months from 0 and years from 1900.
                tm_mon: i32::from(month) - 1,
                tm_year: i32::from(year) - 1900,
                // Mbed TLS ignores these fields.
                tm_wday: 0,
                tm_yday: 0,
                tm_isdst: 0,
            })
        }
    }
}
