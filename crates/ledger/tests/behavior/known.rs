//! Jobs whose shards exist and that the ledger has lost.

use base::Result;
use ledger::{
    Filter, IssuedRecord, JobUid, Kind, KnownIdentity, KnownJob, KnownShard, Ledger, NewIdentity, Origin, Parameters,
    Phase, Role,
};
use serde_json::json;

use super::jobs::{claim, issue_shard, stage};
use super::{BEGIN, Station, device};

/// The shards of a job with these numbers and names, in `place`.
fn known(uid: JobUid, shard_size: u32, shards: &[(u32, u32, &[&str])], place: &str, station: Option<&str>) -> KnownJob {
    let shard = |(shard, fence, names): &(u32, u32, &[&str])| KnownShard {
        shard: *shard,
        fence: *fence,
        place: place.to_owned(),
        station: station.map(str::to_owned),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    KnownJob {
        number: 1,
        uid,
        parameters: Parameters::of(&json!({ "days": 365 })).unwrap(),
        renews: false,
        shard_size,
        made_at: BEGIN,
        shards: shards.iter().map(shard).collect(),
    }
}

/// Records the certificates of a shard, each with the number that is free for its name.
fn record_names(ledger: &mut Ledger, job: ledger::JobId, shard: u32, names: &[&str]) {
    ledger
        .transaction(|transaction| -> Result<()> {
            let numbers = transaction.free_numbers(job, shard)?;
            for name in names {
                let identity: NewIdentity = device(name);
                let mut fingerprint = [7; 32];
                fingerprint.iter_mut().zip(name.bytes()).for_each(|(octet, byte)| *octet = byte);
                transaction.record_known(&KnownIdentity {
                    identity,
                    issued: IssuedRecord { fingerprint, credentials_id: None },
                    role: Role::Current,
                    issuer_generation: None,
                    issued_at: BEGIN,
                    origin: Origin::Repaired,
                    job: numbers.get(*name).map(|number| (job, *number)),
                    station: None,
                    revocation: None,
                })?;
            }
            Ok(())
        })
        .unwrap();
}

fn names_of(ledger: &Ledger, job: ledger::JobId, shard: u32) -> Vec<String> {
    ledger.shard(job, shard).unwrap().into_iter().map(|entry| entry.key.name).collect()
}

pub(crate) fn a_lost_job_is_the_same_whichever_of_its_places_is_recorded_first<S: Station>() {
    let uid = JobUid::random().unwrap();
    let first: &[(u32, u32, &[&str])] = &[(0, 1, &["a", "b"]), (1, 1, &["c", "d"])];
    let last: &[(u32, u32, &[&str])] = &[(2, 2, &["e"])];
    for last_first in [false, true] {
        let mut ledger = S::new().open();
        let (one, other) = (known(uid, 2, first, "one", None), known(uid, 1, last, "other", Some("my-bench")));
        let parts = if last_first { [&other, &one] } else { [&one, &other] };
        let id = ledger.transaction(|transaction| transaction.record_job(parts[0])).unwrap();
        let record = |ledger: &mut Ledger, part: &KnownJob| {
            for shard in &part.shards {
                record_names(ledger, id, shard.shard, &shard.names.iter().map(String::as_str).collect::<Vec<_>>());
            }
        };
        record(&mut ledger, parts[0]);
        let before = ledger.job(id).unwrap().unwrap();
        // Of a job without its first shards, nothing shows their names.
        assert_eq!(before.canceled_at.is_some(), last_first);
        ledger.transaction(|transaction| transaction.record_lost_shards(id, parts[1])).unwrap();
        record(&mut ledger, parts[1]);

        let job = ledger.job(id).unwrap().unwrap();
        assert_eq!((job.size, job.shard_size, job.shards, job.canceled_at), (5, 2, 3, None), "{last_first}");
        let shards: Vec<Vec<String>> = (0..3).map(|shard| names_of(&ledger, id, shard)).collect();
        assert_eq!(shards, [vec!["a", "b"], vec!["c", "d"], vec!["e"]], "{last_first}");
        let staged =
            |shard| -> Vec<String> { ledger.names(id, shard).unwrap().into_iter().map(|staged| staged.name).collect() };
        assert_eq!([staged(0), staged(1), staged(2)].concat(), ["a", "b", "c", "d", "e"]);
        let place = |shard| ledger.committed(id, shard).unwrap().unwrap();
        assert_eq!((place(1).place.as_str(), place(2).place.as_str(), place(2).fence), ("one", "other", 2));
        // Every shard can be registered and bundled.
        let progress = ledger.job_progress(id).unwrap();
        assert_eq!((progress.phase(Phase::Register).open, progress.phase(Phase::Bundle).open), (3, 3));
        assert_eq!(ledger.count(&Filter { kind: Some(Kind::Device), job: Some(id), ..Filter::default() }).unwrap(), 5);
        // The host of a shard is known as far as it was given, with hyphens in it too.
        assert_eq!(ledger.shards_of_station("my-bench").unwrap(), [(id, 2)]);
        assert_eq!(ledger.shards_of_station("my").unwrap(), []);
        assert_eq!(ledger.of_unknown_stations(BEGIN).unwrap(), 4);
        ledger.check().unwrap();
    }
}

pub(crate) fn a_lost_shard_of_a_staged_job_keeps_the_lines_of_its_names<S: Station>() {
    let mut ledger = S::new().open();
    let job = stage(&mut ledger, 2, &["z", "y", "x"]);
    issue_shard(&mut ledger, &job);
    // In the order of the files, which is that of the alphabet, and with a running attempt at it.
    assert_eq!(claim(&mut ledger, &job, Phase::Issue).unwrap().shard, 1);
    let lost = known(job.uid, 2, &[(1, 3, &["x"])], "there", Some("bench"));
    let staged = ledger.transaction(|transaction| transaction.record_lost_shards(job.id, &lost)).unwrap();
    assert_eq!(staged, 0, "all names were staged");
    record_names(&mut ledger, job.id, 1, &["x"]);
    let job = ledger.job(job.id).unwrap().unwrap();
    assert_eq!((job.done, job.size, job.canceled_at), (true, 3, None));
    assert_eq!(ledger.names(job.id, 1).unwrap()[0].line, 4);
    // A name of which the job has a certificate has no free number.
    assert!(ledger.free_numbers(job.id, 0).unwrap().is_empty());
    assert!(ledger.free_numbers(job.id, 1).unwrap().is_empty());
    ledger.check().unwrap();
}
