//! The report about bundles, for people and for programs.

use std::path::PathBuf;

use base::{Error, Finding};
use devkit::application::{Application, ApplicationSource, Dates};
use devkit::chip::revision_text;
use devkit::image::{self, Firmware};
use schemars::JsonSchema;
use serde::Serialize;

use super::device::BundleSettings;
use super::enrolment::{Enrolment, EnrolmentReport};
use super::request::BundleRequest;

/// The report about bundles.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BundleReport {
    /// The chip, as Espressif's tools name it.
    pub chip: &'static str,
    /// The crystal of the board, in MHz.
    pub crystal_mhz: u32,
    /// The size of the flash, such as `4MB`.
    pub flash_size: String,
    /// The oldest chip revision that starts the image, such as `v3.0`; absent if every revision does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_revision: Option<String>,
    /// The newest chip revision that starts the image, such as `v3.99`; absent if the application names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_revision: Option<String>,
    /// The application that all images have.
    pub application: ApplicationReport,
    /// The broker that the devices connect to.
    pub broker: String,
    /// The port of the broker.
    pub port: u16,
    /// The enrolment service that the devices fetch their certificates from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<EnrolmentReport>,
    /// The parts of the flash and their offsets, the same for every device.
    pub parts: Vec<PartReport>,
    /// The devices, each with the directory of its files.
    pub devices: Vec<BundledDevice>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// The application of the images.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ApplicationReport {
    /// The file that it was read from.
    pub path: PathBuf,
    /// The source of the application.
    pub source: SourceReport,
    /// The number of bytes in the flash.
    pub bytes: usize,
    /// The behavior of the application towards the dates of certificates.
    pub dates: DatesReport,
}

/// The source of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceReport {
    /// It was named.
    Named,
    /// It came with tbpki.
    Shipped,
    /// It was built.
    Built,
}

/// The behavior of an application towards the dates of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatesReport {
    /// It does.
    Checked,
    /// It does not.
    NotChecked,
    /// It does not say: it is not ours.
    Unknown,
}

/// A part of the flash.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartReport {
    /// The file that it is in.
    pub file: String,
    /// The beginning, in bytes from the beginning of the flash.
    pub offset: u32,
    /// The length in bytes.
    pub bytes: u64,
    /// True if it holds secrets.
    pub secret: bool,
}

/// A device that has an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BundledDevice {
    /// The name of the device.
    pub name: String,
    /// The change.
    pub done: BundleOutcome,
    /// The directory of its files.
    pub directory: PathBuf,
    /// The time from which on its one-time password is refused (RFC 3339, UTC); absent if its image has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_expires: Option<String>,
    /// The files of an earlier image that are kept under other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<ReplacedFile>,
    /// Why it got no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Finding>,
}

/// A file of an earlier image that makes room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplacedFile {
    /// The name of the file.
    pub file: String,
    /// The path under which its old contents are kept.
    pub kept: PathBuf,
}

/// A change to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BundleOutcome {
    /// Files were written.
    Written,
    /// The very same files were there.
    Unchanged,
    /// A dry run: files would be written.
    Planned,
    /// It got no image; the others of `--all` did not wait for it.
    Failed,
}

impl BundledDevice {
    fn new(name: &str, done: BundleOutcome, directory: PathBuf) -> Self {
        Self { name: name.to_owned(), done, directory, password_expires: None, replaced: Vec::new(), error: None }
    }

    pub(super) fn planned(name: &str, directory: PathBuf, replaced: Vec<ReplacedFile>) -> Self {
        Self { replaced, ..Self::new(name, BundleOutcome::Planned, directory) }
    }

    pub(super) fn failed(name: &str, directory: PathBuf, error: Error) -> Self {
        let error = Some(error.into_finding().item(name));
        Self { error, ..Self::new(name, BundleOutcome::Failed, directory) }
    }

    pub(super) fn written(
        name: &str,
        directory: PathBuf,
        unchanged: bool,
        replaced: Vec<ReplacedFile>,
        password_expires: Option<String>,
    ) -> Self {
        let done = if unchanged { BundleOutcome::Unchanged } else { BundleOutcome::Written };
        Self { replaced, password_expires, ..Self::new(name, done, directory) }
    }
}

impl BundleReport {
    pub(super) fn new(
        firmware: &Firmware,
        application: &Application,
        source: &ApplicationSource,
        wanted: &BundleSettings,
        request: &BundleRequest,
        devices: Vec<BundledDevice>,
        findings: Vec<Finding>,
    ) -> Self {
        let board = firmware.board();
        Self {
            chip: board.chip.name(),
            crystal_mhz: board.crystal.mhz(),
            flash_size: board.flash_size.to_string(),
            min_revision: Some(firmware.min_revision()).filter(|revision| *revision > 0).map(revision_text),
            max_revision: firmware.max_revision().map(revision_text),
            application: ApplicationReport {
                path: source.path().to_owned(),
                source: match source {
                    ApplicationSource::Named(_) => SourceReport::Named,
                    ApplicationSource::Shipped(_) => SourceReport::Shipped,
                    ApplicationSource::Built(_) => SourceReport::Built,
                },
                bytes: firmware.application().len(),
                dates: match application.dates() {
                    Dates::Checked => DatesReport::Checked,
                    Dates::NotChecked => DatesReport::NotChecked,
                    Dates::Unknown => DatesReport::Unknown,
                },
            },
            broker: wanted.broker.clone(),
            port: wanted.port,
            enrolment: wanted.enrolment.as_ref().map(Enrolment::report),
            parts: parts(firmware, request),
            devices,
            findings,
        }
    }
}

fn parts(firmware: &Firmware, request: &BundleRequest) -> Vec<PartReport> {
    let table = &firmware.board().table;
    let secrets = [
        (image::CREDENTIALS, table.credentials()),
        (image::SECURE_CERT_FILE, table.secure_cert().filter(|_| request.secure_cert)),
        (image::NVS_KEYS, table.nvs_keys().filter(|_| request.include_nvs_keys)),
    ];
    let secrets = secrets.into_iter().filter_map(|(file, place)| {
        place.map(|place| PartReport {
            file: file.to_owned(),
            offset: place.offset,
            bytes: place.size.into(),
            secret: true,
        })
    });
    let fixed = firmware.fixed_parts().into_iter().map(|part| PartReport {
        file: part.file.to_owned(),
        offset: part.offset,
        bytes: part.bytes.len() as u64,
        secret: false,
    });
    let mut parts: Vec<PartReport> = fixed.chain(secrets).collect();
    parts.sort_by_key(|part| part.offset);
    parts
}
