//! Packages for Debian: lintian, and a whole life in a Debian 12.

use std::fs;
use std::path::Path;

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{on_path, target};

use super::super::release::Platform;
use super::super::tree::UNITS;
use super::store::unchanged_by;
use super::system::System;
use super::units::Units;
use super::walk::{Host, enroll, expect, serve, walk};
use super::{Tried, trial_directory};

/// Installs, upgrades, removes and purges the package.
pub(super) fn try_deb(package: &Path, platform: Platform) -> Result<Tried> {
    if on_path("lintian").is_some() {
        run("lintian").args(["--allow-root", "--fail-on", "error,warning"]).arg(package).show()?;
    }
    if on_path("debootstrap").is_none() {
        return Ok(Tried::Not("debootstrap is not installed".to_owned()));
    }
    let system = System::debian("bookworm", trial_directory()?.join("system"), "/usr/bin/tbpki", platform)?;
    let units = Units::record(&system)?;
    // An earlier version, so that dpkg sees an upgrade and no reinstallation.
    repack(package, "-0", &system.root.join("first.deb"))?;
    let second = system.root.join("second.deb");
    fs::copy(package, &second).doing(format!("write {}", second.display()))?;
    let dpkg = |args: &[&str]| expect(system.command("dpkg", args), &[0]);

    dpkg(&["--install", "/first.deb"])?;
    units.expect("an installation", &["daemon-reload", "systemd-sysusers"], &["start", "enable"])?;
    let installed = dpkg(&["--listfiles", "tbpki"])?;
    walk(&system, platform)?;

    let mut service = serve(&system)?;
    unchanged_by("the upgrade", &system.root, || dpkg(&["--install", "/second.deb"]).map(drop))?;
    // systemd restarts a service that runs, and only that one. Without systemd it goes on with the program of its start.
    units.expect("an upgrade", &["try-restart tbpki-serve.service"], &["stop", "disable"])?;
    service.expect_running()?;
    enroll(&system, &service, "pump-3")?;
    service.end()?;
    let service = serve(&system)?;
    enroll(&system, &service, "pump-4")?;
    service.end()?;
    expect(system.tbpki(&["list"]), &[0])?;

    unchanged_by("the removal", &system.root, || {
        dpkg(&["--remove", "tbpki"])?;
        units.expect("a removal", &[&format!("stop {UNITS}"), &format!("disable {UNITS}")], &["start"])?;
        dpkg(&["--purge", "tbpki"]).map(drop)
    })?;
    let is_left = |path: &&str| {
        let path = system.root.join(path.trim_start_matches('/'));
        // A directory that other packages share stays.
        path.is_file() || path.is_symlink() || (path.ends_with("tbpki") && path.is_dir())
    };
    match installed.lines().find(is_left) {
        Some(path) => Err(Error::new(format!("purging the package leaves {path}"))),
        None => Ok(Tried::Works),
    }
}

/// The same package with another release of Debian.
fn repack(package: &Path, release: &str, to: &Path) -> Result<()> {
    let directory = target()?.join("dist/repack");
    if directory.exists() {
        fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
    }
    run("dpkg-deb").arg("--raw-extract").arg(package).arg(&directory).silent().read()?;
    let control = directory.join("DEBIAN/control");
    let text = fs::read_to_string(&control).doing(format!("read {}", control.display()))?;
    let version = format!("Version: {}", env!("CARGO_PKG_VERSION"));
    let text = text.replace(&format!("{version}-1\n"), &format!("{version}{release}\n"));
    fs::write(&control, text).doing(format!("write {}", control.display()))?;
    // Not compressed: the package is only for the next two minutes.
    run("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&directory).arg(to).silent().read()?;
    fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))
}
