//! Programs from Debian's packages.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::{Run, run};
use crate::workspace::on_path;

/// A program, its Debian package, and its purpose.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("cc", "build-essential", "aws-lc and SQLite are C"),
    ("c++", "build-essential", "libFuzzer is C++"),
    ("mosquitto", "mosquitto", "the broker in login tests"),
    ("mosquitto_pub", "mosquitto-clients", "the client of ThingsBoard's documentation"),
    ("age", "age", "opens sealed archives"),
    ("zstd", "zstd", "unpacks compressed archives"),
    ("curl", "curl", "a client of the enrolment service"),
    ("pki", "strongswan-pki", "an EST client of independent code"),
    ("openssl", "openssl", "reads and verifies tbpki's output"),
    ("certtool", "gnutls-bin", "reads and verifies tbpki's output"),
    ("javac", "openjdk-17-jdk-headless", "Java clients, keytool"),
    ("keytool", "openjdk-17-jdk-headless", "reads the keystores"),
    ("mvn", "maven", "downloads BouncyCastle and the Java MQTT client"),
    ("go", "golang-go", "the Go client"),
    ("python3", "python3", "paho, cryptography, pkilint"),
    ("systemd-analyze", "systemd", "judges the units that tbpki comes with"),
    ("busctl", "systemd", "waits for what tests start on a bus"),
    ("chromium", "chromium", "renders the fleet's report"),
    ("chromedriver", "chromium-driver", "drives Chromium"),
    ("faketime", "faketime", "moves the date of programs, for tests over years"),
    ("strace", "strace", "stops tbpki at every write, for the crash tests"),
    ("softhsm2-util", "softhsm2", "a token for a CA's key"),
    ("pkcs11-tool", "opensc", "lists the contents of a token"),
    ("swtpm", "swtpm", "a TPM for keys of CAs and gateways"),
    ("tpm2-abrmd", "tpm2-abrmd", "shares the TPM among programs"),
    ("dbus-daemon", "dbus-daemon", "leads to tpm2-abrmd"),
    ("clang", "clang", "compiles Mbed TLS for chips, and for the tests of the device's session"),
    ("cmake", "cmake", "builds Mbed TLS"),
    ("ninja", "ninja-build", "builds Mbed TLS"),
];

/// Installs the packages of the programs that are not on the PATH.
pub(super) fn install() -> Result<()> {
    let mut packages = missing(PROGRAMS);
    // Python's module for environments is in a package of its own, which has no program to look for.
    if run("python3").args(["-c", "import ensurepip"]).silent().read().is_err() {
        packages.push("python3-venv");
    }
    if !has_libclang() {
        packages.push("libclang-dev");
    }
    if find("pki").is_none() {
        // Without these the client has no TLS.
        packages.push("libstrongswan-standard-plugins");
    }
    if !has_tpm2_pkcs11() {
        // With the libraries that lead to the TPM, which have no programs either.
        packages.extend(["libtpm2-pkcs11-1", "libtss2-tcti-swtpm0", "libtss2-tcti-tabrmd0"]);
    }
    if !has_postgresql() {
        packages.push("postgresql");
    }
    install_packages(packages)
}

/// Installs the packages of those programs that are not on the PATH. Each program has its package and its purpose.
pub(crate) fn install_programs(programs: &'static [(&str, &str, &str)]) -> Result<()> {
    install_packages(missing(programs))
}

fn missing(programs: &'static [(&str, &str, &str)]) -> Vec<&'static str> {
    programs.iter().filter(|(program, ..)| find(program).is_none()).map(|(_, package, _)| *package).collect()
}

fn install_packages(mut packages: Vec<&str>) -> Result<()> {
    // Neighbors only, which is enough: programs of one package are next to each other in the table.
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let missing = packages.join(" ");
    if find("apt-get").is_none() {
        return Err(Error::new(format!("missing Debian packages, and no apt-get to install them: {missing}"))
            .fix("install the programs of these packages with your system's package manager"));
    }
    eprintln!("setup: installing {missing}");
    // Images of containers come without package lists.
    as_root("apt-get")?.args(["-qq", "update"]).read()?;
    as_root("apt-get")?
        .args(["-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends"])
        .args(&packages)
        .read()
        .map(drop)
}

/// True if libclang is installed, which reads the headers of Mbed TLS. It has no program, and a version is part of its
/// directory's name.
fn has_libclang() -> bool {
    let Ok(versions) = Path::new("/usr/lib").read_dir() else { return false };
    versions.flatten().any(|entry| entry.path().join("lib/libclang.so").exists())
}

/// True if the library is installed through which a TPM is a PKCS#11 token.
fn has_tpm2_pkcs11() -> bool {
    Path::new("/usr/lib").join(format!("{ARCH}-linux-gnu/libtpm2_pkcs11.so.1")).is_file()
}

/// True if PostgreSQL is installed, the server of shared ledgers. Debian keeps its programs off the PATH.
fn has_postgresql() -> bool {
    let Ok(versions) = Path::new("/usr/lib/postgresql").read_dir() else { return on_path("initdb").is_some() };
    versions.flatten().any(|entry| entry.path().join("bin/initdb").is_file())
}

/// Searches the PATH and `/usr/sbin`, which is often missing in the PATH of ordinary users.
fn find(program: &str) -> Option<PathBuf> {
    on_path(program).or_else(|| {
        let system = Path::new("/usr/sbin").join(program);
        system.is_file().then_some(system)
    })
}

/// Runs a program as root, through sudo if this process is not root's.
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
    fn every_program_has_a_purpose() {
        for (program, package, purpose) in PROGRAMS {
            assert!(!program.is_empty() && !package.is_empty() && purpose.len() > 8, "{program}");
        }
    }
}
