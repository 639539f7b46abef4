//! Verbs of timers over ledgers of two sizes.

use std::path::Path;
use std::time::Duration;

use super::store::Store;
use crate::bench::measure::verdict;
use crate::error::Result;

/// The most times the time, for twenty-five times the rows.
const MOST: f64 = 25.0;

/// Of several runs the shortest counts: other programs only lengthen one.
const RUNS: u32 = 5;

/// What is measured. The device of `needs-renewal` exists in both ledgers.
const VERBS: &[(&str, &[&str])] = &[
    ("needs-renewal --device", &["needs-renewal", "--device", "sensor-0000007", "--within", "4000d"]),
    ("list --expiring-within 30d", &["list", "--csv", "--expiring-within", "30d"]),
    ("list --expiring-within 4000d", &["list", "--csv", "--expiring-within", "4000d"]),
];

pub(super) fn compare(scratch: &Path, rows: [u32; 2]) -> Result<bool> {
    let stores = rows.map(|rows| {
        let store = Store::new(scratch.join(format!("rows-{rows}")))?;
        store.issue(rows).map(|_| store)
    });
    let [few, many] = stores;
    let (few, many) = (few?, many?);
    println!(
        "\nLedgers of {} and {} rows; seconds from start to end, the shortest of {RUNS} runs:\n",
        rows[0], rows[1]
    );
    println!("{:<34}{:>12}{:>12}{:>8}", "", rows[0], rows[1], "times");
    let mut reached = true;
    for (name, args) in VERBS {
        let (few, many) = (shortest(&few, args)?, shortest(&many, args)?);
        let times = many.as_secs_f64() / few.as_secs_f64();
        println!("{name:<34}{:>12.3}{:>12.3}{times:>8.1}", few.as_secs_f64(), many.as_secs_f64());
        reached &= verdict(times <= MOST, &format!("at most {MOST} times"));
    }
    Ok(reached)
}

fn shortest(store: &Store, args: &[&str]) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..RUNS {
        shortest = shortest.min(store.watch(args)?.wall);
    }
    Ok(shortest)
}
