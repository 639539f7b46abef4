//! A ledger moved from a file to a server.
//!
//! Everything is copied in one transaction of the server, then the file is closed. Killed before the commit, the server
//! has nothing; killed between the two, the next run finds the copy, and compares the changes that the file had then with
//! those that it has now.

mod earlier_copy;

use base::{Code, Result};
use time::OffsetDateTime;

use crate::ledger::Ledger;
use crate::ledger::ledger_status::LedgerStatus;
use crate::transaction::Transaction;
use crate::value::{BatchStatement, ColumnType, SqlValue, values};
use crate::view::View;
use earlier_copy::EarlierCopy;

/// A table that is copied.
struct Table {
    name: &'static str,
    /// The columns, those of the key first, each with its type.
    columns: &'static [(&'static str, ColumnType)],
    /// The number of columns of the key.
    key: usize,
    /// Whether the server numbers its rows by itself.
    is_numbered: bool,
}

use ColumnType::{Bytes, Int, Text};

/// The tables, those first that others refer to.
const TABLES: &[Table] = &[
    Table { name: "parameters", columns: &[("id", Int), ("text", Text)], key: 1, is_numbered: true },
    Table {
        name: "job",
        columns: &[
            ("id", Int),
            ("digest", Bytes),
            ("parameters", Int),
            ("size", Int),
            ("shard_size", Int),
            ("state", Text),
            ("made_at", Int),
            ("done_at", Int),
            ("uid", Bytes),
            ("canceled_at", Int),
            ("renews", Int),
        ],
        key: 1,
        is_numbered: true,
    },
    Table {
        name: "staged",
        columns: &[
            ("job", Int),
            ("number", Int),
            ("line", Int),
            ("name", Text),
            ("label", Text),
            ("profile", Text),
            ("sans", Text),
            ("attributes", Text),
        ],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "work",
        columns: &[
            ("job", Int),
            ("phase", Text),
            ("shard", Int),
            ("state", Text),
            ("station", Text),
            ("place", Text),
            ("fence", Int),
            ("until", Int),
        ],
        key: 3,
        is_numbered: false,
    },
    Table {
        name: "attempt",
        columns: &[
            ("job", Int),
            ("shard", Int),
            ("fence", Int),
            ("seed", Bytes),
            ("station", Text),
            ("begun_at", Int),
            ("ended_at", Int),
            ("outcome", Text),
        ],
        key: 3,
        is_numbered: false,
    },
    Table {
        name: "identity",
        columns: &[
            ("id", Int),
            ("kind", Text),
            ("name", Text),
            ("generation", Int),
            ("serial", Bytes),
            ("profile", Text),
            ("algorithm", Text),
            ("parameters", Int),
            ("issuer", Text),
            ("not_before", Int),
            ("not_after", Int),
            ("fingerprint", Bytes),
            ("credentials_id", Text),
            ("state", Text),
            ("intended_at", Int),
            ("issued_at", Int),
            ("registered_at", Int),
            ("bundled_at", Int),
            ("voided_at", Int),
            ("revoked_at", Int),
            ("last_error", Text),
            ("job", Int),
            ("number", Int),
            ("unregistered_at", Int),
            ("role", Text),
            ("issuer_generation", Int),
            ("revocation_reason", Text),
            ("copies", Text),
            ("station", Text),
            ("origin", Text),
            ("forgotten_at", Int),
        ],
        key: 1,
        is_numbered: true,
    },
    Table {
        name: "open_step",
        columns: &[("identity", Int), ("step", Text), ("list", Int), ("error", Text)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "revocation_list",
        columns: &[("key", Bytes), ("issuer", Text), ("number", Int), ("this_update", Int), ("next_update", Int)],
        key: 1,
        is_numbered: false,
    },
    Table {
        name: "ca_confirmation",
        columns: &[
            ("ca", Text),
            ("generation", Int),
            ("kind", Text),
            ("name", Text),
            ("how", Text),
            ("who", Text),
            ("at", Int),
        ],
        key: 4,
        is_numbered: false,
    },
    Table {
        name: "enrolment_password",
        columns: &[
            ("device", Text),
            ("label", Text),
            ("hash", Bytes),
            ("made_at", Int),
            ("expires_at", Int),
            ("key", Bytes),
            ("spent_at", Int),
        ],
        key: 1,
        is_numbered: false,
    },
    Table {
        name: "enrolled",
        columns: &[
            ("identity", Int),
            ("key", Bytes),
            ("certificate", Bytes),
            ("used_at", Int),
            ("swap", Text),
            ("error", Text),
        ],
        key: 1,
        is_numbered: false,
    },
    Table {
        name: "enrolment_request",
        columns: &[
            ("device", Text),
            ("label", Text),
            ("key", Bytes),
            ("is_first", Int),
            ("address", Text),
            ("asked_at", Int),
            ("decision", Text),
            ("decided_at", Int),
            ("decided_by", Text),
        ],
        key: 1,
        is_numbered: false,
    },
    Table { name: "platform", columns: &[("id", Int), ("url", Text), ("made_at", Int)], key: 1, is_numbered: true },
    Table {
        name: "renewal_step",
        columns: &[("identity", Int), ("step", Text), ("error", Text), ("platform", Int)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "registration",
        columns: &[("identity", Int), ("platform", Int), ("registered_at", Int), ("unregistered_at", Int)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "platform_step",
        columns: &[("identity", Int), ("platform", Int), ("error", Text)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "platform_work",
        columns: &[
            ("platform", Int),
            ("job", Int),
            ("phase", Text),
            ("shard", Int),
            ("state", Text),
            ("station", Text),
            ("place", Text),
            ("fence", Int),
            ("until", Int),
        ],
        key: 4,
        is_numbered: false,
    },
    Table {
        name: "device_token",
        columns: &[("device", Text), ("platform", Int), ("set_at", Int), ("revoked_at", Int), ("error", Text)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "lease",
        columns: &[("kind", Text), ("name", Text), ("holder", Text), ("since", Int), ("until", Int)],
        key: 2,
        is_numbered: false,
    },
    Table {
        name: "clock",
        columns: &[("id", Int), ("at", Int), ("newest_before", Int), ("last_identity", Int)],
        key: 1,
        is_numbered: true,
    },
    Table { name: "in_doubt", columns: &[("identity", Int)], key: 1, is_numbered: false },
];

/// Rows that are copied at once.
const BATCH: i64 = 1000;

/// Copies of a file that another process does not stop writing to.
const ATTEMPTS: u32 = 3;

impl Ledger {
    /// Copies this ledger, a file, to an empty one on a server, and closes this one. Returns the number of rows. May be
    /// repeated after an interruption: what the file has recorded meanwhile is copied too.
    ///
    /// # Errors
    /// [`Code::LedgerNotEmpty`] if the server has a ledger with other contents, also one of this store that has other
    /// changes than the file; [`Code::StoreLocked`] if another process does not stop writing; those of both databases.
    pub fn move_to(&mut self, target: &mut Ledger) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            let status = self.status()?;
            let rows = self.copy_to(target, &status)?;
            if self.close(target, &status)? {
                // From now on a file that is not closed is a copy of the store, and not an interrupted move.
                target.transaction(EarlierCopy::complete)?;
                return Ok(rows);
            }
        }
        Err(Code::StoreLocked
            .error("the ledger was written to while it was moved")
            .at(self.path())
            .fix("stop `tbpki serve` in this store, then run the same command again"))
    }

    /// Copies the rows of this ledger unless the server has them. Returns their number.
    fn copy_to(&self, target: &mut Ledger, status: &LedgerStatus) -> Result<u64> {
        let source = self.view();
        target.transaction(|transaction| {
            match EarlierCopy::of(transaction, status)? {
                EarlierCopy::Same => return rows_of(source),
                EarlierCopy::None => {}
                // The file is still the ledger, and has more than its copy.
                EarlierCopy::Outdated => empty(transaction)?,
            }
            // `status` is not among the tables: the server keeps its own row, which takes over these values. Without the
            // mark of a restored ledger, verbs would issue before `store check` has compared it with the files.
            TABLES.iter().try_for_each(|table| copy(source, transaction, table))?;
            transaction.execute(
                "UPDATE status SET uid = ?1, restored_at = ?2",
                values![status.uid.octets(), status.restored_at.map(OffsetDateTime::unix_timestamp)],
            )?;
            EarlierCopy::record(transaction, status.changes)?;
            compare(source, transaction)
        })
    }

    /// Closes this ledger unless it was written to since `status` was read. Returns whether it is closed.
    fn close(&mut self, target: &Ledger, status: &LedgerStatus) -> Result<bool> {
        if status.moved_to.is_some() {
            return Ok(true);
        }
        let address = target.path().to_string_lossy().into_owned();
        // The file is closed last. Until then a failure leaves it the ledger that counts.
        self.transaction(|transaction| {
            let close = "UPDATE status SET moved_to = ?1 WHERE changes = ?2";
            Ok(transaction.execute(close, values![address, status.changes])? > 0)
        })
    }
}

impl View {
    /// The number of rows that [`Ledger::move_to`] would copy. Nothing is written. `target` is the ledger that the server has;
    /// `None` if it has none.
    ///
    /// # Errors
    /// Those of [`Ledger::move_to`].
    pub fn check_move(&self, target: Option<&View>) -> Result<u64> {
        if let Some(target) = target {
            EarlierCopy::of(target, &self.status()?)?;
        }
        rows_of(self)
    }
}

/// Removes the rows of all tables, those that refer to others first.
fn empty(transaction: &Transaction<'_>) -> Result<()> {
    TABLES.iter().rev().try_for_each(|table| {
        let sql = format!("DELETE FROM {}", table.name);
        transaction.execute(&sql, &[]).map(drop)
    })
}

/// Fails unless both ledgers have as many rows in each table, and returns how many.
fn compare(source: &View, target: &View) -> Result<u64> {
    let mut rows = 0;
    for table in TABLES {
        let (here, there) = (count(source, table)?, count(target, table)?);
        if here != there {
            return Err(Code::StoreLocked
                .error("the ledger was written to while it was moved")
                .at(source.path())
                .because(format!("the table {} has {there} rows on the server, and {here} in the file", table.name))
                .fix("stop `tbpki serve` in this store, then run the same command again"));
        }
        rows += here;
    }
    Ok(rows)
}

/// The number of rows of all tables.
fn rows_of(view: &View) -> Result<u64> {
    TABLES.iter().map(|table| count(view, table)).sum()
}

fn count(view: &View, table: &Table) -> Result<u64> {
    view.one(&format!("SELECT count(*) FROM {}", table.name), &[])?.map_or(Ok(0), |row| row.get(0))
}

fn copy(source: &View, target: &Transaction<'_>, table: &Table) -> Result<()> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let key: Vec<&str> = names.iter().copied().take(table.key).collect();
    let arrays = table.columns.iter().zip(1..).map(|((_, column), place)| column.array(place));
    // The rows keep their numbers, because other tables refer to them.
    let system_value = if table.is_numbered { "OVERRIDING SYSTEM VALUE " } else { "" };
    let insert = format!(
        "INSERT INTO {} ({}) {system_value}SELECT * FROM unnest({})",
        table.name,
        names.join(", "),
        arrays.collect::<Vec<_>>().join(", ")
    );
    // The target is always a server, which takes rows by columns.
    let insert = BatchStatement { one_by_one: "", by_columns: &insert };
    let mut last: Option<Vec<SqlValue<'static>>> = None;
    loop {
        // Pages by key and not by offset: for an offset the database would read all earlier rows for each page.
        let places: Vec<String> = (1..=key.len()).map(|number| format!("?{number}")).collect();
        let after = match &last {
            None => String::new(),
            Some(_) => format!("WHERE ({}) > ({}) ", key.join(", "), places.join(", ")),
        };
        let select =
            format!("SELECT {} FROM {} {after}ORDER BY {} LIMIT {BATCH}", names.join(", "), table.name, key.join(", "));
        let rows = source.query(&select, last.as_deref().unwrap_or_default())?;
        let Some(row) = rows.last() else { break };
        last = Some(row.0.iter().take(table.key).cloned().collect());
        target.execute_many(&insert, rows.iter().map(|row| row.0.as_slice()))?;
    }
    if table.is_numbered {
        // The sequence knows nothing of numbers that were given from outside, and would give them out a second time.
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{0}', 'id'), greatest(1, (SELECT coalesce(max(id), 0) FROM {0})))",
            table.name
        );
        target.one(&sql, &[])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A table of a later layout that is missing here would be lost by a move.
    #[test]
    fn every_table_and_every_column_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path().join("ledger.db")).unwrap();
        let names = |sql: &str, table: &[SqlValue<'_>]| -> BTreeSet<String> {
            ledger.view().query(sql, table).unwrap().iter().map(|row| row.get(0).unwrap()).collect()
        };
        let tables = names("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'status'", &[]);
        let there: BTreeMap<String, BTreeSet<String>> = tables
            .into_iter()
            .map(|table| {
                let columns = names("SELECT name FROM pragma_table_info(?1)", values![&table]);
                (table, columns)
            })
            .collect();
        let copied = TABLES
            .iter()
            .map(|table| (table.name.to_owned(), table.columns.iter().map(|(name, _)| (*name).to_owned()).collect()));
        assert_eq!(copied.collect::<BTreeMap<_, _>>(), there);
    }
}
