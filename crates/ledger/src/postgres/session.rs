//! A connection that comes back.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};

use base::{Code, Result};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Socket, Statement};

use super::PostgresServer;
use super::fault::{connect_fault, fault, lost, may_pass, silent, unreachable};
use super::tls::ServerTls;
use super::values::{ColumnValues, row};
use crate::value::{SqlRow, SqlValue};

/// A session with the server.
pub(crate) struct Session {
    server: PostgresServer,
    runtime: Runtime,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
    in_transaction: bool,
    /// Whether the server has not answered in time. The connection would yield the late answer to an earlier question first.
    is_hung: Cell<bool>,
    /// Whether statements may take as long as they need, whatever the limit of the server is.
    is_unlimited: bool,
}

/// The locks that a transaction takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableLock {
    /// No one, for the time being.
    None,
    /// Those that keep everybody out.
    Shared,
    /// Everybody.
    Exclusive,
}

/// Between two attempts at reaching a server that went away.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest time from the connection to the first answer, which a server gives before it works.
const LONGEST_GREETING: Duration = Duration::from_secs(60);

/// The time in which the answer of a server that has ended a statement arrives.
const GRACE: Duration = Duration::from_secs(5);

/// The number of the lock that writers take: "tbpk".
const LOCK: i64 = 0x7462_706b;

/// Commits are on disk when they return, whatever the server's settings are. Plans are made for the tables as they are,
/// and not as they were when a fleet was small.
const SETTINGS: &str = "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; \
    SET client_min_messages = warning; \
    SET plan_cache_mode = force_custom_plan; SET jit = off; SET search_path = tbpki";

impl Session {
    pub(super) fn new(server: PostgresServer) -> Result<Self> {
        // A runtime of its own on this thread: the crates above contain no async code.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Code::Internal.error("the system gives no means to wait for a server").caused_by(error))?;
        Ok(Self {
            server,
            runtime,
            client: None,
            statements: HashMap::new(),
            in_transaction: false,
            is_hung: Cell::new(false),
            is_unlimited: false,
        })
    }

    /// Connects again.
    ///
    /// # Errors
    /// [`Code::LedgerUnreachable`], [`Code::LedgerRefused`], [`Code::LedgerInsecure`].
    pub(crate) fn connect(&mut self) -> Result<()> {
        // Prepared statements belong to a connection.
        self.statements.clear();
        self.in_transaction = false;
        self.client = None;
        self.is_hung.set(false);
        let client = match self.server.roots() {
            Some(roots) => self.connect_over(ServerTls::new(roots)?)?,
            None => self.connect_over(NoTls)?,
        };
        self.client = Some(client);
        let settings = format!("{SETTINGS}; {}", limits(&self.server));
        self.wait(|client| async move { client.batch_execute(&settings).await }).inspect_err(|_| self.client = None)
    }

    fn connect_over<T>(&self, tls: T) -> Result<Client>
    where
        T: MakeTlsConnect<Socket> + Send,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
    {
        // The limit of the driver ends with the connection, before the first word of a server that hangs.
        let limit = self.server.answer_limit().unwrap_or(LONGEST_GREETING);
        let connected = self.runtime.block_on(async { timeout(limit, self.server.config().connect(tls)).await });
        let connected = connected.map_err(|_| unreachable(&self.server).because(no_answer(limit)))?;
        let (client, connection) = connected.map_err(|error| connect_fault(&self.server, &error))?;
        // The reason of its end appears in the answer to the next question as well.
        self.runtime.spawn(async move { connection.await.unwrap_or_else(|error| tracing::debug!(%error, "ledger")) });
        Ok(client)
    }

