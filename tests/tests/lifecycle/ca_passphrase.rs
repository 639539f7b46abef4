//! `tbpki ca passphrase`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Snapshot};

use crate::scene::json;

const OLD: &str = "an old passphrase";
const NEW: &str = "one that is kept in a drawer";

/// A store whose CA keys have the old passphrase; the devices' issuing CA has three generations, one of them retired.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    for (file, secret) in [
        ("old", OLD),
        ("new", NEW),
        ("wrong", "not the right one"),
        ("short", "short"),
        ("third", "a third passphrase"),
    ] {
        sandbox.write(file, secret);
        fs::set_permissions(sandbox.join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    [OLD, NEW].iter().for_each(|secret| sandbox.hides(secret));
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "old"]);
    for step in ["prepare", "activate", "retire", "prepare"] {
        sandbox.ok(["ca", step, "server-issuing", "--ca-passphrase-file", "old"]);
    }
    sandbox
}

/// The key files of the CAs, with what follows their name.
fn keys(sandbox: &Sandbox) -> Vec<PathBuf> {
    let is_key = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("key.pem");
    sandbox.files().into_iter().filter(|path| path.starts_with("pki/ca") && is_key(path)).collect()
}

/// Whether OpenSSL opens a key with the passphrase in a file.
fn opens(sandbox: &Sandbox, key: &PathBuf, passphrase: &str) -> bool {
    let pass = format!("file:{}", sandbox.join(passphrase).display());
    openssl().args(["pkey", "-noout", "-in"]).arg(sandbox.join(key)).args(["-passin", &pass]).run().status == 0
}

