//! Ending a process at every single one of its writes.
//!
//! strace stops the process when it enters a system call that changes files, before that call is carried
//! out, and kills it there or lets the call fail. Done for every such call of a run, every state that the
//! files go through has been left behind once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::process::{Command, Output, Stdio};

/// The system calls that change files or what is known about them.
const WRITES: &str = "openat,openat2,open,creat,write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,\
    ftruncate,truncate,fallocate,fsync,fdatasync,syncfs,sync_file_range,msync,\
    mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,\
    chmod,fchmod,fchmodat,fchmodat2,chown,lchown,fchown,fchownat,utimensat,flock";

/// The system calls that send to a server.
const MESSAGES: &str = "sendto,sendmsg,sendmmsg,writev";

/// A process that makes the same call more often than this is taken for one that never ends.
const ENDLESS: usize = 20_000;

/// The fault at the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection<'a> {
    /// The process is killed (SIGKILL).
    Kill,
    /// The call fails with this error (`ENOSPC`).
    Error(&'a str),
    /// This call, and every later one of the same kind, fails with this error.
    ErrorFromHereOn(&'a str),
}

/// One disturbed run.
#[derive(Debug)]
pub struct Step {
    /// The call at which it was disturbed, as strace shows it.
    pub call: String,
    /// The output and status of the process.
    pub output: Output,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = String::from_utf8_lossy(&self.output.stderr);
        write!(f, "at {}: {} {}", self.call, self.output.status, said.trim())
    }
}

/// Kills a command at each of its writes in turn, and answers with their number.
///
/// `prepare` sets the scene again for every run, and gives the command and whatever `check` needs to look at
/// what is left.
///
/// # Errors
/// When strace is missing or may not trace, or when the command fails undisturbed.
pub fn kill_at_every_write<S>(
    prepare: impl FnMut() -> io::Result<(Command, S)>,
    check: impl FnMut(&Step, S),
) -> io::Result<usize> {
    disturb_every_write(Injection::Kill, prepare, check)
}

/// Kills a command before each message that it sends to a server in turn, and answers with their number.
///
/// # Errors
/// As [`kill_at_every_write`].
pub fn kill_at_every_message<S>(
    prepare: impl FnMut() -> io::Result<(Command, S)>,
    check: impl FnMut(&Step, S),
) -> io::Result<usize> {
    disturb_every_call(MESSAGES, Injection::Kill, prepare, check)
}

/// Like [`kill_at_every_write`] with any [`Injection`].
///
/// # Errors
/// When strace is missing or may not trace, or when the command fails undisturbed.
pub fn disturb_every_write<S>(
    injection: Injection<'_>,
    prepare: impl FnMut() -> io::Result<(Command, S)>,
    check: impl FnMut(&Step, S),
) -> io::Result<usize> {
    disturb_every_call(WRITES, injection, prepare, check)
}

fn disturb_every_call<S>(
    calls: &str,
    injection: Injection<'_>,
    mut prepare: impl FnMut() -> io::Result<(Command, S)>,
    mut check: impl FnMut(&Step, S),
) -> io::Result<usize> {
    let (command, _scene) = prepare()?;
    let lines = undisturbed(calls, &command)?;
    let mut steps = 0;
    for (name, writes) in calls_by_name(calls, &lines) {
        // What is only opened leaves nothing new behind; of all else there may be more than the first run had.
        // Retries and journals make later runs write more often than the first did.
        let numbers: Vec<usize> = if is_open(&name) { writes.into_iter().collect() } else { (1..=ENDLESS).collect() };
        for number in numbers {
            let (command, scene) = prepare()?;
            let Some(step) = disturb(calls, &command, injection, &name, number)? else { break };
            steps += 1;
            check(&step, scene);
        }
    }
    if steps == 0 {
        return Err(io::Error::other(format!("no write was seen in {lines}")));
    }
    Ok(steps)
}

/// The trace of a command that nothing disturbs.
fn undisturbed(calls: &str, command: &Command) -> io::Result<String> {
    let Run { output, lines } = trace(calls, command, None)?;
    // A command that fails by itself would make every disturbed run look right.
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("the undisturbed run failed: {} {}", output.status, said.trim())));
    }
    Ok(lines)
}

/// Kills a command at so many of its writes, spread over the run, and answers with their number.
///
/// # Errors
/// As [`kill_at_every_write`].
pub fn kill_at_some_writes<S>(
    kills: usize,
    mut prepare: impl FnMut() -> io::Result<(Command, S)>,
    mut check: impl FnMut(&Step, S),
) -> io::Result<usize> {
    let (command, _scene) = prepare()?;
    let lines = undisturbed(WRITES, &command)?;
    let writes: Vec<(String, usize)> = calls_by_name(WRITES, &lines)
        .into_iter()
        .filter(|(name, _)| !is_open(name))
        .flat_map(|(name, numbers)| numbers.into_iter().map(move |number| (name.clone(), number)))
        .collect();
    let mut steps = 0;
    // A later run can make a call less often than the first one. Two more than asked for, so that `kills` of them are left.
    for (name, number) in writes.iter().step_by((writes.len() / kills.saturating_add(2)).max(1)) {
        let (command, scene) = prepare()?;
        if let Some(step) = run_disturbed(&command, Injection::Kill, name, *number)? {
            steps += 1;
            check(&step, scene);
        }
    }
    Ok(steps)
}

