//! The mode of a file depends on tbpki, and not on the umask.

use std::path::Path;

use tbpki_tests::binary::tbpki;
use tbpki_tests::leftovers::{assert_private, holds_secret};
use tbpki_tests::{Sandbox, Snapshot, Tool};

/// Everything that writes, as a shell's script.
const SCRIPT: &str = "
$TBPKI init --no-input --ca-passphrase-file ca.pass --root-out offline
$TBPKI server --name tb.example --only-given-names --format p12,jks,pub,cer --out out --ca-passphrase-file ca.pass \
    --environment env,compose,kubernetes
$TBPKI server --name tb.example --only-given-names --out out --ca-passphrase-file ca.pass --force
$TBPKI server --name one.example --only-given-names --single-file --out single --ca-passphrase-file ca.pass
$TBPKI client --device pump-1 --format nopass,p12,jks,pub,cer --out copy --ca-passphrase-file ca.pass
$TBPKI client --device pump-1 --format nopass,p12 --ca-passphrase-file ca.pass --force
$TBPKI client --device pump-2 --self-signed
mkdir old; chmod 700 old
$TBPKI init --no-input --insecure-no-passphrase --config old/keygen.toml --from keygen.properties
";

/// Runs the script as an ordinary user where we are root, to whom modes mean nothing.
fn run(sandbox: &Sandbox, umask: &str) {
    // The user may not be let into the directory that the program was built in.
    let program = Sandbox::new();
    std::fs::copy(tbpki(), program.join("tbpki")).unwrap();
    Tool::new("chmod").args(["-R", "a+rX"]).arg(program.path()).run().ok();
    Tool::new("chmod").args(["-R", "a+rX"]).arg(sandbox.path()).run().ok();
    let is_root = Tool::new("id").arg("-u").run().ok().stdout_text().trim() == "0";
    let script = format!("umask {umask}\n{}", SCRIPT.replace("$TBPKI", program.join("tbpki").to_str().unwrap()));
    let shell = if is_root {
        Tool::new("chown").args(["-R", "65534:65534"]).arg(sandbox.path()).run().ok();
        // Not su, which wants a shell in the user's entry and a session.
        Tool::new("setpriv").args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "sh"])
    } else {
        Tool::new("sh")
    };
    shell.args(["-ec", &script]).directory(sandbox.path()).env("HOME", sandbox.path()).run().ok();
}

#[test]
fn the_umask_has_no_say_in_what_any_verb_writes() {
    let mut names = Vec::new();
    // 777 takes every right from a new file, also from its owner: tbpki must not need to open by name what it has made.
    for umask in ["000", "022", "777"] {
        let sandbox = Sandbox::new();
        sandbox.write("ca.pass", "correct horse");
        sandbox.write("keygen.properties", "DOMAIN_SUFFIX=tb.example\nSERVER_KEYSTORE_PASSWORD=OldPassword\n");
        run(&sandbox, umask);
        assert_private(sandbox.path(), umask);
        let theirs = ["ca.pass", "keygen.properties"].map(Path::new);
        let found = Snapshot::of(sandbox.path()).without(|name| theirs.contains(&name));
        for (name, mode) in found.directories().filter(|(name, _)| *name != Path::new("")) {
            assert_eq!(mode, 0o700, "{} under umask {umask}", name.display());
        }
        let mut private = 0;
        for (name, mode, bytes) in found.files() {
            // Kept files end with a serial number, and are private whatever they hold.
            let is_kept = name.extension().is_some_and(|end| end.len() >= 32);
            let is_private = holds_secret(name, bytes) || is_kept || name.ends_with(".lock");
            assert_eq!(mode, if is_private { 0o600 } else { 0o644 }, "{} under umask {umask}", name.display());
            private += usize::from(is_private);
        }
        assert!(private > 40, "{private}");
        names.push(found.files().count());
    }
    // With the same files under each umask none was skipped because it could not be written.
    assert!(names.iter().all(|count| *count == names[0]), "{names:?}");
}
