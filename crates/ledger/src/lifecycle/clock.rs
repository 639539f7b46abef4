//! The time of the newest entry, with which the clock of a machine is compared.

use base::Result;
use time::OffsetDateTime;

use crate::ledger::Ledger;
use crate::value::{at, values};
use crate::view::View;

impl View {
    /// The time of the newest entry: of the last recorded identity, or of the last acceptance of a clock if that was
    /// recorded later. `None` in an empty ledger.
    ///
    /// "Newest" means recorded last, whatever its time is: a clock that was wrong for a while does not count once it was
    /// corrected and accepted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest(&self) -> Result<Option<OffsetDateTime>> {
        // In the order of row numbers: times cannot order entries if a wrong clock wrote some of them.
        let last = self.one("SELECT id, intended_at, issued_at FROM identity ORDER BY id DESC LIMIT 1", &[])?;
        let accepted = self.one("SELECT at, last_identity FROM clock ORDER BY id DESC LIMIT 1", &[])?;
        let last = last
            .map(|row| {
                let issued: Option<i64> = row.get(2)?;
                Ok::<(i64, i64), base::Error>((row.get(0)?, issued.map_or(row.get(1), Ok)?))
            })
            .transpose()?;
        let accepted = accepted.map(|row| Ok::<(i64, i64), base::Error>((row.get(0)?, row.get(1)?))).transpose()?;
        let seconds = match (last, accepted) {
            (Some((id, _)), Some((at, of))) if of >= id => Some(at),
            (Some((_, at)), _) => Some(at),
            (None, accepted) => accepted.map(|(at, _)| at),
        };
        seconds.map(at).transpose()
    }
}

impl Ledger {
    /// Records that an operator has accepted the clock, with the time of the newest entry before that: from now on the
    /// clock is compared with this time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn accept_clock(&mut self, now: OffsetDateTime) -> Result<()> {
        self.transaction(|transaction| {
            let before = transaction.newest()?.map(OffsetDateTime::unix_timestamp);
            transaction.execute(
                "INSERT INTO clock (at, newest_before, last_identity) \
                 VALUES (?1, ?2, (SELECT coalesce(max(id), 0) FROM identity))",
                values![now.unix_timestamp(), before],
            )?;
            Ok(())
        })
    }
}
