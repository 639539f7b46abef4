//! Contenders that take turns, and the statistics of their times.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};

/// One way to get the job done.
pub(super) struct Contender<'a> {
    name: &'static str,
    job: Box<dyn FnMut(u32) -> Result<()> + 'a>,
    one_in: u32,
    times: Vec<Duration>,
}

impl<'a> Contender<'a> {
    /// A contender; `job` receives the number of the round, 0 for the warm-up.
    pub(super) fn new(name: &'static str, job: impl FnMut(u32) -> Result<()> + 'a) -> Self {
        Self { name, job: Box::new(job), one_in: 1, times: Vec::new() }
    }

    /// Runs in every `n`th round only.
    pub(super) fn one_in(mut self, n: u32) -> Self {
        self.one_in = n;
        self
    }

    fn take_turn(&mut self, round: u32) -> Result<()> {
        let start = Instant::now();
        (self.job)(round)?;
        // Round 0 warms the page cache and is not counted.
        if round > 0 {
            self.times.push(start.elapsed());
        }
        Ok(())
    }
}

/// The times of one contender.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) median: Duration,
    /// The times between which half of the runs lie: the time of an RSA key varies with the search for two primes.
    middle_half: (Duration, Duration),
    runs: usize,
}

/// A required ratio: the contender's median divided by that of tbpki.
pub(super) struct Target {
    pub(super) contender: &'static str,
    pub(super) at_least: f64,
}

/// Lets all contenders take turns: one round that is not measured, then `rounds` rounds.
pub(super) fn race(rounds: u32, mut contenders: Vec<Contender<'_>>) -> Result<Vec<Measured>> {
    // One more round than is counted.
    for round in 0..=rounds {
        // Round 0 is for all of them, so that the slow ones are warmed up too.
        for contender in contenders.iter_mut().filter(|contender| round % contender.one_in == 0) {
            contender.take_turn(round)?;
        }
    }
    contenders.into_iter().map(|contender| summarize(contender.name, contender.times)).collect()
}

/// The statistics of one contender's times.
pub(super) fn summarize(name: &'static str, mut times: Vec<Duration>) -> Result<Measured> {
    // Quarters instead of a deviation, because such times have a long tail on one side only.
    times.sort();
    let at = |quarter: usize| times.get(times.len() * quarter / 4).copied();
    match (at(1), at(2), at(3)) {
        (Some(lower), Some(median), Some(upper)) => {
            Ok(Measured { name, median, middle_half: (lower, upper), runs: times.len() })
        }
        _ => Err(Error::new(format!("{name} never ran")).fix("use more --rounds")),
    }
}

/// Prints the table, with tbpki in the first row; returns true if every target is reached.
pub(super) fn report(title: &str, measured: &[Measured], targets: &[Target]) -> bool {
    println!("\n{title}");
    println!("{:<34}{:>6}{:>12}{:>26}{:>8}", "", "runs", "median", "half of them within", "ratio");
    let Some(ours) = measured.first() else { return false };
    let mut reached = true;
    for row in measured {
        let ratio = row.median.as_secs_f64() / ours.median.as_secs_f64();
        let verdict = match targets.iter().find(|target| target.contender == row.name) {
            Some(target) if ratio >= target.at_least => format!("PASS: at least {}", target.at_least),
            Some(target) => {
                reached = false;
                format!("MISS: should be at least {}", target.at_least)
            }
            None => String::new(),
        };
        let (lower, upper) = row.middle_half;
        let within = format!("{} to {}", milliseconds(lower), milliseconds(upper));
        let (name, runs, median) = (row.name, row.runs, milliseconds(row.median));
        println!("{name:<34}{runs:>6}{median:>12}{within:>26}{ratio:>8.2}  {verdict}");
    }
    reached
}

/// Prints PASS or MISS with the requirement.
pub(super) fn verdict(reached: bool, wanted: &str) -> bool {
    println!("  {}: {wanted}", if reached { "PASS" } else { "MISS: should be" });
    reached
}

/// The resources that a process used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watched {
    pub(super) wall: Duration,
    /// Of all its threads, in steps of 10 ms.
    pub(super) cpu: Duration,
    /// The peak memory.
    pub(super) peak_kib: u64,
}

/// Runs a program without its standard output and watches it.
pub(super) fn watch(command: &mut Command) -> Result<Watched> {
    let start = Instant::now();
    // A full pipe would stop the program, and with it the clock. Errors go to the terminal.
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().doing("start a program")?;
    let (mut peak_kib, mut cpu) = (0, Duration::ZERO);
    loop {
        // Peaks are read before the wait, because /proc has nothing about a process that was waited for.
        peak_kib = peak_kib.max(peak(child.id()));
        cpu = cpu.max(processor_time(child.id()));
        if let Some(status) = child.try_wait().doing("wait for a program")? {
            let wall = start.elapsed();
            return if status.success() {
                Ok(Watched { wall, cpu, peak_kib })
            } else {
                Err(Error::new(format!("{command:?} failed: {status}")))
            };
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The peak memory of a process so far, in KiB; 0 if it has ended.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

/// The processor time of a process so far, system calls included; 0 if it has ended.
pub(super) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name, which may hold anything: utime and stime are the 14th and 15th field of all (proc(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // Linux counts in hundredths of a second (USER_HZ), whatever the kernel's own clock is.
    Duration::from_millis(ticks * 10)
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 0.1 { format!("{:.2} us", milliseconds * 1000.0) } else { format!("{milliseconds:.2} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &'static str, milliseconds: u64) -> Measured {
        let times = vec![Duration::from_millis(milliseconds + 1), Duration::from_millis(milliseconds)];
        summarize(name, times).ok().unwrap()
    }

    #[test]
    fn the_median_is_not_moved_by_one_slow_run() {
        let times = [5, 4, 900, 6, 5].map(Duration::from_millis).to_vec();
        let measured = summarize("x", times).ok().unwrap();
        assert_eq!(measured.median, Duration::from_millis(5));
        assert_eq!(measured.middle_half, (Duration::from_millis(5), Duration::from_millis(6)));
    }

    #[test]
    fn a_missed_ratio_is_reported() {
        let rows = [measured("ours", 10), measured("theirs", 40)];
        assert!(report("", &rows, &[Target { contender: "theirs", at_least: 3.0 }]));
        assert!(!report("", &rows, &[Target { contender: "theirs", at_least: 5.0 }]));
    }

    #[test]
    fn the_warm_up_is_not_measured_and_slow_contenders_run_less_often() {
        let often = Contender::new("often", |_| Ok(()));
        let seldom = Contender::new("seldom", |_| Ok(())).one_in(5);
        let rows = race(10, vec![often, seldom]).ok().unwrap();
        assert_eq!((rows[0].runs, rows[1].runs), (10, 2));
    }
}
