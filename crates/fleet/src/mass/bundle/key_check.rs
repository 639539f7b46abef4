//! The search for the keys of a job's devices in the application, which every user may read.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use base::Result;
use devkit::image::Firmware;
use ledger::Job;
use pki::key::KeyFormat;
use store::Store;
use store::shard::Shard;

use crate::stop::Stop;

/// The most threads that read keys.
const THREADS: usize = 8;

/// Fails if the parts that all devices share contain the key of a device of these shards. All keys are read before the
/// first file is written: an application with a key must not be published, and the bundles that go with it are of no use.
/// A key that cannot be read is left to the work on its device.
///
/// # Errors
/// [`Code::ApplicationHoldsKey`](base::Code::ApplicationHoldsKey) with the name of the device.
pub(super) fn check(store: &Store, job: &Job, shards: &[u32], firmware: &Firmware, stop: &Stop<'_>) -> Result<()> {
    for shard in shards {
        if stop.is_asked() {
            break;
        }
        if let Ok(shard) = Shard::open(store.dir(), &store.ledger, job.id, *shard) {
            check_shard(&shard, firmware)?;
        }
    }
    Ok(())
}

fn check_shard(shard: &Shard, firmware: &Firmware) -> Result<()> {
    let count = shard.entries.len();
    // Reading and parsing takes most of the time, so that the processors share it.
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let size = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let begin = |first: usize| scope.spawn(move || check_some(shard, first..(first + size).min(count), firmware));
        let threads: Vec<_> = (0..count).step_by(size).map(begin).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn check_some(shard: &Shard, range: Range<usize>, firmware: &Firmware) -> Result<()> {
    for index in range {
        let Some(entry) = shard.entries.get(index).filter(|entry| entry.is_for_job()) else { continue };
        let key = shard.read(index).and_then(|identity| identity.key());
        if let Ok(Some(key)) = key {
            firmware.check_without_key(&entry.key.name, &key.to_pem(KeyFormat::Pkcs8)?)?;
        }
    }
    Ok(())
}
