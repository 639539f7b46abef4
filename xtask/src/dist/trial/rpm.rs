//! Packages for Fedora, RHEL and SUSE, in the oldest system that they are for.

use std::path::Path;

use crate::error::{Error, Result};
use crate::run::run;
use crate::workspace::on_path;

use super::super::release::Platform;
use super::super::tree::UNITS;
use super::store::unchanged_by;
use super::system::System;
use super::units::Units;
use super::walk::walk;
use super::{Tried, trial_directory};

/// Installs and removes the package with a database of its own. The system is a Debian 11, since this machine can make one
/// and no Fedora: what the package needs of a Fedora is checked by its list of requirements.
pub(super) fn try_rpm(package: &Path, platform: Platform) -> Result<Tried> {
    if on_path("rpm").is_none() || on_path("debootstrap").is_none() {
        return Ok(Tried::Not("rpm and debootstrap are not installed".to_owned()));
    }
    check_requirements(&run("rpm").args(["-qp", "--requires"]).arg(package).silent().read()?)?;
    let system = System::debian("bullseye", trial_directory()?.join("system"), "/usr/bin/tbpki", platform)?;
    let units = Units::record(&system)?;
    let rpm = |args: &[&str]| {
        run("rpm")
            // What it requires is in dpkg's database, and rpm asks on Debian whether it is really wanted.
            .args(["--root", &system.root.display().to_string(), "--dbpath", "/var/lib/rpm", "--nodeps"])
            .arg("--force-debian")
            .args(args)
            .read()
    };
    rpm(&["--install", "--ignorearch", &package.display().to_string()])?;
    units.expect("an installation", &["daemon-reload", "systemd-sysusers"], &["start", "enable"])?;
    let installed = run("rpm").args(["-qp", "--list"]).arg(package).silent().read()?;
    walk(&system, platform)?;
    unchanged_by("the upgrade", &system.root, || {
        // To the same version, which runs the same scripts.
        rpm(&["--upgrade", "--ignorearch", "--replacepkgs", &package.display().to_string()])?;
        units.expect("an upgrade", &["try-restart tbpki-serve.service"], &["stop", "disable"])
    })?;
    unchanged_by("the removal", &system.root, || {
        rpm(&["--erase", "tbpki"])?;
        units.expect("a removal", &[&format!("disable --now {UNITS}")], &["start"])
    })?;
    match installed.lines().find(|path| system.root.join(path.trim_start_matches('/')).exists()) {
        Some(path) => Err(Error::new(format!("removing the package leaves {path}"))),
        None => Ok(Tried::Works),
    }
}

/// Fails if the package needs more than glibc, the compiler's library and a shell: rpmbuild adds what it finds in each file.
fn check_requirements(list: &str) -> Result<()> {
    const KNOWN: [&str; 10] = [
        "/bin/sh",
        "ld-linux",
        "libc.so.6",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libm.so.6",
        "libpthread.so.0",
        "librt.so.1",
        "rpmlib(",
        "rtld(GNU_HASH)",
    ];
    match list.lines().find(|line| !KNOWN.iter().any(|known| line.starts_with(known))) {
        Some(line) => Err(Error::new(format!("the package requires {line}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_of_the_firmware_is_a_fault() {
        let glibc = "libc.so.6(GLIBC_2.28)(64bit)\nrpmlib(PayloadIsZstd) <= 5.4.18-1\n/bin/sh\n";
        assert!(check_requirements(glibc).is_ok());
        assert!(check_requirements(&format!("{glibc}libesp.so\n")).is_err());
    }
}
