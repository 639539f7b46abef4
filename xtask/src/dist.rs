//! `cargo xtask dist`: packages, archives and images from one staged tree.

mod archive;
mod build;
mod deb;
mod glibc;
mod image;
mod licenses;
mod metadata;
mod provenance;
mod release;
mod rpm;
mod sbom;
mod setup;
mod sums;
mod tree;
mod trial;

use std::fs;
use std::path::{self, Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::{Doing, Error, Result};
use crate::firmware::Firmware;
use crate::test::changelog;
use crate::workspace::root;

use release::{Platform, Release};
pub(crate) use setup::SetupDist;
use tree::Tree;
pub(crate) use trial::{TryDist, try_test_package};

/// Build the archives, packages and images of a release
#[derive(Args)]
#[command(long_about = "Build the archives, packages and images of a release into dist/.\n\n\
    Without options: the static program for this machine as an archive, the program for glibc as a .deb, with the \
    firmware of every chip. `--all` adds the other architectures, .rpm and the container image; it needs `cargo xtask \
    setup-dist`. Two builds of one commit are the same, byte for byte; docs/src/design/releases.md describes how.")]
pub(crate) struct Dist {
    /// Build for these platforms [default: those of this machine]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', conflicts_with = "all")]
    platform: Vec<Platform>,

    /// Build for every platform, in every format
    #[arg(long)]
    all: bool,

    /// Write these formats [default: archive, and deb for glibc]
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', conflicts_with = "all")]
    format: Vec<Format>,

    /// Package FILE instead of a build, for tests of the packages
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    program: Option<PathBuf>,

    /// Include the firmware of these chips only
    #[arg(long, value_name = "CHIP", value_delimiter = ',')]
    chip: Vec<String>,

    /// Include the firmware files that are in target/firmware, and build none
    #[arg(long, conflicts_with = "chip")]
    built_firmware: bool,

    /// Fail unless this tag is that of the version, and CHANGELOG.md has a section for it; the section is written to
    /// target/release-notes.md
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,

    /// Write to DIR
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
}

/// The file with the text of the release. It is none of the files of the release.
const RELEASE_NOTES: &str = "target/release-notes.md";

/// A format of the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An archive of the tree, tar.zst
    Archive,
    /// A package for Debian and Ubuntu
    Deb,
    /// A package for Fedora, RHEL and SUSE
    Rpm,
    /// A container image, as an archive of an OCI layout
    Image,
}

impl Dist {
    /// Packages a program for tests in one format, with the firmware that is built already.
    fn of_program(platform: Platform, format: Format, program: PathBuf, out: &Path) -> Self {
        Self {
            platform: vec![platform],
            all: false,
            format: vec![format],
            program: Some(program),
            chip: Vec::new(),
            built_firmware: true,
            tag: None,
            out: out.to_owned(),
        }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let platforms = self.platforms()?;
        if let Some(tag) = &self.tag {
            let (notes, path) = (changelog::release_notes(tag)?, root().join(RELEASE_NOTES));
            fs::write(&path, notes).doing(format!("write {}", path.display()))?;
        }
        let out = path::absolute(root().join(&self.out)).doing(format!("find {}", self.out.display()))?;
        fs::create_dir_all(&out).doing(format!("make {}", out.display()))?;
        if self.tag.is_some() {
            expect_empty(&out)?;
        }
        self.firmware()?;
        let release = Release::of_checkout()?;
        let mut runnable: Option<PathBuf> = None;
        let mut files = Vec::new();
        for platform in platforms {
            let program = match &self.program {
                Some(program) => program.clone(),
                None => build::program(platform, &release)?,
            };
            // The first platform is one of this machine: its program makes the man pages and completions of all.
            let runnable = runnable.get_or_insert_with(|| program.clone());
            let tree = Tree::of_release(&program, runnable)?;
            for format in self.formats(platform) {
                files.push(match format {
                    Format::Archive => archive::write(&tree, platform, &release, &out)?,
                    Format::Deb => deb::write(&tree, platform, &release, &out)?,
                    Format::Rpm => rpm::write(&tree, platform, &release, &out)?,
                    Format::Image => image::write(&tree, platform, &release, &out)?,
                });
            }
        }
        // In this order: the provenance has the hashes of all files, bills included, and the sums cover the provenance.
        files.extend(sbom::write(&release, &out)?);
        files.push(provenance::write(&files, &self.parameters(), &release, &out)?);
        sums::write(&files, &release, &out)?;
        for name in others(&out, &sums::names(&files))? {
            eprintln!("dist: {} is not a file of this run, and not in SHA256SUMS", out.join(name).display());
        }
        for file in &files {
            let size = fs::metadata(file).doing(format!("look at {}", file.display()))?.len();
            println!("{size:>12}  {}", file.display());
        }
        Ok(())
    }

    /// The platforms, those that this machine runs first.
    fn platforms(&self) -> Result<Vec<Platform>> {
        let mut platforms = match (self.all, self.platform.as_slice()) {
            (true, _) => Platform::value_variants().to_vec(),
            (false, []) => Platform::value_variants().iter().copied().filter(Platform::runs_here).collect(),
            (false, named) => named.to_vec(),
        };
        platforms.sort_by_key(|platform| !platform.runs_here());
        // Before a build, which takes minutes.
        if platforms.first().is_some_and(|platform| !platform.runs_here()) {
            let native = Platform::value_variants().iter().find(|platform| platform.runs_here());
            let native = native.ok_or_else(|| Error::new("no release can be made on this kind of machine"))?;
            return Err(Error::new("man pages and completions need a program that runs here, and none of these does")
                .fix(format!("add --platform {native}")));
        }
        match (&self.program, platforms.as_slice()) {
            // One file cannot be the program of two platforms.
            (Some(_), [_]) | (None, [_, ..]) => Ok(platforms),
            (Some(_), _) => Err(Error::new("--program is a program for one platform").fix("add --platform")),
            (None, []) => Err(Error::new("no release is made for this kind of machine").fix("add --platform")),
        }
    }

