//! `renew --after` and `renew --keep`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;

use crate::renew::leaf;
use crate::scene::json;

const SERVER: &str = "pki/servers/tb.example/mqttserver.pem";

/// A server that is due, and a program that writes down what it was told.
fn server(script: &str) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "90"]);
    age(&sandbox.join("pki/ledger.db"), "tb.example", 80);
    fs::create_dir(sandbox.join("bin")).unwrap();
    let program = program(&sandbox, "bin/reload", script);
    (sandbox, program)
}

fn program(sandbox: &Sandbox, name: &str, script: &str) -> PathBuf {
    sandbox.write(name, format!("#!/bin/sh\n{script}\n"));
    let path = sandbox.join(name);
    mode(&path, 0o700);
    mode(path.parent().unwrap(), 0o755);
    path
}

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn renew(sandbox: &Sandbox, after: &[&str]) -> tbpki_tests::Tool {
    sandbox.tbpki([&["renew", "--server", "--due", "--json", "--after"], after].concat())
}

#[test]
fn a_program_runs_without_a_shell_once_files_were_replaced() {
    let (sandbox, program) =
        server("echo \"$TBPKI_SERVERS|$TBPKI_DEVICES|$1|$2|$TBPKI_CA_PASSPHRASE\" >> \"$3\"; echo output");
    let (log, text) = (sandbox.join("log"), "$(touch x); a b");
    let args = [program.to_str().unwrap(), text, "--due", log.to_str().unwrap()];
    let outcome = renew(&sandbox, &args).env("TBPKI_CA_PASSPHRASE", "secret").run().ok();
    assert_eq!(sandbox.text("log"), "tb.example||$(touch x); a b|--due|\n");
    // The result is JSON alone.
    assert_eq!(json(&outcome)["renewed"].as_array().unwrap().len(), 1);
    // Nothing was renewed, so nothing runs.
    renew(&sandbox, &args).run().ok();
    assert_eq!(sandbox.text("log").lines().count(), 1);
}

#[test]
fn a_program_that_fails_is_repeated_by_the_next_run() {
    let (sandbox, program) = server("test -e \"$1\" && echo done >> \"$1\"");
    let before = leaf(&sandbox, SERVER);
    let log = sandbox.join("log");
    let args = [program.to_str().unwrap(), log.to_str().unwrap()];
    let outcome = renew(&sandbox, &args).run().ends(4);
    let open = json(&outcome)["open"].clone();
    assert_eq!(
        (&open[0]["step"], &open[0]["name"], &open[0]["generation"]),
        (&json!("hook"), &json!("tb.example"), &json!(2))
    );
    outcome.prints("TBPKI-0311");
    let after = leaf(&sandbox, SERVER);
    assert_ne!(after, before);
    assert!(sandbox.ok(["list", "--kind", "server"]).stdout_text().contains("(hook open)"));
    // Without the program it stays open; with it, it is done, and nothing is renewed again.
    sandbox.tbpki(["renew", "--server", "--due"]).run().ends(4);
    // A timer sees that there is something to do.
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(0);
    sandbox.write("log", "");
    renew(&sandbox, &args).run().ok();
    assert_eq!((sandbox.text("log"), leaf(&sandbox, SERVER)), ("done\n".to_owned(), after));
    sandbox.ok(["renew", "--server", "--due"]);
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(1);
}

/// The message of the failure asks for the same command again: it must not end with "renewed too early" instead.
#[test]
fn the_same_command_repeats_a_program_that_failed_for_a_single_name() {
    let (sandbox, program) = server("test -e \"$1\" && echo \"$TBPKI_SERVERS$TBPKI_DEVICES\" >> \"$1\"");
    sandbox.ok(["client", "pump-2", "--days", "90"]);
    age(&sandbox.join("pki/ledger.db"), "pump-2", 80);
    for (which, name, file) in [
        (["--server", "tb.example"], "tb.example", SERVER),
        (["--device", "pump-2"], "pump-2", "pki/devices/pump-2/chain.pem"),
    ] {
        let log = sandbox.join(format!("{name}.log"));
        let after = ["--after", program.to_str().unwrap(), log.to_str().unwrap()];
        let renew = |rule: &[&str]| sandbox.tbpki([&["renew"], &which[..], rule, &after[..]].concat()).run();
        renew(&[]).ends(4).prints("TBPKI-0311");
        let renewed = leaf(&sandbox, file);
        fs::write(&log, "").unwrap();
        renew(&[]).ok();
        assert_eq!((fs::read_to_string(&log).unwrap(), leaf(&sandbox, file)), (format!("{name}\n"), renewed.clone()));
        // It is done: the next one is another renewal, and too early.
        renew(&[]).ends(1).prints("TBPKI-0306");

        // A rule that takes it again leads to an error, and the program runs all the same.
        age(&sandbox.join("pki/ledger.db"), name, 80);
        fs::remove_file(&log).unwrap();
        renew(&[]).ends(4);
        fs::write(&log, "").unwrap();
        renew(&["--within", "300d"]).ends(1).prints("TBPKI-0306");
        assert_eq!(fs::read_to_string(&log).unwrap(), format!("{name}\n"));
    }
}

#[test]
fn a_program_that_others_can_change_is_refused_before_anything_is_renewed() {
    let (sandbox, program) = server("true");
    let before = leaf(&sandbox, SERVER);
    let dir = program.parent().unwrap();
    let refused = |program: &str| {
        let outcome = renew(&sandbox, &[program]).run().ends(1);
        outcome.prints("TBPKI-0310");
        assert_eq!(leaf(&sandbox, SERVER), before);
    };
    for loose in [0o722, 0o720, 0o702] {
        mode(&program, loose);
        refused(program.to_str().unwrap());
    }
    mode(&program, 0o700);
    // 1777 as /tmp has it: others cannot replace the program there, but they can add files next to it, which it may
    // read.
    for loose in [0o777, 0o770, 0o1777] {
        mode(dir, loose);
        refused(program.to_str().unwrap());
    }
    // A link in such a directory is no better.
    fs::create_dir(sandbox.join("loose")).unwrap();
    mode(&sandbox.join("loose"), 0o777);
    std::os::unix::fs::symlink(&program, sandbox.join("loose/link")).unwrap();
    mode(dir, 0o755);
    refused(sandbox.join("loose/link").to_str().unwrap());
    mode(&program, 0o600);
    refused(program.to_str().unwrap());
    refused(dir.to_str().unwrap());
    refused("/none/there");
    refused("no-such-program-anywhere");
    mode(&program, 0o700);
    renew(&sandbox, &[program.to_str().unwrap()]).run().ok();
}

#[test]
fn as_many_earlier_sets_of_files_are_kept_as_were_asked_for() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1", "--days", "90"]);
    let kept = || {
        let names = fs::read_dir(sandbox.join("pki/devices/pump-1")).unwrap();
        names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().starts_with("key.pem.")).count()
    };
    // Up to the limit, at it, and down again: a smaller number also removes what an earlier run has kept.
    for (keep, expected) in [("2", 1), ("2", 2), ("2", 2), ("1", 1), ("0", 0)] {
        age(&sandbox.join("pki/ledger.db"), "pump-1", 80);
        sandbox.ok(["renew", "--device", "pump-1", "--keep", keep]);
        assert_eq!(kept(), expected, "--keep {keep}");
    }
}
