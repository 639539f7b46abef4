//! Application images: an image with ESP-IDF's description of an application in it, and nothing else.

use base::{Code, Error, Result};

use super::esp_image::{DESCRIPTION, DESCRIPTION_MAGIC, EspImage, Trailer};
use crate::chip::Chip;

/// The offsets at which a merged image has its bootloader.
// 0x2000 is the offset of newer chips such as the P4: their merged images are to be recognized, too.
const BOOTLOADERS: [usize; 3] = [0, 0x1000, 0x2000];

/// Checks that a file is a whole application for `chip`, and contains nothing but the application.
///
/// # Errors
/// [`Code::ApplicationUnreadable`] for a damaged image, a bootloader or the merged image of a flash, [`Code::WrongChip`]
/// for another chip's, [`Code::ChipUnsupported`].
pub fn check(image: &[u8], chip: Chip) -> Result<()> {
    parsed(image, chip).map(|_| ())
}

/// True if the application has a signature of secure boot after it.
pub(super) fn is_signed(image: &[u8], chip: Chip) -> bool {
    parsed(image, chip).is_ok_and(|image| image.trailer == Trailer::Signature)
}

/// True if a file that does not begin as an image is the merged image of a flash, which is erased up to its bootloader.
pub(super) fn is_merged(bytes: &[u8]) -> bool {
    // The merged image of a chip whose bootloader is at 0 is told by its trailing bytes, not here.
    BOOTLOADERS.iter().any(|at| {
        let (erased, rest) = bytes.split_at_checked(*at).unwrap_or((bytes, &[]));
        *at > 0 && erased.iter().all(|byte| *byte == 0xFF) && rest.first() == Some(&super::esp_image::MAGIC)
    })
}

fn parsed(bytes: &[u8], chip: Chip) -> Result<EspImage<'_>> {
    let image = EspImage::parse(bytes, chip)?;
    match (describes(&image, chip), image.trailer) {
        // The bootloader and the application have the same format, and only the description tells them apart.
        (true, Trailer::Nothing | Trailer::Signature) => Ok(image),
        (false, Trailer::Nothing | Trailer::Signature) => Err(no_application(
            "this image is not an application",
            "it has no description of an application at its beginning, as bootloaders have none".to_owned(),
        )),
        (_, Trailer::Foreign(at)) => {
            let more = bytes.len() - at;
            Err(no_application(
                "this file contains more than an application",
                format!("its first image ends at {at:#x}, and {more} bytes follow, as in the merged image of a flash"),
            ))
        }
    }
}

/// True if the first segment begins with a description and is loaded from the flash.
fn describes(image: &EspImage<'_>, chip: Chip) -> bool {
    // The description must be in the first segment, which is mapped from the flash: tools look for it at a fixed
    // offset.
    image.segments.first().is_some_and(|(address, data)| {
        let end = address.checked_add(DESCRIPTION as u32);
        data.len() >= DESCRIPTION
            && data.starts_with(&DESCRIPTION_MAGIC)
            && chip
                .facts()
                .flash_map
                .iter()
                .any(|range| range.contains(address) && end.is_some_and(|end| end <= range.end))
    })
}

pub(super) fn no_application(what: &str, why: String) -> Error {
    Code::ApplicationUnreadable.error(what).because(why).fix(
        "name the application alone: application.bin of a bundle, build/PROJECT.bin of an ESP-IDF build, or an ELF file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Application;
    use crate::image::{Firmware, Image, tests::board};
    use testkit::application::Sample;

    fn refused(bytes: &[u8], chip: Chip, words: &str) {
        let error = Application::read(bytes.to_vec(), chip).unwrap_err();
        assert_eq!(error.code(), Code::ApplicationUnreadable, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.finding().fix.as_ref().unwrap().contains("application.bin"), "{error:?}");
    }

    /// With the merged image as its application, the credentials of a device would be in a file for all devices.
    #[test]
    fn merged_images_and_bootloaders_are_no_applications() {
        for chip in Chip::ALL {
            let application = Application::read(Sample::new(chip.name()).elf(), chip).unwrap();
            let firmware = Firmware::new(&application, board(chip)).unwrap();
            let credentials = vec![0xAB; 0x6000];
            let image = Image::new(&firmware, &credentials, None, None).unwrap();
            let merged = image.merged(false).unwrap();
            let words =
                if chip.facts().bootloader_offset == 0 { "contains more than an application" } else { "merged image" };
            refused(&merged, chip, words);
            for part in firmware.fixed_parts() {
                match part.file {
                    crate::image::BOOTLOADER => refused(part.bytes, chip, "has no description of an application"),
                    crate::image::APPLICATION => {
                        check(part.bytes, chip).unwrap();
                        // Followed by what does not belong to it.
                        let more = [part.bytes, b"\xFF\xFF-----BEGIN PRIVATE KEY-----"].concat();
                        refused(&more, chip, "contains more than an application");
                    }
                    _ => assert!(Application::read(part.bytes.to_vec(), chip).is_err()),
                }
            }
        }
    }

    #[test]
    fn the_description_is_at_the_beginning_of_the_first_segment() {
        let chip = Chip::Esp32C3;
        let image = crate::image::tests::composed(Sample::new(chip.name()).elf(), chip);
        assert_eq!(image[32..36], DESCRIPTION_MAGIC);
        let parsed = EspImage::parse(&image, chip).unwrap();
        assert!(describes(&parsed, chip));
        let moved = |address, data: &[u8]| {
            let data = data.to_vec();
            let segments = vec![(address, data.as_slice())];
            describes(&EspImage { segments, ..parsed.clone() }, chip)
        };
        let (address, data) = parsed.segments[0];
        // The description has 256 bytes.
        assert!(moved(address, &data[..256]));
        assert!(!moved(address, &data[..255]));
        assert!(!moved(address, &data[4..]));
        // In RAM, as the segments of bootloaders.
        assert!(!moved(0x3FC8_0000, data));
        assert!(!describes(&EspImage { segments: Vec::new(), ..parsed.clone() }, chip));
    }

    #[test]
    fn signed_applications_are_known_as_such() {
        let chip = Chip::Esp32C3;
        let mut image = crate::image::tests::composed(Sample::new(chip.name()).elf(), chip);
        assert!(!is_signed(&image, chip));
        image.extend([0; 4]);
        image.extend([7; 64]);
        assert!(is_signed(&image, chip));
    }
}
