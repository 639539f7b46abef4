//! Whatever is wrong is refused: with its own code, in words that help, and with nothing written.

mod advice;
mod command_line;
mod configuration;
mod csr;
mod disk;
mod imported_ca;
mod init;
mod issuing;
mod keystores;
mod locked;
mod openssl_ca;
mod store;
mod system;
mod targets;
mod tokens;

use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

/// The expected failure of a command.
#[derive(Clone, Copy)]
struct Expected<'a> {
    status: i32,
    code: u16,
    /// Every one of these must appear in the message.
    words: &'a [&'a str],
}

/// The input or the environment is wrong.
const fn user<'a>(code: u16, words: &'a [&'a str]) -> Expected<'a> {
    Expected { status: 1, code, words }
}

/// The command line is wrong.
const fn usage<'a>(code: u16, words: &'a [&'a str]) -> Expected<'a> {
    Expected { status: 2, code, words }
}

/// Runs tbpki in the sandbox, which has to refuse and to leave everything there as it was.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], expected: Expected<'_>) {
    refused_with(sandbox, args, |tool| tool, expected);
}

/// The same with variables, standard input or whatever else `change` gives to the command.
#[track_caller]
fn refused_with(sandbox: &Sandbox, args: &[&str], change: impl Fn(Tool) -> Tool, expected: Expected<'_>) {
    let before = Snapshot::of(sandbox.path());
    for json in [false, true] {
        let args = args.iter().copied().chain(json.then_some("--json"));
        let outcome = change(sandbox.tbpki(args)).run();
        has_expected(&outcome, json, expected);
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
}

/// The error is complete for people, and with `--json` for programs as well.
#[track_caller]
fn has_expected(outcome: &Outcome, json: bool, expected: Expected<'_>) {
    let Expected { status, code, words } = expected;
    let code = format!("TBPKI-{code:04}");
    assert!(outcome.status == status, "expected exit status {status} from {outcome}");
    let said = outcome.stderr_text();
    assert!(said.contains(&format!("error[{code}]: ")), "expected {code} from {outcome}");
    for word in words {
        assert!(said.contains(word), "expected {word:?} from {outcome}");
    }
    if !json {
        assert!(outcome.stdout.is_empty(), "an error is no result: {outcome}");
        return;
    }
    let envelope = outcome.json();
    assert_eq!(envelope["version"], 1, "{outcome}");
    assert_eq!(envelope["error"]["code"], code.as_str(), "{outcome}");
    assert_eq!(envelope["error"]["severity"], "fault", "{outcome}");
    assert!(envelope.get("result").is_none(), "{outcome}");
    let verb = outcome.line.split_whitespace().nth(1).unwrap_or_default();
    assert!(envelope["verb"].as_str().unwrap().starts_with(verb), "{outcome}");
}
