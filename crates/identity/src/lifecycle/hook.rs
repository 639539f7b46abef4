//! The program that runs once files of this host were replaced, for example to make a service load them.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Error, Result, file};
use rustix::process::{Pid, Signal, kill_process_group};

/// The longest time that the program may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The time that it has to end by itself after that.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(50);

/// A program with its arguments. No shell interprets them.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The setting that names it, for messages.
    setting: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    /// Variables besides those with the names.
    variables: Vec<(&'static str, String)>,
}

impl Hook {
    /// The program of a command line that `setting` has; `None` for an empty one. A program without a directory is searched
    /// in `PATH`.
    pub fn of(setting: &'static str, words: &[OsString], search: Option<&OsString>) -> Option<Self> {
        let (program, args) = words.split_first()?;
        let named = PathBuf::from(program);
        let is_bare = named.components().count() == 1 && !program.to_string_lossy().contains('/');
        let found = search
            .filter(|_| is_bare)
            .and_then(|path| std::env::split_paths(path).map(|dir| dir.join(program)).find(|path| path.is_file()));
        Some(Self { setting, program: found.unwrap_or(named), args: args.to_vec(), variables: Vec::new() })
    }

    /// Lets a relative path with a slash start at the directory of a file, in place of the working directory.
    #[must_use]
    pub fn from_directory_of(mut self, file: &Path) -> Self {
        if let Some(directory) = file.parent().filter(|_| self.program.to_string_lossy().contains('/')) {
            // An absolute path stays as it is.
            self.program = directory.join(&self.program);
        }
        self
    }

    /// Sets one more variable for the program.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Fails if the program is missing, or if another user could put something else in its place.
    ///
    /// # Errors
    /// [`Code::HookUnsafe`].
    pub fn check(&self) -> Result<()> {
        // A path of one component would be searched in `PATH` by the system, which has been done.
        if !self.program.exists() {
            return Err(Code::HookUnsafe
                .error(format!("the program of {} does not exist", self.setting))
                .at(&self.program)
                .fix(
                    "correct its path: a relative path with a slash starts at the directory of keygen.toml, or for an \
                     option or a variable at the working directory; a name without a slash is searched in PATH",
                ));
        }
        file::check_program(&self.program)
    }

    /// Runs the program for these servers and devices. Their names are in its environment: one on each line of `TBPKI_SERVERS` and
    /// `TBPKI_DEVICES`. It has no input, and its output goes to standard error.
    ///
    /// # Errors
    /// [`Code::HookUnsafe`]; [`Code::HookFailed`] if it cannot start, ends with another status than 0 or takes too long.
    pub fn run(&self, servers: &[&str], devices: &[&str]) -> Result<()> {
        // Checked here too: signing and writing took time since the caller's check, and the file may have changed.
        self.check()?;
        // Standard output is for the data of the verb, for example `--json`: a line of the program would break it.
        let output = std::io::stderr().as_fd().try_clone_to_owned().map_err(|error| self.failed(&error))?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::from(output));
        // Variables of tbpki can have secrets.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TBPKI_")) {
            command.env_remove(name);
        }
        command.env("TBPKI_SERVERS", servers.join("\n")).env("TBPKI_DEVICES", devices.join("\n"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // A group of its own, so that the programs that it has started end with it.
        command.process_group(0);
        self.wait(command.spawn().map_err(|error| self.failed(&error))?, LIMIT)
    }

    fn wait(&self, mut child: Child, limit: Duration) -> Result<()> {
        if let Some(status) = ended(&mut child, limit).map_err(|error| self.failed(&error))? {
            return if status.success() { Ok(()) } else { Err(self.failed(&status)) };
        }
        let group = Pid::from_child(&child);
        // A group that is gone needs no signal.
        let _ = kill_process_group(group, Signal::TERM);
        let stopped = ended(&mut child, GRACE);
        // Also if the program has ended: a child of it can ignore the first signal, and would keep our standard error open.
        let _ = kill_process_group(group, Signal::KILL);
        if !matches!(stopped, Ok(Some(_))) {
            // Without the wait the killed program would stay a zombie as long as a service such as `tbpki serve` runs.
            child.wait().map_err(|error| self.failed(&error))?;
        }
        Err(self.failed(&format!("it did not end within {} s", limit.as_secs())))
    }

    fn failed(&self, why: &impl ToString) -> Error {
        Code::HookFailed
            .error(format!("the program of {} failed", self.setting))
            .at(&self.program)
            .because(why.to_string())
            .fix("the files are in their places; repair the program, then run the same command again: it runs the program once more")
    }
}

/// Waits for the end of a program; `None` if it still runs after `limit`.
fn ended(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if begun.elapsed() > limit => return Ok(None),
            None => thread::sleep(TICK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_a_file_is_found_from_its_directory() {
        let path = |word: &str| {
            let hook = Hook::of("after", &[word.into()], None).unwrap();
            hook.from_directory_of(Path::new("../site/keygen.toml")).program
        };
        assert_eq!(path("./hook.sh"), Path::new("../site/./hook.sh"));
        assert_eq!(path("bin/hook"), Path::new("../site/bin/hook"));
        assert_eq!(path("/usr/bin/hook"), Path::new("/usr/bin/hook"));
        assert_eq!(path("hook"), Path::new("hook"));
        let error = Hook::of("after", &["./none".into()], None).unwrap().check().unwrap_err();
        assert!(error.code() == Code::HookUnsafe && error.to_string().contains("does not exist"), "{error}");
    }

    #[test]
    fn what_a_program_has_started_ends_with_it() {
        let hook = Hook::of("after", &["sh".into()], None).unwrap();
        let mut command = Command::new("sh");
        // The inner shell ignores the first signal.
        command.args(["-c", "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done'"]);
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let error = hook.wait(child, Duration::from_millis(500)).unwrap_err();
        assert_eq!(error.code(), Code::HookFailed);
        // The end of the output: no process has it open any more.
        let mut text = String::new();
        io::Read::read_to_string(&mut output, &mut text).unwrap();
        assert!(text.trim().parse::<u32>().is_ok(), "{text:?}");
    }
}
