//! An application: a program for a chip, as its compiler or ESP-IDF's build left it.

mod app_image;
mod checkout;
mod elf;
mod find;
#[cfg(test)]
pub(crate) mod samples;

pub use app_image::check as check_image;
pub use checkout::Checkout;
pub use find::{Places, Source, find};

use std::borrow::Cow;

use base::{Code, Result};

use crate::chip::Chip;

/// The largest file that is read as an application, in bytes: debug information is most of an ELF.
pub const FILE_LIMIT: usize = 256 << 20;

/// What our firmware has in its read-only data for each of the two ways in which it can be built. One built without
/// dates may hold the other text as well, to compare with.
const DATES_CHECKED: &[u8] = b"tbpki:dates checked";
const DATES_NOT_CHECKED: &[u8] = b"tbpki:dates not checked";

/// A program for a chip.
pub struct Application {
    bytes: Vec<u8>,
    format: Format,
}

/// How an application is kept in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As the linker wrote it.
    Elf,
    /// As the bootloader reads it, which ESP-IDF's build and `esptool elf2image` write.
    Image,
}

/// Whether an application checks the dates of the certificates that it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// It does.
    Checked,
    /// It does not: its Mbed TLS was built without a clock.
    NotChecked,
    /// It is not ours, and does not say.
    Unknown,
}

impl Application {
    /// Reads an application for `chip`: an ELF file, or an image with its header.
    ///
    /// # Errors
    /// [`Code::ApplicationUnreadable`] for anything else, [`Code::WrongChip`] for another chip's.
    pub fn read(bytes: Vec<u8>, chip: Chip) -> Result<Self> {
        let format = if bytes.starts_with(b"\x7FELF") {
            elf::check(&bytes, chip)?;
            Format::Elf
        } else if bytes.first() == Some(&app_image::MAGIC) {
            app_image::check(&bytes, chip)?;
            Format::Image
        } else {
            return Err(Code::ApplicationUnreadable
                .error("this is neither an ELF file nor an application image")
                .fix("name what the linker wrote, or the .bin that ESP-IDF's build made of it"));
        };
        Ok(Self { bytes, format })
    }

    /// How it is kept.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it checks the dates of certificates, as far as it says so.
    pub fn dates(&self) -> Dates {
        match (self.holds(DATES_NOT_CHECKED), self.holds(DATES_CHECKED)) {
            (true, _) => Dates::NotChecked,
            (false, true) => Dates::Checked,
            (false, false) => Dates::Unknown,
        }
    }

    /// Whether it is the firmware of this project.
    pub fn is_ours(&self) -> bool {
        self.dates() != Dates::Unknown
    }

    /// The ELF file from which espflash takes header, segments and bootloader. For an image that is done already it is
    /// an empty one: espflash hands out its bootloaders only together with an application.
    pub(crate) fn elf(&self, chip: Chip) -> Cow<'_, [u8]> {
        match self.format {
            Format::Elf => Cow::Borrowed(&self.bytes),
            Format::Image => Cow::Owned(elf::empty(chip)),
        }
    }

    /// The image, where the file is one.
    pub(crate) fn image(&self) -> Option<&[u8]> {
        (self.format == Format::Image).then_some(self.bytes.as_slice())
    }

    fn holds(&self, marker: &[u8]) -> bool {
        memchr::memmem::find(&self.bytes, marker).is_some()
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

    #[test]
    fn an_application_says_whether_it_checks_dates() {
        let mut sample = samples::Sample::new(Chip::Esp32C3);
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
        for bytes in [&b""[..], b"#!/bin/sh\n", b"PK\x03\x04", b"\x7FELF", b"\xE9\x01"] {
            let error = Application::read(bytes.to_vec(), Chip::Esp32C3).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable, "{bytes:?}");
        }
    }
}
