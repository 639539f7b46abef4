//! `cargo xtask try-dist`: the files of a release, on systems without this repository, Rust, Java and openssl.

mod archive;
mod container;
mod deb;
mod rpm;
mod store;
mod sums;
mod system;
mod units;
mod unpacked;
mod walk;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::run::run;
use crate::workspace::{empty_directory, root, target};

use super::release::Platform;
use system::emulator;
pub(crate) use unpacked::try_test_package;

/// Install the files of `cargo xtask dist` in empty systems, and use them
#[derive(Args)]
#[command(long_about = "Install the files of `cargo xtask dist` in empty systems, and use them. Needs root.\n\n\
    The hashes and their signature are checked. Each file goes through the same commands, from a new store to a device that enrolls at `tbpki serve`. Archives with \
    the static program are unpacked into an empty directory, and those for glibc into a Debian 11. The .deb is checked by \
    lintian and is installed, upgraded while the service runs, removed and purged in a Debian 12, the .rpm in a Debian 11, \
    and both must leave a store as it was. Images run in podman with a read-only root. Programs for another architecture \
    run in qemu. Files for which a program is missing are listed as not tried.")]
pub(crate) struct TryDist {
    /// The directory of the files
    #[arg(long, value_name = "DIR", default_value = "dist")]
    from: PathBuf,

    /// Try only files whose names contain TEXT
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Fail if a file is not tried
    #[arg(long)]
    strict: bool,
}

/// How a file was tried.
enum Tried {
    /// It works.
    Works,
    /// It was not tried, for this reason.
    Not(String),
}

impl TryDist {
    pub(crate) fn run(&self) -> Result<()> {
        if run("id").arg("-u").silent().read()?.trim() != "0" {
            return Err(Error::new("a trial needs root, for chroot").fix("run `cargo xtask try-dist` as root"));
        }
        let from = root().join(&self.from);
        let mut lines = Vec::new();
        let mut left_out = Vec::new();
        for file in super::tree::list(&from)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((kind, platform)) = kind(&name) else { continue };
            if self.only.as_ref().is_some_and(|text| !name.contains(text)) {
                continue;
            }
            eprintln!("\n== {name}");
            match try_file(&file, kind, platform).map_err(|error| Error::new(format!("{name}: {error}")))? {
                Tried::Works => lines.push(format!("works:      {name}")),
                Tried::Not(reason) => {
                    lines.push(format!("not tried:  {name}: {reason}"));
                    left_out.push(name);
                }
            }
        }
        lines.iter().for_each(|line| println!("{line}"));
        if lines.is_empty() {
            return Err(Error::new(format!("{} contains no file to try", from.display())).fix("cargo xtask dist"));
        }
        if self.strict && !left_out.is_empty() {
            return Err(Error::new(format!("not tried: {}", left_out.join(", "))).fix("cargo xtask setup-dist"));
        }
        Ok(())
    }
}

/// A kind of file that can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Archive,
    Deb,
    Rpm,
    Image,
    Sums,
}

/// The kind and the platform of a file of a release; none for files that are tried with others. A list of hashes is for every
/// platform, also that of this machine.
fn kind(name: &str) -> Option<(Kind, Platform)> {
    if name == "SHA256SUMS" {
        let here = Platform::value_variants().iter().copied().find(Platform::runs_here);
        return Some((Kind::Sums, here.unwrap_or(Platform::X86_64Musl)));
    }
    const ENDS: [(&str, Kind); 4] =
        [(".tar.zst", Kind::Archive), (".deb", Kind::Deb), (".rpm", Kind::Rpm), (".oci.tar", Kind::Image)];
    let (rest, kind) = ENDS.iter().find_map(|(end, kind)| Some((name.strip_suffix(end)?, *kind)))?;
    let platform = Platform::value_variants().iter().copied().find(|platform| match kind {
        Kind::Archive | Kind::Image => rest.ends_with(&format!("-{platform}")),
        Kind::Deb => !platform.is_static() && rest.ends_with(&format!("_{}", platform.debian_architecture())),
        Kind::Rpm => !platform.is_static() && rest.ends_with(&format!(".{}", platform.architecture())),
        Kind::Sums => false,
    })?;
    Some((kind, platform))
}

fn try_file(file: &Path, kind: Kind, platform: Platform) -> Result<Tried> {
    if let Err(emulator) = emulator(platform) {
        return Ok(Tried::Not(format!("{emulator} is not installed")));
    }
    match kind {
        Kind::Archive => archive::try_archive(file, platform),
        Kind::Deb => deb::try_deb(file, platform),
        Kind::Rpm => rpm::try_rpm(file, platform),
        Kind::Image => container::try_image(file, platform),
        Kind::Sums => sums::try_sums(file),
    }
}

/// An empty directory for one trial.
fn trial_directory() -> Result<PathBuf> {
    let directory = target()?.join("dist/trial");
    empty_directory(&directory)?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_kind_and_platform() {
        let of = |name| kind(name);
        assert_eq!(of("tbpki-0.1.0-aarch64-linux-musl.tar.zst"), Some((Kind::Archive, Platform::Aarch64Musl)));
        assert_eq!(of("tbpki-0.1.0-x86_64-linux-gnu.tar.zst"), Some((Kind::Archive, Platform::X86_64Gnu)));
        assert_eq!(of("tbpki_0.1.0-1_arm64.deb"), Some((Kind::Deb, Platform::Aarch64Gnu)));
        assert_eq!(of("tbpki-0.1.0-1.x86_64.rpm"), Some((Kind::Rpm, Platform::X86_64Gnu)));
        assert_eq!(of("tbpki-0.1.0-aarch64-linux-musl.oci.tar"), Some((Kind::Image, Platform::Aarch64Musl)));
        assert_eq!(of("tbpki-0.1.0.cdx.json").or(of("SHA256SUMS.minisig")), None);
        assert_eq!(of("SHA256SUMS").map(|(kind, _)| kind), Some(Kind::Sums));
    }
}
