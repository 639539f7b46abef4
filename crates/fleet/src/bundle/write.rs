//! Writing the files of each device, and reading them back as programmer and device will.

use std::path::{Path, PathBuf};

use base::file::{FileSet, Mode, WriteOutcome, WrittenFile};
use base::text::{counted, device_option};
use base::timestamp::rfc3339;
use base::{Code, Error, Finding, Result, Secret, file};
use device::nvs::MAX_PARTITION;
use devkit::chip::Chip;
use devkit::credentials;
use devkit::image::{self, FLASH, Firmware, Image, Manifest, NVS_KEYS};
use devkit::nvs::{KEYS_PARTITION_SIZE, Keys};
use devkit::partition::{Partition, PartitionTable};
use identity::lifecycle::one_time_password::{self, PasswordLifetime};
use ledger::{Kind, Ledger, View};
use pki::PrivateKey;
use pki::pem_bundle::PemBundle;
use zeroize::Zeroizing;

use super::device::{BundleSettings, DeviceCredentials};
use super::enrolment::Enrolment;
use super::is_of_one;
use super::pending_password;
use super::report::{BundledDevice, ReplacedFile};
use super::request::{BundleRequest, BundleTarget, Devices, VERB};
use store::identity_dir;
use store::shard::IdentityFinder;
use store::{Store, Workspace};

/// The description of an image for esp-web-tools.
const MANIFEST: &str = "manifest.json";

/// The most bytes of such a description that are read.
const MANIFEST_LIMIT: usize = 1 << 20;

/// The files that not every image has.
const OPTIONAL: [&str; 4] = [MANIFEST, image::SECURE_CERT_FILE, NVS_KEYS, image::OTA_DATA];

/// The suffix of files that make room.
const OLD: &str = "old";

/// The way out where files of an earlier image are in the way.
const KEPT_BY_FORCE: &str = "move the files away, or add --force, which keeps them as FILE.old";

/// The number of devices after which a line reports the progress.
const STEP: usize = 100;

/// The directory for the files of a device.
pub(super) fn dir(workspace: &Workspace<'_>, request: &BundleRequest, chip: Chip, target: &BundleTarget) -> PathBuf {
    match &request.out {
        Some(out) => out.join(&target.name),
        None => {
            let dir = identity_dir(workspace.store_dir(), Kind::Device, &target.name);
            match target.renewal {
                // Of its own: the image of the present generation is still the one on the device.
                Some(generation) => dir.join(format!("{}-generation-{generation}", chip.name())),
                None => dir.join(chip.name()),
            }
        }
    }
}

/// The images of devices, as far as they were written.
pub(super) struct WrittenImages {
    /// Also those that failed.
    pub(super) devices: Vec<BundledDevice>,
    /// A finding about devices that were not tried, because an error concerns all of them.
    pub(super) not_tried: Option<Finding>,
}

/// Writes the images of all devices, one after the other.
///
/// # Errors
/// The first error, if no image was written. Later ones are in the report, so that it is not lost.
pub(super) fn all(
    workspace: &mut Workspace<'_>,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    targets: &[BundleTarget],
    say: &mut dyn FnMut(&str),
) -> Result<WrittenImages> {
    let mut store = workspace.open_store(VERB)?;
    let mut finder = IdentityFinder::new(store.dir());
    let mut written = WrittenImages { devices: Vec::with_capacity(targets.len()), not_tried: None };
    let mut has_image = false;
    for (index, target) in targets.iter().enumerate() {
        let dir = dir(workspace, request, firmware.board().chip, target);
        match image(&mut store, &mut finder, request, firmware, wanted, target, &dir) {
            Ok(device) => {
                has_image = true;
                written.devices.push(device);
            }
            Err(error) => {
                let goes_on = request.devices == Devices::All && is_of_one(error.code());
                if !goes_on && !has_image {
                    return Err(error);
                }
                written.devices.push(BundledDevice::failed(&target.name, dir, error));
                if !goes_on {
                    written.not_tried = not_tried(targets.len() - index - 1);
                    break;
                }
            }
        }
        if (index + 1).is_multiple_of(STEP) {
            say(&format!("{} of {} devices", index + 1, targets.len()));
        }
    }
    // If no device is left the command has failed, with the error of the first one.
    match written.devices.first_mut().filter(|_| !has_image).and_then(|first| first.error.take()) {
        Some(error) => Err(Error::new(error)),
        None => Ok(written),
    }
}

