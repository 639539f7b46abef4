//! An application: a program for a chip, as an ELF file or as an image.

mod app_image;
mod checkout;
mod elf;
pub(crate) mod encoded_key;
pub(crate) mod esp_image;
mod find;
pub(crate) mod private_key;
pub(crate) mod secrets;
mod text_key;

pub use app_image::check as check_image;
pub use checkout::Checkout;
pub use esp_image::{is_application, is_image};
pub use find::{ApplicationSearch, ApplicationSource, ShippedFirmware, find, install_command, is_available, shipped};

use std::borrow::Cow;

use base::{Code, Result};

use crate::chip::Chip;

/// The size limit of an application file in bytes. Most of an ELF file is debug information.
pub const FILE_LIMIT: usize = 256 << 20;

/// The stamps in the read-only data of the firmware, with and without checks of validity dates. Firmware without them may
/// contain both texts, because it compares them.
const DATES_CHECKED: &[u8] = b"tbpki:dates checked";
const DATES_NOT_CHECKED: &[u8] = b"tbpki:dates not checked";
/// The text in an application that fetches identities.
const ENROLLS: &[u8] = b"tbpki:enrolls";

/// A program for a chip.
pub struct Application {
    bytes: Vec<u8>,
    format: ApplicationFormat,
}

/// The file format of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationFormat {
    /// An ELF file, as the linker writes it.
    Elf,
    /// An image for the bootloader, as ESP-IDF's build and `esptool elf2image` write it.
    Image,
}

/// The behavior of an application towards the validity dates of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// It checks them.
    Checked,
    /// It does not check them: its Mbed TLS has no clock.
    NotChecked,
    /// It is not our firmware and has no stamp.
    Unknown,
}

impl Application {
    /// Parses an application for `chip`: an ELF file or an image.
    ///
    /// # Errors
    /// [`Code::ApplicationUnreadable`] for other files, [`Code::WrongChip`] for an application of another chip.
    pub fn read(bytes: Vec<u8>, chip: Chip) -> Result<Self> {
        // By content: the name of a file is no proof, because some builds call both .bin.
        let format = if bytes.starts_with(b"\x7FELF") {
            elf::check(&bytes, chip)?;
            ApplicationFormat::Elf
        } else if is_image(&bytes) {
            app_image::check(&bytes, chip)?;
            ApplicationFormat::Image
        } else if app_image::is_merged(&bytes) {
            return Err(app_image::no_application(
                "this is the merged image of a flash",
                "it begins with erased flash and a bootloader".to_owned(),
            ));
        } else {
            return Err(Code::ApplicationUnreadable
                .error("this is neither an ELF file nor an application image")
                .fix("name what the linker wrote, or the .bin that ESP-IDF's build made of it"));
        };
        Ok(Self { bytes, format })
    }

    /// The file format.
    pub fn format(&self) -> ApplicationFormat {
        self.format
    }

    /// True if it has a signature of secure boot.
    pub fn is_signed(&self, chip: Chip) -> bool {
        self.format == ApplicationFormat::Image && app_image::is_signed(&self.bytes, chip)
    }

    /// Whether it checks validity dates, according to its stamp.
    pub fn dates(&self) -> Dates {
        match (self.holds(DATES_NOT_CHECKED), self.holds(DATES_CHECKED)) {
            (true, _) => Dates::NotChecked,
            (false, true) => Dates::Checked,
            (false, false) => Dates::Unknown,
        }
    }

    /// True if it is the firmware of this project.
    pub fn is_ours(&self) -> bool {
        self.dates() != Dates::Unknown
    }

    /// The ELF file from which espflash takes header, segments and bootloader. For an image it is an empty one, because espflash
    /// provides its bootloaders only together with an ELF file.
    pub(crate) fn elf(&self, chip: Chip) -> Cow<'_, [u8]> {
        match self.format {
            ApplicationFormat::Elf => Cow::Borrowed(&self.bytes),
            ApplicationFormat::Image => Cow::Owned(elf::empty(chip)),
        }
    }

    /// The image, if the file is one.
    pub(crate) fn image(&self) -> Option<&[u8]> {
        (self.format == ApplicationFormat::Image).then_some(self.bytes.as_slice())
    }

    /// True if it is the firmware of this project, and fetches identities over the network.
    pub fn enrolls(&self) -> bool {
        self.holds(ENROLLS)
    }

    fn holds(&self, marker: &[u8]) -> bool {
        memchr::memmem::find(&self.bytes, marker).is_some()
    }
}

/// Checks that a file is a whole second-stage bootloader for `chip`, and contains nothing else.
///
/// # Errors
/// [`Code::Bootloader`] for other files, [`Code::WrongChip`] and [`Code::ChipUnsupported`] for other chips.
pub(crate) fn check_bootloader(bytes: &[u8], chip: Chip) -> Result<()> {
    let refused = |why: String| {
        Code::Bootloader
            .error("this is not a bootloader that tbpki can put into an image")
            .because(why)
            .fix("name the bootloader alone: in ESP-IDF, build/bootloader/bootloader.bin")
    };
    if bytes.is_empty() {
        return Err(refused("the file is empty".to_owned()));
    }
    let image = esp_image::EspImage::parse(bytes, chip).map_err(|error| {
        // The parser reads applications too, and its own messages speak of them.
        let why = error.finding().why.clone().unwrap_or_default();
        match error.code() {
            Code::ApplicationUnreadable => refused(why),
            Code::WrongChip => Code::WrongChip
                .error(format!("this bootloader is not for the {chip}"))
                .because(why)
                .fix(format!("name a bootloader that was built for the {chip}, or the right chip with --chip")),
            _ => error,
        }
    })?;
    // What follows would be written behind the bootloader, where the partition table is.
    if let esp_image::Trailer::Foreign(at) = image.trailer {
        return Err(refused(format!("its image ends at {at:#x}, and {} bytes follow", bytes.len() - at)));
    }
    let flash = &chip.facts().flash_map;
    // The ROM loads a bootloader into RAM, before the flash is mapped.
    match image.segments.iter().find(|(address, _)| flash.iter().any(|range| range.contains(address))) {
        Some(_) => Err(refused("it is an application, which runs from the flash".to_owned())),
        None => Ok(()),
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Application({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::application::Sample;

    #[test]
    fn the_stamp_states_whether_dates_are_checked() {
        let mut sample = Sample::new(Chip::Esp32C3.name());
        assert_eq!(Application::read(sample.elf(), Chip::Esp32C3).unwrap().dates(), Dates::Unknown);
        sample.rodata = DATES_CHECKED.to_vec();
        assert_eq!(Application::read(sample.elf(), Chip::Esp32C3).unwrap().dates(), Dates::Checked);
        sample.rodata = DATES_NOT_CHECKED.to_vec();
        let application = Application::read(sample.elf(), Chip::Esp32C3).unwrap();
        assert_eq!(application.dates(), Dates::NotChecked);
        assert!(application.is_ours());
    }

    #[test]
    fn what_is_no_application_is_refused() {
        // The magic alone of an ELF file and of an image, and erased flash.
        for bytes in [&b""[..], b"#!/bin/sh\n", b"PK\x03\x04", b"\x7FELF", b"\xE9\x01", &[0xFF; 0x2000]] {
            let error = Application::read(bytes.to_vec(), Chip::Esp32C3).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable, "{bytes:?}");
        }
    }
}
