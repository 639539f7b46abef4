//! The search for the application: named by the user, shipped with tbpki, or built from a checkout.

use std::path::{Path, PathBuf};

use base::digest::{hex, sha256};
use base::file::OwnerTrust;
use base::{Code, Error, Result, file};

use super::{Application, Checkout, FILE_LIMIT};
use crate::chip::Chip;

/// The directory of firmware files below the prefix of an installation.
const SHARE: &str = "share/tbpki/firmware";

/// The environment variable that names the place of the firmware.
const VARIABLE: &str = "TBPKI_FIRMWARE";

/// The prefixes of installations for all users.
const SYSTEM: [&str; 2] = ["/usr/local", "/usr"];

/// The places where applications are searched.
#[derive(Debug, Clone, Default)]
pub struct ApplicationSearch {
    /// The file that the user named.
    pub named: Option<PathBuf>,
    /// The value of TBPKI_FIRMWARE: a directory with `CHIP.elf`, or such a file.
    pub variable: Option<PathBuf>,
    /// The directory of the program.
    pub program_dir: Option<PathBuf>,
    /// The working directory.
    pub working_dir: PathBuf,
    /// Whose checkouts are built.
    pub trust: OwnerTrust,
}

/// The origin of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationSource {
    /// A file that the user named.
    Named(PathBuf),
    /// A file that was shipped with tbpki and matches its hash.
    Shipped(PathBuf),
    /// A file that was built from the checkout.
    Built(PathBuf),
}

impl ApplicationSource {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Shipped(path) | Self::Built(path) => path,
        }
    }
}

/// Finds the application for `chip`. `say` receives progress messages.
///
/// # Errors
/// [`Code::ApplicationMissing`] if there is none, [`Code::ApplicationHash`] if a shipped one does not match its hash, and
/// those of [`Application::read`], [`Checkout::containing`] and [`Checkout::build`].
pub fn find(
    chip: Chip,
    places: &ApplicationSearch,
    say: &mut dyn FnMut(&str),
) -> Result<(Application, ApplicationSource)> {
    // What the user names wins and needs no hash: it is their own build.
    if let Some(path) = &places.named {
        let bytes = file::read(path, FILE_LIMIT)?;
        return Ok((read(bytes, chip, path)?, ApplicationSource::Named(path.clone())));
    }
    // Our firmware needs Wi-Fi, so that there is none for this chip.
    if !chip.facts().has_wifi {
        return Err(Code::ChipWithoutWifi
            .error(format!("the {chip} has no Wi-Fi, and our application has no other way to the broker"))
            .fix("name an application of your own with --app, or use a chip with Wi-Fi"));
    }
    if let Some(path) = shipped_path(chip, places) {
        let bytes = file::read(&path, FILE_LIMIT).map_err(|error| of_variable(error, chip, places))?;
        // A file that came with the package may be damaged or old; a build of this minute is not.
        check_hash(&bytes, &path)?;
        return Ok((read(bytes, chip, &path)?, ApplicationSource::Shipped(path)));
    }
    match Checkout::containing(&places.working_dir, &places.trust)? {
        Some(checkout) => {
            say(&format!("building the application for the {chip} in {}", checkout.root().display()));
            let path = checkout.build(chip)?;
            let bytes = file::read(&path, FILE_LIMIT)?;
            Ok((read(bytes, chip, &path)?, ApplicationSource::Built(path)))
        }
        None => Err(missing(chip, places)),
    }
}

/// True if [`find`] has a place to take an application from, for this chip or, without one, for any.
///
/// # Errors
/// Those of [`Checkout::containing`].
pub fn is_available(chip: Option<Chip>, places: &ApplicationSearch) -> Result<bool> {
    let chips = chip.map_or(Chip::ALL.to_vec(), |chip| vec![chip]);
    if places.named.is_some()
        || places.variable.is_some()
        || chips.into_iter().any(|chip| shipped_path(chip, places).is_some())
    {
        return Ok(true);
    }
    Checkout::containing(&places.working_dir, &places.trust).map(|checkout| checkout.is_some())
}

/// A firmware file that was shipped with tbpki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedFirmware {
    /// The file.
    pub path: PathBuf,
    /// The SHA-256 of the file in hexadecimal; none if it cannot be read.
    pub sha256: Option<String>,
    /// Whether the file matches its `.sha256` file, and is an application for the chip.
    pub matches: bool,
}

/// The shipped firmware for `chip`, if there is one.
pub fn shipped(chip: Chip, places: &ApplicationSearch) -> Option<ShippedFirmware> {
    let path = shipped_path(chip, places).filter(|path| path.exists())?;
    let bytes = file::read(&path, FILE_LIMIT).ok();
    let sha256 = bytes.as_ref().map(|bytes| hex(&sha256(bytes)));
    // The variable can name one file, which then is the file for every chip.
    let matches =
        bytes.is_some_and(|bytes| check_hash(&bytes, &path).is_ok() && Application::read(bytes, chip).is_ok());
    Some(ShippedFirmware { sha256, matches, path })
}

