//! Ending the programs that xtask started, with all that they started, when xtask is told to end.
//!
//! A terminal sends Ctrl-C to all of them, but `kill` and a CI server send their signal to xtask alone. A clippy that
//! runs on holds the lock of the target directory. The processes are found by their parents in `/proc`. Process groups
//! would be simpler, but a program in a group of its own cannot ask for a password on the terminal, as sudo does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Doing, Result};

/// The time that a program has to end by itself.
const GRACE: Duration = Duration::from_secs(3);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on, SIGINT, SIGTERM and SIGHUP end all programs below this one, and then this one with the status that a
/// shell gives (128 and the signal).
pub(crate) fn end_children_on_signal() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).doing("handle signals")?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            let own = process::id();
            end(|| below(own), GRACE);
            process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Blocks for ever after a signal, so that no further program is started while the others are being ended, and a
/// program that ended by the signal is not reported as a failure.
pub(crate) fn stop_here_if_interrupted() {
    // Parked and not returned: the thread of the signals ends the process once the children are gone.
    while INTERRUPTED.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// A process, told apart from a later one with the same number by its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    id: u32,
    /// Clock ticks since the machine started.
    start: u64,
}

/// Asks the processes to end, and kills those that have not after `grace`. `find` is asked repeatedly, because a
/// process may start another one meanwhile.
fn end(find: impl Fn() -> BTreeSet<Process>, grace: Duration) {
    let deadline = Instant::now() + grace;
    let mut known = BTreeSet::new();
    loop {
        // Again and again, because a child may start others between the list and the signal.
        let new: Vec<Process> = find().difference(&known).copied().collect();
        new.iter().for_each(|process| send(*process, Signal::TERM));
        known.extend(new);
        let running = running();
        // Processes that ended are forgotten, so that KILL never reaches a stranger who got the number.
        known.retain(|process| running.contains_key(process));
        if known.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            known.iter().for_each(|process| send(*process, Signal::KILL));
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn send(process: Process, signal: Signal) {
    if let Some(id) = i32::try_from(process.id).ok().and_then(Pid::from_raw) {
        // The only failure is a process that has ended meanwhile, which needs no signal.
        let _ended = kill_process(id, signal);
    }
}

/// The processes below one, in any depth.
fn below(root: u32) -> BTreeSet<Process> {
    let running = running();
    let mut found: BTreeSet<Process> = BTreeSet::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for (process, _) in running.iter().filter(|(_, of)| **of == parent) {
            if found.insert(*process) {
                open.push(process.id);
            }
        }
    }
    found
}

/// All processes that have not ended, with their parents.
fn running() -> BTreeMap<Process, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)).collect()
}

/// Reads a line of `/proc/PID/stat`; nothing for a process that has ended and waits to be collected.
fn parse(id: u32, stat: &str) -> Option<(Process, u32)> {
    // The name may hold anything. Behind it: state, parent; the start is the 22nd field of all (proc(5)).
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some((Process { id, start }, parent))
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Child, Command, ExitStatus};

    use super::*;

    /// Waits for a program below `root`.
    fn wait_for_one_below(root: u32) -> Process {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let deepest = below(root).into_iter().find(|process| below(process.id).is_empty() && is_sleep(process.id));
            if let Some(process) = deepest {
                return process;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no sleep below {root}");
    }

    fn is_sleep(id: u32) -> bool {
        fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "sleep")
    }

    /// Waits until a program has ended, which must not take long.
    fn ended(child: &mut Child) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        panic!("still running: {child:?}");
    }

    #[test]
    fn programs_of_programs_are_ended() {
        let mut shell = Command::new("sh").args(["-c", "sleep 600 & wait"]).spawn().unwrap();
        let sleep = wait_for_one_below(shell.id());
        let id = shell.id();
        end(|| running().into_keys().filter(|process| process.id == id).chain(below(id)).collect(), GRACE);
        assert!(!ended(&mut shell).success());
        assert!(!running().contains_key(&sleep));
    }

    #[test]
    fn a_program_that_ignores_the_request_is_killed() {
        let mut shell = Command::new("sh").args(["-c", "trap '' TERM; sleep 600; sleep 600"]).spawn().unwrap();
        wait_for_one_below(shell.id());
        let id = shell.id();
        end(
            || running().into_keys().filter(|process| process.id == id).chain(below(id)).collect(),
            Duration::from_millis(100),
        );
        assert!(!ended(&mut shell).success());
    }

    #[test]
    fn a_signal_ends_xtask_with_what_it_started() {
        let mut xtask = Command::new(env::current_exe().unwrap())
            .args(["--exact", "run::interrupt::tests::start_a_sleep", "--ignored"])
            .spawn()
            .unwrap();
        let sleep = wait_for_one_below(xtask.id());
        send(Process { id: xtask.id(), start: 0 }, Signal::TERM);
        assert_eq!(ended(&mut xtask).code(), Some(128 + SIGTERM));
        assert!(!running().contains_key(&sleep));
    }

    #[test]
    #[ignore = "part of a_signal_ends_xtask_with_what_it_started, in a process of its own"]
    fn start_a_sleep() {
        end_children_on_signal().ok().unwrap();
        drop(crate::run::run("sleep").arg("600").silent().show());
        panic!("the sleep ended before the process");
    }

    #[test]
    fn a_process_is_read_with_any_name() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2 3";
        assert_eq!(parse(7, stat), Some((Process { id: 7, start: 4711 }, 3)));
        assert_eq!(parse(7, &stat.replace(" S ", " Z ")), None);
        assert_eq!(parse(7, "7 (a"), None);
    }
}
