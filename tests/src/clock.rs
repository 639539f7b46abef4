//! A clock that a test moves, for tbpki and for the programs of others: Debian's libfaketime.
//!
//! Dates are the same on every day on which the tests run, and the clock goes on while a program runs. A program of Go
//! does not ask the C library for the time, and takes it from a variable that its client reads.

use std::cell::Cell;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use time::OffsetDateTime;

/// The library, in the directory that the dynamic linker knows for this processor.
const LIBRARY: &str = "/usr/$LIB/faketime/libfaketime.so.1";

/// A clock. Its clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Rc<Cell<time::Duration>>);

impl Clock {
    /// A clock that shows this time now, or up to a second more.
    ///
    /// # Panics
    /// If libfaketime is not installed.
    #[track_caller]
    pub fn starting_at(start: OffsetDateTime) -> Self {
        // The package of the program brings the library, whose directory only the dynamic linker can name.
        let asked = Command::new("faketime").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(asked.is_ok(), "faketime is not there: run `cargo xtask setup`");
        let distance = start - OffsetDateTime::now_utc();
        // Programs are moved by whole seconds: without the fraction, they would still see the day before a midnight.
        let up = i64::from(distance.subsec_nanoseconds() > 0);
        Self(Rc::new(Cell::new(time::Duration::seconds(distance.whole_seconds() + up))))
    }

    /// The time that it shows.
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.0.get()
    }

    /// Its distance to the clock of this machine, in seconds.
    pub fn offset(&self) -> i64 {
        self.0.get().whole_seconds()
    }

    /// Moves it by so many days; a negative number moves it back.
    pub fn pass(&self, days: i64) {
        self.0.set(self.0.get() + time::Duration::days(days));
    }

    /// The variables that move a program.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", LIBRARY.to_owned()),
            ("FAKETIME", format!("{:+}", self.offset())),
            // Waiting for an answer goes by the time since the machine's start, which must not jump.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("CLIENT_NOW", self.now().unix_timestamp().to_string()),
        ]
    }

    /// The time since 1970, for libraries that take the time as an argument.
    pub fn since_1970(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.now().unix_timestamp()).unwrap())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::tool::Tool;

    #[test]
    fn no_program_sees_a_date_before_the_start() {
        let midnight = datetime!(2027-01-01 00:00 UTC);
        for start in [midnight, midnight - time::Duration::days(9000)] {
            let clock = Clock::starting_at(start);
            let seen = Tool::new("date").args(["-u", "+%s"]).at(&clock).run().ok().stdout_text();
            assert!(seen.trim().parse::<i64>().unwrap() >= start.unix_timestamp(), "{seen}");
            assert!(clock.now() >= start);
        }
    }

    #[test]
    fn a_moved_program_sees_the_moved_date() {
        let clock = Clock::starting_at(datetime!(2037-12-31 12:00 UTC));
        let year = || Tool::new("date").args(["-u", "+%Y-%m"]).at(&clock).run().ok().stdout_text();
        assert_eq!(year(), "2037-12\n");
        // Past the end of 32-bit seconds.
        clock.pass(60);
        assert_eq!(year(), "2038-03\n");
        clock.pass(-60);
        assert_eq!(year(), "2037-12\n");
    }
}
