//! The file of a ledger, read by SQLite as Python has it.

use std::path::Path;

use serde_json::Value;

use crate::oracle::python3;

/// The program that prints the layout and all rows of a copy: SQLite folds the -wal file in when its last reader ends.
const SCRIPT: &str = r#"
import json, os, shutil, sqlite3, sys, tempfile
with tempfile.TemporaryDirectory() as directory:
    copy = os.path.join(directory, "ledger.db")
    for end in ("", "-wal"):
        if os.path.exists(sys.argv[1] + end):
            shutil.copy(sys.argv[1] + end, copy + end)
    ledger = sqlite3.connect(copy)
    found = {"layout": ledger.execute("PRAGMA user_version").fetchone()[0]}
    found["check"] = ledger.execute("PRAGMA integrity_check").fetchone()[0]
    found["schema"] = ledger.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    for name, sql in found["schema"]:
        if sql and sql.startswith("CREATE TABLE"):
            columns = [row[1] for row in ledger.execute(f"PRAGMA table_info({name})") if row[1] != "uid"]
            found[name] = sorted(map(repr, ledger.execute(f"SELECT {', '.join(columns)} FROM {name}")))
    json.dump(found, sys.stdout)
"#;

/// The contents of a ledger, apart from random identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerContents(Value);

impl LedgerContents {
    /// Those of the ledger in this file.
    ///
    /// # Panics
    /// If SQLite cannot read it, or finds damage.
    #[track_caller]
    pub fn of(ledger: &Path) -> Self {
        let contents = python3().args(["-c", SCRIPT]).arg(ledger).run().ok().json();
        assert_eq!(contents["check"], "ok", "{}", ledger.display());
        Self(contents)
    }

    /// The number of the layout.
    pub fn layout(&self) -> u64 {
        self.0["layout"].as_u64().unwrap_or_default()
    }
}
