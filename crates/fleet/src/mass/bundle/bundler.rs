//! The bytes for the flash of each device of a fleet: its credentials alone, or a whole image.

use base::{Code, Result, Secret, digest};
use device::Record;
use device::record::Login;
use devkit::credentials;
use devkit::image::{APPLICATION, BOOTLOADER, Firmware, Image, PARTITION_TABLE};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::bundle::{BundleSettings, Enrolment, PreparedImages};
use identity::files::output::pem_of;

/// Makes bundles of devices that differ in their credentials only.
pub(crate) struct Bundler {
    firmware: Firmware,
    wanted: BundleSettings,
    /// The offset of the credentials in the flash, and the length of their partition.
    offset: usize,
    size: usize,
    /// A whole image that lacks nothing but the credentials, where whole images are wanted.
    image: Option<Vec<u8>>,
}

/// The common parts of the bundles of a job, kept with the bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BundleDescription {
    version: u32,
    /// The chip, as Espressif's tools name it.
    pub(crate) chip: String,
    flash_size: String,
    /// The region of a device's credentials in the flash.
    pub(crate) credentials: Region,
    /// True if the files of devices are whole images.
    merged: bool,
    broker: String,
    port: u16,
    wifi_ssid: Option<String>,
    ntp_server: String,
    skip_host_name_check: bool,
    /// SHA-256 over the certificates that devices trust.
    anchors_sha256: String,
    application_sha256: String,
    /// The enrolment service, its label and the renewal window; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enrolment: Option<String>,
    /// SHA-256 over bootloader and partition table; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot_sha256: Option<String>,
    /// The offset of the application in the flash; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_offset: Option<String>,
    /// The number of bytes in the file of each device; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_bytes: Option<usize>,
    /// The random identifier of the job; absent without a job, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
}

impl BundleDescription {
    /// True if bundles with these parameters belong together.
    pub(crate) fn goes_with(&self, wanted: &Self) -> bool {
        // Older descriptions do not have these, and match every one.
        let boot_sha256 = self.boot_sha256.clone().or_else(|| wanted.boot_sha256.clone());
        let application_offset = self.application_offset.clone().or_else(|| wanted.application_offset.clone());
        let device_bytes = self.device_bytes.or(wanted.device_bytes);
        // Where the directory belongs to one job, it was chosen by the job.
        let job = wanted.job.clone();
        Self { boot_sha256, application_offset, device_bytes, job, ..self.clone() } == *wanted
    }
}

/// A part of the flash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Region {
    /// Such as `0x9000`.
    pub(crate) offset: String,
    pub(crate) bytes: usize,
}

impl Bundler {
    /// Bundles with this firmware and these settings.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] where there is no place for the credentials, [`Code::ImageTooLarge`].
    pub(crate) fn new(firmware: Firmware, wanted: BundleSettings, merged: bool, whole_flash: bool) -> Result<Self> {
        let place = firmware.board().credentials()?;
        let (offset, size) = (place.offset as usize, place.size as usize);
        let image = match merged {
            true => {
                // Erased flash in place of the credentials, which each device gets later.
                let empty = vec![0xFF; size];
                let image = Image::new(&firmware, &empty, None, None)?.merged(whole_flash)?;
                Some(image.to_vec())
            }
            false => None,
        };
        Ok(Self { firmware, wanted, offset, size, image })
    }

    /// The same from what was found and checked for one device or many.
    pub(crate) fn of(prepared: PreparedImages, merged: bool, whole_flash: bool) -> Result<Self> {
        Self::new(prepared.firmware, prepared.wanted, merged, whole_flash)
    }

    pub(crate) fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    pub(crate) fn wanted(&self) -> &BundleSettings {
        &self.wanted
    }

    /// True if it makes whole images.
    pub(crate) fn is_merged(&self) -> bool {
        self.image.is_some()
    }

    /// The number of bytes in the bundle of each device.
    pub(crate) fn length(&self) -> usize {
        self.image.as_ref().map_or(self.size, Vec::len)
    }

    /// The trust anchors of all devices that have no file of their own.
    pub(crate) fn anchors(&self) -> Result<String> {
        self.wanted.common_anchors().map(pem_of)
    }

