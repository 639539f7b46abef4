//! Application images: header, segments, a checksum, and a SHA-256 over all of them.

use base::digest::sha256;
use base::{Code, Error, Result};

use crate::chip::Chip;

/// The first byte of every image.
pub(super) const MAGIC: u8 = 0xE9;

/// The initial value of the checksum over the segments (ESP-IDF, `ESP_ROM_CHECKSUM_INITIAL`).
const CHECKSUM_START: u8 = 0xEF;

const HEADER: usize = 24;

/// Checks that an image is whole and for `chip`.
///
/// # Errors
/// [`Code::ApplicationUnreadable`] where it is damaged, [`Code::WrongChip`] for another chip's.
pub fn check(image: &[u8], chip: Chip) -> Result<()> {
    let header: &[u8; HEADER] = image.first_chunk().ok_or_else(|| damaged("its header is not whole"))?;
    let [magic, segments, _, _, _, _, _, _, _, _, _, _, id_low, id_high, .., has_hash] = *header;
    if magic != MAGIC {
        return Err(damaged("it does not begin as images do"));
    }
    let id = u16::from_le_bytes([id_low, id_high]);
    if id != chip.facts().image_id {
        let other =
            Chip::with_image_id(id).map_or_else(|| format!("the chip number {id}"), |other| format!("the {other}"));
        return Err(Code::WrongChip
            .error(format!("this application is not for the {chip}"))
            .because(format!("its header names {other}"))
            .fix("name the chip that it was built for with --chip, or build it for this one"));
    }
    let mut rest = image.get(HEADER..).unwrap_or_default();
    let mut sum = CHECKSUM_START;
    for _ in 0..segments {
        let (segment, after) = segment(rest).ok_or_else(|| damaged("a segment reaches over its end"))?;
        sum = segment.iter().fold(sum, |sum, byte| sum ^ byte);
        rest = after;
    }
    // The padding makes the checksum the last byte of a block of 16.
    let used = image.len() - rest.len();
    let end = (used + 1).next_multiple_of(16);
    if image.get(end - 1) != Some(&sum) {
        return Err(damaged("its check sum does not fit"));
    }
    if has_hash == 1 {
        let (hashed, hash) = image.split_at_checked(end).unwrap_or((image, &[]));
        if hash.get(..32) != Some(&sha256(hashed)) {
            return Err(damaged("its SHA-256 does not fit"));
        }
    }
    Ok(())
}

fn segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    bytes.get(8..)?.split_at_checked(usize::try_from(length).ok()?)
}

fn damaged(why: &str) -> Error {
    Code::ApplicationUnreadable
        .error("the application image is damaged")
        .because(why)
        .fix("copy it again from where it was built")
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::application::Sample;

    #[test]
    fn a_damaged_image_is_rejected() {
        let image = crate::image::tests::composed(Sample::new(Chip::Esp32C3.name()).elf(), Chip::Esp32C3);
        check(&image, Chip::Esp32C3).unwrap();
        let error = check(&image, Chip::Esp32S3).unwrap_err();
        assert_eq!(error.code(), Code::WrongChip);
        assert!(error.to_string().contains("its header names the ESP32-C3"), "{error}");
        for at in (0..image.len()).step_by(7).filter(|at| *at != 12 && *at != 13) {
            let mut changed = image.clone();
            changed[at] ^= 1;
            assert!(check(&changed, Chip::Esp32C3).is_err(), "{at}");
        }
        for length in [0, 1, 23, 24, 100, image.len() - 1] {
            assert_eq!(check(&image[..length], Chip::Esp32C3).unwrap_err().code(), Code::ApplicationUnreadable);
        }
    }
}