    /// The formats for a platform. Packages contain the program that can load PKCS#11 modules, images the static one.
    fn formats(&self, platform: Platform) -> Vec<Format> {
        let fitting: &[Format] = if platform.is_static() {
            &[Format::Archive, Format::Image]
        } else {
            &[Format::Archive, Format::Deb, Format::Rpm]
        };
        let default = [Format::Archive, Format::Deb];
        let is_wanted = |format: &&Format| match (self.all, self.format.as_slice()) {
            (true, _) => true,
            (false, []) => default.contains(format),
            (false, named) => named.contains(format),
        };
        fitting.iter().filter(is_wanted).copied().collect()
    }

    /// The options that decide what the files contain, for the provenance.
    fn parameters(&self) -> Vec<String> {
        let mut parameters = Vec::new();
        let mut add = |option: &str, values: Vec<String>| {
            parameters.extend(values.into_iter().map(|value| format!("--{option}={value}")));
        };
        add("platform", self.platform.iter().map(Platform::to_string).collect());
        let name = |format: &Format| format.to_possible_value().map(|value| value.get_name().to_owned());
        add("format", self.format.iter().filter_map(name).collect());
        add("chip", self.chip.clone());
        let switches = [
            ("--all", self.all),
            ("--built-firmware", self.built_firmware),
            // Without its path, which is one of the machine.
            ("--program", self.program.is_some()),
        ];
        parameters.extend(switches.into_iter().filter(|(_, on)| *on).map(|(option, _)| option.to_owned()));
        parameters
    }

    fn firmware(&self) -> Result<()> {
        match (self.built_firmware, self.chip.as_slice()) {
            (true, _) => Ok(()),
            (false, []) => Firmware::everything().run(),
            (false, chips) => Firmware::of(chips).run(),
        }
    }
}

/// Fails if the directory contains files: all that it contains becomes the release.
fn expect_empty(out: &Path) -> Result<()> {
    match others(out, &[])?.first() {
        None => Ok(()),
        Some(name) => Err(Error::new(format!("{} contains {name}, which is not of this release", out.display()))
            .fix("remove it, or name another directory with --out")),
    }
}

/// The files of a directory that are not among `names`.
fn others(out: &Path, names: &[String]) -> Result<Vec<String>> {
    let found = tree::list(out)?;
    let found = found.iter().map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Ok(found.filter(|name| !names.contains(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dist() -> Dist {
        let (platform, format, chip) = (Vec::new(), Vec::new(), Vec::new());
        Dist { platform, all: false, format, program: None, chip, built_firmware: true, tag: None, out: "dist".into() }
    }

    #[test]
    fn packages_contain_the_program_for_glibc_and_images_the_static_one() {
        assert_eq!(dist().formats(Platform::X86_64Gnu), [Format::Archive, Format::Deb]);
        assert_eq!(dist().formats(Platform::X86_64Musl), [Format::Archive]);
        let all = Dist { all: true, ..dist() };
        assert_eq!(all.formats(Platform::Aarch64Gnu), [Format::Archive, Format::Deb, Format::Rpm]);
        assert_eq!(all.formats(Platform::Aarch64Musl), [Format::Archive, Format::Image]);
        assert_eq!(all.platforms().map(|all| all.len()).unwrap_or_default(), 4);
    }

    #[test]
    fn files_of_other_runs_are_found_and_keep_a_release_from_being_made() {
        let out = tempfile::tempdir().unwrap();
        assert!(expect_empty(out.path()).is_ok());
        fs::write(out.path().join("old.deb"), "").unwrap();
        fs::write(out.path().join("new.deb"), "").unwrap();
        assert_eq!(others(out.path(), &sums::names(&[out.path().join("new.deb")])).unwrap(), ["old.deb"]);
        assert!(expect_empty(out.path()).is_err_and(|error| error.to_string().contains("new.deb")));
    }

    #[test]
    fn the_provenance_names_the_options_and_no_path() {
        let dist = Dist {
            platform: vec![Platform::X86_64Musl],
            format: vec![Format::Image],
            program: Some("/home/me/tbpki".into()),
            ..dist()
        };
        let expected = ["--platform=x86_64-linux-musl", "--format=image", "--built-firmware", "--program"];
        assert_eq!(dist.parameters(), expected);
    }

    #[test]
    fn one_program_is_for_one_platform() {
        let program = Dist { program: Some("tbpki".into()), platform: vec![Platform::X86_64Gnu], ..dist() };
        assert!(program.platforms().is_ok());
        let both = Dist { platform: vec![Platform::X86_64Gnu, Platform::X86_64Musl], ..program };
        assert!(both.platforms().is_err_and(|error| error.to_string().contains("--platform")));
    }

    #[test]
    fn the_platforms_of_this_machine_are_built_first() {
        let (here, other): (Vec<_>, Vec<_>) = Platform::value_variants().iter().copied().partition(Platform::runs_here);
        let (here, other) = (here[0], other[0]);
        let dist = |platform| Dist { platform, ..dist() };
        assert_eq!(dist(vec![other, here]).platforms().unwrap_or_default(), [here, other]);
        let error = dist(vec![other]).platforms().expect_err("it runs nowhere here").to_string();
        assert!(error.contains(&format!("add --platform {here}")), "{error}");
    }
}
