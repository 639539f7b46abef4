//! Files that tbpki writes for boards and fleets, and that contain nothing for `inspect`: what each is, and which file or
//! command shows what a reader looks for.

use std::path::Path;

use base::{Code, Error};
use device::flash_table::is_table;
use devkit::application::{is_application, is_image};
use devkit::nvs::{KEYS_PARTITION_SIZE, Keys};
use devkit::secure_cert;
use serde_json::Value;

/// The first bytes of a page of NVS that is in use, and of one that is full.
const NVS_PAGES: [[u8; 4]; 2] = [[0xFE, 0xFF, 0xFF, 0xFF], [0xFC, 0xFF, 0xFF, 0xFF]];

/// The first bytes of a frame of zstd (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The first bytes of a database of SQLite, and the identifier of the application that the ledger has in its header (SQLite
/// database file format, 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";
const LEDGER: &[u8] = b"tbpk";
const LEDGER_AT: usize = 68;

/// The end of the first line of the index of an archive, of identities or of bundles.
const INDEX: &[u8] = b",offset,length,part";

/// The help for parts of an image.
const CREDENTIALS: &str =
    "the certificates of the device are in credentials.bin, in the same directory: `tbpki inspect credentials.bin`";

/// The error that names the kind of the file at `path` if tbpki writes such files; none for other files, and for those that
/// `inspect` reads.
pub fn own_file(bytes: &[u8], path: &Path) -> Option<Error> {
    let (what, fix) = ledger(bytes, path).or_else(|| binary(bytes)).or_else(|| json(bytes))?;
    Some(Code::ForeignFormat.error(what).fix(fix))
}

/// What a file is, and the help.
type Kind = (&'static str, &'static str);

/// A new ledger has no identifier yet: its pages are in the file next to it, so that the name tells.
fn ledger(bytes: &[u8], path: &Path) -> Option<Kind> {
    let has_identifier = bytes.get(LEDGER_AT..).is_some_and(|rest| rest.starts_with(LEDGER));
    let is_ledger = bytes.starts_with(SQLITE) && (has_identifier || path.ends_with("ledger.db"));
    is_ledger.then_some((
        "the file is the ledger of a store",
        "`tbpki list` shows what it has, and `tbpki report` its numbers; the certificates are in the store's directories",
    ))
}

fn binary(bytes: &[u8]) -> Option<Kind> {
    if is_image(bytes) {
        return Some(match is_application(bytes) {
            true => ("the file is the application of a chip", CREDENTIALS),
            false => ("the file is the bootloader of a chip, or an image that begins with it", CREDENTIALS),
        });
    }
    // The bootloader of the ESP32 begins at 0x1000, with erased flash before it.
    if bytes.get(0x1000..).is_some_and(is_image) && bytes.iter().take(0x1000).all(|byte| *byte == 0xFF) {
        return Some(("the file is the merged image of a flash, without a credentials record of tbpki", CREDENTIALS));
    }
    if is_table(bytes) {
        return Some((
            "the file is a partition table",
            "name it with --partitions for an image; `gen_esp32part.py FILE` of ESP-IDF shows its lines",
        ));
    }
    if secure_cert::is_partition(bytes) {
        return Some((
            "the file is an esp_secure_cert partition, which has the same identity as the credentials",
            CREDENTIALS,
        ));
    }
    if bytes.len() == KEYS_PARTITION_SIZE && Keys::from_partition(bytes).is_ok() {
        return Some((
            "the file has the keys of an encrypted NVS",
            "keep it secret; `nvs_partition_gen.py decrypt` of ESP-IDF decrypts credentials.bin with it",
        ));
    }
    if NVS_PAGES.iter().any(|page| bytes.starts_with(page)) {
        return Some((
            "the file is an NVS partition without a credentials record of tbpki, or an encrypted one",
            "decrypt an encrypted one with its nvs_keys.bin (`nvs_partition_gen.py decrypt` of ESP-IDF), or inspect the \
             certificate in the store: `tbpki inspect STORE/devices/NAME/chain.pem`",
        ));
    }
    if bytes.starts_with(&ZSTD) {
        return Some((
            "the file is compressed with zstd, as archives of `tbpki fleet` are",
            "unpack it with `tar --zstd -xf FILE`, and inspect the files that were in it",
        ));
    }
    let is_index = bytes.split(|byte| *byte == b'\n').next().is_some_and(|line| line.trim_ascii_end().ends_with(INDEX));
    is_index.then_some((
        "the file is the index of an archive of `tbpki fleet`",
        "each line names the part of the archive that has the files of a device: unpack that, and inspect the file in it",
    ))
}

