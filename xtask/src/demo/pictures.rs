//! `cargo xtask pictures`: the pictures of the README, from the program itself.

mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{empty_directory, on_path, root, target};

use super::simulator::Simulator;

/// Make the pictures of the README from the program itself
#[derive(Args)]
#[command(
    long_about = "Make the pictures of the README from the program itself, in docs/src/pictures: the output of `tbpki \
    check` as SVG, and the page of `tbpki report` as Chromium shows it. Dates and numbers differ in each run, so make \
    them again only if the output has changed."
)]
pub(crate) struct Pictures {}

/// Commands that make a fleet to look at.
const FLEET: &[&[&str]] = &[
    &["init", "--organization", "Example Works", "--insecure-no-passphrase", "--no-input"],
    &["server", "--name", "localhost", "--only-given-names", "--out", "server"],
    &["client", "--device", "pump-1"],
    &["client", "--device", "pump-2"],
    &["fleet", "issue", "--count", "400", "--name-pattern", "sensor-{:04}", "--out", "fleet"],
    &["fleet", "issue", "--count", "120", "--name-pattern", "valve-{:03}", "--out", "valves"],
    &["revoke", "--device", "sensor-0007", "--reason", "keyCompromise"],
];

/// The size of the page's picture in pixels.
const WINDOW: &str = "1200,900";

impl Pictures {
    pub(crate) fn run(&self) -> Result<()> {
        // All at once, because a single program is built with other features, and its dependencies a second time.
        cargo().args(["build", "--workspace", "--bins"]).show()?;
        let directory = target()?.join("pictures");
        empty_directory(&directory)?;
        let program = target()?.join("debug/tbpki");
        for command in FLEET {
            // A revocation is partly done, because there is no platform yet.
            output(&program, command, &directory, &[0, 4])?;
        }
        let sim = Simulator::start(
            &target()?.join("debug/tbpki-tb-sim"),
            &["--thingsboard-env", "server/thingsboard.env", "--port", "0", "--mqtts-port", "0", "--json"],
            &directory,
        )?;
        let password = directory.join("tb-password");
        fs::write(&password, "tenant\n").doing(format!("write {}", password.display()))?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).doing("set the mode of the password file")?;
        let platform =
            ["--platform-url", &sim.url, "--platform-user", &sim.user, "--platform-password-file", "tb-password"];
        output(&program, &[&["register", "--device", "pump-1"][..], &platform].concat(), &directory, &[0])?;
        output(&program, &[&["fleet", "register", "--job", "1"][..], &platform].concat(), &directory, &[0, 4])?;
        let pictures = root().join("docs/src/pictures");
        fs::create_dir_all(&pictures).doing(format!("make {}", pictures.display()))?;
        let broker = format!("localhost:{}", sim.mqtts_port);
        let check = ["check", &broker, "--device", "pump-2", "--color", "always"];
        let text = output(&program, &check, &directory, &[3])?;
        // The port of the simulator is random, which would confuse a reader.
        let text = text.replace(&format!(":{}", sim.mqtts_port), ":8883");
        write(&pictures.join("check.svg"), &terminal::svg("tbpki check --device pump-2", &text))?;
        drop(sim);
        output(&program, &["report", "--title", "Example Works", "--out", "fleet.html"], &directory, &[0])?;
        photograph(&directory.join("fleet.html"), &pictures.join("report.png"))
    }
}

/// Runs tbpki, and returns what it prints to a terminal. Fails if it ends with another status than these.
fn output(program: &Path, args: &[&str], directory: &Path, statuses: &[i32]) -> Result<String> {
    let done = Command::new(program).args(args).current_dir(directory).output().doing("start tbpki")?;
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if done.status.code().is_some_and(|status| statuses.contains(&status)) {
        return Ok(text);
    }
    Err(Error::new(format!("tbpki {} ended with {}:\n{text}", args.join(" "), done.status)))
}

fn write(path: &Path, text: &str) -> Result<()> {
    eprintln!("pictures: {}", path.display());
    fs::write(path, text).doing(format!("write {}", path.display()))
}

/// The page as Chromium shows it.
fn photograph(page: &Path, picture: &Path) -> Result<()> {
    if on_path("chromium").is_none() {
        return Err(Error::new("chromium is not installed").fix("cargo xtask setup"));
    }
    eprintln!("pictures: {}", picture.display());
    run("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .arg(format!("--window-size={WINDOW}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .silent()
        .read()
        .map(drop)
}
