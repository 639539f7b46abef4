//! The reader, before images that a chip's own library leaves behind.

use device::nvs::{Flash, FlashError, Namespace, NvsError};
use device::record::{NAMESPACE, RecordEntry, RecordValue};

use crate::image::{ACTIVE, FREEING, FULL, Page, partition};

fn open(image: &[u8]) -> Result<Namespace<&[u8]>, NvsError> {
    Namespace::open(image, NAMESPACE)
}

fn text(key: &'static str, value: &'static str) -> RecordEntry<'static> {
    RecordEntry { key, value: RecordValue::Str(value) }
}

#[test]
fn a_blob_over_several_pages_is_put_together() {
    // 251 is a prime, so that no two pieces have the same bytes and a wrong order shows.
    let blob: Vec<u8> = (0..9_000u32).map(|n| (n % 251) as u8).collect();
    let mut first = Page::with_namespace(FULL, 0);
    // 0x80 is the first chunk of the second version of a blob, which alternates with 0 from write to write.
    first.chunk("chain", 0x80, &blob[..3_900]);
    let mut second = Page::new(FULL, 1);
    second.chunk("chain", 0x81, &blob[3_900..7_900]);
    let mut third = Page::new(ACTIVE, 2);
    third.chunk("chain", 0x82, &blob[7_900..]).index("chain", 0x80, 3, blob.len());
    // The position of a page does not depend on its age.
    let image = partition(&[third.bytes(), first.bytes(), second.bytes()]);
    assert_eq!(open(&image).unwrap().blob("chain", 9_000), Ok(blob));
    let error = open(&image).unwrap().blob("chain", 8_999).unwrap_err();
    assert_eq!(error, NvsError::TooLong { key: "chain", length: 9_000, limit: 8_999 });
}

/// Power went away between the new value and the erasing of the old one.
#[test]
fn of_two_values_the_newer_counts() {
    let mut old = Page::with_namespace(FULL, 7);
    old.entry(&text("host", "old")).entry(&text("device", "one"));
    old.chunk("blob", 0, b"old").index("blob", 0, 1, 3);
    let mut new = Page::new(ACTIVE, 8);
    new.entry(&text("host", "new")).entry(&text("device", "two")).entry(&text("device", "three"));
    new.chunk("blob", 0x80, b"newer").index("blob", 0x80, 1, 5);
    // The sequence number decides, and not the place in the flash.
    for pages in [[old.bytes(), new.bytes()], [new.bytes(), old.bytes()]] {
        let image = partition(&pages);
        let mut nvs = open(&image).unwrap();
        assert_eq!(nvs.text("host").unwrap(), "new");
        assert_eq!(nvs.text("device").unwrap(), "three");
        assert_eq!(nvs.blob("blob", 10).unwrap(), b"newer");
    }
}

/// The new pieces were written, but not yet the index: the old blob is whole.
#[test]
fn a_blob_that_was_not_finished_is_the_old_one() {
    let mut page = Page::with_namespace(ACTIVE, 0);
    page.chunk("blob", 0, b"old").index("blob", 0, 1, 3).chunk("blob", 0x80, b"newer");
    assert_eq!(open(&partition(&[page.bytes()])).unwrap().blob("blob", 10).unwrap(), b"old");
}

/// A page that is being emptied into a newer one: both have some entries, one has all.
#[test]
fn a_page_that_is_being_freed_still_counts() {
    let mut freeing = Page::with_namespace(FREEING, 3);
    freeing.entry(&text("host", "same")).entry(&text("device", "only here"));
    let mut newer = Page::new(ACTIVE, 4);
    newer.entry(&text("host", "same"));
    let image = partition(&[newer.bytes(), freeing.bytes()]);
    let mut nvs = open(&image).unwrap();
    assert_eq!(nvs.text("host").unwrap(), "same");
    assert_eq!(nvs.text("device").unwrap(), "only here");
}

#[test]
fn erased_entries_do_not_count() {
    let mut page = Page::with_namespace(ACTIVE, 0);
    page.entry(&text("host", "first"));
    let (from, to) = (page.next(), page.entry(&text("host", "second")).next());
    for entry in from..to {
        // 00 is erased. A bit of a flash can only fall, from empty (11) over written (10).
        page.state(entry, 0b00);
    }
    assert_eq!(open(&partition(&[page.bytes()])).unwrap().text("host").unwrap(), "first");
}

