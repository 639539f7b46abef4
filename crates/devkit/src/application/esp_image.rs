//! The image format of Espressif's bootloaders: a header, segments, a checksum, a SHA-256 over all of them, and after
//! that the signature of secure boot.

use base::digest::sha256;
use base::{Code, Error, Result};

use crate::chip::{Chip, ForeignChip, revision_text};

/// The length of ESP-IDF's description of an application (`esp_app_desc_t`) in bytes.
pub(super) const DESCRIPTION: usize = 256;

/// The first bytes of the description.
pub(super) const DESCRIPTION_MAGIC: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();

/// The first byte of every image.
pub(super) const MAGIC: u8 = 0xE9;

/// The initial value of the checksum over the segments (ESP-IDF, `ESP_ROM_CHECKSUM_INITIAL`).
const CHECKSUM_START: u8 = 0xEF;

const HEADER: usize = 24;

/// The length of a signature of secure boot version 1 in bytes: a version of 0, and 64 bytes of ECDSA.
const SIGNATURE_1: usize = 68;

/// The unit of signatures of secure boot version 2, in bytes. They begin and end at its multiples.
const SIGNATURE_SECTOR: usize = 4096;

/// The first byte of a signature block of secure boot version 2.
const SIGNATURE_MAGIC: u8 = 0xE7;

/// The versions of such blocks: RSA-PSS and ECDSA.
const SIGNATURE_VERSIONS: [u8; 2] = [2, 3];

/// The length of such a block in bytes. A sector has one to three of them.
const SIGNATURE_BLOCK: usize = 1216;
const MOST_SIGNATURES: usize = 3;

/// The bytes of a block that its CRC-32 covers, which follows them.
const SIGNATURE_SUMMED: usize = 1196;

/// The most segments that bootloaders load (ESP-IDF, `ESP_IMAGE_MAX_SEGMENTS`).
const MOST_SEGMENTS: u8 = 16;

/// Segments below this address are not loaded: tools pad images with them (ESP-IDF, `should_load`).
const LOADED: u32 = 0x1000_0000;

/// The offset of the page size of the flash mapping in ESP-IDF's description of an application, as its binary logarithm;
/// 0 for 64 KiB.
const PAGE_SIZE: usize = 180;

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
        let [magic, count, _, _, e0, e1, e2, e3, .., id_low, id_high, _, _, _, _, _, _, _, _, _, has_hash] = *header;
        if magic != MAGIC {
            return Err(damaged("it does not begin as images do"));
        }
        check_chip(u16::from_le_bytes([id_low, id_high]), chip)?;
        let (segments, end) = segments(bytes, count)?;
        let end = match has_hash {
            0 => end,
            1 => check_hash(bytes, end)?,
            // Bootloaders take every other number for 1, and esptool refuses it.
            other => return Err(damaged(&format!("its header has {other} in place of 0 or 1 for a SHA-256"))),
        };
        check_segments(&segments, chip)?;
        check_entry(&segments, u32::from_le_bytes([e0, e1, e2, e3]))?;
        if let (minimum, Some(maximum)) = (min_revision(bytes), max_revision(bytes))
            && minimum > maximum
        {
            let (minimum, maximum) = (revision_text(minimum), revision_text(maximum));
            return Err(refused(format!("its header asks for {minimum} or later and for {maximum} or earlier")));
        }
        Ok(Self { segments, trailer: trailer(bytes, end)? })
    }
}

/// True if a whole image for `chip` has a signature of secure boot after it.
pub(crate) fn is_signed(bytes: &[u8], chip: Chip) -> bool {
    EspImage::parse(bytes, chip).is_ok_and(|image| image.trailer == Trailer::Signature)
}