/// The shipped file: at the place of the variable, or below the program's directory or its parent.
fn shipped_path(chip: Chip, places: &ApplicationSearch) -> Option<PathBuf> {
    let name = format!("{}.elf", chip.name());
    // The variable decides even if nothing is there: an error about its path helps more than another application.
    if let Some(place) = &places.variable {
        return Some(if place.is_dir() { place.join(name) } else { place.clone() });
    }
    // Without /proc, as in a bare chroot, a program does not know its own path.
    let prefixes = match &places.program_dir {
        // Both `prefix/bin/tbpki` and a program in the directory of `share`, as archives unpack it.
        Some(program_dir) => [Some(program_dir.as_path()), program_dir.parent()],
        None => SYSTEM.map(|prefix| Some(Path::new(prefix))),
    };
    prefixes.into_iter().flatten().map(|prefix| prefix.join(SHARE).join(&name)).find(|path| path.exists())
}

/// Compares a file with `FILE.sha256` in the format of `sha256sum`.
fn check_hash(bytes: &[u8], path: &Path) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    let beside = PathBuf::from(name);
    let wrong = |what: &str| Code::ApplicationHash.error(what).fix("install tbpki's firmware files again");
    let text = file::read_optional(&beside, 4096)?
        .ok_or_else(|| wrong("the application came without the file that holds its hash").at(&beside))?;
    let expected = std::str::from_utf8(&text).ok().and_then(|text| text.split_whitespace().next()).unwrap_or_default();
    if expected.eq_ignore_ascii_case(&hex(&sha256(bytes))) {
        return Ok(());
    }
    Err(wrong("the application is not the one that its hash was made of").at(path))
}

/// Names the variable that led to a file.
fn of_variable(error: Error, chip: Chip, places: &ApplicationSearch) -> Error {
    let Some(place) = &places.variable else { return error };
    let fix = match place.is_dir() {
        true => format!(
            "unset the variable or correct it, or run `cargo xtask firmware --chip {} --out {}` in a checkout of tbpki",
            chip.name(),
            quoted(place)
        ),
        false => "unset the variable or correct it: it names a directory with CHIP.elf, or one such file".to_owned(),
    };
    error.item(VARIABLE).fix(fix)
}

fn read(bytes: Vec<u8>, chip: Chip, path: &Path) -> Result<Application> {
    Application::read(bytes, chip).map_err(|error| error.at(path))
}

fn missing(chip: Chip, places: &ApplicationSearch) -> Error {
    Code::ApplicationMissing
        .error(format!("there is no application for the {chip} here"))
        .because(format!(
            "no file was named, {} does not exist, and this directory is not in a checkout of tbpki",
            home(places).join(format!("{}.elf", chip.name())).display()
        ))
        .fix(format!(
            "run {} in a checkout of tbpki, or name an application with --app FILE",
            install_command(Some(chip), places)
        ))
}

/// The command that installs the firmware where [`find`] finds it, in backquotes.
pub fn install_command(chip: Option<Chip>, places: &ApplicationSearch) -> String {
    let chips = chip.map_or("--all".to_owned(), |chip| format!("--chip {}", chip.name()));
    format!("`cargo xtask firmware {chips} --out {}`", quoted(&home(places)))
}

/// The directory of firmware files of this installation: PREFIX/share for PREFIX/bin/tbpki.
fn home(places: &ApplicationSearch) -> PathBuf {
    let program_dir = places.program_dir.as_deref().unwrap_or(Path::new("/usr/local/bin"));
    let prefix = if program_dir.ends_with("bin") { program_dir.parent() } else { None };
    prefix.unwrap_or(program_dir).join(SHARE)
}

/// The path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests put files in the places that are looked at")]
mod tests {
    use std::fs;

    use super::*;
    use testkit::application::Sample;

    const CHIP: Chip = Chip::Esp32C3;

    fn places(dir: &Path) -> ApplicationSearch {
        ApplicationSearch {
            program_dir: Some(dir.join("bin")),
            working_dir: dir.to_owned(),
            ..ApplicationSearch::default()
        }
    }

    fn find_in(places: &ApplicationSearch) -> Result<ApplicationSource> {
        find(CHIP, places, &mut |_| ()).map(|(_, source)| source)
    }

    #[test]
    fn what_is_named_comes_first_and_what_is_shipped_needs_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let elf = Sample::new(CHIP.name()).elf();
        assert_eq!(find_in(&places(dir.path())).unwrap_err().code(), Code::ApplicationMissing);
        assert!(!is_available(None, &places(dir.path())).unwrap());