/// Runs a command and disturbs the `number`th (from 1) system call `name` of it or any of its threads; `None`
/// where it makes fewer.
///
/// # Errors
/// When strace is missing or may not trace.
pub fn run_disturbed(
    command: &Command,
    injection: Injection<'_>,
    name: &str,
    number: usize,
) -> io::Result<Option<Step>> {
    disturb(WRITES, command, injection, name, number)
}

fn disturb(
    calls: &str,
    command: &Command,
    injection: Injection<'_>,
    name: &str,
    number: usize,
) -> io::Result<Option<Step>> {
    let (what, mark) = match injection {
        Injection::Kill => (format!("{name}:signal=KILL:when={number}"), "killed by SIGKILL"),
        Injection::Error(error) => (format!("{name}:error={error}:when={number}"), "(INJECTED)"),
        Injection::ErrorFromHereOn(error) => (format!("{name}:error={error}:when={number}+"), "(INJECTED)"),
    };
    let Run { output, lines } = trace(calls, command, Some(&what))?;
    // The call was never reached for this number of times: the run ended before.
    if !lines.contains(mark) {
        return Ok(None);
    }
    let call = match injection {
        // The last one: strace writes the call before it kills the process, and no line follows it.
        Injection::Kill => lines.lines().rfind(|line| line.contains(&format!(" {name}("))),
        _ => lines.lines().find(|line| line.contains(mark)),
    };
    Ok(Some(Step { call: call.unwrap_or_default().to_owned(), output }))
}

struct Run {
    output: Output,
    lines: String,
}

fn trace(calls: &str, command: &Command, inject: Option<&str>) -> io::Result<Run> {
    // A file and not strace's standard error, which the command uses for its messages.
    let log = tempfile::NamedTempFile::new()?;
    let mut strace = Command::new("strace");
    // `-f` for threads, and `-y` for the paths of descriptors: a failed check then names the file.
    strace.args(["-f", "-qq", "-y", "-o"]).arg(log.path()).args(["-e", &format!("trace={}", known(calls))]);
    if let Some(inject) = inject {
        strace.args(["-e", &format!("inject={inject}")]);
    }
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        strace.current_dir(dir);
    }
    let output = strace.stdin(Stdio::null()).output().map_err(|error| {
        io::Error::new(error.kind(), format!("strace cannot be run (apt-get install strace): {error}"))
    })?;
    let mut lines = String::new();
    io::Read::read_to_string(&mut log.as_file(), &mut lines)?;
    if lines.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("strace saw nothing of {command:?}: {}", said.trim())));
    }
    Ok(Run { output, lines })
}

/// The calls for `-e trace=`: one that this strace or this processor does not have is passed over.
fn known(calls: &str) -> String {
    format!("?{}", calls.replace(',', ",?"))
}

/// The kinds of calls in a trace that write, each with the numbers (from 1, by thread) at which it does: a
/// file that is only opened is not written.
fn calls_by_name(calls: &str, lines: &str) -> BTreeMap<String, BTreeSet<usize>> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut writes: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    // strace counts the calls of each thread by itself.
    for line in lines.lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if !calls.split(',').any(|write| write == name) {
            continue;
        }
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        if !is_open(name) || arguments.contains("O_CREAT") || arguments.contains("O_TRUNC") {
            writes.entry(name.to_owned()).or_default().insert(*count);
        }
    }
    writes
}

fn is_open(name: &str) -> bool {
    name.starts_with("open")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> io::Result<(Command, tempfile::TempDir)> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(dir.path());
        Ok((command, dir))
    }

    #[test]
    fn every_state_that_a_process_goes_through_is_seen() {
        let mut seen = BTreeSet::new();
        let script = "echo a > one; mkdir two; mv one two";
        let steps = kill_at_every_write(
            || shell(script),
            |step, dir| {
                let found = |name: &str| dir.path().join(name).exists();
                seen.insert((found("one"), found("two"), found("two/one")));
                assert!(step.call.contains('('), "{step}");
            },
        );
        assert!(steps.unwrap() >= 3);
        let states = [(false, false, false), (true, false, false), (true, true, false)];
        assert!(states.iter().all(|state| seen.contains(state)), "{seen:?}");
    }

    #[test]
    fn every_message_to_a_server_is_one() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script =
            "import socket,sys\ns=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\ns.send(b'a')\ns.send(b'b')";
        let mut received = Vec::new();
        let steps = kill_at_every_message(
            || {
                let mut command = Command::new("python3");
                command.args(["-c", script, &port.to_string()]);
                Ok((command, ()))
            },
            |_, ()| {
                // The undisturbed run has sent both.
                while received.len() < 3 {
                    let mut text = String::new();
                    io::Read::read_to_string(&mut listener.accept().unwrap().0, &mut text).unwrap();
                    received.push(text);
                    if received.len() > 1 {
                        break;
                    }
                }
            },
        );
        assert_eq!((steps.unwrap(), received), (2, vec!["ab".to_owned(), String::new(), "a".to_owned()]));
    }

    #[test]
    fn a_write_can_fail_instead() {
        let mut failed = 0;
        let full = Injection::Error("ENOSPC");
        disturb_every_write(
            full,
            || shell("mkdir a; rmdir a"),
            |step, dir| {
                let said = String::from_utf8_lossy(&step.output.stderr);
                failed += usize::from(said.contains("No space left on device"));
                drop(dir);
            },
        )
        .unwrap();
        assert!(failed >= 2);
    }

    #[test]
    fn a_command_that_fails_by_itself_is_not_walked() {
        assert!(kill_at_every_write(|| shell("echo x > y; exit 3"), |_, _| ()).is_err());
    }
}