/// The finding about devices behind the one whose error ended the run.
fn not_tried(devices: usize) -> Option<Finding> {
    let text = format!("{} not tried", counted(devices as u64, "more device was", "more devices were"));
    (devices > 0).then(|| {
        Code::StoppedEarly.warning(text).fix("run the same command again: it makes the images that are missing")
    })
}

/// Writes the image of a device.
fn image(
    store: &mut Store,
    finder: &mut IdentityFinder,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    target: &BundleTarget,
    dir: &Path,
) -> Result<BundledDevice> {
    let password = OneTimePassword::for_target(wanted, request, &store.ledger, target, dir)?;
    let secret = password.as_ref().map(|password| &password.secret);
    let credentials = wanted.credentials(finder, &store.ledger, target, secret)?;
    let why = password.as_ref().and_then(|password| password.why.as_deref());
    let mut record = |dir: &Path| {
        let record = |it: &OneTimePassword| it.record(wanted, &mut store.ledger, &target.name, dir);
        password.as_ref().map_or(Ok(None), record)
    };
    let device = one(request, firmware, &credentials, &target.name, dir.to_owned(), why, Some(&mut record))?;
    if password.is_some() {
        pending_password::remove(dir)?;
    }
    // After the files are on the disk: a killed run repeats this device, and finds the same files.
    if let Some(key) = &target.key {
        store.ledger.bundled(key)?;
    }
    tracing::info!(device = target.name, "bundled");
    Ok(device)
}

/// Fails for what would stop the image of a device, before any image is written: its credentials, and the files in its
/// place. The password and the image are made and thrown away.
pub(super) fn check(
    workspace: &Workspace<'_>,
    finder: &mut IdentityFinder,
    view: &View,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    target: &BundleTarget,
) -> Result<()> {
    let dir = dir(workspace, request, firmware.board().chip, target);
    let password = OneTimePassword::for_target(wanted, request, view, target, &dir)?;
    let secret = password.as_ref().map(|password| &password.secret);
    let credentials = wanted.credentials(finder, view, target, secret)?;
    credentials.check_fits(firmware, request)?;
    // A directory that is to be made has nothing in the way, and a whole image for each device takes time.
    if dir.exists() {
        let why = password.as_ref().and_then(|password| password.why.as_deref());
        one(request, firmware, &credentials, &target.name, dir, why, None)?;
    }
    Ok(())
}

/// What [`all`] would do. The images are made and thrown away, and what would stop it is an error.
pub(super) fn planned(
    workspace: &Workspace<'_>,
    view: &View,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    targets: &[BundleTarget],
) -> Result<Vec<BundledDevice>> {
    let mut finder = IdentityFinder::new(workspace.store_dir());
    let plan = |target: &BundleTarget| {
        let dir = dir(workspace, request, firmware.board().chip, target);
        let password = OneTimePassword::for_target(wanted, request, view, target, &dir)?;
        let secret = password.as_ref().map(|password| &password.secret);
        let credentials = wanted.credentials(&mut finder, view, target, secret)?;
        let why = password.as_ref().and_then(|password| password.why.as_deref());
        one(request, firmware, &credentials, &target.name, dir, why, None)
    };
    targets.iter().map(plan).collect()
}

/// The one-time password of a device.
struct OneTimePassword {
    secret: Secret,
    /// True if the ledger has it.
    is_recorded: bool,
    /// Why an image that is there has another one.
    why: Option<String>,
}

impl OneTimePassword {
    /// The password of a device, if it needs one.
    fn for_target(
        wanted: &BundleSettings,
        request: &BundleRequest,
        view: &View,
        target: &BundleTarget,
        dir: &Path,
    ) -> Result<Option<Self>> {
        match (&wanted.enrolment, wanted.needs_password(view, target)?) {
            (Some(enrolment), true) => Self::of(enrolment, request, view, &target.name, dir).map(Some),
            _ => Ok(None),
        }
    }