/// The minimum chip revision in the header of an image, as 100 times the major and once the minor number; 0 for other
/// files.
pub(crate) fn min_revision(image: &[u8]) -> u16 {
    match image.first_chunk::<HEADER>() {
        Some([MAGIC, _, _, _, _, _, _, _, _, _, _, _, id_low, id_high, old, low, high, _, _, _, _, _, _, _]) => {
            let old = u16::from(*old);
            match u16::from_le_bytes([*low, *high]) {
                // Older tools fill in the first of the two fields alone. It counts major revisions, except on the
                // ESP32-C3, where it counts minor ones (ESP-IDF, `esp_image_header_t`).
                0 if u16::from_le_bytes([*id_low, *id_high]) == Chip::Esp32C3.facts().image_id => old,
                0 => old * 100,
                full => full,
            }
        }
        _ => 0,
    }
}

/// True if an image begins with these bytes, of a bootloader or an application (ESP-IDF, `esp_image_header_t`).
pub fn is_image(bytes: &[u8]) -> bool {
    bytes.first() == Some(&MAGIC)
}

/// True if the image has ESP-IDF's description of an application at the beginning of its first segment.
pub fn is_application(image: &[u8]) -> bool {
    image.get(HEADER + 8..).is_some_and(|data| data.starts_with(&DESCRIPTION_MAGIC))
}

