//! The address of the server, and the conditions for sending anything to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base::{Code, Error, Result, Secret};
use tokio_postgres::config::{Host, SslMode};

/// A PostgreSQL server that keeps a ledger.
#[derive(Clone)]
pub struct PostgresServer {
    config: tokio_postgres::Config,
    /// The roots that its certificate must lead to, in DER; `None` if nothing is encrypted.
    roots: Option<Vec<Vec<u8>>>,
    patience: Duration,
    answer_limit: Option<Duration>,
}

/// How long a server that went away is waited for, and other stations that keep everybody out: restarts and failovers
/// take less, and so does the longest transaction, the comparison of a million new names.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same in a service, whose clients wait at most 30 seconds for their answers: other stations hold the lock for
/// milliseconds, and those that hold it for longer are waited for by the clients, who ask again.
const PATIENCE_OF_SERVICE: Duration = Duration::from_secs(5);

/// How long a statement of a service may take. Those about single identities take milliseconds, and the longest one removes the
/// expired passwords of a whole fleet.
const ANSWER_LIMIT_OF_SERVICE: Duration = Duration::from_secs(20);

impl PostgresServer {
    /// The server at `url` (`postgres://user@host:port/database`). `roots` is asked for the trust anchors of its
    /// certificate, in DER, if it is going to be talked to over TLS: always where it is on another machine, and on
    /// this one if the URL has `sslmode=require` or `tls` is set.
    ///
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::BadValue`] for a URL that is none or holds a password, [`Code::LedgerInsecure`] for one that wants to go
    /// over the network without TLS, and those of `roots`.
    pub fn new(
        url: &str,
        password: Option<&Secret>,
        tls: bool,
        roots: impl FnOnce() -> Result<Vec<Vec<u8>>>,
    ) -> Result<Self> {
        // The parser's own words may repeat what it was given.
        let mut config: tokio_postgres::Config = url.parse().map_err(|_| {
            let error = Code::BadValue.error("the address of the ledger cannot be understood");
            error.fix("write postgres://USER@HOST:PORT/DATABASE, and where the password is as ledger.password")
        })?;
        // A password in the URL would be in keygen.toml, in backups of it, and in error messages of other programs.
        if config.get_password().is_some() {
            return Err(Code::BadValue.error("the address of the ledger contains a password").fix(
                "name the location of the password as ledger.password, and remove the password from the address",
            ));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Code::BadValue
                .error("the address of the ledger names no host")
                .fix("write postgres://USER@HOST:PORT/DATABASE"));
        }
        if let Some(password) = password {
            config.password(password.reveal());
        }
        // TLS is required for every host but this one, whatever the URL prefers.
        let wants_tls = tls || config.get_ssl_mode() == SslMode::Require;
        let is_local = is_local(&config);
        // `sslmode=prefer` would fall back to plain text if an attacker drops the request for TLS.
        if !is_local && config.get_ssl_mode() == SslMode::Disable {
            return Err(Code::LedgerInsecure.error("the ledger would be talked to over the network without TLS").fix(
                "remove sslmode=disable from ledger.url, and name the root of the server's certificate as ledger.ca",
            ));
        }
        let encrypted = wants_tls || !is_local;
        config
            .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable })
            // The name in pg_stat_activity, by which an administrator finds the station that holds a lock.
            .application_name("tbpki")
            // A server that is gone without a word is noticed.
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        // Without a limit a host that drops packets is waited for as long as the system retries, which is minutes.
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let roots = if encrypted { Some(roots()?) } else { None };
        Ok(Self { config, roots, patience: PATIENCE, answer_limit: None })
    }

    /// Waits this long for a server that went away, and for other stations, instead of a minute.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A statement that takes longer than this fails, and so does one whose answer stays away.
    #[must_use]
    pub fn with_answer_limit(mut self, limit: Duration) -> Self {
        self.answer_limit = Some(limit);
        self
    }

    /// The same server for a service, which must answer its own clients while the server hangs.
    #[must_use]
    pub fn for_service(mut self) -> Self {
        self.config.connect_timeout(PATIENCE_OF_SERVICE);
        self.with_patience(PATIENCE_OF_SERVICE).with_answer_limit(ANSWER_LIMIT_OF_SERVICE)
    }

    /// The address without the user and the password, as messages name it. A URL of `[ledger] url` can contain it as it is
    /// (RFC 3986, section 2.1): the path of a socket and the name of the database are encoded.
    pub fn address(&self) -> String {
        self.name().to_string_lossy().into_owned()
    }

    /// The same as a path, in the place of that of a file.
    pub(crate) fn name(&self) -> PathBuf {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => in_brackets(host.clone()),
            Some(Host::Unix(path)) => encoded(path.as_os_str().as_encoded_bytes()),
            None => in_brackets(self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default()),
        };
        // The default port of PostgreSQL.
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = encoded(self.config.get_dbname().unwrap_or_default().as_bytes());
        format!("postgres://{host}:{port}/{database}").into()
    }

    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    pub(crate) fn roots(&self) -> Option<&[Vec<u8>]> {
        self.roots.as_deref()
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The longest time for a statement; `None` for as long as it takes.
    pub(crate) fn answer_limit(&self) -> Option<Duration> {
        self.answer_limit
    }

    /// An error about this server.
    pub(crate) fn error(&self, code: Code, what: &str) -> Error {
        code.error(what).at(self.name())
    }
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.name().display())
    }
}

/// A host in a URL: an IPv6 address is in brackets (RFC 3986, section 3.2.2).
fn in_brackets(host: String) -> String {
    if host.contains(':') { format!("[{host}]") } else { host }
}

/// A part of a URL, with every octet encoded that is not unreserved (RFC 3986, section 2.3).
fn encoded(part: &[u8]) -> String {
    let octet = |octet: &u8| match octet {
        b'-' | b'.' | b'_' | b'~' => char::from(*octet).to_string(),
        octet if octet.is_ascii_alphanumeric() => char::from(*octet).to_string(),
        octet => format!("%{octet:02X}"),
    };
    part.iter().map(octet).collect()
}

/// True if what is sent stays on this machine.
fn is_local(config: &tokio_postgres::Config) -> bool {
    let host = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    };
    // All hosts must be local: the driver tries them in turn.
    config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback) && config.get_hosts().iter().all(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, tls: bool) -> Result<PostgresServer> {
        PostgresServer::new(url, None, tls, || Ok(vec![vec![1]]))
    }

    #[test]
    fn outside_of_this_machine_there_is_tls() {
        for (url, tls, encrypted) in [
            ("postgres://u@localhost/db", false, false),
            ("postgres://u@127.0.0.1:5433/db", false, false),
            ("postgres://u@[::1]/db", false, false),
            ("postgres://u@%2Frun%2Fpostgresql/db", false, false),
            ("postgres://u@localhost/db", true, true),
            ("postgres://u@localhost/db?sslmode=require", false, true),
            ("postgres://u@db.example/db", false, true),
            ("postgres://u@db.example/db?sslmode=prefer", false, true),
            // One of several hosts outside is enough, and `hostaddr` is
            // what is connected to, whatever the host is called.
            ("postgres://u@localhost,db.example/db", false, true),
            ("postgres://u@localhost/db?hostaddr=192.0.2.1", false, true),
        ] {
            let server = server(url, tls).unwrap();
            let expected = if encrypted { SslMode::Require } else { SslMode::Disable };
            assert_eq!((server.config().get_ssl_mode(), server.roots().is_some()), (expected, encrypted), "{url}");
        }
        let error = server("postgres://u@db.example/db?sslmode=disable", false).unwrap_err();
        assert_eq!(error.code(), Code::LedgerInsecure);
    }

    #[test]
    fn an_address_that_is_none_or_holds_a_password_is_refused_without_showing_it() {
        for url in [
            "postgres://u:hunter2@localhost/db",
            "postgres://u@localhost/db?password=hunter2",
            "postgres://u@localhost/db?hunter2=1",
            // A password may have been typed in the wrong place: the error must not repeat the text.
            "postgres:///hunter2",
            "hunter2",
        ] {
            let error = server(url, false).unwrap_err();
            assert_eq!(error.code(), Code::BadValue, "{url}");
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn its_name_and_its_debug_form_hold_no_user_and_no_password() {
        let password = Secret::from("hunter2");
        let server =
            PostgresServer::new("postgres://admin@localhost:5433/fleet", Some(&password), false, || Ok(vec![]));
        let server = server.unwrap();
        assert_eq!(server.name(), PathBuf::from("postgres://localhost:5433/fleet"));
        assert_eq!(format!("{server:?}"), "Server(postgres://localhost:5433/fleet)");
    }
}
