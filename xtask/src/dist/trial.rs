//! `cargo xtask try-dist`: the files of a release, on systems without this repository, Rust, Java and openssl.

mod container;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{on_path, root, target};

use super::release::Platform;

/// Install the files of `cargo xtask dist` in empty systems, and use them
#[derive(Args)]
#[command(long_about = "Install the files of `cargo xtask dist` in empty systems, and use them. Needs root.\n\n\
    The archives with the static program are unpacked into an empty directory. The .deb is checked by lintian and is \
    installed, upgraded, removed and purged in a Debian 12 from debootstrap, and must leave a store as it was. Images run \
    in podman with a read-only root, if it is installed.")]
pub(crate) struct TryDist {
    /// The directory of the files
    #[arg(long, value_name = "DIR", default_value = "dist")]
    from: PathBuf,
}

/// Commands for a new store, and the exit statuses that they may have.
const WALK: &[(&[&str], &[i32])] = &[
    (&["init", "--organization", "Acme", "--insecure-no-passphrase", "--no-input"], &[0]),
    (&["server", "--name", "tb.example", "--only-given-names", "--out", "server"], &[0]),
    (&["client", "--device", "pump-1"], &[0]),
    (&["verify", "pki/devices/pump-1/chain.pem"], &[0]),
    (&["list"], &[0]),
    (&["fleet", "issue", "--count", "1000", "--name-pattern", "s-{:04}", "--out", "fleet"], &[0]),
    (&["renew", "--server", "--due"], &[0]),
    // There is no platform from which the certificate could be taken.
    (&["revoke", "--device", "s-0007", "--reason", "keyCompromise"], &[0, 4]),
    (&["crl", "--out", "devices-crl.pem"], &[0]),
    (&["report", "--out", "fleet.html"], &[0]),
    (
        &["bundle-firmware", "--chip", "esp32c3", "--device", "pump-1", "--wifi-ssid", "x", "--broker", "tb.example"],
        &[0],
    ),
    (&["--version", "--json"], &[0]),
];

impl TryDist {
    pub(crate) fn run(&self) -> Result<()> {
        if run("id").arg("-u").silent().read()?.trim() != "0" {
            return Err(Error::new("a trial needs root, for chroot").fix("run `cargo xtask try-dist` as root"));
        }
        let from = root().join(&self.from);
        let mut count = 0;
        for file in super::tree::list(&from)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_ours = |architecture: &str| name.contains(architecture);
            let tried = match name.as_str() {
                _ if name.ends_with(&format!("{}-linux-musl.tar.zst", std::env::consts::ARCH)) => try_archive(&file),
                _ if name.ends_with(".deb") && is_ours(debian_architecture()) => try_package(&file),
                _ if name.ends_with(".oci.tar") && is_ours(std::env::consts::ARCH) => container::try_image(&file),
                _ => continue,
            };
            tried.map_err(|error| Error::new(format!("{name}: {error}")))?;
            println!("works: {name}");
            count += 1;
        }
        match count {
            0 => {
                Err(Error::new(format!("{} contains no file for this machine", from.display())).fix("cargo xtask dist"))
            }
            _ => Ok(()),
        }
    }
}

fn debian_architecture() -> &'static str {
    if std::env::consts::ARCH == "x86_64" { Platform::X86_64Gnu } else { Platform::Aarch64Gnu }.debian_architecture()
}

fn trial() -> Result<PathBuf> {
    let directory = target()?.join("dist/trial");
    if directory.exists() {
        fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
    }
    fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
    Ok(directory)
}

/// Unpacks the archive into /usr/local of an empty system, and uses the program there.
fn try_archive(archive: &Path) -> Result<()> {
    let system = trial()?;
    let prefix = system.join("usr/local");
    fs::create_dir_all(&prefix).doing(format!("make {}", prefix.display()))?;
    let unpack = run("tar").args(["--extract", "--zstd", "--strip-components=1", "--file"]).arg(archive);
    unpack.arg("--directory").arg(&prefix).read()?;
    walk(&system, "/usr/local/bin/tbpki")
}

