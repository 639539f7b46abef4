//! Killed at any of its writes, a verb leaves the old state or the new one, and run again it finishes. Where a write
//! fails instead, it reports that and leaves everything as it was.

mod failing;
mod files;
mod fleets;
mod identities;
mod imported;
mod init;
mod lifecycle;
mod migration;
mod platform;
mod rollover;
mod upkeep;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use tbpki_tests::kill::{Step, kill_at_every_write, kill_at_some_writes};
use tbpki_tests::leftovers::{assert_private, assert_whole, without_serial};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Snapshot};

/// A directory of a tbpki that is past its point of no return.
const JOURNAL: &str = ".tbpki-commit-";
/// A directory of a tbpki that is not.
const STAGED: &str = ".tbpki-staged-";

/// Of how many steps one is looked at by openssl as well.
const SAMPLE: usize = 10;

/// Kills of a short form.
const KILLS: usize = 10;

/// How many of the writes of a command are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// A few, spread over the run.
    Some,
    /// Every one of them.
    All,
}

impl Extent {
    /// Kills a command at its writes; afterwards `check` looks at what is left.
    #[track_caller]
    fn kill<S>(self, prepare: impl FnMut() -> io::Result<(Command, S)>, check: impl FnMut(&Step, S)) {
        let (kills, least) = match self {
            Extent::Some => (kill_at_some_writes(KILLS, prepare, check).unwrap(), KILLS),
            Extent::All => (kill_at_every_write(prepare, check).unwrap(), KILLS),
        };
        assert!(kills >= least, "{kills}");
    }
}

/// A command that is killed, and what it changes.
struct Issuance<'a> {
    /// The store before the first command.
    start: &'a Sandbox,
    args: &'a [&'a str],
    /// The directories, each of which changes as a whole.
    places: &'a [&'a str],
    /// The commands that run on the leftovers of a kill, one after the other; each has to end with 0.
    again: &'a [&'a [&'a str]],
    /// The chain, its key, and the anchors that it has to lead to in the end.
    result: [&'a str; 3],
    /// The file with the password of the keystores.
    password: Option<&'a str>,
}

/// The state of a place after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Old,
    New,
    /// On the way from the one to the other, with a journal that tells how to go on.
    Journal,
}

/// The observations of a walk.
#[derive(Default)]
struct Seen {
    writes: usize,
    states: Vec<Vec<State>>,
}

impl Seen {
    fn count(&self, place: usize, state: State) -> usize {
        self.states.iter().filter(|states| states[place] == state).count()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} writes", self.writes)?;
        for place in 0..self.states.first().map_or(0, Vec::len) {
            let [old, new, journal] = [State::Old, State::New, State::Journal].map(|state| self.count(place, state));
            write!(f, "; place {place}: {old} old, {new} new, {journal} with a journal")?;
        }
        Ok(())
    }
}

impl Issuance<'_> {
    /// Kills the command at each of its writes.
    fn run(&self) -> Seen {
        let undisturbed = self.start.copy();
        undisturbed.ok(self.args);
        let names = names(undisturbed.path());
        let before: Vec<Snapshot> = self.places.iter().map(|place| look(&self.start.join(place))).collect();
        let mut seen = Seen::default();
        seen.writes = kill_at_every_write(
            || {
                let sandbox = self.start.copy();
                Ok((sandbox.tbpki(self.args).command(), sandbox))
            },
            |step, sandbox| {
                assert_private(sandbox.path(), step);
                let states = self.places.iter().zip(&before).map(|(place, before)| {
                    let goal = self::names(&undisturbed.join(place));
                    self.state(&sandbox, place, before, &goal, step)
                });
                seen.states.push(states.collect());
                sandbox.ok(["list"]);
                for again in self.again {
                    let outcome = sandbox.tbpki(*again).run();
                    assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
                }
                assert_eq!(self::names(sandbox.path()), names, "files after {step}");
                assert_private(sandbox.path(), step);
                for place in self.places {
                    assert_whole(&sandbox.join(place), self.password(&sandbox).as_deref(), step);
                }
                let [chain, key, anchors] = self.result;
                sandbox.ok(["verify", chain, "--key", key, "--anchors", anchors]);
                if seen.states.len() % SAMPLE == 1 {
                    openssl_agrees(&sandbox, self.result);
                }
            },
        )
        .unwrap();
        // Shown with `--nocapture`.
        println!("tbpki {}: {seen}", self.args.join(" "));
        seen
    }

    /// Old, new or on its way; anything else ends the test.
    fn state(&self, sandbox: &Sandbox, place: &str, before: &Snapshot, goal: &BTreeSet<String>, step: &Step) -> State {
        let found = look(&sandbox.join(place));
        if found.names().any(|name| name.to_string_lossy().starts_with(JOURNAL)) {
            return State::Journal;
        }
        let found = found.without(|name| name.to_string_lossy().starts_with(STAGED));
        if found == *before {
            return State::Old;
        }
        let names: BTreeSet<String> = found.names().map(plain_name).collect();
        let half = || format!("{place} is neither old nor new after {step}\n{:#?}", before.differences(&found));
        assert!(names == *goal, "{}", half());
        assert_whole(&sandbox.join(place), self.password(sandbox).as_deref(), step);
        State::New
    }

    fn password(&self, sandbox: &Sandbox) -> Option<String> {
        let file = sandbox.join(self.password?);
        Some(fs::read_to_string(file).ok()?.trim_end().to_owned())
    }
}

/// The content of a directory; nothing if there is none.
fn look(directory: &Path) -> Snapshot {
    if directory.exists() { Snapshot::of(directory) } else { Snapshot::default() }
}

/// The names of all that is below a directory, without the serial numbers of replaced files.
fn names(directory: &Path) -> BTreeSet<String> {
    look(directory).names().map(plain_name).collect()
}

fn plain_name(name: &Path) -> String {
    without_serial(&name.to_string_lossy()).0.to_owned()
}

/// A reader of another maker gives the same result.
fn openssl_agrees(sandbox: &Sandbox, [chain, key, anchors]: [&str; 3]) {
    let [chain, key, anchors] = [chain, key, anchors].map(|file| sandbox.join(file));
    let verify = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(anchors).arg("-untrusted").arg(&chain);
    verify.arg(&chain).run().ok();
    let of_key = openssl().args(["pkey", "-pubout", "-in"]).arg(key).run().ok();
    let of_leaf = openssl().args(["x509", "-pubkey", "-noout", "-in"]).arg(chain).run().ok();
    assert_eq!(of_key.stdout, of_leaf.stdout);
}
