//! Renewing the devices of a job into an archive, compared with issuing them.

use std::path::Path;
use std::time::Duration;

use super::store::Store;
use crate::bench::measure::{report, summarize, verdict};
use crate::error::Result;

/// The rounds of one turn, which takes as long as many rounds of the other benchmarks.
const ROUNDS_A_TURN: u32 = 15;

/// The required share of the rate of issuing.
const OF_ISSUING: f64 = 0.9;

pub(super) fn compare(scratch: &Path, rounds: u32, many: u32) -> Result<bool> {
    let (mut issued, mut renewed): (Vec<Duration>, Vec<Duration>) = Default::default();
    // In turns, so that a slow minute of the machine touches both.
    for turn in 0..(rounds / ROUNDS_A_TURN).max(1) {
        let store = Store::new(scratch.join(format!("renewal-{turn}")))?;
        issued.push(store.issue(many)?.wall);
        store.age(3_000)?;
        renewed.push(store.watch(&["fleet", "renew", "--job", "1", "--due", "--archive", "renewed.tar"])?.wall);
    }
    let measured = [summarize("fleet renew --archive", renewed)?, summarize("fleet issue --archive", issued)?];
    report(&format!("{many} identities into an archive, synced, with the ledger"), &measured, &[]);
    let [renewed, issued] = measured;
    let share = issued.median.as_secs_f64() / renewed.median.as_secs_f64();
    println!("renewing reaches {:.0}% of the rate of issuing", share * 100.0);
    Ok(verdict(share >= OF_ISSUING, &format!("at least {:.0}%", OF_ISSUING * 100.0)))
}