#[test]
fn damage_is_named_where_something_is_missing() {
    let mut page = Page::with_namespace(ACTIVE, 0);
    page.entry(&text("host", "here"));
    let mut image = partition(&[page.bytes()]);
    // Within the key of entry 1.
    image[64 + 32 + 9] ^= 1;
    let error = open(&image).unwrap().text("host").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the entry host is missing, and entry 1 of page 0 is damaged: its checksum does not match"
    );

    let mut image = partition(&[page.bytes()]);
    image[4] ^= 1;
    assert_eq!(
        open(&image).err().unwrap().to_string(),
        "the partition holds no tbpki record, and page 0 is damaged: its header's checksum does not match"
    );

    let mut half = Page::with_namespace(ACTIVE, 0);
    // The text takes the entries 1 and 2, of which the second is still empty.
    half.entry(&text("host", "here")).state(2, 0b11);
    let error = open(&partition(&[half.bytes()])).unwrap().text("host").unwrap_err();
    assert!(error.to_string().ends_with("entry 1 of page 0 is damaged: its write was interrupted"), "{error}");
}

#[test]
fn damaged_values_are_told_apart() {
    let value = |what| NvsError::Value { key: "v", what };
    let read = |page: &mut Page| open(&partition(&[page.bytes()])).unwrap().blob("v", 100).unwrap_err();
    let new = || Page::with_namespace(ACTIVE, 0);

    assert_eq!(read(new().index("v", 0, 1, 3)), value("one of its chunks is missing"));
    assert_eq!(read(new().chunk("v", 0, b"abc").index("v", 0, 1, 4)), value("its chunks do not add up to its length"));
    assert_eq!(read(new().chunk("v", 1, b"abc").index("v", 1, 1, 3)), value("its chunk numbers are invalid"));
    assert_eq!(read(new().index("v", 0, 255, 3)), value("its chunk numbers are invalid"));
    // A length beyond the entries that follow.
    assert_eq!(
        read(new().item(1, 0x42, 0, "v", &[40, 0, 0xff, 0xff, 0, 0, 0, 0], b"abc").index("v", 0, 1, 40)),
        value("it is longer than its entries")
    );

    let text = |data: &[u8]| {
        let crc = crate::image::crc(data);
        let mut short = vec![data.len() as u8, 0, 0xff, 0xff];
        short.extend(crc.to_le_bytes());
        let mut page = new();
        page.item(1, 0x21, 0xff, "v", &short, data);
        open(&partition(&[page.bytes()])).unwrap().text("v")
    };
    assert_eq!(text(b"abc\0").unwrap(), "abc");
    assert_eq!(text(b"abc").unwrap_err(), value("its final NUL is missing"));
    assert_eq!(text(b"a\0c\0").unwrap_err(), value("its final NUL is missing"));
    assert_eq!(text(b"\xff\0").unwrap_err(), value("it is not UTF-8"));
}

#[test]
fn lengths_of_partitions_are_bounded() {
    // A size must be of whole pages, at most 256 of them.
    for size in [0, 1, 4095, 4097, 257 * 4096] {
        assert_eq!(open(&vec![0xff; size]).err(), Some(NvsError::Size(size as u32)));
    }
    // Erased flash is a device without a record, which is no damage.
    assert_eq!(open(&[0xff; 3 * 4096]).err(), Some(NvsError::Blank));
    assert!(matches!(open(&[0; 3 * 4096]).err(), Some(NvsError::NoNamespace { damage: Some(_) })));
}

#[test]
fn flash_that_does_not_answer_is_an_error() {
    struct Broken;
    impl Flash for Broken {
        fn size(&self) -> u32 {
            3 * 4096
        }
        fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), FlashError> {
            Err(FlashError)
        }
    }
    assert_eq!(Namespace::open(Broken, NAMESPACE).err(), Some(NvsError::Flash(FlashError)));
}

#[test]
fn entries_of_other_namespaces_are_not_ours() {
    let mut page = Page::with_namespace(ACTIVE, 0);
    page.item(0, 0x01, 0xff, "phy", &[2], &[]).item(2, 0x01, 0xff, "flags", &[9], &[]);
    let image = partition(&[page.bytes()]);
    assert_eq!(open(&image).unwrap().u8("flags"), Err(NvsError::Missing { key: "flags", damage: None }));
    assert_eq!(Namespace::open(&image[..], "phy").unwrap().u8("flags"), Ok(9));
    assert!(matches!(Namespace::open(&image[..], "absent").err(), Some(NvsError::NoNamespace { damage: None })));
}
