//! Places that cannot take the files.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use tbpki_tests::binary::tbpki;
use tbpki_tests::{Sandbox, Snapshot, Tool};

use crate::{Expected, refused, user};

const CLIENT: &[&str] = &["client", "--device", "pump-1"];
const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

#[test]
fn files_that_are_there_are_named_and_kept() {
    let sandbox = Sandbox::with_store();
    sandbox.write("out/mqttserver.pem", "somebody's");
    sandbox.write("out/cert.pem", "somebody's");
    sandbox.write("out/key.pem", "somebody's");
    for extra in [&[][..], &["--dry-run"]] {
        refused(&sandbox, &[SERVER, &["--out", "out"], extra].concat(), user(82, &["mqttserver.pem", "out"]));
        refused(&sandbox, &[CLIENT, &["--out", "out"], extra].concat(), user(82, &["key.pem, cert.pem", "out"]));
    }
    // The store itself: an identity that no ledger knows.
    sandbox.write("pki/devices/pump-1/key.pem", "somebody's");
    refused(&sandbox, CLIENT, user(82, &["key.pem", "pki/devices/pump-1"]));
    // Those that an identity of ours left in another directory belong to it.
    sandbox.ok(["client", "--device", "valve-2", "--out", "valve"]);
    refused(
        &sandbox,
        &["client", "--device", "valve-3", "--out", "valve"],
        user(82, &["key.pem, cert.pem, chain.pem"]),
    );
    // A link that leads nowhere is in the way as well.
    fs::create_dir(sandbox.join("links")).unwrap();
    symlink("/nowhere", sandbox.join("links/key.pem")).unwrap();
    refused(&sandbox, &["client", "--device", "valve-3", "--out", "links"], user(82, &["key.pem"]));
}

#[test]
fn what_is_no_directory() {
    let sandbox = Sandbox::with_store();
    sandbox.write("file", "a file");
    sandbox.write("taken/key.pem/x", "a directory called like a file of ours");
    sandbox.write("taken/mqttserver.pem/x", "another one");
    for verb in [CLIENT, SERVER] {
        for extra in [&[][..], &["--dry-run"]] {
            let out = |place| [verb, &["--out", place], extra].concat();
            refused(&sandbox, &out("file"), user(84, &["file"]));
            refused(&sandbox, &out("file/below"), user(84, &["file"]));
            refused(&sandbox, &out("missing/below"), user(81, &["missing/below", "make the directory above it"]));
            refused(&sandbox, &out("taken"), user(81, &["a directory of this name"]));
        }
    }
    // The device's own directory in the store.
    sandbox.write("pki/devices/pump-1", "a file");
    refused(&sandbox, CLIENT, user(84, &["pki/devices/pump-1"]));
}

#[test]
fn owners_that_are_not_there() {
    let sandbox = Sandbox::with_store();
    for verb in [CLIENT, SERVER] {
        let out = |flag, name| [verb, &["--out", "out", flag, name]].concat();
        refused(&sandbox, &out("--owner", "nobody-of-this-name"), user(86, &["nobody-of-this-name"]));
        refused(&sandbox, &out("--group", "nobody-of-this-name"), user(86, &["nobody-of-this-name"]));
    }
}

/// An ordinary user, to whom modes mean something, and tbpki for that user.
struct Ordinary {
    sandbox: Sandbox,
    is_root: bool,
}

impl Ordinary {
    /// Debian's `nobody`, and every other system's.
    const USER: u32 = 65_534;

    fn with_store() -> Self {
        let sandbox = Sandbox::with_store();
        let is_root =
            fs::metadata(sandbox.path()).map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata)).unwrap() == 0;
        // The target directory may be unreadable for other users. Copied by another process: a process that is started by
        // another test while this one writes would keep the file open, and it could not be run.
        Tool::new("cp").arg(tbpki()).arg(sandbox.join("tbpki")).run().ok();
        let ordinary = Self { sandbox, is_root };
        ordinary.own(ordinary.sandbox.path());
        ordinary
    }

    fn own(&self, path: &Path) {
        if self.is_root {
            chown(path, Some(Self::USER), Some(Self::USER)).unwrap();
            if path.is_dir() {
                fs::read_dir(path).unwrap().for_each(|entry| self.own(&entry.unwrap().path()));
            }
        }
    }

    fn run(&self, args: &[&str]) -> Tool {
        let binary = self.sandbox.join("tbpki");
        let tool = if self.is_root {
            let user = Self::USER.to_string();
            Tool::new("setpriv").args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(binary)
        } else {
            Tool::new(binary)
        };
        tool.args(args).directory(self.sandbox.path()).env("HOME", self.sandbox.path())
    }

    /// As [`refused`](crate::refused).
    #[track_caller]
    fn refused(&self, args: &[&str], expected: Expected<'_>) {
        let before = Snapshot::of(self.sandbox.path());
        let outcome = self.run(args).run();
        crate::has_expected(&outcome, false, expected);
        before.is_unchanged(&Snapshot::of(self.sandbox.path()), &outcome);
    }
}

