//! Completion in shells: fixed values from the command line's definition, names and numbers from the ledger.
//!
//! The script of a shell runs `tbpki` at each TAB, with `VARIABLE` set. Completion must not disturb a person who is
//! typing: it prints no errors, asks nothing, connects to nothing, and only reads.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use base::text::quote;
use base::{Code, Result};
use clap::{Command, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use clap_complete::{CompleteEnv, Shell};
use config::{Config, Environment};
use fleet::selection::{NameGlob, Selection};
use ledger::{Kind, View};
use store::StoreLocation;
use store::ca::Ca;
use store::secrets::Secrets;

use crate::environment::CONFIG;

/// The variable that makes `tbpki` answer a shell instead of running a verb.
const VARIABLE: &str = "TBPKI_COMPLETE";

/// The most names that are offered at once; a shell cannot show a fleet.
const MOST: usize = 1_000;

/// Answers a shell that asks for completions of `command`. False if this process is not asked by one.
///
/// # Errors
/// `Usage` if the variable names no shell. The verb must not run then: the script that has set it would run it at each TAB.
pub(crate) fn respond(command: fn() -> Command, args: &[OsString]) -> Result<bool> {
    let Some(shell) = std::env::var_os(VARIABLE).filter(|shell| !shell.is_empty() && shell != "0") else {
        return Ok(false);
    };
    let known = Shell::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>();
    if !known.iter().any(|known| shell == known.as_str()) {
        // The script of another version can name another shell, and the person who types must not get errors from it.
        // Scripts put the words of the line behind `--`.
        if args.get(1).is_some_and(|word| word == "--") {
            return Ok(true);
        }
        return Err(Code::Usage
            .error(format!("there are no completions for the shell {}", quote(&shell.to_string_lossy())))
            .argument(VARIABLE)
            .fix(format!("unset the variable {VARIABLE}; `tbpki completions` makes the scripts that set it")));
    }
    let here = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(command).var(VARIABLE).try_complete(args, here.as_deref());
    // An error is a closed pipe: the person at the shell gets no candidates.
    // True: the arguments were a call of the completer, and the verb must not run.
    Ok(answer.unwrap_or(true))
}

/// The script that makes a shell complete `tbpki`.
///
/// # Errors
/// `Internal` if the script cannot be made.
pub fn script(shell: Shell) -> Result<String> {
    let unknown = || Code::Internal.error(format!("no completions for {shell}"));
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        _ => return Err(unknown()),
    };
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "tbpki", "tbpki", "tbpki", &mut script)
        .map_err(|error| unknown().caused_by(error))?;
    String::from_utf8(script).map_err(|error| unknown().caused_by(error))
}

/// Completes the names of devices in the ledger.
pub(crate) fn devices() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| names(Kind::Device, typed))
}

/// Completes the names of servers in the ledger.
pub(crate) fn servers() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| names(Kind::Server, typed))
}

/// Completes the names of CAs in the ledger.
pub(crate) fn cas() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let mut found = names(Kind::Ca, typed);
        // Certificates of a CA's key by other generations of its root have rows of their own, which no verb takes.
        found.retain(|found| found.get_value().to_str().is_some_and(|name| Ca::named(name).is_some()));
        found
    })
}

/// Completes the numbers of jobs in the ledger.
pub(crate) fn jobs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let jobs = ledger().and_then(|ledger| ledger.jobs().ok()).unwrap_or_default();
        let numbers = jobs.iter().map(|job| job.id.to_string());
        candidates(numbers.filter(|number| typed.to_str().is_some_and(|typed| number.starts_with(typed))))
    })
}

fn names(kind: Kind, typed: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(typed), Some(ledger)) = (typed.to_str(), ledger()) else { return Vec::new() };
    let name = Some(NameGlob::new(&format!("{typed}*")));
    let selection = Selection { kinds: vec![kind], name, ..Selection::default() };
    let entries = selection.entries(&ledger).map_while(Result::ok);
    // The pattern may contain the glob's own characters, which a name that is typed does not mean.
    candidates(entries.map(|entry| entry.key.name).filter(|name| name.starts_with(typed)).take(MOST))
}

fn candidates(values: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    values.map(CompletionCandidate::new).collect()
}

/// The ledger of the store in this directory, or none. A ledger on a server is not asked: the connection may need a
/// password, and takes longer than a person waits for a TAB.
fn ledger() -> Option<View> {
    let environment = Environment::of_process().with_host_name(&base::host::host_name());
    // Without `--trust-owner`, even if the line has it: the line is not finished, so its decision is not made.
    let trust = crate::environment::trust(false);
    // The rules of a verb apply here too: Tab in a directory of another user must read nothing there.
    trust.check(&config_path()).ok()?;
    let (config, _) = Config::load(&config_path(), &environment, &[]).ok()?;
    store::check_trust(config.general.store.resolved(), &trust).ok()?;
    if config.ledger.url.value.is_some() {
        return None;
    }
    let mut ask = |what: &str| Err(Code::NeedsAnswer.error(format!("completion does not ask for {what}")));
    let location = StoreLocation::of(&config, &mut Secrets::new(&environment, &mut ask), || Ok(Vec::new())).ok()?;
    store::view(&location).ok()
}

/// The configuration that the command line names, else that of the environment or of this directory.
fn config_path() -> PathBuf {
    let words: Vec<OsString> = std::env::args_os().collect();
    let behind = words.iter().skip_while(|word| *word != "--config").nth(1);
    // clap is not asked, because the line is not complete and would not parse.
    let joined = || words.iter().find_map(|word| word.to_str()?.strip_prefix("--config=").map(OsString::from));
    let typed = behind.cloned().or_else(joined).map(PathBuf::from);
    typed.or_else(crate::environment::config).unwrap_or_else(|| CONFIG.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_a_script_that_runs_tbpki() {
        for shell in Shell::value_variants() {
            let script = script(*shell).unwrap();
            assert!(script.contains(VARIABLE) && script.contains("tbpki"), "{shell}: {script}");
        }
    }
}