fn json(bytes: &[u8]) -> Option<Kind> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let has = |members: &[&str]| members.iter().all(|member| value.get(member).is_some());
    if has(&["flash_files"]) {
        return Some(("the file lists the parts of an image and their offsets (flasher_args.json)", CREDENTIALS));
    }
    if has(&["builds"]) {
        return Some(("the file is the manifest of an image for esp-web-tools", CREDENTIALS));
    }
    if has(&["version", "chip", "credentials"]) {
        return Some((
            "the file describes the common parts of the bundles of a job (bundle.json)",
            "inspect the file of a device: NAME.bin, or credentials.bin in its directory",
        ));
    }
    if has(&["version", "names_sha256"]) {
        return Some((
            "the file is the mark of a directory with bundles (enrolment.json)",
            "inspect the file of a device: NAME.bin in one of the directories next to it",
        ));
    }
    has(&["version", "place", "layout"]).then_some((
        "the file is the mark of a directory with the identities of a job (fleet.json)",
        "inspect the file of a device: NAME.pem in one of the directories next to it; `tbpki fleet jobs` lists the jobs",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // As ESP-IDF defines them.
    const IMAGE: u8 = 0xE9;
    const DESCRIPTION: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();
    const DESCRIPTION_AT: usize = 32;
    const TABLE: [u8; 2] = [0xAA, 0x50];
    const SECURE_CERT: [u8; 4] = 0xBA5E_BA11_u32.to_le_bytes();

    #[test]
    fn files_of_tbpki_are_named_and_others_are_not() {
        let mut image = vec![0; 64];
        image[0] = IMAGE;
        let mut application = image.clone();
        application[DESCRIPTION_AT..DESCRIPTION_AT + 4].copy_from_slice(&DESCRIPTION);
        let merged = [vec![0xFF; 0x1000], image.clone()].concat();
        let keys = Keys::generate().unwrap().to_partition().to_vec();
        let ledger = [SQLITE, &[0; LEDGER_AT - SQLITE.len()], LEDGER].concat();
        for (bytes, words) in [
            (image.as_slice(), "bootloader"),
            (&application, "the application of a chip"),
            (&merged, "merged image"),
            (&TABLE, "partition table"),
            (&SECURE_CERT, "esp_secure_cert"),
            (&keys, "keys of an encrypted NVS"),
            (&[0xFE, 0xFF, 0xFF, 0xFF, 0], "or an encrypted one"),
            (&ZSTD, "zstd"),
            (&ledger, "the ledger of a store"),
            (b"name,offset,length,part\n", "index"),
            (b"name,serial,fingerprint,credentials_id,offset,length,part\r\na,", "index"),
            (br#"{"flash_files":{}}"#, "flasher_args.json"),
            (br#"{"name":"x","builds":[]}"#, "esp-web-tools"),
            (br#"{"version":1,"chip":"esp32","credentials":{}}"#, "bundle.json"),
            (br#"{"version":1,"names_sha256":""}"#, "enrolment.json"),
            (br#"{"version":1,"place":"00","layout":"shards"}"#, "fleet.json"),
        ] {
            let error = own_file(bytes, Path::new("-")).unwrap();
            assert_eq!(error.code(), Code::ForeignFormat);
            assert!(error.to_string().contains(words) && error.finding().fix.is_some(), "{error:?}");
        }
        for bytes in
            [&b""[..], b"-----BEGIN CERTIFICATE-----", b"{\"kty\":\"EC\"}", SQLITE, &[0xFF; 0x2000], b"\x30\x82"]
        {
            assert!(own_file(bytes, Path::new("-")).is_none(), "{bytes:?}");
        }
    }
}
