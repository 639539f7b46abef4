//! What the system allows and other programs do not expect: paths that are not text, pipes in the place of files, and a limit
//! for the size of files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tbpki_tests::binary::tbpki;
use tbpki_tests::{Clock, Sandbox, Snapshot, Tool};
use time::macros::datetime;

use crate::{refused, refused_with, usage, user};

/// A pipe without a writer, in the place of a file.
fn pipe(path: &Path) {
    drop(fs::remove_file(path));
    Tool::new("mkfifo").arg(path).run().ok();
}

#[test]
fn a_pipe_without_a_writer_is_not_waited_for() {
    let sandbox = Sandbox::with_store();
    pipe(&sandbox.join("pipe"));
    let here = ["--new-passphrase-file", "pipe"];
    refused(&sandbox, &[&["ca", "passphrase", "devices-root"][..], &here].concat(), user(9, &["no writer"]));
    let from = ["init", "--insecure-no-passphrase", "--config", "other.toml", "--from", "pipe"];
    refused(&sandbox, &from, user(80, &["no writer"]));
    let section = "[client.keystore]\n";
    let toml = sandbox.text("keygen.toml").replace(section, &format!("{section}password = {{ file = \"pipe\" }}\n"));
    sandbox.write("keygen.toml", toml);
    refused(&sandbox, &["client", "pump-1", "--format", "p12"], user(9, &["no writer"]));
    pipe(&sandbox.join("keygen.toml"));
    for args in
        [&["list"][..], &["client", "pump-1"], &["crl"], &["store", "check"], &["renew", "--all"], &["config", "show"]]
    {
        refused(&sandbox, args, user(80, &["keygen.toml", "no writer"]));
    }
    // Completion prints nothing, and ends.
    sandbox.tbpki(["--", "tbpki", "renew", ""]).env("TBPKI_COMPLETE", "bash").run();
}

#[test]
fn a_path_that_is_not_utf_8_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::with_store();
    sandbox.write(OsStr::from_bytes(b"pw\xe4"), "long enough");
    let rows: &[(&[&str], &[u8], &str)] = &[
        (&["crl", "--out"], b"c\xff.pem", "--out"),
        (&["server", "--only-given-names", "--out"], b"srv\xff", "--out"),
        (&["report", "--out"], b"r\xff.html", "--out"),
        (&["client", "pump-1", "--out"], b"d\xff", "--out"),
        (&["client", "pump-1", "--ca-passphrase-file"], b"pw\xe4", "--ca-passphrase-file"),
        (&["ca", "passphrase", "devices-root", "--new-passphrase-file"], b"pw\xe4", "--new-passphrase-file"),
        (&["fleet", "issue", "--count", "1", "--name-pattern", "p-{}", "--archive"], b"f\xff.tar", "--archive"),
        (&["inspect"], b"x\xff.pem", "<FILE>"),
        (&["list", "--config"], b"k\xff.toml", "--config"),
    ];
    let before = Snapshot::of(sandbox.path());
    for (args, path, option) in rows {
        let args: Vec<OsString> = args.iter().map(OsString::from).chain([OsStr::from_bytes(path).to_owned()]).collect();
        let outcome = sandbox.tbpki(&args).run().ends(2).prints("is not UTF-8").prints("TBPKI-0011").prints(option);
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
    let outcome = sandbox.tbpki(["list"]).env("TBPKI_CONFIG", OsStr::from_bytes(b"k\xff.toml")).run().ends(2);
    outcome.prints("is not UTF-8");
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let sandbox = Sandbox::with_store();
    sandbox.write("file", "");
    refused(&sandbox, &["ca", "export", "devices", "--out", "file"], user(84, &["file"]));
    pipe(&sandbox.join("pipe"));
    for place in ["file", "pipe"] {
        let fleet = ["fleet", "issue", "--count", "1", "--name-pattern", "p-{}", "--out", place];
        sandbox.fails(fleet, 1, "TBPKI-0084").prints(place);
    }
    sandbox.ok(["client", "p-1"]);
}

#[test]
fn standard_input_is_asked_for_by_the_name_of_the_argument() {
    let sandbox = Sandbox::with_store();
    refused(&sandbox, &["inspect", "-", "-"], usage(11, &["<FILE>", "standard input can be read once"]));
}

#[test]
fn a_limit_for_the_size_of_files_is_an_error_and_not_the_end() {
    let sandbox = Sandbox::with_store();
    // Blocks of 512 bytes in a POSIX shell: less than the ledger needs for its next page.
    let script = format!("ulimit -f 32; exec {} client pump-1", tbpki().display());
    let outcome = Tool::new("sh")
        .args(["-c", &script])
        .directory(sandbox.path())
        .clean_env()
        .env("HOME", sandbox.path())
        .env("LANG", "C.UTF-8")
        .run()
        .ends(1);
    assert!(outcome.stderr_text().contains("error[TBPKI-"), "{outcome}");
    sandbox.ok(["client", "pump-1"]);
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_new_store_needs_a_plausible_clock_and_a_late_one_is_no_bug() {
    let init = ["init", "--no-input", "--insecure-no-passphrase"];
    let early = Sandbox::new().at(&Clock::starting_at(datetime!(1970-01-01 00:02 UTC)));
    refused(&early, &init, user(312, &["1970-01-01", "--accept-clock"]));
    early.ok(init.iter().chain(&["--accept-clock"]));
    // Longer lifetimes than the calendar of certificates has left.
    let late = Sandbox::new().at(&Clock::starting_at(datetime!(9990-01-01 00:00 UTC)));
    late.ok(init);
    late.ok(["client", "pump-1"]);
}

#[test]
fn a_working_directory_that_is_not_utf_8_is_told_before_the_names_are_reserved() {
    let sandbox = Sandbox::with_store();
    let work = sandbox.join(OsStr::from_bytes(b"d\xff"));
    fs::create_dir(&work).unwrap();
    let args =
        ["--config", "../keygen.toml", "fleet", "issue", "--count", "1", "--name-pattern", "p-{}", "--out", "fl"];
    sandbox.tbpki(args).directory(&work).run().ends(1).prints("TBPKI-0003").prints("UTF-8");
    sandbox.ok(["client", "p-1"]);
    assert!(!work.join("fl").exists());
    refused_with(
        &sandbox,
        &["server", "--only-given-names", "--out", "../srv", "--config", "../keygen.toml"],
        |tool| tool.directory(&work),
        user(15, &["UTF-8"]),
    );
}
