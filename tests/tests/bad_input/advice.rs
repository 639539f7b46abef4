//! Commands in advice do what they are for if a user copies them, whatever the names contain.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::binary::tbpki;
use tbpki_tests::{Outcome, Sandbox, Tool};

/// Names that a shell or the parser of arguments would take for something else.
const NAMES: [&str; 4] = ["a b", "p;touch pwned", "-x", "it's $HOME"];

/// Runs a command of a message in a shell, as a user who copies it.
fn copied(sandbox: &Sandbox, command: &str) -> Outcome {
    let path = format!("{}:/usr/bin:/bin", tbpki().parent().unwrap().display());
    Tool::new("sh")
        .args(["-c", command])
        .directory(sandbox.path())
        .clean_env()
        .env("PATH", path)
        .env("HOME", sandbox.path())
        .env("LANG", "C.UTF-8")
        .run()
}

/// The command between backticks that begins like this.
#[track_caller]
fn command(text: &str, begin: &str) -> String {
    let commands = text.split('`').skip(1).step_by(2);
    commands
        .filter(|command| command.starts_with(begin))
        .last()
        .unwrap_or_else(|| panic!("{begin} in {text}"))
        .to_owned()
}

#[test]
fn a_lost_key_is_replaced_by_the_command_of_the_message() {
    let sandbox = Sandbox::with_store();
    for name in NAMES {
        sandbox.ok(["client", &format!("--device={name}")]);
        let dir = sandbox.join("pki/devices").join(name);
        fs::remove_file(dir.join("key.pem")).unwrap();
        let outcome = sandbox.tbpki(["store", "check", "--json"]).run().ends(3);
        let again = command(&outcome.stdout_text().replace("\\\\", "\\"), "tbpki client");
        copied(&sandbox, &again).ok();
        assert!(dir.join("key.pem").exists(), "{again}");
        sandbox.ok(["store", "check"]);
    }
    assert!(!sandbox.join("pwned").exists());
    assert_eq!(fs::read_dir(sandbox.join("pki/devices")).unwrap().count(), NAMES.len(), "other devices");
}

#[test]
fn a_path_with_blanks_is_one_word() {
    let sandbox = Sandbox::with_store();
    let file = sandbox.write("my fleet/pw", "long enough");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let args = ["ca", "passphrase", "devices-root", "--new-passphrase-file", "my fleet/pw"];
    let text = sandbox.ok(args).prints("TBPKI-0085").stderr_text();
    assert!(text.contains("chmod 600 'my fleet/pw'"), "{text}");
}
