//! Writing the files of each device, and reading them back as programmer and device will.

use std::path::{Path, PathBuf};

use base::file::{FileSet, Mode, WriteOutcome};
use base::{Code, Result, Secret, file};
use device::nvs::MAX_PARTITION;
use devkit::chip::Chip;
use devkit::credentials;
use devkit::image::{self, FLASH, Firmware, Image, Manifest, NVS_KEYS};
use devkit::nvs::{KEYS_PARTITION_SIZE, Keys};
use devkit::partition::{Partition, PartitionTable};
use identity::lifecycle::one_time_password;
use identity::report::rfc3339;
use ledger::{Kind, Ledger, View};
use pki::PrivateKey;
use pki::pem_bundle::PemBundle;
use zeroize::Zeroizing;

use super::device::{BundleSettings, DeviceCredentials};
use super::report::BundledDevice;
use super::request::{BundleRequest, BundleTarget, VERB};
use store::Workspace;
use store::identity_dir;
use store::shard::IdentityFinder;

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

/// Writes the images of all devices, one after the other.
pub(super) fn all(
    workspace: &mut Workspace<'_>,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    targets: &[BundleTarget],
    say: &mut dyn FnMut(&str),
) -> Result<Vec<BundledDevice>> {
    let mut store = workspace.open_store(VERB)?;
    let mut finder = IdentityFinder::new(store.dir());
    let mut devices = Vec::with_capacity(targets.len());
    for (index, target) in targets.iter().enumerate() {
        let dir = dir(workspace, request, firmware.board().chip, target);
        let password = match wanted.needs_password(&store.ledger, target)? {
            true => Some(OneTimePassword::of(wanted, request, &store.ledger, &target.name, &dir)?),
            false => None,
        };
        let secret = password.as_ref().map(|password| &password.secret);
        let credentials = wanted.credentials(&mut finder, &store.ledger, target, secret)?;
        let device = one(request, firmware, &credentials, &target.name, dir, &mut || {
            password.as_ref().map_or(Ok(None), |password| password.record(wanted, &mut store.ledger, &target.name))
        })?;
        // After the files are on the disk: a killed run repeats this device, and finds the same files.
        if let Some(key) = &target.key {
            store.ledger.bundled(key)?;
        }
        tracing::info!(device = target.name, "bundled");
        devices.push(device);
        if (index + 1).is_multiple_of(STEP) {
            say(&format!("{} of {} devices", index + 1, targets.len()));
        }
    }
    Ok(devices)
}

/// The one-time password of a device.
struct OneTimePassword {
    secret: Secret,
    /// True if the ledger has it.
    is_recorded: bool,
}

impl OneTimePassword {
    /// The password of the image that the device has already, if it can still be used, so that the same request makes the
    /// same files; else a new one.
    fn of(
        wanted: &BundleSettings,
        request: &BundleRequest,
        view: &View,
        name: &str,
        dir: &Path,
    ) -> Result<OneTimePassword> {
        if let (Some(secret), Some(enrolment)) = (password_in(request, dir)?, &wanted.enrolment)
            && enrolment.is_open(view, name, &secret)?
        {
            return Ok(Self { secret, is_recorded: true });
        }
        Ok(Self { secret: one_time_password::random()?, is_recorded: false })
    }

    /// Records the password. Returns the time from which on it is refused (RFC 3339).
    fn record(&self, wanted: &BundleSettings, ledger: &mut Ledger, name: &str) -> Result<Option<String>> {
        let Some(enrolment) = &wanted.enrolment else { return Ok(None) };
        if !self.is_recorded {
            ledger.new_password(&enrolment.new_password(name, &self.secret))?;
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

/// Writes the files of a device. `record` is called when nothing is known that would stop it, before the first file.
fn one(
    request: &BundleRequest,
    firmware: &Firmware,
    credentials: &DeviceCredentials,
    name: &str,
    dir: PathBuf,
    record: &mut dyn FnMut() -> Result<Option<String>>,
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

    if let Some(parent) = dir.parent() {
        file::create_dir(parent)?;
    }
    let mut set = FileSet::new(&dir);
    if request.force {
        set = set.replacing("old");
    }
    set.add(FLASH, image.merged(request.whole_flash)?, Mode::Private)?;
    for part in image.parts() {
        set.add(part.file, part.bytes.to_vec(), part.mode)?;
    }
    // Next to the image and not inside, where a reader of the flash would find the keys with it.
    if let Some(bytes) = key_partition.as_ref().filter(|_| !request.include_nvs_keys) {
        set.add(NVS_KEYS, bytes.clone(), Mode::Private)?;
    }
    set.add("flash_args", image::flash_args(&image).into_bytes(), Mode::Public)?;
    set.add("flasher_args.json", image::flasher_args(&image)?.into_bytes(), Mode::Public)?;
    if request.manifest {
        let manifest = Manifest { name, with_credentials: request.manifest_with_credentials };
        set.add("manifest.json", image::manifest(&image, manifest)?.into_bytes(), Mode::Public)?;
    }
    // An image with a password that the ledger does not know would be refused by the service, and an earlier image whose
    // password was replaced too: so the ledger comes first, and only when the files can follow.
    set.check()?;
    let password_expires = record()?;
    let written = set.commit()?;
    // From the disk and not from memory, because that is what will be flashed.
    read_back(&dir, &image, credentials, keys.as_ref()).map_err(|error| error.at(dir.join(FLASH)))?;
    let unchanged = written.iter().all(|file| file.outcome == WriteOutcome::Unchanged);
    Ok(BundledDevice::written(name, dir, unchanged, password_expires))
}

/// The keys that the device has already, so that the same request makes the same files; else new ones.
fn keys_in(dir: &Path) -> Result<Keys> {
    let path = dir.join(NVS_KEYS);
    match file::read_optional(&path, KEYS_PARTITION_SIZE)? {
        Some(bytes) => Keys::from_partition(&bytes).map_err(|error| error.at(path)),
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
    if PartitionTable::from_binary(table, start)? != board.table {
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
    match board.table.secure_cert().filter(|_| has_secure_cert) {
        Some(place) => credentials.with_secure_cert(|identity| identity.check(slice(&flash, place))),
        None => Ok(()),
    }
}

fn slice<'a>(flash: &'a [u8], place: &Partition) -> &'a [u8] {
    let start = place.offset as usize;
    let end = (start + place.size as usize).min(flash.len());
    flash.get(start..end).unwrap_or_default()
}