#[test]
fn directories_that_may_not_be_written_to() {
    let ordinary = Ordinary::with_store();
    let sandbox = &ordinary.sandbox;
    for dir in ["closed", "shut"] {
        fs::create_dir(sandbox.join(dir)).unwrap();
        ordinary.own(&sandbox.join(dir));
    }
    let set_mode = |path: &str, mode| fs::set_permissions(sandbox.join(path), Permissions::from_mode(mode)).unwrap();
    set_mode("closed", 0o555);
    // Only root could check that it is unchanged.
    set_mode("shut", if ordinary.is_root { 0o000 } else { 0o555 });
    let denied = || user(81, &["Permission denied"]);
    for verb in [CLIENT, SERVER] {
        for extra in [&[][..], &["--dry-run"]] {
            for out in ["closed", "closed/below", "shut/below"] {
                ordinary.refused(&[verb, &["--out", out], extra].concat(), denied());
            }
        }
        // An identity that is there already is not touched either.
        assert_eq!(ordinary.run(verb).run().status, 0);
        ordinary.refused(&[verb, &["--out", "closed"]].concat(), denied());
        ordinary.refused(&[verb, &["--out", "closed", "--force"]].concat(), denied());
    }
    // Nor one in the store, wherever it begins to be closed.
    let new = &["client", "--device", "valve-2", "--format", "p12"];
    for (dir, args) in [
        ("pki/devices", new.to_vec()),
        ("pki/secrets", ["client", "--device", "valve-3", "--format", "p12"].to_vec()),
        ("pki/devices/pump-1", [CLIENT, &["--force"]].concat()),
        ("pki/servers/tb.example", [SERVER, &["--force"]].concat()),
    ] {
        set_mode(dir, 0o500);
        ordinary.refused(&args, denied());
        set_mode(dir, 0o700);
        assert_eq!(ordinary.run(&args).run().status, 0, "{dir}");
    }
    set_mode("shut", 0o700);
}

#[test]
fn a_directory_for_the_keys_of_the_roots_that_may_not_be_written_to() {
    let ordinary = Ordinary::with_store();
    let sandbox = &ordinary.sandbox;
    fs::create_dir(sandbox.join("new")).unwrap();
    fs::create_dir(sandbox.join("closed")).unwrap();
    ordinary.own(sandbox.path());
    fs::set_permissions(sandbox.join("closed"), Permissions::from_mode(0o555)).unwrap();
    let init = ["init", "--no-input", "--insecure-no-passphrase", "--config", "new/keygen.toml", "--root-out"];
    for dir in ["closed", "closed/below", "closed/below/that"] {
        for extra in [&[][..], &["--dry-run"]] {
            ordinary.refused(&[&init[..], &[dir], extra].concat(), user(81, &["Permission denied", "closed"]));
        }
    }
    ordinary.run(&[&init[..], &["open"]].concat()).run().ok();
}

#[test]
fn file_systems_that_keep_no_files() {
    let sandbox = Sandbox::with_store();
    for verb in [CLIENT, SERVER] {
        refused(&sandbox, &[verb, &["--out", "/proc"]].concat(), user(81, &["/proc"]));
        refused(&sandbox, &[verb, &["--out", "/proc/tbpki"]].concat(), user(81, &["/proc"]));
        sandbox.ok(verb);
        refused(&sandbox, &[verb, &["--out", "/proc"]].concat(), user(81, &["/proc"]));
    }
    let init = ["init", "--insecure-no-passphrase", "--config", "new/keygen.toml", "--root-out", "/proc/roots"];
    fs::create_dir(sandbox.join("new")).unwrap();
    refused(&sandbox, &init, user(81, &["/proc"]));
}

#[test]
fn settings_that_a_user_has_written_or_edited() {
    const FORMS: [&str; 3] = ["thingsboard.env", "docker-compose.tls.yml", "kubernetes-secret.yml"];
    let all = [SERVER, &["--environment", "env,compose,kubernetes"]].concat();
    for form in FORMS {
        let sandbox = Sandbox::with_store();
        sandbox.write(format!("out/{form}"), "somebody's");
        let out = [&all[..], &["--out", "out"]].concat();
        for extra in [&[][..], &["--dry-run"]] {
            refused(&sandbox, &[&out[..], extra].concat(), user(82, &[form, "out", "move it away"]));
        }
        // Nor where the identity is there already.
        sandbox.ok(&all);
        refused(&sandbox, &out, user(82, &[form, "out"]));
        fs::remove_file(sandbox.join(format!("out/{form}"))).unwrap();
        sandbox.ok(&out);
        let edited = format!("{}# added\n", sandbox.text(format!("out/{form}")));
        sandbox.write(format!("out/{form}"), &edited);
        // Nor with --force, which replaces what tbpki has written.
        for extra in [&[][..], &["--force"]] {
            refused(&sandbox, &[&out[..], extra].concat(), user(82, &[form, "out", "move it away"]));
        }
        fs::rename(sandbox.join(format!("out/{form}")), sandbox.join("mine")).unwrap();
        sandbox.ok([&out[..], &["--force"]].concat());
    }
}

#[test]
fn only_root_gives_files_away() {
    let ordinary = Ordinary::with_store();
    if ordinary.is_root {
        for verb in [CLIENT, SERVER] {
            let args = [verb, &["--out", "out", "--owner", "root"]].concat();
            ordinary.refused(&args, user(86, &["only root"]));
        }
    }
}