    /// The password of the image that the device has already, if it can still be used, so that the same request makes the
    /// same files; else a new one.
    ///
    /// # Errors
    /// [`Code::NameReserved`] if another image or a person has a password that can still be used, and
    /// [`Code::TargetExists`] if that of the image is valid for longer than it is asked for; unless they are to be
    /// replaced.
    fn of(
        enrolment: &Enrolment,
        request: &BundleRequest,
        view: &View,
        name: &str,
        dir: &Path,
    ) -> Result<OneTimePassword> {
        let lifetime = request.enrolment.as_ref().map(|enrolment| enrolment.password);
        let has_days = matches!(lifetime, Some(PasswordLifetime::Days(_)));
        let there = password_in(request, dir)?;
        let row = view.password_of(name)?;
        let is_there = |secret: &Secret| row.as_ref().is_some_and(|row| row.hash == one_time_password::hash(secret));
        if let Some(secret) = there.as_ref().filter(|secret| is_there(secret))
            && enrolment.is_open(view, name, secret)?
        {
            let expires_at = row.as_ref().map(|row| row.expires_at);
            match expires_at.filter(|end| has_days && enrolment.is_after_end(*end)) {
                None => return Ok(Self { secret: secret.clone(), is_recorded: true, why: None }),
                Some(_) if request.force => {}
                Some(end) => {
                    return Err(Code::TargetExists
                        .error(format!(
                            "the one-time password of the image expires on {}, later than asked for",
                            rfc3339(end)
                        ))
                        .at(dir)
                        .item(name)
                        .fix("leave out --password-days to keep it, or make another one with --force"));
                }
            }
        } else if there.is_none() && !request.force && !pending_password::is_in(dir, row.as_ref())? {
            // Replaced without a word, the image that has it would be of no use. An image that is here needs --force anyway.
            enrolment.check_no_password(view, name).map_err(|error| {
                error.fix(
                    "use the image that has it, replace the password with --force, or end it with \
                     `tbpki forget DEVICE`"
                        .replace("DEVICE", &device_option(name)),
                )
            })?;
        }
        let why = match (&there, &row) {
            (None, _) => None,
            (Some(secret), Some(row)) if is_there(secret) && row.is_spent => {
                Some("its one-time password was used".to_owned())
            }
            (Some(secret), Some(row)) if is_there(secret) && enrolment.has_ended(row.expires_at) => {
                Some(format!("its one-time password expired on {}", rfc3339(row.expires_at)))
            }
            (Some(_), _) => Some("its one-time password is not the device's any more".to_owned()),
        };
        Ok(Self { secret: one_time_password::random()?, is_recorded: false, why })
    }

    /// Records the password. Returns the time from which on it is refused (RFC 3339).
    fn record(&self, wanted: &BundleSettings, ledger: &mut Ledger, name: &str, dir: &Path) -> Result<Option<String>> {
        let Some(enrolment) = &wanted.enrolment else { return Ok(None) };
        if !self.is_recorded {
            let new = enrolment.new_password(name, &self.secret);
            // First: if the run is killed before the files are in their places, the next one knows whose it is.
            pending_password::write(dir, &new.hash)?;
            ledger.new_password(&new)?;
        }
        Ok(ledger.password_of(name)?.map(|row| rfc3339(row.expires_at)))
    }
}

/// The password in the credentials of an earlier image. Files of others are left alone, and have none.
fn password_in(request: &BundleRequest, dir: &Path) -> Result<Option<Secret>> {
    let Some(mut bytes) = file::read_optional(dir.join(image::CREDENTIALS), MAX_PARTITION as usize)? else {
        return Ok(None);
    };
    if request.nvs_encryption && keys_in(dir)?.decrypt_partition(&mut bytes).is_err() {
        return Ok(None);
    }
    let record = credentials::read(&bytes).ok();
    let password = record.as_ref().and_then(|record| Some(record.enrolment()?.password.expose()));
    Ok(password.filter(|password| !password.is_empty()).map(Secret::from))
}

/// Records the one-time password of the image for a directory, and returns its end.
type RecordPassword<'a> = &'a mut dyn FnMut(&Path) -> Result<Option<String>>;

