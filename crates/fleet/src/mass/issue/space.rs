//! The needs of a job before it begins: room on the disk, and time for keystores.

use std::time::Duration;

use base::file::BulkDir;
use base::{Code, Finding, Result};
use config::ClientFormat;
use pki::Algorithm;

use crate::job_order::JobOrder;
use store::shard::Layout;

/// The unit in which file systems give away room, mostly.
const BLOCK: u64 = 4096;
/// The time that closing a PKCS#12 keystore takes a core, mostly for the derivation of its keys from a password.
const PKCS12: Duration = Duration::from_micros(3000);

/// About how many bytes and files so many devices take.
pub(crate) fn needed(order: &JobOrder, devices: u64) -> (u64, u64) {
    // PEM of key, leaf and issuing CA: three times the key and its signatures, and texts.
    let combined = match order.alg {
        Algorithm::EcP256 | Algorithm::Ed25519 => 2600,
        Algorithm::EcP384 => 3000,
        Algorithm::Rsa2048 => 5200,
        Algorithm::Rsa3072 => 6700,
        _ => 8300,
    };
    let file = |bytes: u64| bytes.next_multiple_of(BLOCK);
    let extra = order.formats.len() as u64;
    // Tar pads contents to 512 bytes; small files take a whole block of the file system.
    let (bytes, files) = match order.layout {
        Layout::Archive => (combined + 512, 0),
        Layout::Shards => ((1 + extra) * file(combined), 1 + extra),
        Layout::Directories => ((5 + extra) * file(combined / 2), 5 + extra),
    };
    // A row of the ledger with its part of the indexes, and the name that was staged.
    (devices.saturating_mul(bytes + 700), devices.saturating_mul(files))
}

/// A warning where that is more than there is.
pub(crate) fn check(dir: &BulkDir, order: &JobOrder, devices: u64) -> Result<Option<Finding>> {
    let (bytes, files) = needed(order, devices);
    let (room, inodes) = dir.room()?;
    let short_of_files = inodes.is_some_and(|inodes| inodes < files);
    if room >= bytes && !short_of_files {
        return Ok(None);
    }
    // The number of inodes is reported first: a disk with free space and no inodes is the surprising case.
    let what = match short_of_files {
        true => {
            format!("about {files} files are to come, and the file system has room for {}", inodes.unwrap_or_default())
        }
        false => format!("about {} MB are to come, and there are {} MB left", bytes / 1_000_000, room / 1_000_000),
    };
    Ok(Some(
        Code::DiskFull
            .warning(what)
            .at(dir.path())
            .fix("make room, or go on: what is complete when the disk is full is kept, and the rest can follow"),
    ))
}

/// About how long the keystores of so many devices will take; none where there are none worth telling.
pub(crate) fn keystores(order: &JobOrder, devices: u64, threads: usize) -> Result<Option<Duration>> {
    let count = order.formats()?.iter().filter(|format| **format == ClientFormat::P12).count() as u64;
    // JKS has no key derivation worth counting, so PKCS#12 alone is slow.
    let micros = PKCS12.as_micros() as u64 * count * devices / (threads.max(1) as u64);
    Ok((count > 0).then(|| Duration::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use store::shard::Packing;

    fn order(layout: Layout, formats: &[&str]) -> JobOrder {
        JobOrder {
            subject: String::new(),
            san: Vec::new(),
            alg: Algorithm::EcP256,
            days: 1,
            exact_days: false,
            issuer: String::new(),
            profile: None,
            layout,
            packing: Packing::default(),
            recipients: Vec::new(),
            formats: formats.iter().map(|&format| format.to_owned()).collect(),
            prefix: None,
            renews: None,
            issuers: BTreeMap::new(),
            renewed_by: BTreeSet::new(),
        }
    }

    #[test]
    fn a_million_in_an_archive_take_less_than_in_directories() {
        let million = |layout| needed(&order(layout, &[]), 1_000_000);
        assert!((3_000_000_000..5_000_000_000).contains(&million(Layout::Archive).0));
        assert_eq!(million(Layout::Shards).1, 1_000_000);
        assert!(million(Layout::Directories).0 > 4 * million(Layout::Archive).0);
    }

    #[test]
    fn keystores_take_their_time() {
        assert_eq!(keystores(&order(Layout::Shards, &["cer"]), 1000, 2).unwrap(), None);
        let time = keystores(&order(Layout::Shards, &["p12"]), 10_000, 2).unwrap();
        assert_eq!(time, Some(Duration::from_secs(15)));
    }
}