#[test]
fn every_key_of_every_generation_gets_the_new_passphrase() {
    let sandbox = store();
    let all = keys(&sandbox);
    assert_eq!(all.len(), 6, "{all:?}");
    let change = ["ca", "passphrase", "--all", "--ca-passphrase-file", "old", "--new-passphrase-file", "new"];
    let before = Snapshot::of(sandbox.path());
    let planned = sandbox.ok(change.iter().chain(&["--dry-run", "--json"]));
    before.is_unchanged(&Snapshot::of(sandbox.path()), &planned);
    assert_eq!(json(&planned)["keys"].as_array().unwrap().len(), 6);

    let report = json(&sandbox.ok(change.iter().chain(&["--json"])));
    assert!(report["keys"].as_array().unwrap().iter().all(|key| key["done"] == "encrypted"), "{report}");
    // No file with the earlier passphrase is left.
    assert_eq!(keys(&sandbox), all);
    for key in &all {
        assert!(opens(&sandbox, key, "new") && !opens(&sandbox, key, "old"), "{}", key.display());
        assert_eq!(fs::metadata(sandbox.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    sandbox.fails(["client", "--device", "a", "--ca-passphrase-file", "old"], 1, "TBPKI-0033");
    sandbox.ok(["client", "--device", "a", "--ca-passphrase-file", "new"]);
    sandbox.ok(["ca", "activate", "server-issuing", "--ca-passphrase-file", "new"]);
}

#[test]
fn a_passphrase_is_removed_and_set_again() {
    let sandbox = store();
    let key = PathBuf::from("pki/ca/devices-issuing/key.pem");
    let remove = ["ca", "passphrase", "devices-issuing", "--insecure-no-passphrase"];
    let outcome = sandbox.ok(remove.iter().chain(&["--ca-passphrase-file", "old", "--json"]));
    assert_eq!(json(&outcome)["keys"][0]["done"], "decrypted");
    outcome.prints("TBPKI-0352").prints("devices-root");
    sandbox.ok(["client", "--device", "a", "--no-input"]);
    let bytes = sandbox.read(&key);
    // Without one, there is nothing to remove, and nothing is asked for.
    assert_eq!(json(&sandbox.ok(remove.iter().chain(&["--json", "--no-input"])))["keys"][0]["done"], "unchanged");
    assert_eq!(sandbox.read(&key), bytes);
    sandbox.ok(["ca", "passphrase", "devices-issuing", "--new-passphrase-file", "new", "--no-input"]);
    assert!(opens(&sandbox, &key, "new"));
    sandbox.ok(["client", "--device", "b", "--ca-passphrase-file", "new"]);
    // The passphrase comes from the environment as well.
    let back = sandbox.tbpki(["ca", "passphrase", "devices-issuing", "--new-passphrase-file", "old"]);
    back.env("TBPKI_CA_PASSPHRASE", NEW).run().ok();
    assert!(opens(&sandbox, &key, "old"));
}

#[test]
fn what_cannot_be_changed_leaves_every_key_as_it_was() {
    let sandbox = store();
    let all = keys(&sandbox);
    let contents = || all.iter().map(|key| sandbox.read(key)).collect::<Vec<_>>();
    let before = contents();
    let (old, new) = (["--ca-passphrase-file", "old"], ["--new-passphrase-file", "new"]);
    for (args, status, code) in [
        ([&["--all", "--ca-passphrase-file", "wrong"][..], &new].concat(), 1, "TBPKI-0033"),
        ([&["--all", "--new-passphrase-file", "short"][..], &old].concat(), 1, "TBPKI-0037"),
        ([&["--all", "--new-passphrase-file", "absent"][..], &old].concat(), 1, "TBPKI-0009"),
        ([&["--all", "--no-input"][..], &old].concat(), 2, "TBPKI-0010"),
        ([&["--all", "--no-input"][..], &new].concat(), 2, "TBPKI-0010"),
        ([&["another"][..], &old, &new].concat(), 1, "TBPKI-0096"),
        ([&["--all", "devices-root"][..], &old, &new].concat(), 2, "TBPKI-0011"),
        ([&old[..], &new].concat(), 2, "TBPKI-0011"),
        ([&["--all", "--insecure-no-passphrase"][..], &old, &new].concat(), 2, "TBPKI-0011"),
        (vec!["--all", "--ca-passphrase-file", "-", "--new-passphrase-file", "-"], 2, "TBPKI-0011"),
    ] {
        sandbox.fails([&["ca", "passphrase"], &args[..]].concat(), status, code);
        assert_eq!(contents(), before, "{args:?}");
        assert_eq!(keys(&sandbox), all, "{args:?}");
    }
    // One key of several has another passphrase: none is changed.
    let other = sandbox.join("pki/ca/server-root/key.pem");
    sandbox.ok([&["ca", "passphrase", "server-root", "--new-passphrase-file", "third"][..], &old].concat());
    let mixed = contents();
    sandbox.fails([&["ca", "passphrase", "--all"][..], &old, &new].concat(), 1, "TBPKI-0033");
    assert_eq!(contents(), mixed);
    // A key that is not here, and one in a token.
    fs::remove_file(other).unwrap();
    sandbox.fails([&["ca", "passphrase", "server-root"][..], &old, &new].concat(), 1, "TBPKI-0097");
    fs::remove_file(sandbox.join("pki/ca/devices-issuing/key.pem")).unwrap();
    sandbox.write("pki/ca/devices-issuing/key.uri", "pkcs11:token=fleet;object=devices?module-path=/m.so\n");
    sandbox.fails([&["ca", "passphrase", "devices-issuing"][..], &old, &new].concat(), 1, "TBPKI-0322").prints("PIN");
}

#[test]
fn the_advice_after_one_key_was_changed_gives_all_keys_one_passphrase_again() {
    let sandbox = store();
    let change = |which: &str| {
        ["ca", "passphrase", which, "--ca-passphrase-file", "old", "--new-passphrase-file", "new"].map(str::to_owned)
    };
    // The first key, one in the middle, and the last one: the order must not matter.
    for ca in ["devices-issuing", "devices-root", "server-root"] {
        sandbox.ok(change(ca)).prints("tbpki ca passphrase --all");
    }
    sandbox.ok(change("--all"));
    for key in keys(&sandbox) {
        assert!(opens(&sandbox, &key, "new"), "{}", key.display());
    }
    sandbox.ok(["crl", "--ca-passphrase-file", "new"]);
}

#[test]
fn keys_that_have_the_new_passphrase_already_are_not_reported() {
    let sandbox = store();
    let change = |which: &str| {
        let args = ["ca", "passphrase", which, "--ca-passphrase-file", "old", "--new-passphrase-file", "new"];
        sandbox.ok(args).stderr_text()
    };
    for ca in ["devices-issuing", "devices-root"] {
        assert!(change(ca).contains("keys that keep their passphrase: "), "{ca}");
    }
    // What was changed before is not among them.
    let third = change("server-root");
    assert!(third.contains("keys that keep their passphrase: server-issuing\n"), "{third}");
    assert!(!change("server-issuing").contains("TBPKI-0352"));
    let removed = ["ca", "passphrase", "server-root", "--ca-passphrase-file", "new", "--insecure-no-passphrase"];
    sandbox.ok(removed).prints("devices-root, devices-issuing");
}

#[test]
fn roots_whose_keys_are_kept_elsewhere_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write("old", OLD);
    sandbox.write("new", NEW);
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "old", "--root-out", "offline"]);
    let all = ["ca", "passphrase", "--all", "--ca-passphrase-file", "old", "--new-passphrase-file", "new"];
    for extra in [&["--dry-run"][..], &[]] {
        let outcome = sandbox.ok([&all[..], extra].concat()).prints("TBPKI-0352");
        for root in ["devices-root", "server-root"] {
            let text = outcome.stderr_text();
            let line = text.lines().find(|line| line.contains("not in the store")).unwrap_or_default();
            assert!(line.contains(root) && !line.contains("issuing"), "{outcome}");
        }
    }
    assert!(opens(&sandbox, &PathBuf::from("offline/devices-root.key.pem"), "old"));
}

