//! The image format of Espressif's bootloaders: a header, segments, a checksum, a SHA-256 over all of them, and after
//! that the signature of secure boot.

use base::digest::sha256;
use base::{Code, Error, Result};

use crate::chip::{Chip, ForeignChip};

/// The first byte of every image.
pub(super) const MAGIC: u8 = 0xE9;

/// The initial value of the checksum over the segments (ESP-IDF, `ESP_ROM_CHECKSUM_INITIAL`).
const CHECKSUM_START: u8 = 0xEF;

const HEADER: usize = 24;

/// The length of a signature of secure boot version 1 in bytes: a version of 0, and 64 bytes of ECDSA.
const SIGNATURE_1: usize = 68;

/// The unit of signatures of secure boot version 2, in bytes. They begin and end at its multiples.
const SIGNATURE_SECTOR: usize = 4096;

/// The first bytes of a signature block of secure boot version 2: a magic number and the version.
const SIGNATURE_2: [u8; 2] = [0xE7, 0x02];

/// A segment: its load address and its data.
pub(super) type Segment<'a> = (u32, &'a [u8]);

/// A whole image.
#[derive(Debug, Clone)]
pub(super) struct EspImage<'a> {
    /// The segments in their order.
    pub(super) segments: Vec<Segment<'a>>,
    /// The bytes after the image.
    pub(super) trailer: Trailer,
}

/// The kinds of bytes after an image in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trailer {
    /// Nothing but the filling of erased flash.
    Nothing,
    /// A signature of secure boot.
    Signature,
    /// Something else, with the number of its first byte.
    Foreign(usize),
}

impl<'a> EspImage<'a> {
    /// Parses an image for `chip`.
    ///
    /// # Errors
    /// [`Code::ApplicationUnreadable`] if it is damaged, [`Code::WrongChip`] for another chip's,
    /// [`Code::ChipUnsupported`] for that of a chip that tbpki does not support.
    pub(super) fn parse(bytes: &'a [u8], chip: Chip) -> Result<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or_else(|| damaged("its header is not whole"))?;
        let [magic, count, .., id_low, id_high, _, _, _, _, _, _, _, _, _, has_hash] = *header;
        if magic != MAGIC {
            return Err(damaged("it does not begin as images do"));
        }
        check_chip(u16::from_le_bytes([id_low, id_high]), chip)?;
        let (segments, end) = segments(bytes, count)?;
        let end = if has_hash == 1 { check_hash(bytes, end)? } else { end };
        Ok(Self { segments, trailer: trailer(bytes, end) })
    }
}

/// The minimum chip revision in the header of an image, as 100 times the major and once the minor number; 0 for other
/// files.
pub(crate) fn min_revision(image: &[u8]) -> u16 {
    match image.first_chunk::<HEADER>() {
        // Older tools fill in the first of the two fields alone, which counts major revisions.
        Some([MAGIC, .., old, low, high, _, _, _, _, _, _, _]) => {
            u16::from_le_bytes([*low, *high]).max(u16::from(*old) * 100)
        }
        _ => 0,
    }
}

fn check_chip(id: u16, chip: Chip) -> Result<()> {
    if id == chip.facts().image_id {
        return Ok(());
    }
    match Chip::with_image_id(id) {
        Some(other) => Err(Code::WrongChip
            .error(format!("this application is not for the {chip}"))
            .because(format!("its header names the {other}"))
            .fix(format!("use --chip {}, or build it for the {chip}", other.name()))),
        None => Err(ForeignChip::with_image_id(id).unsupported()),
    }
}

/// The segments, and the end of the checksum after them, which makes the length a multiple of 16.
fn segments(bytes: &[u8], count: u8) -> Result<(Vec<Segment<'_>>, usize)> {
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    let mut sum = CHECKSUM_START;
    let mut segments = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (address, data, after) = segment(rest).ok_or_else(|| damaged("a segment reaches over its end"))?;
        sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        segments.push((address, data));
        rest = after;
    }
    let used = bytes.len() - rest.len();
    // The checksum is the last byte of a block of 16.
    let end = (used + 1).next_multiple_of(16);
    if bytes.get(end - 1) != Some(&sum) {
        return Err(damaged("its check sum does not fit"));
    }
    Ok((segments, end))
}

fn segment(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let address = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let (data, rest) = bytes.get(8..)?.split_at_checked(usize::try_from(length).ok()?)?;
    Some((address, data, rest))
}

