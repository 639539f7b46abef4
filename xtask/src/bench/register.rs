//! Registration of many devices, compared with ThingsBoard's own client for Python, which makes the same calls.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::measure::verdict;
use super::programs;
use crate::demo::simulator::Simulator;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{empty_directory, oracles, root, target};

/// The latency of the simulator, in milliseconds.
pub(super) const LATENCY_MS: u32 = 20;

/// Requests at the same time.
pub(super) const CONCURRENCY: u32 = 64;

/// The required share of the rate that latency and concurrency allow.
pub(super) const REACHED: f64 = 0.8;

/// The required ratio of the Python client's CPU time per device to that of tbpki.
const CPU: f64 = 3.0;

pub(super) fn compare(devices: u32, strict: bool) -> Result<()> {
    programs::build()?;
    // Identities are made before the clock starts, because the Python client makes none.
    let station = Station::prepare(&target()?.join("bench-register"), devices)?;
    println!(
        "{devices} devices, tb-sim on this machine answering {LATENCY_MS} ms late, {CONCURRENCY} requests at once."
    );

    let (tbpki, calls) = measured(|sim| station.register(sim))?;
    let (python, theirs) = measured(|sim| python(sim, devices))?;
    // Fewer calls would be a cheaper task, and the times could not be compared.
    if calls != theirs {
        return Err(Error::new(format!("tbpki made {calls} calls and the Python client {theirs}")));
    }
    let a_device = (f64::from(calls) / f64::from(devices)).round();
    let allowed = f64::from(CONCURRENCY) / (a_device * f64::from(LATENCY_MS) / 1000.0);
    let rate = f64::from(devices) / tbpki.wall;
    let (share, ratio) = (rate / allowed, python.cpu / tbpki.cpu);

    println!("\n{:<34}{:>12}{:>14}{:>16}", "", "devices/s", "wall", "CPU a device");
    tbpki.print("tbpki register --all", devices);
    python.print("tb-rest-client (Python)", devices);
    println!("\n{a_device:.0} calls a device allow {allowed:.0} devices/s; tbpki reaches {:.0}%", share * 100.0);
    let reached = verdict(share >= REACHED, &format!("at least {:.0}%", REACHED * 100.0)) & {
        println!("the Python client needs {ratio:.2} times the CPU time of tbpki");
        verdict(ratio >= CPU, &format!("at least {CPU}"))
    };
    if strict && !reached { Err(Error::new("a ratio was missed")) } else { Ok(()) }
}

/// The time of a run, in seconds.
struct Taken {
    wall: f64,
    cpu: f64,
}

impl Taken {
    fn print(&self, name: &str, devices: u32) {
        let devices = f64::from(devices);
        let (rate, cpu) = (devices / self.wall, self.cpu / devices * 1000.0);
        println!("{name:<34}{rate:>12.0}{:>12.2} s{cpu:>13.3} ms", self.wall);
    }
}

/// A store with identities that are not registered.
struct Station {
    program: PathBuf,
    directory: PathBuf,
}

impl Station {
    fn prepare(directory: &Path, devices: u32) -> Result<Self> {
        empty_directory(directory)?;
        let this = Self { program: target()?.join("release/tbpki"), directory: directory.to_path_buf() };
        let tbpki = |args: &[&str]| run(&this.program).directory(directory).args(args).silent().read().map(drop);
        tbpki(&["init", "--no-input", "--insecure-no-passphrase"])?;
        fs::write(directory.join("password"), "tenant\n").doing("write the password")?;
        for number in 0..devices {
            tbpki(&["client", "--no-input", "--device", &format!("device-{number}")])?;
        }
        Ok(this)
    }

    /// The whole process is measured: start, reading certificates and the ledger, and login.
    fn register(&self, sim: &Simulator) -> Result<Taken> {
        // Bash's `time` counts the child alone, without the programs that this one started before.
        let script = "TIMEFORMAT='%R %U %S'; time \"$0\" register --all --quiet --platform-url \"$1\" \
                      --platform-user \"$2\" --platform-password-file password > report";
        let output = Command::new("bash")
            .args(["-c", script])
            .arg(&self.program)
            .args([&sim.url, &sim.user])
            .env("TBPKI_PLATFORM_CONCURRENCY", CONCURRENCY.to_string())
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()
            .doing("start bash")?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(Error::new(format!("tbpki register failed: {text}")));
        }
        let times: Vec<f64> =
            text.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
        match times.as_slice() {
            [wall, user, system] => Ok(Taken { wall: *wall, cpu: user + system }),
            _ => Err(Error::new(format!("bash printed no times: {text}"))),
        }
    }
}

/// Measures the Python client, from the end of its login.
fn python(sim: &Simulator, devices: u32) -> Result<Taken> {
    let program = oracles()?.join("venv-thingsboard/bin/python");
    let mut child = Command::new(&program)
        .arg(root().join("tests/clients/python/tb_rest_register.py"))
        .args([&sim.url, &sim.user, &devices.to_string(), &CONCURRENCY.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::new(format!("cannot start {}: {error}", program.display())).fix("cargo xtask setup"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // On standard input, so that the password is in no argument list.
        stdin.write_all(b"tenant\n").doing("give the password to the Python client")?;
    }
    let output = child.wait_with_output().doing("wait for the Python client")?;
    let times: Value = serde_json::from_slice(&output.stdout).doing("read the output of the Python client")?;
    let seconds = |name: &str| times.get(name).and_then(Value::as_f64);
    match (seconds("wall"), seconds("cpu")) {
        (Some(wall), Some(cpu)) if output.status.success() => Ok(Taken { wall, cpu }),
        _ => Err(Error::new(format!("the Python client failed: {times}"))),
    }
}

/// The result of `work` with a simulator of its own, and the number of calls after the login.
pub(super) fn measured<T>(work: impl FnOnce(&Simulator) -> Result<T>) -> Result<(T, u32)> {
    let latency = LATENCY_MS.to_string();
    // With a latency: without one, both would be limited by the processor that they share with the simulator.
    let args = ["--4.3", "--port", "0", "--mqtts-port", "0", "--control", "--json", "--latency", &latency];
    let sim = Simulator::start(&target()?.join("release/tbpki-tb-sim"), &args, &root())?;
    let taken = work(&sim)?;
    let requests = run("curl").args(["-sf", &format!("{}/sim/requests", sim.url)]).silent().read()?;
    let requests: Vec<Value> = serde_json::from_str(&requests).doing("read the simulator's log")?;
    // Both sign in once, and a fleet's size does not change that.
    let calls = requests.iter().filter(|request| request.get("path") != Some(&"/api/auth/login".into())).count();
    Ok((taken, u32::try_from(calls).unwrap_or(u32::MAX)))
}