        let share = dir.path().join("share/tbpki/firmware");
        fs::create_dir_all(&share).unwrap();
        let shipped = share.join("esp32c3.elf");
        fs::write(&shipped, &elf).unwrap();
        assert_eq!(find_in(&places(dir.path())).unwrap_err().code(), Code::ApplicationHash);
        // A hash file alone proves nothing: it must be that of this file.
        fs::write(share.join("esp32c3.elf.sha256"), format!("{}  esp32c3.elf\n", "0".repeat(64))).unwrap();
        assert_eq!(find_in(&places(dir.path())).unwrap_err().code(), Code::ApplicationHash);
        fs::write(share.join("esp32c3.elf.sha256"), format!("{}  esp32c3.elf\n", hex(&sha256(&elf)))).unwrap();
        assert_eq!(find_in(&places(dir.path())).unwrap(), ApplicationSource::Shipped(shipped.clone()));
        for chip in [None, Some(CHIP)] {
            assert!(is_available(chip, &places(dir.path())).unwrap());
        }
        assert!(!is_available(Some(Chip::Esp32S3), &places(dir.path())).unwrap());

        let elsewhere = ApplicationSearch { variable: Some(share.clone()), program_dir: None, ..places(dir.path()) };
        assert_eq!(find_in(&elsewhere).unwrap(), ApplicationSource::Shipped(shipped.clone()));
        let named = dir.path().join("mine.elf");
        fs::write(&named, &elf).unwrap();
        let with_name = ApplicationSearch { named: Some(named.clone()), ..elsewhere };
        assert_eq!(find_in(&with_name).unwrap(), ApplicationSource::Named(named));
        let gone = ApplicationSearch { variable: Some(dir.path().join("nowhere.elf")), ..places(dir.path()) };
        assert_eq!(find_in(&gone).unwrap_err().code(), Code::FileUnreadable);
    }

    #[test]
    fn a_missing_application_names_the_command_that_installs_it() {
        let places = ApplicationSearch {
            program_dir: Some("/home/me/.cargo/bin".into()),
            working_dir: "/".into(),
            ..ApplicationSearch::default()
        };
        let error = find_in(&places).unwrap_err();
        let command = "`cargo xtask firmware --chip esp32c3 --out /home/me/.cargo/share/tbpki/firmware`";
        assert!(error.finding().fix.as_ref().unwrap().contains(command), "{error:?}");
        // The command is to be pasted into a shell.
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        let flat = ApplicationSearch { program_dir: Some("/opt/tbpki".into()), ..places };
        assert!(install_command(None, &flat).ends_with("--all --out /opt/tbpki/share/tbpki/firmware`"));
    }

    #[test]
    fn a_program_that_does_not_know_its_path_uses_the_firmware_of_the_system() {
        let places = ApplicationSearch { working_dir: "/".into(), ..ApplicationSearch::default() };
        let found = shipped_path(CHIP, &places);
        let expected = SYSTEM.iter().map(|prefix| Path::new(prefix).join(SHARE).join("esp32c3.elf"));
        assert_eq!(found, expected.into_iter().find(|path| path.exists()));
    }

    #[test]
    fn shipped_files_are_listed_with_their_state() {
        let dir = tempfile::tempdir().unwrap();
        let share = dir.path().join(SHARE);
        fs::create_dir_all(&share).unwrap();
        assert_eq!(shipped(CHIP, &places(dir.path())), None);
        fs::write(share.join("esp32c3.elf"), "abc").unwrap();
        let found = shipped(CHIP, &places(dir.path())).unwrap();
        // The example of FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((found.sha256.as_deref(), found.matches), (Some(hash), false));
        fs::write(share.join("esp32c3.elf.sha256"), format!("{hash}  esp32c3.elf\n")).unwrap();
        assert!(!shipped(CHIP, &places(dir.path())).unwrap().matches, "it is no application");

        let elf = Sample::new(CHIP.name()).elf();
        let file = share.join("esp32c3.elf");
        fs::write(&file, &elf).unwrap();
        fs::write(share.join("esp32c3.elf.sha256"), format!("{}  esp32c3.elf\n", hex(&sha256(&elf)))).unwrap();
        assert!(shipped(CHIP, &places(dir.path())).unwrap().matches);
        // The variable names one file, which is found for every chip.
        let one = ApplicationSearch { variable: Some(file), ..places(dir.path()) };
        for chip in Chip::ALL {
            assert_eq!(shipped(chip, &one).unwrap().matches, chip == CHIP, "{chip}");
        }
    }

    #[test]
    fn the_variable_that_leads_nowhere_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for place in [dir.path().to_owned(), dir.path().join("nowhere.elf")] {
            let error = find_in(&ApplicationSearch { variable: Some(place), ..places(dir.path()) }).unwrap_err();
            assert_eq!(error.finding().location.item.as_deref(), Some("TBPKI_FIRMWARE"), "{error:?}");
            assert!(error.finding().fix.as_ref().unwrap().contains("unset the variable"), "{error:?}");
        }
    }

    #[test]
    fn our_application_needs_wifi_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let error = find(Chip::Esp32H2, &places(dir.path()), &mut |_| ()).unwrap_err();
        assert_eq!(error.code(), Code::ChipWithoutWifi);
        let named = dir.path().join("mine.elf");
        fs::write(&named, Sample::new(Chip::Esp32H2.name()).elf()).unwrap();
        let with_name = ApplicationSearch { named: Some(named), ..places(dir.path()) };
        find(Chip::Esp32H2, &with_name, &mut |_| ()).unwrap();
    }
}