/// The maximum chip revision in the header of an application, as 100 times the major and once the minor number; `None` if
/// it names none, and for other files: bootloaders do not compare their own (ESP-IDF,
/// `bootloader_common_check_chip_validity`).
pub(crate) fn max_revision(image: &[u8]) -> Option<u16> {
    match image.first_chunk::<HEADER>() {
        Some([MAGIC, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, low, high, _, _, _, _, _])
            if is_application(image) =>
        {
            Some(u16::from_le_bytes([*low, *high])).filter(|maximum| !matches!(*maximum, 0 | u16::MAX))
        }
        _ => None,
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
    if count > MOST_SEGMENTS {
        return Err(refused(format!("it has {count} segments, and bootloaders load at most {MOST_SEGMENTS}")));
    }
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

/// Fails if the bootloader of `chip` would not load the segments (ESP-IDF, `verify_segment_header`).
fn check_segments(segments: &[Segment<'_>], chip: Chip) -> Result<()> {
    let facts = chip.facts();
    let page = page_size(segments, chip)?;
    let mut at = HEADER;
    for (number, (address, data)) in segments.iter().enumerate() {
        at += 8;
        let wrong = |why: String| Err(refused(format!("its segment {number} for {address:#x} {why}")));
        if !data.len().is_multiple_of(4) {
            return wrong(format!("has {} bytes, which are no whole words", data.len()));
        }
        let end = u64::from(*address) + data.len() as u64;
        let holds = |range: &std::ops::Range<u32>| range.contains(address) && end <= u64::from(range.end);
        if facts.flash_map.iter().any(holds) {
            // Applications begin at a multiple of every page size, so the offset in the file is enough.
            if at as u64 % u64::from(page) != u64::from(address % page) {
                return wrong(format!("is at {at:#x} in the file, which cannot be mapped in pages of {page:#x} bytes"));
            }
        } else if *address >= LOADED && !data.is_empty() && !facts.ram_map.iter().any(holds) {
            return wrong(format!("is neither in the RAM nor in the flash of the {chip}"));
        }
        at += data.len();
    }
    Ok(())
}

/// Fails if the bootloader would jump to an address that it has not loaded.
fn check_entry(segments: &[Segment<'_>], entry: u32) -> Result<()> {
    let holds = |(address, data): &Segment<'_>| {
        (u64::from(*address)..u64::from(*address) + data.len() as u64).contains(&u64::from(entry))
    };
    match segments.iter().filter(|(address, _)| *address >= LOADED).any(holds) {
        true => Ok(()),
        false => Err(refused(format!("its entry address {entry:#x} is in none of its segments"))),
    }
}

/// The page size of the flash mapping that an application was linked for, in bytes.
fn page_size(segments: &[Segment<'_>], chip: Chip) -> Result<u32> {
    let sizes = &chip.facts().page_bits;
    let description = segments.first().map(|(_, data)| *data).filter(|data| data.starts_with(&DESCRIPTION_MAGIC));
    match description.and_then(|data| data.get(PAGE_SIZE)) {
        // Chips with one page size do not look at the field.
        Some(bits) if *bits != 0 && sizes.start() != sizes.end() => match sizes.contains(bits) {
            true => Ok(1 << bits),
            false => Err(refused(format!(
                "its description asks for pages of 2^{bits} bytes, which the {chip} does not have"
            ))),
        },
        _ => Ok(1 << sizes.end()),
    }
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
fn trailer(bytes: &[u8], end: usize) -> Result<Trailer> {
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xFF);
    let rest = bytes.get(end..).unwrap_or_default();
    if is_erased(rest) || rest.iter().all(|byte| *byte == 0) {
        return Ok(Trailer::Nothing);
    }
    // Version 1 follows the image directly.
    if let Some((signature, after)) = rest.split_at_checked(SIGNATURE_1)
        && signature.starts_with(&[0; 4])
        && is_erased(after)
    {
        return Ok(Trailer::Signature);
    }
    // Version 2 has a sector of its own.
    let start = end.next_multiple_of(SIGNATURE_SECTOR);
    let (padding, signed) = rest.split_at_checked(start - end).unwrap_or((rest, &[]));
    let is_signature = signed.first() == Some(&SIGNATURE_MAGIC)
        && signed.get(1).is_none_or(|version| SIGNATURE_VERSIONS.contains(version));
    if !is_signature || !is_erased(padding) {
        return Ok(Trailer::Foreign(end));
    }
    let (sector, after) = signed
        .split_at_checked(SIGNATURE_SECTOR)
        .ok_or_else(|| damaged(&format!("its signature has {} bytes in place of {SIGNATURE_SECTOR}", signed.len())))?;
    check_signatures(sector, bytes.get(..start).unwrap_or(bytes))?;
    Ok(if is_erased(after) { Trailer::Signature } else { Trailer::Foreign(start + SIGNATURE_SECTOR) })
}

/// Fails if the signature blocks of a sector are not whole, or belong to another image than `signed`, which goes up to the
/// sector. Whether the chip accepts the key is not known here.
fn check_signatures(sector: &[u8], signed: &[u8]) -> Result<()> {
    let digest = sha256(signed);
    for (number, block) in sector.chunks_exact(SIGNATURE_BLOCK).take(MOST_SIGNATURES).enumerate() {
        // After the first one, a block is optional.
        if number > 0 && block.first() != Some(&SIGNATURE_MAGIC) {
            break;
        }
        let (summed, rest) = block.split_at_checked(SIGNATURE_SUMMED).unwrap_or((block, &[]));
        if rest.get(..4) != Some(&crc32fast::hash(summed).to_le_bytes()) {
            return Err(damaged("the CRC-32 of its signature does not fit"));
        }
        if block.get(4..36) != Some(&digest) {
            return Err(damaged("its signature belongs to another image"));
        }
    }
    Ok(())
}

/// The error of an image that is whole, and that the chip would not start.
fn refused(why: String) -> Error {
    Code::ApplicationUnreadable
        .error("the chip would not start this application image")
        .because(why)
        .fix("build it again for this chip, or name the ELF file that the linker wrote")
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
        let padded = with(&[&padding]);
        for version in [2, 3] {
            let sector = signature(version, &padded);
            assert_eq!(trailer_of(&with(&[&padding, &sector])), Trailer::Signature);
            let end = padded.len() + 4096;
            assert_eq!(trailer_of(&with(&[&padding, &sector, b"x"])), Trailer::Foreign(end));
        }
        assert_eq!(trailer_of(&with(&[&padding, &signature(4, &padded)])), Trailer::Foreign(image.len()));
        assert_eq!(trailer_of(&with(&[&padding, b"x"])), Trailer::Foreign(image.len()));
    }

    /// The sector of a signature, as `espsecure sign-data` writes it, with bytes that no key has made.
    fn signature(version: u8, signed: &[u8]) -> Vec<u8> {
        let mut block = vec![0xE7, version, 0, 0];
        block.extend(sha256(signed));
        block.resize(1196, 9);
        block.extend(crc32fast::hash(&block).to_le_bytes());
        block.resize(1216, 0);
        block.resize(4096, 0xFF);
        block
    }

    #[test]
    fn a_cut_damaged_or_foreign_signature_is_refused() {
        let mut image = sample();
        image.resize(image.len().next_multiple_of(4096), 0xFF);
        let sector = signature(2, &image);
        let with = |sector: &[u8]| EspImage::parse(&[image.as_slice(), sector].concat(), CHIP).map(drop);
        for length in [1, 2, 4, 1216, 4095] {
            let error = with(&sector[..length]).unwrap_err();
            assert!(error.to_string().contains(&format!("{length} bytes in place of 4096")), "{error}");
        }
        for at in [2, 4, 500, 1195, 1196] {
            let mut changed = sector.clone();
            changed[at] ^= 1;
            assert!(with(&changed).unwrap_err().to_string().contains("CRC-32 of its signature"), "{at}");
        }
        let error = with(&signature(2, b"another image")).unwrap_err();
        assert!(error.to_string().contains("belongs to another image"), "{error}");
        // A second block that is damaged, after a good one.
        let mut two = sector.clone();
        two[1216] = 0xE7;
        assert!(with(&two).is_err());
    }

    /// An image of these segments, with checksum and hash.
    fn image(chip: Chip, segments: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![MAGIC, segments.len() as u8, 2, 0x20];
        bytes.resize(HEADER, 0);
        bytes[12..14].copy_from_slice(&chip.facts().image_id.to_le_bytes());
        bytes[23] = 1;
        let entry = segments.iter().map(|(address, _)| *address).max().unwrap_or_default();
        bytes[4..8].copy_from_slice(&entry.to_le_bytes());
        let mut sum = CHECKSUM_START;
        for (address, data) in segments {
            bytes.extend(address.to_le_bytes());
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend(data);
            sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        }
        bytes.resize((bytes.len() + 1).next_multiple_of(16), 0);
        *bytes.last_mut().unwrap() = sum;
        bytes.extend(sha256(&bytes));
        bytes
    }

    fn description(page_bits: u8) -> Vec<u8> {
        let mut description = DESCRIPTION_MAGIC.to_vec();
        description.resize(256, 0);
        description[PAGE_SIZE] = page_bits;
        description
    }

    #[test]
    fn segments_that_the_bootloader_does_not_load_are_refused() {
        let first = (0x3C00_0020, description(0));
        let ram = |number: u32| (0x4038_0000 + 64 * number, vec![0x13; 16]);
        let whole = |more: &[(u32, Vec<u8>)]| image(CHIP, &[std::slice::from_ref(&first), more].concat());
        let most: Vec<_> = (0..15).map(ram).collect();
        EspImage::parse(&whole(&most), CHIP).unwrap();
        // Tools pad images with segments for address 0, which are not loaded. RTC memory is another range of its own.
        EspImage::parse(&whole(&[(0, vec![0; 8]), (0x5000_0000, vec![1; 4]), ram(0)]), CHIP).unwrap();
        let seventeen: Vec<_> = (0..16).map(ram).collect();
        for (more, words) in [
            (seventeen, "17 segments, and bootloaders load at most 16"),
            (vec![(0x4038_0000, vec![0x13; 3])], "has 3 bytes, which are no whole words"),
            // The first byte of its data is at 0x128 in the file.
            (vec![(0x4200_0120, vec![0x13; 16])], "cannot be mapped in pages of 0x10000"),
            (vec![(0x1000_0000, vec![0x13; 16])], "is neither in the RAM nor in the flash of the ESP32-C3"),
            (vec![(0x403D_FFFC, vec![0x13; 16])], "is neither in the RAM"),
        ] {
            let error = EspImage::parse(&whole(&more), CHIP).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable);
            assert!(error.to_string().contains(words), "{error}");
        }
        EspImage::parse(&whole(&[(0x4200_0128, vec![0x13; 16])]), CHIP).unwrap();
    }

    /// The image with these bytes of its header and a hash that fits.
    fn with_header(image: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut changed = image[..image.len() - 32].to_vec();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        let hash = sha256(&changed);
        [changed.as_slice(), &hash].concat()
    }

    #[test]
    fn a_header_that_the_chip_or_esptool_refuses_is_refused() {
        let image = sample();
        for (at, bytes, words) in [
            (4, &[0, 0, 0, 0][..], "entry address 0x0 is in none"),
            (4, &[0, 0, 0, 0x50], "entry address 0x50000000 is in none"),
            (23, &[2], "has 2 in place of 0 or 1"),
            (23, &[0xFF], "has 255 in place of 0 or 1"),
            // The minimum v1.1 and the maximum v1.0.
            (15, &[101, 0, 100, 0], "asks for v1.1 or later and for v1.0 or earlier"),
        ] {
            let error = EspImage::parse(&with_header(&image, at, bytes), CHIP).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable);
            assert!(error.to_string().contains(words), "{error}");
        }
        for (bytes, expected) in [([101, 0, 101, 0], Some(101)), ([101, 0, 0, 0], None), ([101, 0, 0xFF, 0xFF], None)] {
            let image = with_header(&image, 15, &bytes);
            EspImage::parse(&image, CHIP).unwrap();
            assert_eq!(max_revision(&image), expected, "{bytes:?}");
        }
        // A bootloader names its maximum too, and no one compares it.
        assert_eq!(max_revision(&with_header(&image, 32, &[0x50, 0, 0, 0])), None);
        assert_eq!(max_revision(b"no image"), None);
    }

    #[test]
    fn the_page_size_is_that_of_the_description() {
        // 0x20 in the file and at the address, which fits every page; then 0x128 at 0x4128, which fits pages of 16 KiB.
        let parse = |chip: Chip, base: u32, bits: u8| {
            let code = (base + 0x4128, vec![0x13; 16]);
            EspImage::parse(&image(chip, &[(base + 0x20, description(bits)), code]), chip).map(drop)
        };
        parse(Chip::Esp32C6, 0x4200_0000, 14).unwrap();
        parse(Chip::Esp32C6, 0x4200_0000, 13).unwrap();
        for bits in [0, 15, 16] {
            let error = parse(Chip::Esp32C6, 0x4200_0000, bits).unwrap_err();
            assert!(error.to_string().contains("cannot be mapped in pages of"), "{error}");
        }
        let error = parse(Chip::Esp32C2, 0x3C00_0000, 12).unwrap_err();
        assert!(error.to_string().contains("2^12 bytes, which the ESP32-C2 does not have"), "{error}");
        // The C3 has one size, whatever the description states.
        assert!(parse(Chip::Esp32C3, 0x3C00_0000, 14).is_err());
    }

    #[test]
    fn the_new_field_decides_and_the_old_one_is_a_minor_number_on_the_c3() {
        // The fields of the bootloaders that ESP-IDF 5 builds for these chips, then those of older tools.
        for (chip, old, full, expected) in [
            (Chip::Esp32C3, 3, 3, 3),
            (Chip::Esp32C3, 3, 0, 3),
            (Chip::Esp32C3, 0, 101, 101),
            (Chip::Esp32C2, 1, 100, 100),
            (Chip::Esp32C2, 1, 0, 100),
            (Chip::Esp32, 0, 0, 0),
            (Chip::Esp32, 3, 300, 300),
            (Chip::Esp32, 3, 0, 300),
            // ESP-IDF no longer uses the old field if the new one has a value.
            (Chip::Esp32, 3, 101, 101),
        ] {
            let mut header = [0; HEADER];
            header[12..14].copy_from_slice(&chip.facts().image_id.to_le_bytes());
            header[14] = old;
            header[15..17].copy_from_slice(&u16::to_le_bytes(full));
            assert_eq!(min_revision(&header), 0);
            header[0] = MAGIC;
            assert_eq!(min_revision(&header), expected, "{chip} {old} {full}");
            assert_eq!(min_revision(&header[..20]), 0);
        }
    }
}