    /// Sees to it that there is a connection, and waits for a server that went away, but not for ever.
    fn connected(&mut self) -> Result<()> {
        if !self.is_hung.get() && self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        if self.in_transaction {
            // Another connection would know nothing of what was done in it.
            return Err(lost(&self.server));
        }
        let deadline = Instant::now() + self.server.patience();
        loop {
            match self.connect() {
                Ok(()) => return Ok(()),
                // Only errors that may pass: a wrong password stays wrong.
                Err(error) if may_pass(&error) && Instant::now() < deadline => {
                    tracing::debug!(%error, "waiting for the ledger's server");
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a transaction, and tells what time it is there, in milliseconds since 1970.
    pub(crate) fn begin(&mut self, lock: TableLock, read_only: bool) -> Result<i64> {
        // Advisory locks of the transaction: the server frees them
        // when the connection of a station that died is gone.
        let lock = match lock {
            TableLock::None => String::new(),
            TableLock::Shared => format!("SELECT pg_advisory_xact_lock_shared({LOCK});"),
            TableLock::Exclusive => format!("SELECT pg_advisory_xact_lock({LOCK});"),
        };
        let mode = if read_only { "READ ONLY" } else { "READ WRITE" };
        self.again_if_lost(|session| {
            let begun = session.ask(&format!("BEGIN {mode}; {lock} SELECT {CLOCK}"));
            // It has begun even where the lock could not be had.
            session.in_transaction = true;
            begun.and_then(|begun| milliseconds(&session.server, &begun)).inspect_err(|_| session.roll_back())
        })
    }

    /// Does something without the limit for statements, inside of a transaction: new tables and columns for a million rows take
    /// longer than any statement of a service.
    pub(super) fn unlimited<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.ask("SET LOCAL statement_timeout = 0")?;
        self.is_unlimited = true;
        let done = work(self);
        self.is_unlimited = false;
        done
    }

    /// Keeps all others out until the transaction ends.
    pub(crate) fn exclude_others(&mut self) -> Result<()> {
        self.ask(&format!("SELECT pg_advisory_xact_lock({LOCK})")).map(drop)
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        let answer = self.ask("COMMIT");
        // Even after an error: whether it was committed is unknown, and `commit_issued` finds out by asking again.
        self.in_transaction = false;
        answer.map(drop)
    }

    /// Whatever comes of it, nothing of the transaction is kept.
    pub(crate) fn roll_back(&mut self) {
        if self.in_transaction && self.ask("ROLLBACK").is_err() {
            // A connection that cannot roll back is closed, which rolls back on the server.
            self.client = None;
        }
        self.in_transaction = false;
    }

    pub(crate) fn clock(&mut self) -> Result<i64> {
        self.again_if_lost(|session| {
            let answer = session.ask(&format!("SELECT {CLOCK}"))?;
            milliseconds(&session.server, &answer)
        })
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[SqlValue<'_>]) -> Result<Vec<SqlRow>> {
        self.again_if_lost(|session| {
            let statement = session.statement(sql)?;
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            let rows = session.wait(|client| async move { client.query(&statement, &values).await })?;
            rows.iter().map(row).collect::<std::result::Result<_, _>>().map_err(|error| fault(&session.server, &error))
        })
    }

    pub(crate) fn execute(&mut self, sql: &str, values: &[SqlValue<'_>]) -> Result<u64> {
        self.again_if_lost(|session| {
            let statement = session.statement(sql)?;
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            session.wait(|client| async move { client.execute(&statement, &values).await })
        })
    }

    /// One statement for many rows, which it has as arrays, a column each.
    pub(crate) fn execute_columns(&mut self, sql: &str, columns: Vec<Vec<SqlValue<'static>>>) -> Result<u64> {
        // Not repeated after a lost connection, because these statements are always inside a transaction.
        let statement = self.statement(sql)?;
        let columns: Vec<ColumnValues> = columns.into_iter().map(ColumnValues).collect();
        let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.wait(|client| async move { client.execute(&statement, &values).await })
    }

    /// As [`Self::execute_columns`], and returns what the statement yields.
    pub(crate) fn query_columns(&mut self, sql: &str, columns: Vec<Vec<SqlValue<'static>>>) -> Result<Vec<SqlRow>> {
        let statement = self.statement(sql)?;
        let columns: Vec<ColumnValues> = columns.into_iter().map(ColumnValues).collect();
        let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        let rows = self.wait(|client| async move { client.query(&statement, &values).await })?;
        rows.iter().map(row).collect::<std::result::Result<_, _>>().map_err(|error| fault(&self.server, &error))
    }

    /// Statements without values, in the simple protocol.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.connected()?;
        self.wait(|client| async move { client.simple_query(sql).await })
    }

    /// As [`Self::ask`], without waiting for a server that went away.
    ///
    /// # Errors
    /// [`Code::LedgerLost`] if there is no connection now.
    pub(super) fn ask_now(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        if self.is_hung.get() || self.client.as_ref().is_none_or(Client::is_closed) {
            return Err(lost(&self.server));
        }
        self.wait(|client| async move { client.simple_query(sql).await })
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        self.connected()?;
        // Preparing a statement is a round trip of its own.
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        // No text of ours holds a question mark that is no place for a value.
        let numbered = sql.replace('?', "$");
        let statement = self.wait(|client| async move { client.prepare(&numbered).await })?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn wait<'a, T, F>(&'a self, work: impl FnOnce(&'a Client) -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    {
        let client = self.client.as_ref().ok_or_else(|| unreachable(&self.server))?;
        let Some(limit) = self.server.answer_limit().filter(|_| !self.is_unlimited) else {
            return self.runtime.block_on(work(client)).map_err(|error| fault(&self.server, &error));
        };
        // The server ends a statement by itself before this. A process of it that was stopped, or waits for its disk, does not.
        let limit = limit + GRACE;
        match self.runtime.block_on(async { timeout(limit, work(client)).await }) {
            Ok(answer) => answer.map_err(|error| fault(&self.server, &error)),
            Err(_) => {
                self.is_hung.set(true);
                Err(silent(&self.server).because(no_answer(limit)))
            }
        }
    }

    /// Outside of a transaction a question may be asked again, of the server as it comes back.
    fn again_if_lost<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let was_in_transaction = self.in_transaction;
        match work(self) {
            // Inside a transaction a repetition would run the second half without the first.
            Err(error) if error.code() == Code::LedgerLost && !was_in_transaction => {
                self.client = None;
                self.in_transaction = false;
                work(self)
            }
            done => done,
        }
    }
}

/// The limits of the server for this connection, in milliseconds.
fn limits(server: &PostgresServer) -> String {
    let milliseconds = |limit: Duration| limit.as_millis().max(1);
    // Without a limit a station that was killed with a lock would make all others wait forever. No other limit by default: one
    // in the server's configuration could end the comparison of a million names.
    let lock = milliseconds(server.patience());
    let statement = server.answer_limit().map_or(0, milliseconds);
    let idle = server.answer_limit().map_or(String::new(), |limit| {
        format!("; SET idle_in_transaction_session_timeout = {}", milliseconds(limit * 3))
    });
    format!("SET lock_timeout = {lock}; SET statement_timeout = {statement}{idle}")
}

fn no_answer(limit: Duration) -> String {
    format!("no answer came within {} seconds", limit.as_secs_f32())
}

// Not `now()`, which is the time at which the transaction began: it may have waited for the lock since.
const CLOCK: &str = "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";

fn milliseconds(server: &PostgresServer, answer: &[SimpleQueryMessage]) -> Result<i64> {
    // From the end: the answers to BEGIN and to the lock come before that of the clock.
    let last = answer.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    last.and_then(|text| text.parse().ok())
        .ok_or_else(|| server.error(Code::LedgerUnreadable, "the ledger's server does not say what time it is"))
}
