//! `cargo xtask firmware`: the device's firmware for each chip, within its budgets.

mod budget;
mod elf;
mod xtensa;

use std::fs;
use std::path::{self, Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use crate::error::{Doing, Error, Result};
use crate::run::git::source_time;
use crate::run::{Run, cargo, run};
use crate::workspace::{Places, on_path, oracles, root, target};

use budget::Budget;
pub(crate) use xtensa::SetupXtensa;

/// Programs that compile Mbed TLS with the check of dates.
const TOOLS: &[&str] = &["clang", "cmake", "ninja"];

/// Build the firmware for chips, and check its size
#[derive(Args)]
#[command(long_about = "Build the firmware for chips, and check its size.\n\n\
    The budgets are in crates/firmware/budgets.toml, and so is the list of chips. If clang, cmake and ninja are \
    installed, Mbed TLS is compiled with the check of certificates' dates; otherwise the prebuilt library is used, \
    with a warning. The last application that was built for each chip is target/firmware/CHIP.elf, with its hash in \
    CHIP.elf.sha256. These are the files that packages contain as share/tbpki/firmware; `--out` copies them to the \
    installation that `tbpki bundle-firmware` names if it finds no firmware.")]
pub(crate) struct Firmware {
    /// Build for this chip (repeat, or separate by commas)
    #[arg(long, value_name = "CHIP", value_delimiter = ',', required_unless_present_any = ["all", "unexpected"])]
    chip: Vec<String>,

    /// Names `--chip` to those who give the chip alone
    #[arg(hide = true, value_name = "CHIP", conflicts_with = "all")]
    unexpected: Vec<String>,

    /// Build for every chip
    #[arg(long, conflicts_with = "chip")]
    all: bool,

    /// Copy CHIP.elf and CHIP.elf.sha256 to DIR too
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Fail if a build does not check dates but should, and if sizes cannot be checked
    #[arg(long)]
    strict: bool,
}

impl Firmware {
    /// Builds for every chip and fails on every fault, as CI does.
    pub(crate) fn everything() -> Self {
        Self { chip: Vec::new(), unexpected: Vec::new(), all: true, out: None, strict: true }
    }

    /// Builds for some chips, and fails on every fault.
    pub(crate) fn of(chips: &[String]) -> Self {
        Self { chip: chips.to_vec(), all: false, ..Self::everything() }
    }

    pub(crate) fn run(&self) -> Result<()> {
        if !self.unexpected.is_empty() {
            let chips = self.unexpected.join(",");
            return Err(Error::new(format!("unexpected argument {chips}: a chip is given with --chip"))
                .fix(format!("cargo xtask firmware --chip {chips}")));
        }
        let budgets = budget::all()?;
        let known = || budgets.iter().map(|budget| budget.chip.as_str()).collect::<Vec<_>>().join(", ");
        let chosen = if self.all {
            budgets.iter().collect()
        } else {
            self.chip
                .iter()
                .map(|name| {
                    budgets
                        .iter()
                        .find(|budget| budget.chip == *name)
                        .ok_or_else(|| Error::new(format!("unknown chip {name}")).fix(format!("one of {}", known())))
                })
                .collect::<Result<Vec<_>>>()?
        };
        // Before the first build: it takes a minute for each chip.
        for budget in &chosen {
            compiler(budget)?;
        }
        let mut rows = Vec::new();
        for budget in chosen {
            rows.push(self.build(budget)?);
            if let Some(out) = &self.out {
                install(&target()?.join("firmware"), &budget.chip, out)?;
            }
        }
        eprintln!("\n{:<10}{:>20}{:>20}  certificates' dates", "chip", "application", "static RAM");
        for row in rows {
            eprintln!("{row}");
        }
        Ok(())
    }

    /// Builds for one chip; returns its line of the table.
    fn build(&self, budget: &Budget) -> Result<String> {
        let Budget { chip, target: triple, .. } = budget;
        eprintln!("\n== {chip}");
        let missing: Vec<_> = TOOLS.iter().filter(|tool| on_path(tool).is_none()).copied().collect();
        if budget.dates && !missing.is_empty() {
            let missing = missing.join(", ");
            if self.strict {
                return Err(Error::new(format!("without {missing} this firmware does not check dates"))
                    .fix("cargo xtask setup"));
            }
            eprintln!("dates are not checked: {missing} must be installed to compile Mbed TLS with this check");
        }
        let dates = budget.dates && missing.is_empty();
        let tls = if dates { "dates" } else { "prebuilt" };
        let directory = root().join("crates/firmware");
        let float = if budget.on_xtensa() { ",esp-hal/float-save-restore" } else { "" };
        reproducible(compiler(budget)?)
            .args(["--release", "--target-dir", "target", "--features"])
            .arg(format!("{chip},{tls}{float}"))
            .show()?;
        let built = directory.join("target").join(triple).join("release/tbpki-firmware");
        let bytes = fs::read(&built).doing(format!("read {}", built.display()))?;
        // The library is chosen by features of a build script; the stamp shows which one was truly linked.
        check_stamp(&bytes, chip, dates)?;
        check_enrolls(&bytes, budget)?;
        if budget.on_xtensa() {
            xtensa::check(&built, chip)?;
        }
        // Kept before the budgets are checked: a build that is too large must remain for a look at its symbols.
        let kept = keep(&built, chip)?;
        let static_ram = elf::static_ram(&bytes)?;
        budget.check("static RAM", static_ram, budget.static_ram)?;
        let application = match self.application_size(&kept, chip)? {
            Some(size) => {
                budget.check("application", size, budget.application)?;
                of(size, budget.application)
            }
            None => "not checked".to_owned(),
        };
        let dates = if dates { "checked" } else { "NOT checked" };
        Ok(format!("{chip:<10}{application:>20}{:>20}  {dates}", of(static_ram, budget.static_ram)))
    }

    /// The size in bytes of esptool's image; none if esptool is not installed.
    fn application_size(&self, elf: &Path, chip: &str) -> Result<Option<u64>> {
        let python = oracles()?.join("venv/bin/python");
        let has_esptool = python.is_file() && run(&python).args(["-c", "import esptool"]).silent().read().is_ok();
        if !has_esptool {
            if self.strict {
                return Err(Error::new("esptool is not installed").fix("cargo xtask setup"));
            }
            eprintln!("the application's size is not checked: `cargo xtask setup` brings esptool");
            return Ok(None);
        }
        let image = elf.with_extension("bin");
        run(&python)
            // The size of the image and not of the ELF file, which also has symbols and sections that are not flashed.
            .args(["-m", "esptool", "--chip", chip, "elf2image", "--flash-size", "4MB", "--output"])
            .arg(&image)
            .arg(elf)
            .read()?;
        let size = fs::metadata(&image).doing(format!("look at {}", image.display()))?.len();
        Ok(Some(size))
    }
}

fn of(size: u64, limit: u64) -> String {
    format!("{size} of {limit}")
}

/// Makes a build that has the same bytes in every directory and at every time.
fn reproducible(build: Run) -> Run {
    let build = build.env("RUSTC_WRAPPER", root().join("crates/firmware/rustc.sh")).env("TBPKI_SOURCE", root());
    // The application's description has the time of the build. Without git there is none that two builds share.
    match source_time() {
        Ok(time) => build.env("SOURCE_DATE_EPOCH", time),
        Err(_) => build,
    }
}

/// The cargo command for a chip, without the features.
fn compiler(budget: &Budget) -> Result<Run> {
    let Budget { chip, target: triple, .. } = budget;
    // Espressif's compiler knows Xtensa, which the compiler of the Rust project does not.
    if budget.on_xtensa() { xtensa::compiler(chip, triple) } else { risc_v(triple) }
}

/// The cargo command for a RISC-V chip, without the features. The stable compiler builds it.
fn risc_v(triple: &str) -> Result<Run> {
    let libraries = run("rustc").args(["--print", "target-libdir", "--target", triple]).silent().read()?;
    if !Path::new(libraries.trim()).is_dir() {
        return Err(Error::new(format!("the Rust compiler has no library for {triple}"))
            .fix(format!("rustup target add {triple}")));
    }
    let build = cargo().args(["build", "--locked", "--target", triple]).args(["--config", &remapped("riscv32")?]);
    Ok(build.directory(root().join("crates/firmware")))
}

/// A setting of cargo that adds to the flags of `.cargo/config.toml`: the firmware names no directory of this machine.
fn remapped(architecture: &str) -> Result<String> {
    let flags = Places::of_sources()?.flags("--remap-path-prefix");
    let flags: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
    Ok(format!("target.'cfg(target_arch = \"{architecture}\")'.rustflags = [{}]", flags.join(", ")))
}

/// A text in every image. The word after it tells whether the build checks dates.
const STAMP: &[u8] = b"tbpki:dates ";

/// Fails unless the build contains the stamp that it should have. A build that checks no dates may also contain the
/// other stamp, to compare with.
fn check_stamp(elf: &[u8], chip: &str, dates: bool) -> Result<()> {
    let contains = |text: &str| {
        let stamp = [STAMP, text.as_bytes()].concat();
        elf.windows(stamp.len()).any(|window| window == stamp)
    };
    let is = match (contains("not checked\0"), contains("checked\0")) {
        (true, _) => false,
        (false, true) => true,
        (false, false) => return Err(Error::new(format!("{chip}: the build contains no stamp about dates"))),
    };
    if is == dates {
        return Ok(());
    }
    let what = |dates| if dates { "checks dates" } else { "does not check dates" };
    Err(Error::new(format!("{chip}: the build {}, but should be one that {}", what(is), what(dates))))
}

/// The text in every image that fetches identities.
const ENROLLS: &[u8] = b"tbpki:enrolls\0";

/// Fails unless the build for a chip with a network has the stamp that `bundle-firmware --enroll` requires.
fn check_enrolls(elf: &[u8], budget: &Budget) -> Result<()> {
    let has_stamp = elf.windows(ENROLLS.len()).any(|window| window == ENROLLS);
    match (has_stamp, budget.enrolls) {
        (true, true) | (false, false) => Ok(()),
        (false, true) => Err(Error::new(format!("{}: the build has no stamp about enrolment", budget.chip))),
        (true, false) => {
            Err(Error::new(format!("{}: the build has the stamp about enrolment, and must not", budget.chip)))
        }
    }
}

/// Chips share targets, so the next build replaces this one.
fn keep(built: &Path, chip: &str) -> Result<PathBuf> {
    let directory = target()?.join("firmware");
    fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
    let kept = directory.join(format!("{chip}.elf"));
    fs::copy(built, &kept).doing(format!("write {}", kept.display()))?;
    write_hash(&kept)?;
    Ok(kept)
}

/// Copies the firmware of a chip and its hash. The hash comes first: tbpki rejects a file that does not match it, so an
/// interrupted copy is never used.
fn install(from: &Path, chip: &str, out: &Path) -> Result<()> {
    let out = path::absolute(out).doing(format!("find {}", out.display()))?;
    fs::create_dir_all(&out).doing(format!("make {}", out.display()))?;
    for name in [format!("{chip}.elf.sha256"), format!("{chip}.elf")] {
        let file = out.join(&name);
        fs::copy(from.join(&name), &file).doing(format!("write {}", file.display()))?;
        eprintln!("installed {}", file.display());
    }
    Ok(())
}

/// Writes `FILE.sha256` in the format of `sha256sum`. tbpki takes no application from TBPKI_FIRMWARE without it.
fn write_hash(file: &Path) -> Result<()> {
    let bytes = fs::read(file).doing(format!("read {}", file.display()))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = file.with_file_name(format!("{name}.sha256"));
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{hash}  {name}\n");
    fs::write(&beside, text).doing(format!("write {}", beside.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_in_the_format_that_tbpki_reads() {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let file = directory.path().join("esp32c3.elf");
        fs::write(&file, "abc").unwrap_or_else(|error| panic!("{error}"));
        write_hash(&file).unwrap_or_else(|error| panic!("{error}"));
        let text = fs::read_to_string(directory.path().join("esp32c3.elf.sha256"));
        // The example of FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  esp32c3.elf\n";
        assert_eq!(text.unwrap_or_default(), expected);
    }

    #[test]
    fn installed_files_are_those_of_the_build() {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (from, out) = (directory.path().join("built"), directory.path().join("share/tbpki/firmware"));
        fs::create_dir_all(&from).unwrap_or_else(|error| panic!("{error}"));
        for (name, text) in [("esp32c3.elf", "abc"), ("esp32c3.elf.sha256", "hash"), ("esp32.elf", "other")] {
            fs::write(from.join(name), text).unwrap_or_else(|error| panic!("{error}"));
        }
        install(&from, "esp32c3", &out).unwrap_or_else(|error| panic!("{error}"));
        let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["esp32c3.elf", "esp32c3.elf.sha256"]);
        assert_eq!(fs::read_to_string(out.join("esp32c3.elf")).unwrap_or_default(), "abc");
    }

    #[test]
    fn a_chip_without_its_flag_is_told_about_it() {
        let firmware = Firmware { unexpected: vec!["esp32c3".to_owned()], all: false, ..Firmware::everything() };
        let error = firmware.run().map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("--chip esp32c3")));
    }

    #[test]
    fn a_build_enrols_if_its_chip_can() {
        let check = |elf: &[u8], chip: &str| {
            let budgets = budget::all().unwrap_or_else(|error| panic!("{error}"));
            let budget = budgets.iter().find(|budget| budget.chip == chip);
            check_enrolls(elf, budget.unwrap_or_else(|| panic!("{chip}"))).is_ok()
        };
        let (with, without) = (&b"..tbpki:enrolls\0\0.."[..], &b"..tbpki:dates checked\0.."[..]);
        assert_eq!([check(with, "esp32c3"), check(without, "esp32c3")], [true, false]);
        assert_eq!([check(with, "esp32h2"), check(without, "esp32h2")], [false, true]);
    }

    #[test]
    fn a_build_with_the_wrong_stamp_is_named() {
        let (with, without) = (b"..tbpki:dates checked\0\0..", b"tbpki:dates checked tbpki:dates not checked\0");
        assert!(check_stamp(with, "c", true).is_ok());
        assert!(check_stamp(without, "c", false).is_ok());
        assert!(check_stamp(with, "c", false).is_err());
        assert!(check_stamp(without, "c", true).is_err());
        assert!(check_stamp(b"nothing", "c", true).is_err());
    }
}