/// The end of the image after its hash.
fn check_hash(bytes: &[u8], end: usize) -> Result<usize> {
    let (hashed, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    if rest.get(..32) != Some(&sha256(hashed)) {
        return Err(damaged("its SHA-256 does not fit"));
    }
    Ok(end + 32)
}

/// The bytes that follow the image that ends at `end`.
fn trailer(bytes: &[u8], end: usize) -> Trailer {
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xFF);
    let rest = bytes.get(end..).unwrap_or_default();
    if is_erased(rest) || rest.iter().all(|byte| *byte == 0) {
        return Trailer::Nothing;
    }
    // Version 1 follows the image directly.
    if let Some((signature, after)) = rest.split_at_checked(SIGNATURE_1)
        && signature.starts_with(&[0; 4])
        && is_erased(after)
    {
        return Trailer::Signature;
    }
    // Version 2 has a sector of its own.
    let (padding, sector) = rest.split_at_checked(end.next_multiple_of(SIGNATURE_SECTOR) - end).unwrap_or((rest, &[]));
    if is_erased(padding) && sector.starts_with(&SIGNATURE_2) {
        return match sector.get(SIGNATURE_SECTOR..) {
            None => Trailer::Signature,
            Some(after) if is_erased(after) => Trailer::Signature,
            Some(_) => Trailer::Foreign(end.next_multiple_of(SIGNATURE_SECTOR) + SIGNATURE_SECTOR),
        };
    }
    Trailer::Foreign(end)
}

pub(super) fn damaged(why: &str) -> Error {
    Code::ApplicationUnreadable
        .error("the application image is damaged")
        .because(why)
        .fix("copy it again from where it was built")
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::application::Sample;

    const CHIP: Chip = Chip::Esp32C3;

    fn sample() -> Vec<u8> {
        crate::image::tests::composed(Sample::new(CHIP.name()).elf(), CHIP)
    }

    fn trailer_of(bytes: &[u8]) -> Trailer {
        EspImage::parse(bytes, CHIP).unwrap().trailer
    }

    #[test]
    fn a_damaged_image_is_rejected() {
        let image = sample();
        EspImage::parse(&image, CHIP).unwrap();
        // Bytes 12 and 13 are the chip, which has an error of its own.
        for at in (0..image.len()).step_by(7).filter(|at| *at != 12 && *at != 13) {
            let mut changed = image.clone();
            changed[at] ^= 1;
            assert!(EspImage::parse(&changed, CHIP).is_err(), "{at}");
        }
        for length in [0, 1, 23, 24, 100, image.len() - 1] {
            let error = EspImage::parse(&image[..length], CHIP).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable);
        }
    }

    #[test]
    fn an_image_of_another_chip_is_named() {
        let mut image = sample();
        let error = EspImage::parse(&image, Chip::Esp32S3).unwrap_err();
        assert_eq!(error.code(), Code::WrongChip);
        assert!(error.to_string().contains("its header names the ESP32-C3"), "{error}");
        assert!(error.finding().fix.as_ref().unwrap().contains("--chip esp32c3"), "{error:?}");
        for (id, words) in [
            (2, "tbpki has no support for ESP32-S2"),
            (18, "tbpki has no support for ESP32-P4"),
            (23, "tbpki has no support for ESP32-C5"),
            (777, "tbpki has no support for the chip with the number 777"),
        ] {
            image[12..14].copy_from_slice(&u16::to_le_bytes(id));
            let error = EspImage::parse(&image, CHIP).unwrap_err();
            assert_eq!(error.code(), Code::ChipUnsupported);
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("--chip"), "{error:?}");
        }
    }

    #[test]
    fn signatures_are_told_from_other_data_after_the_image() {
        let image = sample();
        let with = |parts: &[&[u8]]| [&[image.as_slice()], parts].concat().concat();
        assert_eq!(trailer_of(&image), Trailer::Nothing);
        assert_eq!(trailer_of(&with(&[&[0xFF; 100]])), Trailer::Nothing);
        assert_eq!(trailer_of(&with(&[&[0; 4], &[7; 64]])), Trailer::Signature);
        assert_eq!(trailer_of(&with(&[&[1, 0, 0, 0], &[7; 64]])), Trailer::Foreign(image.len()));
        assert_eq!(trailer_of(&with(&[b"-----BEGIN"])), Trailer::Foreign(image.len()));

        let padding = vec![0xFF; image.len().next_multiple_of(4096) - image.len()];
        let mut sector = vec![0xE7, 2, 0, 0];
        // The signature block of secure boot 2 has 1,216 bytes and begins with 0xE7 and 2, in a sector of its own.
        sector.resize(1216, 9);
        sector.resize(4096, 0xFF);
        assert_eq!(trailer_of(&with(&[&padding, &sector])), Trailer::Signature);
        let end = image.len().next_multiple_of(4096) + 4096;
        assert_eq!(trailer_of(&with(&[&padding, &sector, b"x"])), Trailer::Foreign(end));
        assert_eq!(trailer_of(&with(&[&padding, b"x"])), Trailer::Foreign(image.len()));
    }

    #[test]
    fn the_revision_is_the_larger_of_both_fields() {
        let mut header = [0; HEADER];
        // The old field counts in whole revisions, the new one in hundredths.
        header[14] = 1;
        assert_eq!(min_revision(&header), 0);
        header[0] = MAGIC;
        assert_eq!(min_revision(&header), 100);
        header[15..17].copy_from_slice(&301_u16.to_le_bytes());
        assert_eq!(min_revision(&header), 301);
        assert_eq!(min_revision(&header[..20]), 0);
    }
}
