//! Programs from Debian's packages.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::{Run, run};
use crate::workspace::on_path;

/// A program, the package that brings it, and what it is for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("cc", "build-essential", "aws-lc and SQLite are C"),
    ("c++", "build-essential", "libFuzzer is C++"),
    ("mosquitto", "mosquitto", "the broker that devices log in to"),
    ("mosquitto_pub", "mosquitto-clients", "the client of ThingsBoard's documentation"),
    ("age", "age", "opens sealed archives"),
    ("zstd", "zstd", "unpacks compressed archives"),
    ("openssl", "openssl", "reads and verifies what we write"),
    ("certtool", "gnutls-bin", "reads and verifies what we write"),
    ("javac", "openjdk-17-jdk-headless", "Java clients, keytool"),
    ("keytool", "openjdk-17-jdk-headless", "reads the keystores"),
    ("mvn", "maven", "brings BouncyCastle and the Java MQTT client"),
    ("go", "golang-go", "the Go client"),
    ("python3", "python3", "paho, cryptography, pkilint"),
    ("strace", "strace", "stops tbpki at every write, for the crash tests"),
    ("clang", "clang", "compiles Mbed TLS for chips, and for the tests of the device's session"),
    ("cmake", "cmake", "builds Mbed TLS"),
    ("ninja", "ninja-build", "builds Mbed TLS"),
];

/// Installs the packages of the programs that are not on the PATH.
pub(super) fn install() -> Result<()> {
    let mut packages: Vec<&str> =
        PROGRAMS.iter().filter(|(program, ..)| find(program).is_none()).map(|(_, package, _)| *package).collect();
    // Debian splits the part of Python that makes environments off into a package without a program.
    if run("python3").args(["-c", "import ensurepip"]).silent().read().is_err() {
        packages.push("python3-venv");
    }
    if !has_libclang() {
        packages.push("libclang-dev");
    }
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let missing = packages.join(" ");
    if find("apt-get").is_none() {
        return Err(Error::new(format!("these Debian packages are missing, and there is no apt-get: {missing}"))
            .fix("install the same programs by your system's means; `xtask/src/setup/debian.rs` lists them"));
    }
    eprintln!("setup: installing {missing}");
    as_root("apt-get")?.args(["-qq", "update"]).read()?;
    as_root("apt-get")?
        .args(["-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends"])
        .args(&packages)
        .read()
        .map(drop)
}

/// Whether there is the library by which Mbed TLS's headers are read: it has no program, and its directory a version.
fn has_libclang() -> bool {
    let Ok(versions) = Path::new("/usr/lib").read_dir() else { return false };
    versions.flatten().any(|entry| entry.path().join("lib/libclang.so").exists())
}

/// Looks on the PATH, and where Debian keeps programs that ordinary users seldom have on theirs.
fn find(program: &str) -> Option<PathBuf> {
    on_path(program).or_else(|| {
        let beside = Path::new("/usr/sbin").join(program);
        beside.is_file().then_some(beside)
    })
}

/// Runs as root: as it is for root, else through sudo.
fn as_root(program: &str) -> Result<Run> {
    let is_root = run("id").arg("-u").silent().read()?.trim() == "0";
    let started = match (is_root, on_path("sudo")) {
        (true, _) => run("env"),
        (false, Some(sudo)) => run(sudo).arg("env"),
        (false, None) => {
            return Err(Error::new(format!("{program} needs root, and there is no sudo"))
                .fix("run `cargo xtask setup` once as root"));
        }
    };
    Ok(started.args(["DEBIAN_FRONTEND=noninteractive", program]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_says_what_it_is_for() {
        for (program, package, purpose) in PROGRAMS {
            assert!(!program.is_empty() && !package.is_empty() && purpose.len() > 8, "{program}");
        }
    }
}
