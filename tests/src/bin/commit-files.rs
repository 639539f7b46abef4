//! Writes files the way that tbpki does, for tests that kill it, give it a full disk or an odd umask.

use std::process::ExitCode;
use std::time::Duration;

use base::file::{self, FileSet, Lock, Mode};
use base::{Code, Result};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "the test reads it")]
            {
                eprintln!("{error:?}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["new", dir, generation] => identity(dir, generation)?.commit().map(drop),
        ["force", dir, generation, old] => identity(dir, generation)?.replacing(*old).commit().map(drop),
        ["remove", dir, name] => file::remove(dir, name).map(drop),
        ["recover", dir] => file::recover(dir).map(drop),
        ["hold", dir] => {
            // Without patience: the test holds one lock and needs to know at once whether a second one fails.
            let _lock = Lock::acquire(dir, "hold", Duration::ZERO)?;
            file::OutputTarget::new("-", Mode::Public).write(b"held\n")?;
            // Until the test kills it. Ten minutes, so that a test that fails to do so leaves no process for ever.
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        _ => Err(Code::Usage.error("commit-files new|force|remove|recover|hold DIR ..")),
    }
}

/// Two files that belong together and one that never changes.
fn identity(dir: &str, generation: &str) -> Result<FileSet> {
    let mut set = FileSet::new(dir);
    set.add("key.pem", format!("key {generation}").into_bytes(), Mode::Private)?;
    set.add("cert.pem", format!("certificate {generation}").into_bytes(), Mode::Public)?;
    // The same in every generation: a file that does not change must be left alone, and have no kept copy.
    set.add("anchors.pem", b"anchors".to_vec(), Mode::Public)?;
    // In a directory that differs with the generation, so that directories are made and removed too.
    set.add(format!("{generation}/store.p12"), format!("store {generation}").into_bytes(), Mode::Private)?;
    Ok(set)
}
