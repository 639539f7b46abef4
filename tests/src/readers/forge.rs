//! Rows that a test puts into a ledger, where making them properly would take hours or cannot be done at all.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::oracle::python3;

/// The program that inserts the rows: SQLite as Python has it, so that writer and reader differ.
const SCRIPT: &str = r#"
import hashlib, json, sqlite3, sys
ledger = sqlite3.connect(sys.argv[1])
ledger.execute("INSERT OR IGNORE INTO parameters (text) VALUES ('{\"forged\":true}')")
parameters = ledger.execute("SELECT id FROM parameters WHERE text = '{\"forged\":true}'").fetchone()[0]
def row(device):
    seed = hashlib.sha256(device["name"].encode()).digest()
    state, made = device["state"], device["made"]
    reached = {"issued": made, "registered": device["registered"], "bundled": device["bundled"]}
    is_issued = state != "intended"
    return (device["name"], bytes([0x40 | seed[0] & 0x3f]) + seed[1:16], parameters, made, device["not_after"],
            seed if is_issued else None, seed.hex() if is_issued else None, state, made,
            made if is_issued else None, device["registered"], device["bundled"],
            made if state == "void" else None, made if state == "revoked" else None, device["error"],
            device["job"], device["number"], state if state in ("intended", "void", "revoked") else "current")
ledger.executemany(
    "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, not_after,"
    " fingerprint, credentials_id, state, intended_at, issued_at, registered_at, bundled_at, voided_at, revoked_at,"
    " last_error, job, number, role) VALUES ('device', ?, 1, ?, 'client', 'ec-p256', ?, 'devices-issuing', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    (row(json.loads(line)) for line in sys.stdin))
ledger.commit()
"#;

/// The part that makes a job with its shards.
const JOB: &str = r#"
import hashlib, json, sqlite3, sys
ledger = sqlite3.connect(sys.argv[1])
job = json.load(sys.stdin)
ledger.execute("INSERT OR IGNORE INTO parameters (text) VALUES ('{\"forged\":true}')")
parameters = ledger.execute("SELECT id FROM parameters WHERE text = '{\"forged\":true}'").fetchone()[0]
ledger.execute("INSERT INTO job (id, digest, parameters, size, shard_size, state, made_at, uid) VALUES (?, ?, ?, ?, ?, 'open', ?, randomblob(16))",
               (job["id"], hashlib.sha256(str(job["id"]).encode()).digest(), parameters, job["size"], job["shard_size"],
                job["made"]))
for phase, states in job["phases"].items():
    for shard, state in enumerate(states):
        ledger.execute("INSERT INTO work (job, phase, shard, state, station, fence, until) VALUES (?, ?, ?, ?, 'station', 1, ?)",
                       (job["id"], phase, shard, state, 1 if state == "claimed" else None))
ledger.commit()
"#;

/// Puts a job into the ledger of a store: its shards are in these states, the same number of them in each phase.
///
/// # Panics
/// Where the ledger does not take it.
#[track_caller]
pub fn forge_job(ledger: &Path, id: u64, size: u64, shard_size: u64, phases: [(&str, &[&str]); 3]) {
    let made = time::OffsetDateTime::now_utc().unix_timestamp();
    let phases: BTreeMap<_, _> = phases.into_iter().collect();
    let job = json!({ "id": id, "size": size, "shard_size": shard_size, "made": made, "phases": phases });
    // The row goes past the ledger's own code, which would demand a whole batch of true identities.
    python3().args(["-c", JOB]).arg(ledger).stdin(job.to_string()).run().ok();
}

/// A device that no CA issued.
#[derive(Debug, Clone)]
pub struct Forged {
    name: String,
    state: &'static str,
    days: i64,
    registered: bool,
    bundled: bool,
    error: Option<String>,
    job: Option<(u64, u64)>,
}

impl Forged {
    /// A device that was issued and has ten years to live.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: "issued",
            days: 3650,
            registered: false,
            bundled: false,
            error: None,
            job: None,
        }
    }

    /// In this state, with the steps that lead there behind it.
    #[must_use]
    pub fn state(self, state: &'static str) -> Self {
        let (registered, bundled) = (matches!(state, "registered" | "bundled"), state == "bundled");
        Self { state, registered, bundled, ..self }
    }

    /// In a flash image, and not registered.
    #[must_use]
    pub fn bundled_only(self) -> Self {
        Self { state: "bundled", bundled: true, registered: false, ..self }
    }

    /// The certificate ends in so many days.
    #[must_use]
    pub fn days(self, days: i64) -> Self {
        Self { days, ..self }
    }

    /// This went wrong with it.
    #[must_use]
    pub fn error(self, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..self }
    }

    /// It is the name of this number of a job.
    #[must_use]
    pub fn of_job(self, job: u64, number: u64) -> Self {
        Self { job: Some((job, number)), ..self }
    }

    fn json(&self, now: i64) -> Value {
        const DAY: i64 = 24 * 60 * 60;
        // Half a day more, so that no test depends on how long it takes.
        let not_after = now + self.days * DAY + DAY / 2;
        json!({
            "name": self.name,
            "state": self.state,
            "made": now.min(not_after) - 10 * DAY,
            "not_after": not_after,
            "registered": self.registered.then_some(now - 2 * DAY),
            "bundled": self.bundled.then_some(now - DAY),
            "error": self.error,
            "job": self.job.map(|(job, _)| job),
            "number": self.job.map(|(_, number)| number),
        })
    }
}

/// Puts devices into the ledger of a store.
///
/// # Panics
/// Where the ledger does not take them.
#[track_caller]
pub fn forge(ledger: &Path, devices: impl IntoIterator<Item = Forged>) {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let lines: String = devices.into_iter().map(|device| format!("{}\n", device.json(now))).collect();
    python3().args(["-c", SCRIPT]).arg(ledger).stdin(lines).run().ok();
}

/// The statement that makes an identity older.
const AGE: &str = r#"
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1])
seconds = int(sys.argv[3]) * 86400
changed = ledger.execute("UPDATE identity SET not_before = not_before - ?, not_after = not_after - ? WHERE name = ?"
                         " AND role = 'current'", (seconds, seconds, sys.argv[2])).rowcount
assert changed == 1, changed
ledger.commit()
"#;

/// Moves the dates that the ledger has of the current generation of a name into the past. Its certificate stays as it is.
///
/// # Panics
/// Where the ledger does not have the name.
#[track_caller]
pub fn age(ledger: &Path, name: &str, days: u32) {
    python3().args(["-c", AGE]).arg(ledger).arg(name).arg(days.to_string()).run().ok();
}

/// Runs SQL on a ledger that no ledger would: what another run may have left.
///
/// # Panics
/// If SQLite refuses it.
#[track_caller]
pub fn sql(ledger: &Path, statements: &str) {
    let run = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    python3().args(["-c", run]).arg(ledger).arg(statements).run().ok();
}