    /// The bundle of a device with this chain and this key, which belong together, that trusts these anchors (all PEM).
    /// It is read again as the device will.
    ///
    /// # Errors
    /// [`Code::BadRecord`] and [`Code::RecordTooLarge`] for what the device could not hold, [`Code::ReadBack`],
    /// [`Code::ApplicationHoldsKey`] for an application with this key in it.
    pub(crate) fn bundle(&self, name: &str, anchors: &str, chain: String, key: &str) -> Result<Zeroizing<Vec<u8>>> {
        self.check_factory(name, &chain)?;
        self.firmware.check_without_key(name, key)?;
        let login = Login::Certificate { chain, key: device::Secret::from(key) };
        let record = self.wanted.record(name, anchors.to_owned(), login, None, None)?;
        self.partition(&record)
    }

    /// The bundle of a device that has no certificate yet, with its one-time password.
    ///
    /// # Errors
    /// Those of [`bundle`](Self::bundle).
    pub(crate) fn bundle_without_certificate(
        &self,
        name: &str,
        anchors: &str,
        password: &Secret,
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.partition(&self.wanted.record(name, anchors.to_owned(), Login::Pending, Some(password), None)?)
    }

    fn partition(&self, record: &Record) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = match &self.image {
            Some(image) => Zeroizing::new(image.clone()),
            None => Zeroizing::new(vec![0; self.size]),
        };
        // Alone, the credentials are a partition that begins at 0; in an image they are where the table has them.
        let at = if self.image.is_some() { self.offset } else { 0 };
        let partition = bytes
            .get_mut(at..at + self.size)
            .ok_or_else(|| Code::ImageTooLarge.error("the credentials reach over the end of the image"))?;
        credentials::write_into(record, partition, None)?;
        // Every record is read again: a fault here would be in every device of the fleet.
        if credentials::read(partition)? != *record {
            return Err(Code::ReadBack.error("the credentials record in the bundle is not what was put there"));
        }
        Ok(bytes)
    }

    /// The bundle of a device whose identity was read from where it lies.
    ///
    /// # Errors
    /// Those of [`bundle`](Self::bundle).
    pub(crate) fn bundle_of(
        &self,
        name: &str,
        anchors: &str,
        chain: &[&Certificate],
        key: &PrivateKey,
    ) -> Result<Zeroizing<Vec<u8>>> {
        // PKCS#8 whatever the algorithm, so that all devices of a fleet have one form.
        let key = key.to_pem(pki::key::KeyFormat::Pkcs8)?;
        self.bundle(name, anchors, pem_of(chain.iter().copied()), &key)
    }

    /// Fails unless the enrolment service, if there is one, renews the certificate of a device.
    fn check_factory(&self, name: &str, chain: &str) -> Result<()> {
        let Some(enrolment) = &self.wanted.enrolment else { return Ok(()) };
        let chain = PemBundle::parse(chain.as_bytes())?.certificates;
        enrolment.check_factory(name, &chain.iter().collect::<Vec<_>>())
    }

    fn application_offset(&self) -> Option<String> {
        let parts = self.firmware.fixed_parts();
        parts.iter().find(|part| part.file == APPLICATION).map(|part| format!("{:#x}", part.offset))
    }

    fn boot_sha256(&self) -> String {
        let parts = self.firmware.fixed_parts();
        // In this order, as in files of earlier versions.
        let boot = [BOOTLOADER, PARTITION_TABLE].map(|file| parts.iter().find(|part| part.file == file));
        digest::hex(&digest::sha256(&boot.into_iter().flatten().map(|part| part.bytes).collect::<Vec<_>>().concat()))
    }

    /// The description that is kept with the bundles.
    pub(crate) fn common(&self) -> Result<BundleDescription> {
        let board = self.firmware.board();
        Ok(BundleDescription {
            version: 1,
            chip: board.chip.name().to_owned(),
            flash_size: board.flash_size.to_string(),
            credentials: Region { offset: format!("{:#x}", self.offset), bytes: self.size },
            merged: self.is_merged(),
            broker: self.wanted.broker.clone(),
            port: self.wanted.port,
            wifi_ssid: self.wanted.network().map(str::to_owned),
            ntp_server: self.wanted.ntp_server.clone(),
            skip_host_name_check: self.wanted.skip_host_name_check,
            // A digest in place of the certificates: the description only has to show whether bundles go together.
            anchors_sha256: digest::hex(&digest::sha256(self.anchors()?.as_bytes())),
            application_sha256: digest::hex(&digest::sha256(self.firmware.application())),
            enrolment: self.wanted.enrolment.as_ref().map(Enrolment::description),
            boot_sha256: Some(self.boot_sha256()),
            application_offset: self.application_offset(),
            device_bytes: Some(self.length()),
            job: None,
        })
    }
}