/// Writes the files of a device. `record` is called when nothing is known that would stop it, before the first file; without
/// it nothing is written. `why` is the reason for which an earlier image differs.
fn one(
    request: &BundleRequest,
    firmware: &Firmware,
    credentials: &DeviceCredentials,
    name: &str,
    dir: PathBuf,
    why: Option<&str>,
    record: Option<RecordPassword<'_>>,
) -> Result<BundledDevice> {
    let keys = if request.nvs_encryption { Some(keys_in(&dir)?) } else { None };
    let partition = credentials.partition(firmware, keys.as_ref())?;
    let secure_cert = if request.secure_cert { Some(credentials.secure_cert(firmware)?) } else { None };
    let key_partition = keys.as_ref().map(Keys::to_partition);
    let included = key_partition.as_ref().filter(|_| request.include_nvs_keys);
    let image = Image::new(
        firmware,
        &partition,
        secure_cert.as_ref().map(|bytes| bytes.as_slice()),
        included.map(|bytes| bytes.as_slice()),
    )?;
    // Next to the image and not inside, where a reader of the flash would find the keys with it.
    let beside = key_partition.as_ref().filter(|_| !request.include_nvs_keys);
    let (set, names) = file_set(request, &image, beside, name, &dir)?;
    let stale = stale_files(&dir, &image, name, &names)?;
    if !request.force {
        check_none_stale(&stale, &dir, name)?;
    }
    let refused = |error: Error| match error.code() {
        Code::TargetExists if !request.force => {
            let error = error.item(name).fix(KEPT_BY_FORCE);
            match why {
                Some(why) => error.because(why),
                None => error,
            }
        }
        _ => error,
    };
    let Some(record) = record else {
        // A directory that is to be made has no files in the way.
        let checked = match dir.parent().is_some_and(Path::is_dir) {
            true => set.check().map_err(refused)?,
            false => Vec::new(),
        };
        let mut replaced = replaced_in(&checked);
        replaced.extend(set_aside(&dir, &stale, true)?);
        return Ok(BundledDevice::planned(name, dir, replaced));
    };
    if let Some(parent) = dir.parent() {
        file::create_dir(parent)?;
    }
    // An image with a password that the ledger does not know would be refused by the service, and an earlier image whose
    // password was replaced too: so the ledger comes first, and only when the files can follow.
    set.check().map_err(refused)?;
    let password_expires = record(&dir)?;
    let written = set.commit()?;
    let mut replaced = replaced_in(&written);
    replaced.extend(set_aside(&dir, &stale, false)?);
    // From the disk and not from memory, because that is what will be flashed.
    read_back(&dir, &image, credentials, keys.as_ref()).map_err(|error| error.at(dir.join(FLASH)))?;
    let unchanged = written.iter().all(|file| file.outcome == WriteOutcome::Unchanged);
    Ok(BundledDevice::written(name, dir, unchanged, replaced, password_expires))
}

/// The files of an image, and the names of those that not every image has. `nvs_keys` are the keys of an encrypted NVS that
/// get a file of their own.
fn file_set(
    request: &BundleRequest,
    image: &Image<'_>,
    nvs_keys: Option<&Zeroizing<Vec<u8>>>,
    name: &str,
    dir: &Path,
) -> Result<(FileSet, Vec<&'static str>)> {
    let mut set = FileSet::new(dir);
    if request.force {
        set = set.replacing(OLD);
    }
    set.add(FLASH, image.merged(request.whole_flash)?, Mode::Private)?;
    let mut names = Vec::new();
    for part in image.parts() {
        names.push(part.file);
        set.add(part.file, part.bytes.to_vec(), part.mode)?;
    }
    if let Some(bytes) = nvs_keys {
        names.push(NVS_KEYS);
        set.add(NVS_KEYS, bytes.clone(), Mode::Private)?;
    }
    set.add("flash_args", image::flash_args(image).into_bytes(), Mode::Public)?;
    set.add("flasher_args.json", image::flasher_args(image)?.into_bytes(), Mode::Public)?;
    if request.manifest {
        let manifest = Manifest { name, with_credentials: request.manifest_with_credentials };
        names.push(MANIFEST);
        set.add(MANIFEST, image::manifest(image, manifest)?.into_bytes(), Mode::Public)?;
    }
    Ok((set, names))
}

/// Fails if files of an earlier image would stay next to the new one.
fn check_none_stale(stale: &[&str], dir: &Path, name: &str) -> Result<()> {
    let Some(first) = stale.first() else { return Ok(()) };
    Err(Code::TargetExists
        .error(match stale {
            [one] => format!("{one} belongs to an earlier image"),
            more => format!("{} belong to an earlier image", more.join(", ")),
        })
        .at(dir.join(first))
        .item(name)
        .because("programs that flash the new image would use it")
        .fix(KEPT_BY_FORCE))
}

