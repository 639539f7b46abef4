//! Errors of PostgreSQL, in this workspace's words. None of them repeats a password: the server is never sent one that
//! it could repeat, and details about rows are left out.

use std::error::Error as _;
use std::io;

use base::{Code, Error};
use tokio_postgres::error::SqlState;

use super::PostgresServer;

/// The error for a failure of `server` once it was talked to.
pub(crate) fn fault(server: &PostgresServer, error: &tokio_postgres::Error) -> Error {
    // Without an error of the database the connection itself failed.
    let Some(said) = error.as_db_error() else {
        if is_lost(error) {
            return lost(server).because(words(error));
        }
        return server.error(Code::LedgerUnreadable, "the ledger's answer cannot be understood").because(words(error));
    };
    let state = said.code();
    let (code, what, fix) = if is_shutdown(state) {
        (Code::LedgerLost, "the ledger's server is going down", "run the same command again when it is back")
    } else if *state == SqlState::LOCK_NOT_AVAILABLE || *state == SqlState::T_R_DEADLOCK_DETECTED {
        // A deadlock is temporary by nature, so it is reported like a lock.
        (Code::LedgerBusy, "another station is writing to the ledger", "try again when it is done")
    } else if *state == SqlState::QUERY_CANCELED {
        // Only a service has a limit for its statements, unless an administrator cancels one.
        return silent(server).because(format!("{} ({})", said.message(), state.code()));
    } else if *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT {
        // The server has closed the connection.
        return lost(server).because(format!("{} ({})", said.message(), state.code()));
    } else if *state == SqlState::INSUFFICIENT_PRIVILEGE || *state == SqlState::READ_ONLY_SQL_TRANSACTION {
        (Code::LedgerRefused, "the ledger may not be changed", "give the user the rights that the guide names")
    } else if *state == SqlState::DISK_FULL {
        (Code::DiskFull, "the ledger cannot grow", "make room on its server and run the same command again")
    } else if state.code().starts_with("23") {
        // Class 23: integrity constraint violations.
        // The server's detail holds the row, and our rows hold nothing that it may not show.
        return server
            .error(Code::Internal, "the ledger refuses a row that breaks its rules")
            .because(said.message().to_owned());
    } else {
        (Code::LedgerUnreadable, "the ledger cannot be used", "look into the server's log")
    };
    server.error(code, what).because(format!("{} ({})", said.message(), state.code())).fix(fix)
}

/// The error for a failure to connect to `server`.
pub(crate) fn connect_fault(server: &PostgresServer, error: &tokio_postgres::Error) -> Error {
    if let Some(said) = error.as_db_error() {
        // A server at its limit of connections looks like one that is down: waiting helps in both cases.
        let error = if is_shutdown(said.code()) || *said.code() == SqlState::TOO_MANY_CONNECTIONS {
            unreachable(server)
        } else {
            server
                .error(Code::LedgerRefused, "the ledger's server rejects the login")
                .fix("see to the user and the database in ledger.url, and to ledger.password")
        };
        return error.because(format!("{} ({})", said.message(), said.code().code()));
    }
    let words = words(error);
    // Before `is_lost`: an error of TLS is an I/O error as well.
    if is_tls(error) {
        return server
            .error(Code::LedgerInsecure, "the connection to the ledger's server cannot be secured")
            .because(words)
            .fix("name the root of its certificate as ledger.ca, and the host in ledger.url as the certificate does");
    }
    // The driver has no kinds for timeouts, so the text decides.
    if is_lost(error) || words.contains("timed out") || words.contains("timeout") {
        return unreachable(server).because(words);
    }
    // For a missing password the driver has only a text.
    if words.contains("password") {
        return server
            .error(Code::LedgerRefused, "the ledger's server wants a password")
            .because(words)
            .fix("name its location as ledger.password");
    }
    server.error(Code::LedgerRefused, "the ledger's server cannot be used").because(words)
}

pub(crate) fn unreachable(server: &PostgresServer) -> Error {
    server
        .error(Code::LedgerUnreachable, "the ledger's server cannot be reached")
        .fix("start it, or repair the connection, and run the same command again: it does what is left")
}

/// The error for a server that takes too long to answer.
pub(super) fn silent(server: &PostgresServer) -> Error {
    server.error(Code::LedgerBusy, "the ledger's server does not answer in time").fix(
        "find the cause on the server, for example a statement that holds a lock (pg_stat_activity), then try again",
    )
}

/// True if to wait for the server makes sense.
pub(crate) fn may_pass(error: &Error) -> bool {
    matches!(error.code(), Code::LedgerUnreachable | Code::LedgerLost)
}

fn is_shutdown(state: &SqlState) -> bool {
    // Class 08: connection exceptions.
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(state)
        || state.code().starts_with("08")
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || io_error(error).is_some()
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    let words = words(error);
    let rustls = io_error(error).and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    rustls.is_some() || words.contains("TLS")
}

fn io_error(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// All that is known, from the outside in.
fn words(error: &tokio_postgres::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    // Sources often repeat the text of the error above them.
    while let Some(inner) = source {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words.push_str(": ");
            words.push_str(&inner_words);
        }
        source = inner.source();
    }
    words
}

/// The error where a connection, and with it a transaction, is gone.
pub(super) fn lost(server: &PostgresServer) -> Error {
    server
        .error(Code::LedgerLost, "the connection to the ledger was lost")
        .fix("run the same command again when the server is back: what was done is kept, and the rest is done then")
}