#[test]
fn the_next_generation_has_the_passphrase_of_the_keys_in_the_store() {
    let sandbox = Sandbox::new();
    for (file, secret) in [("old", OLD), ("new", NEW)] {
        sandbox.write(file, secret);
        sandbox.private(file);
        sandbox.hides(secret);
    }
    let with = |line: &'static str| line.split(' ');
    sandbox.ok(with("init --no-input --ca-passphrase-file old --root-out offline"));
    sandbox.ok(with("ca passphrase --all --ca-passphrase-file old --new-passphrase-file new"));
    // The key of the root comes back from where it is kept, with its earlier passphrase.
    let root = "pki/ca/devices-root/key.pem";
    fs::copy(sandbox.join("offline/devices-root.key.pem"), sandbox.join(root)).unwrap();
    sandbox.private(root);
    let before = Snapshot::of(&sandbox.join("pki/ca"));
    for ca in ["devices-issuing", "devices-root"] {
        for passphrase in ["old", "new"] {
            let prepare = ["ca", "prepare", ca, "--ca-passphrase-file", passphrase];
            sandbox.fails(prepare, 1, "TBPKI-0033").prints("tbpki ca passphrase --all");
        }
    }
    assert_eq!(Snapshot::of(&sandbox.join("pki/ca")), before, "nothing was made");

    // The remedy, after which the root is offline again.
    sandbox.ok(with("ca passphrase --all --ca-passphrase-file old --new-passphrase-file new"));
    sandbox.ok(with("ca prepare devices-issuing --ca-passphrase-file new"));
    fs::remove_file(sandbox.join(root)).unwrap();
    for line in ["ca activate devices-issuing --leave-behind", "client d1", "crl"] {
        sandbox.ok(line.split(' ').chain(["--ca-passphrase-file", "new"]));
    }
}