/// Sets files of an earlier image aside. A dry run only tells their new names.
fn set_aside(dir: &Path, stale: &[&str], dry_run: bool) -> Result<Vec<ReplacedFile>> {
    let mut replaced = Vec::new();
    for file in stale {
        let kept = file::set_aside(dir, file, OLD, dry_run)?;
        replaced.extend(kept.map(|kept| ReplacedFile { file: (*file).to_owned(), kept }));
    }
    Ok(replaced)
}

fn replaced_in(written: &[WrittenFile]) -> Vec<ReplacedFile> {
    let replaced = |file: &WrittenFile| match &file.outcome {
        WriteOutcome::Replaced(kept) => {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Some(ReplacedFile { file: name, kept: kept.clone() })
        }
        _ => None,
    };
    written.iter().filter_map(replaced).collect()
}

/// The files of an earlier image in the directory that the new one, with files of these `names`, does not replace, and that
/// describe another image.
fn stale_files(dir: &Path, image: &Image<'_>, name: &str, names: &[&str]) -> Result<Vec<&'static str>> {
    // Without an image the files are not ours.
    if !dir.join(FLASH).exists() {
        return Ok(Vec::new());
    }
    let mut stale = Vec::new();
    for file in OPTIONAL.into_iter().filter(|file| !names.contains(file) && dir.join(file).exists()) {
        let is_same = match file {
            // That of the same image, which was made with --manifest.
            MANIFEST => {
                let there = file::read_optional(dir.join(file), MANIFEST_LIMIT)?;
                let mut is_same = false;
                for with_credentials in [false, true] {
                    let text = image::manifest(image, Manifest { name, with_credentials })?;
                    is_same |= there.as_ref().is_some_and(|there| there.as_slice() == text.as_bytes());
                }
                is_same
            }
            _ => false,
        };
        stale.extend((!is_same).then_some(file));
    }
    Ok(stale)
}

/// The keys that the device has already, so that the same request makes the same files; else new ones.
fn keys_in(dir: &Path) -> Result<Keys> {
    let path = dir.join(NVS_KEYS);
    match file::read_optional(&path, KEYS_PARTITION_SIZE)? {
        Some(bytes) => Keys::from_partition(&bytes).map_err(|error| {
            error
                .at(path)
                .fix("restore the file from a backup, or move it away: tbpki then makes new keys for a new image")
        }),
        None => Keys::generate(),
    }
}

/// Takes the merged image apart again: table, application, credentials as the device reads them, and the key against
/// the certificate.
fn read_back(dir: &Path, image: &Image<'_>, credentials: &DeviceCredentials, keys: Option<&Keys>) -> Result<()> {
    let board = image.firmware().board();
    let flash = file::read_secret(dir.join(FLASH), board.flash_size.bytes() as usize)?;
    let differs = |what: &str| Code::ReadBack.error(format!("{what} in the image is not what was put there"));
    for part in image.parts() {
        let at = part.offset as usize;
        if flash.get(at..at + part.bytes.len()) != Some(part.bytes) {
            return Err(differs(part.file));
        }
    }
    let start = board.table.start();
    let table = flash.get(start.table() as usize..).unwrap_or_default();
    if PartitionTable::from_binary(table, start)?.to_binary() != board.table.to_binary() {
        return Err(differs("the partition table"));
    }
    let mut partition = Zeroizing::new(slice(&flash, board.credentials()?).to_vec());
    if let Some(keys) = keys {
        keys.decrypt_partition(&mut partition)?;
    }
    let record = credentials::read(&partition)?;
    if record != credentials.record {
        return Err(differs("the credentials record"));
    }
    if let device::record::Login::Certificate { chain, key } = record.login() {
        let chain = PemBundle::parse(chain.trim_end_matches('\0').as_bytes())?;
        let leaf = chain.certificates.first().ok_or_else(|| differs("the certificate"))?;
        let key = PrivateKey::from_pem_or_der(key.expose().trim_end_matches('\0').as_bytes(), None)?;
        key.check_belongs_to(leaf.spki_der())?;
    }
    let has_secure_cert = image.parts().iter().any(|part| part.file == image::SECURE_CERT_FILE);
    if !has_secure_cert {
        return Ok(());
    }
    let place = board.secure_cert()?;
    credentials.with_secure_cert(|identity| identity.check(slice(&flash, place)))
}

fn slice<'a>(flash: &'a [u8], place: &Partition) -> &'a [u8] {
    let start = place.offset as usize;
    let end = (start + place.size as usize).min(flash.len());
    flash.get(start..end).unwrap_or_default()
}