/// Installs, upgrades, removes and purges the package.
fn try_package(package: &Path) -> Result<()> {
    if on_path("lintian").is_some() {
        run("lintian").args(["--allow-root", "--fail-on", "error"]).arg(package).show()?;
    }
    let system = trial()?;
    run("cp").args(["--archive", "--no-target-directory"]).arg(debian()?).arg(&system).read()?;
    // Two versions, so that dpkg sees an upgrade and no reinstallation.
    for (name, release) in [("first.deb", "-0"), ("second.deb", "-1")] {
        repack(package, release, &system.join(name))?;
    }
    let dpkg = |args: &[&str]| run("chroot").arg(&system).arg("dpkg").args(args).read().map(drop);
    dpkg(&["--install", "/first.deb"])?;
    walk(&system, "/usr/bin/tbpki")?;
    // After the walk, and before the upgrade: from here on only the package works.
    let store = state(&system)?;
    dpkg(&["--install", "/second.deb"])?;
    status(&system, "/usr/bin/tbpki", &["list"], &[0])?;
    dpkg(&["--remove", "tbpki"])?;
    dpkg(&["--purge", "tbpki"])?;
    for left in ["usr/bin/tbpki", "usr/share/tbpki", "usr/share/doc/tbpki"] {
        if system.join(left).exists() {
            return Err(Error::new(format!("purging the package leaves {left}")));
        }
    }
    if state(&system)? == store { Ok(()) } else { Err(Error::new("the package has changed a store")) }
}

/// A Debian 12, made once.
fn debian() -> Result<PathBuf> {
    let system = target()?.join("tools/debian-12");
    // A debootstrap that was interrupted leaves a directory without it.
    if !system.join("usr/bin/dpkg").is_file() {
        run("debootstrap").args(["--variant=minbase", "bookworm"]).arg(&system).read()?;
    }
    Ok(system)
}

/// The same package with another release of Debian, to upgrade from and to.
fn repack(package: &Path, release: &str, to: &Path) -> Result<()> {
    let directory = target()?.join("dist/repack");
    if directory.exists() {
        fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
    }
    run("dpkg-deb").arg("--raw-extract").arg(package).arg(&directory).silent().read()?;
    let control = directory.join("DEBIAN/control");
    let text = fs::read_to_string(&control).doing(format!("read {}", control.display()))?;
    let version = format!("Version: {}", env!("CARGO_PKG_VERSION"));
    let text = text.replace(&format!("{version}-1"), &format!("{version}{release}"));
    fs::write(&control, text).doing(format!("write {}", control.display()))?;
    // Not compressed: the package is only for the next two minutes.
    run("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&directory).arg(to).silent().read().map(drop)
}

fn walk(system: &Path, program: &str) -> Result<()> {
    WALK.iter().try_for_each(|(args, statuses)| status(system, program, args, statuses))
}

/// Runs the program in the root directory of a system.
fn status(system: &Path, program: &str, args: &[&str], statuses: &[i32]) -> Result<()> {
    eprintln!("$ tbpki {}", args.join(" "));
    let mut command = Command::new("chroot");
    // An empty environment, because variables of this machine could configure tbpki or lead to its files.
    command.arg(system).arg(program).args(args).env_clear().env("PATH", "/usr/sbin:/usr/bin");
    let done = command.output().doing("start chroot")?;
    if done.status.code().is_some_and(|status| statuses.contains(&status)) {
        return Ok(());
    }
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(Error::new(format!("tbpki {} ended with {}:\n{text}", args.join(" "), done.status)))
}

/// The hashes of the files of the store and the configuration.
fn state(system: &Path) -> Result<String> {
    let files =
        run("find").directory(system).args(["keygen.toml", "pki", "fleet", "server", "-type", "f"]).silent().read()?;
    let mut files: Vec<&str> = files.lines().collect();
    // find lists in the order of the directory, which an upgrade may change.
    files.sort_unstable();
    run("sha256sum").directory(system).args(files).silent().read()
}
