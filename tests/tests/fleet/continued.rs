//! Continued jobs: their files have the form that the job was staged with, and a command that asks for another one fails.

use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::{Clock, Sandbox};
use time::OffsetDateTime;

/// Recipients of the examples of age. Their secret keys are not needed to seal.
pub(crate) const FACTORY: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const OTHER: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

const ISSUE: [&str; 6] = ["fleet", "issue", "--count", "3", "--name-pattern", "s-{}"];

/// Runs a command and kills it before its first shard is on the disk: its job is staged, and no device is issued.
#[track_caller]
pub(crate) fn staged(sandbox: &Sandbox, args: &[&str]) {
    let command = sandbox.tbpki(args).command();
    run_disturbed(&command, Injection::Kill, "syncfs", 1).unwrap().expect("no shard was written");
}

/// True if a file outside of the store contains a private key in plain text.
fn has_plain_keys(sandbox: &Sandbox) -> bool {
    let outside = sandbox.files().into_iter().filter(|path| !path.starts_with("pki"));
    outside.map(|path| sandbox.read(path)).any(|bytes| bytes.windows(11).any(|window| window == b"PRIVATE KEY"))
}

#[test]
fn a_job_is_continued_in_the_form_that_it_was_staged_with() {
    let sandbox = Sandbox::with_store();
    staged(&sandbox, &[&ISSUE[..], &["--archive", "p.tar"]].concat());
    let resume = ["fleet", "issue", "--resume", "1"];
    for other in ["sealed.tar.age", "p.tar.zst"] {
        let refused = sandbox.fails(resume.into_iter().chain(["--archive", other]), 1, "TBPKI-0095");
        assert!(refused.stderr_text().contains("fleet cancel 1"), "{refused}");
        assert!(!sandbox.join(format!("{other}.parts")).exists(), "{other}");
    }
    sandbox.fails(resume.into_iter().chain(["--out", "shards"]), 1, "TBPKI-0095");
    assert!(!sandbox.join("shards").exists());
    sandbox.ok(resume.into_iter().chain(["--archive", "moved.tar"])).prints("issued      3 of 3");

    staged(&sandbox, &["fleet", "issue", "--count", "3", "--name-pattern", "t-{}", "--out", "t"]);
    sandbox.fails(["fleet", "issue", "--resume", "--archive", "x.tar"], 1, "TBPKI-0095");
    assert!(!sandbox.join("x.tar.parts").exists());
}

#[test]
fn a_resumed_job_takes_no_options_of_new_jobs() {
    let sandbox = Sandbox::with_store();
    sandbox.write("recipients", FACTORY);
    staged(&sandbox, &[&ISSUE[..], &["--archive", "p.tar"]].concat());
    for verb in ["issue", "run"] {
        for option in [
            &["--recipient", FACTORY, "--archive", "p.tar.age"][..],
            &["--recipients-file", "recipients", "--archive", "p.tar.age"],
            &["--zstd", "--archive", "p.tar"],
            &["--layout", "archive", "--archive", "p.tar"],
            &["--days", "3"],
            &["--alg", "ed25519"],
            &["--format", "der"],
            &["--san", "a.example"],
            &["--profile", "nope"],
        ] {
            let args = ["fleet", verb, "--resume"].into_iter().chain(option.iter().copied());
            sandbox.fails(args, 2, "TBPKI-0011");
        }
    }
    assert!(!sandbox.join("p.tar.age.parts").exists());
}

#[test]
fn a_renewal_is_continued_for_the_recipients_that_it_was_staged_for() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let sandbox = Sandbox::with_store().at(&clock);
    sandbox.ok(ISSUE.into_iter().chain(["--days", "100", "--archive", "f.tar.age", "--recipient", FACTORY]));
    clock.pass(80);
    let renew = ["fleet", "renew", "--job", "1", "--archive"];
    staged(&sandbox, &[&renew[..], &["r.tar.age", "--recipient", FACTORY]].concat());
    for other in [
        &["r.tar"][..],
        &["r.tar.zst.age", "--recipient", FACTORY],
        &["r.tar.age", "--recipient", OTHER],
        &["r.tar.age", "--recipient", FACTORY, "--recipient", OTHER],
    ] {
        let refused = sandbox.fails(renew.into_iter().chain(other.iter().copied()), 1, "TBPKI-0095");
        assert!(refused.stderr_text().contains(FACTORY), "{refused}");
    }
    let again = renew.into_iter().chain(["r.tar.age", "--recipient", FACTORY]);
    sandbox.ok(again).prints("issued      3 of 3");
    assert!(!has_plain_keys(&sandbox));
}
