//! Renewals at the enrolment service, compared with bare handshakes of the same TLS library and with step-ca, by the processor
//! time of the server.

mod peer;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::measure::verdict;
use super::programs;
use super::scratch::Scratch;
use crate::error::{Error, Result};
use crate::run::run;
use crate::run::server::Server;
use crate::workspace::target;

use peer::StepCa;

/// Renewals in a turn, and handshakes.
const EACH: u32 = 2_000;

/// The devices that renew in a turn: each renews four times, as often as the service allows in a day.
const DEVICES: u32 = EACH / 4;

/// The required share of the rate of bare handshakes.
const OF_HANDSHAKES: f64 = 0.6;

/// The required ratio to the rate of step-ca.
const OF_STEP: f64 = 2.0;

pub(super) fn compare(rounds: u32, strict: bool) -> Result<()> {
    programs::build()?;
    let scratch = Scratch::new("enroll")?;
    // A turn takes as long as many rounds of the other benchmarks.
    let turns = (rounds / 15).max(1);
    let bench = Bench::prepare(scratch.path(), turns)?;
    println!(
        "{turns} turns of {EACH} renewals by {DEVICES} devices: a full mutual handshake of TLS 1.3 for each (P-256), a new \
         key, 32 connections at once."
    );
    let bare = server::bare(&bench.directory)?;
    let service = server::tbpki(&bench.directory)?;
    let step = StepCa::start(scratch.path())?;
    let (mut handshakes, mut renewals, mut theirs) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for turn in 0..turns {
        handshakes += bench.turn("handshakes", &bare, turn)?;
        renewals += bench.turn("renewals", &service, turn)?;
        if let Some(step) = &step {
            theirs += step.turn(EACH)?;
        }
    }
    let rate = |cpu: Duration| f64::from(turns * EACH) / cpu.as_secs_f64();
    println!("\n{:<44}{:>24}", "", "per CPU second of the server");
    println!("{:<44}{:>24.0}", "tbpki serve, renewals with the ledger", rate(renewals));
    println!("{:<44}{:>24.0}", "rustls, handshakes alone", rate(handshakes));
    let share = rate(renewals) / rate(handshakes);
    println!("\nrenewals reach {:.0}% of the rate of bare handshakes", share * 100.0);
    let mut reached = verdict(share >= OF_HANDSHAKES, &format!("at least {:.0}%", OF_HANDSHAKES * 100.0));
    if step.is_some() {
        println!("\n{:<44}{:>24.0}", "step-ca, renewals of the same key, badgerv2", rate(theirs));
        let ratio = rate(renewals) / rate(theirs);
        println!("tbpki serves {ratio:.2} times the renewals of step-ca");
        reached &= verdict(ratio >= OF_STEP, &format!("at least {OF_STEP}"));
    }
    if strict && !reached { Err(Error::new("a ratio was missed")) } else { Ok(()) }
}

/// The devices and their store.
struct Bench {
    directory: PathBuf,
}

impl Bench {
    fn prepare(scratch: &Path, turns: u32) -> Result<Self> {
        let directory = scratch.to_owned();
        let tbpki = |args: &[&str]| {
            let program = run(target()?.join("release/tbpki")).directory(&directory);
            program.env("STATE_DIRECTORY", directory.join("state")).args(args).silent().read().map(drop)
        };
        tbpki(&["init", "--no-input", "--insecure-no-passphrase"])?;
        tbpki(&["server", "--name", "localhost", "--only-given-names"])?;
        let count = (turns * DEVICES).to_string();
        tbpki(&["fleet", "issue", "--count", &count, "--name-pattern", "sensor-{:05}", "--out", "fleet"])?;
        Ok(Self { directory })
    }

    /// The processor time that a server needs for the clients of one turn. Each turn has devices of its own.
    fn turn(&self, mode: &str, server: &Server, turn: u32) -> Result<Duration> {
        let (first, count) = ((turn * DEVICES).to_string(), EACH.to_string());
        server::busy_with(server, || {
            run(target()?.join("release/enroll-load"))
                .directory(&self.directory)
                .args([mode, &server.address, "pki/ca/server-root/cert.pem", "fleet", &first, &count])
                .silent()
                .read()
                .map(drop)
        })
    }
}
