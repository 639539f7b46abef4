//! A PostgreSQL server for tests: Debian's package, a new cluster in a directory of its own, ended with the test.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

mod certificates;

pub use certificates::Certificates;

/// The user that owns the databases, and a user that may come over TLS alone.
pub const USER: &str = "tbpki";
/// As [`USER`], over TLS.
pub const TLS_USER: &str = "tlsonly";
/// The password of both.
pub const PASSWORD: &str = "s3cret of the fleet";

/// A server that runs, or not.
pub struct Cluster {
    shell: Child,
    talk: Mutex<(Option<ChildStdin>, BufReader<ChildStdout>)>,
    dir: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// Lives as long as its input: the process that started it may be killed at any moment, and the server ends with it. Each line
/// is a command, answered by a line.
///
/// $1 is the directory of the programs, $2 the port, $3 and $4 are certificate and key.
const SHELL: &str = r#"
set -u
dir=$(mktemp -d) || exit 1
cp "$3" "$dir/server.crt" && cp "$4" "$dir/server.key" && chmod 600 "$dir/server.key" || exit 1
printf '%s\n' "$PASSWORD" > "$dir/password"
"$1/initdb" -D "$dir/data" -U tbpki -E UTF8 --locale=C --no-sync --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile="$dir/password" > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
printf '%s\n' 'local all all trust' 'hostnossl all tlsonly all reject' 'host all all 127.0.0.1/32 scram-sha-256' \
    > "$dir/data/pg_hba.conf"
pid=
start() {
    "$1/postgres" -D "$dir/data" -k "$dir" -p "$2" -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200 \
        -c ssl=on -c ssl_cert_file="$dir/server.crt" -c ssl_key_file="$dir/server.key" >> "$dir/log" 2>&1 < /dev/null &
    pid=$!
    tries=0
    until "$1/pg_isready" -q -h "$dir" -p "$2"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 $pid; then tail "$dir/log" >&2; exit 1; fi
        sleep 0.1
    done
}
stop() {
    if [ -n "$pid" ]; then kill "-$1" $pid; wait $pid; pid=; fi
}
echo "$dir"
while read -r command; do
    case $command in
        start) start "$1" "$2" ;;
        stop) stop INT ;;
        crash) stop QUIT ;;
    esac
    echo done
done
stop INT
rm -rf "$dir"
"#;

impl Cluster {
    /// A new cluster whose server runs. It shows this certificate (PEM files) to who wants TLS.
    pub fn start(certificate: &Path, key: &Path) -> Self {
        // PostgreSQL cannot choose a port itself. The listener is gone at once, so another process could take the port
        // before the server does; the start would fail then.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = if is_root() {
            // initdb refuses to be root.
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut shell = command
            .args(["-c", SHELL, "sh"])
            .arg(programs())
            .arg(port.to_string())
            .args([certificate, key])
            // Not as an argument, which every user of the machine can list.
            .env("PASSWORD", PASSWORD)
            // The user postgres may not be let into the directory of the tests.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("PostgreSQL is not there: cargo xtask setup");
        let stdin = shell.stdin.take();
        let mut stdout = BufReader::new(shell.stdout.take().unwrap());
        let mut dir = String::new();
        stdout.read_line(&mut dir).unwrap();
        assert!(!dir.is_empty(), "there is no cluster");
        let dir = PathBuf::from(dir.trim_end());
        let cluster = Self { shell, talk: Mutex::new((stdin, stdout)), dir, port, databases: AtomicU32::new(0) };
        cluster.resume();
        cluster.sql("postgres", &format!("CREATE ROLE {TLS_USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'"));
        cluster
    }

    /// Starts the server again.
    pub fn resume(&self) {
        self.say("start");
    }

    /// Ends the server in order. Connections are cut.
    pub fn stop(&self) {
        self.say("stop");
    }

    /// Ends the server without giving it time to clean up.
    pub fn crash(&self) {
        self.say("crash");
    }

    /// A new database; its name.
    pub fn database(&self) -> String {
        let name = format!("fleet{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The address of a database over TCP, for [`USER`].
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of a database over the unix socket, where no password is asked for.
    pub fn socket_url(&self, database: &str) -> String {
        let dir = self.dir.to_str().unwrap().replace('/', "%2F");
        format!("postgres://{USER}@{dir}:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL as the owner of everything, and returns what it yields.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = Command::new(programs().join("psql"))
            // -X leaves the user's own psqlrc out, which could change what is printed.
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", database, "-c", sql])
            .arg("-h")
            .arg(&self.dir)
            .args(["-p", &self.port.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn say(&self, command: &str) {
        let mut talk = self.talk.lock().unwrap();
        let (stdin, stdout) = &mut *talk;
        writeln!(stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n", "the server does not {command}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input ends the server.
        if let Ok(talk) = self.talk.get_mut() {
            talk.0 = None;
        }
        // Waits, so that the directory is gone and the port free when the next cluster starts.
        let _ = self.shell.wait();
    }
}

/// The directory of the programs: that of Debian's latest installed version, else the PATH.
fn programs() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    // Debian keeps initdb and postgres out of the PATH, a directory for each version.
    let latest = versions.map(|entry| entry.path()).max_by_key(version).map(|path| path.join("bin"));
    latest.filter(|bin| bin.join("initdb").exists()).unwrap_or_else(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).find(|dir| dir.join("initdb").exists());
        found.expect("PostgreSQL is not there: cargo xtask setup")
    })
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
