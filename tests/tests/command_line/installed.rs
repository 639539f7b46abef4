//! An installation of tbpki: the report of `--version --json`, firmware in the box, completions and man pages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base::digest::{hex, sha256};
use devkit::chip::Chip;
use tbpki_tests::binary::tbpki;
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};
use testkit::application::Sample;

/// tbpki as PREFIX/bin/tbpki in a sandbox that is PREFIX.
fn installed(sandbox: &Sandbox) -> Tool {
    let program = sandbox.join("bin/tbpki");
    if !program.exists() {
        fs::create_dir_all(sandbox.join("bin")).unwrap();
        // A link is enough, and spares a copy of a large file; another file system needs one.
        if fs::hard_link(tbpki(), &program).is_err() {
            fs::copy(tbpki(), &program).unwrap();
        }
    }
    Tool::new(program).directory(sandbox.path()).clean_env().env("HOME", sandbox.path())
}

/// Puts a firmware file with its hash into the place of an installation, and returns the hash.
fn ship(sandbox: &Sandbox, chip: Chip) -> String {
    let (name, elf) = (chip.name(), Sample::new(chip.name()).elf());
    let hash = hex(&sha256(&elf));
    sandbox.write(format!("share/tbpki/firmware/{name}.elf.sha256"), format!("{hash}  {name}.elf\n"));
    sandbox.write(format!("share/tbpki/firmware/{name}.elf"), elf);
    hash
}

fn bundle(sandbox: &Sandbox) -> Tool {
    let args =
        ["bundle-firmware", "--chip", "esp32c3", "--device", "pump-1", "--wifi-ssid", "x", "--broker", "tb.example"];
    installed(sandbox).args(args)
}

#[test]
fn the_version_names_the_build_and_the_firmware_in_the_box() {
    let sandbox = Sandbox::new();
    let version = |args: &[&str]| installed(&sandbox).args(args).run().ok();
    assert_eq!(version(&["--version"]).stdout_text(), concat!("tbpki ", env!("CARGO_PKG_VERSION"), "\n"));
    for args in [&["--version", "--json"][..], &["--json", "-V"], &["list", "--version", "--json"]] {
        let printed = version(args).json();
        assert_eq!((&printed["verb"], &printed["version"]), (&"version".into(), &1.into()));
        let result = &printed["result"];
        assert_eq!(result["program"], env!("CARGO_PKG_VERSION"));
        assert_eq!(result["firmware"].as_array().unwrap().len(), 0);
        assert!(result["target"].as_str().unwrap().contains("-linux-"), "{result}");
        let names: Vec<_> =
            result["providers"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["aws-lc-rs", "rustls", "sqlite"]);
        for provider in result["providers"].as_array().unwrap() {
            assert!(provider["version"].as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{provider}");
        }
    }
    let hash = ship(&sandbox, Chip::Esp32C3);
    ship(&sandbox, Chip::Esp32S3);
    // No longer what its hash is of: the report has to compute it, and not to repeat the file next to it.
    sandbox.write("share/tbpki/firmware/esp32s3.elf", "damaged");
    let firmware = version(&["--version", "--json"]).json()["result"]["firmware"].clone();
    let find = |chip: &str| firmware.as_array().unwrap().iter().find(|file| file["chip"] == chip).unwrap().clone();
    let path = sandbox.join("share/tbpki/firmware/esp32c3.elf").canonicalize().unwrap();
    let whole = find("esp32c3");
    assert_eq!((whole["path"].as_str(), whole["sha256"].as_str()), (path.to_str(), Some(hash.as_str())));
    assert_eq!((&whole["matches"], &find("esp32s3")["matches"]), (&true.into(), &false.into()));
}

#[test]
fn images_are_made_with_the_firmware_in_the_box() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    // A run that does not find its firmware must not have changed the store before it stops.
    let before = Snapshot::of(&sandbox.join("pki"));
    let missing = bundle(&sandbox).run().ends(1).prints("TBPKI-0208");
    let place = sandbox.path().canonicalize().unwrap().join("share/tbpki/firmware");
    missing.prints(&format!("`cargo xtask firmware --chip esp32c3 --out {}`", place.display()));
    // The same command is named if other values are missing too.
    installed(&sandbox)
        .args(["bundle-firmware", "--chip", "esp32c3", "--device", "pump-1"])
        .run()
        .ends(1)
        .prints("TBPKI-0232")
        .prints(&format!("--chip esp32c3 --out {}`", place.display()));
    assert_eq!(Snapshot::of(&sandbox.join("pki")), before);

    ship(&sandbox, Chip::Esp32C3);
    let made = bundle(&sandbox).arg("--json").run().ok().json();
    assert_eq!(made["result"]["application"]["source"], "shipped");
    assert!(sandbox.join("pki/devices/pump-1/esp32c3/flash.bin").is_file());
}

fn install(sandbox: &Sandbox, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let tool = sandbox.tbpki(words.iter().chain(&["--install"]));
    variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run()
}

#[test]
fn completions_go_where_each_shell_looks() {
    for (shell, file) in [
        ("bash", ".local/share/bash-completion/completions/tbpki"),
        ("zsh", ".zfunc/_tbpki"),
        ("fish", ".config/fish/completions/tbpki.fish"),
        ("elvish", ".config/elvish/lib/tbpki.elv"),
    ] {
        let sandbox = Sandbox::new();
        let printed = sandbox.ok(["completions", shell]).stdout_text();
        let path = sandbox.join(file);
        let shown = install(&sandbox, &["completions", shell], &[]).ok();
        assert!(shown.stdout_text().contains(path.to_str().unwrap()), "{shown}");
        assert_eq!((sandbox.text(file), sandbox.files().len()), (printed, 1), "{shell}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        let shown = install(&sandbox, &["completions"], &[("SHELL", &format!("/usr/bin/{shell}"))]).ok();
        assert!(shown.stdout_text().starts_with("unchanged"), "{shown}");
    }
    let sandbox = Sandbox::new();
    let (data, config) = (sandbox.join("data"), sandbox.join("config"));
    let homes = [("XDG_DATA_HOME", data.to_str().unwrap()), ("XDG_CONFIG_HOME", config.to_str().unwrap())];
    install(&sandbox, &["completions", "bash"], &homes).ok();
    install(&sandbox, &["completions", "fish"], &homes).ok();
    let files = ["config/fish/completions/tbpki.fish", "data/bash-completion/completions/tbpki"];
    assert_eq!(sandbox.files(), files.map(Path::new));
    // A script that bash cannot read would be installed just as well.
    let loaded = format!("source {} && complete -p tbpki", sandbox.join(files[1]).display());
    Tool::new("bash").args(["-c", &loaded]).run().ok();
}

#[test]
fn nothing_is_installed_without_a_place_or_over_another_file() {
    let sandbox = Sandbox::new();
    for (words, variables, says) in [
        (&["completions", "powershell"][..], &[("X", "")][..], "tbpki completions powershell"),
        (&["completions"], &[("X", "")], "SHELL names no shell"),
        (&["completions"], &[("SHELL", "/bin/dash")], "\"/bin/dash\""),
        (&["completions", "bash"], &[("HOME", "")], "HOME"),
        // A relative home would put the file wherever the command happens to run.
        (&["completions", "zsh"], &[("HOME", "relative")], "HOME"),
        (&["man"], &[("HOME", "")], "HOME"),
    ] {
        install(&sandbox, words, variables).ends(1).prints("TBPKI-0233").prints(says);
        assert!(sandbox.files().is_empty(), "{words:?}: {:?}", sandbox.files());
    }
    sandbox.write(".zfunc/_tbpki", "mine");
    sandbox.write(".local/share/man/man1/tbpki-list.1", "mine");
    install(&sandbox, &["completions", "zsh"], &[]).ends(1).prints("TBPKI-0082").prints(".zfunc/_tbpki");
    install(&sandbox, &["man"], &[]).ends(1).prints("TBPKI-0082").prints("tbpki-list.1");
    assert_eq!(sandbox.files(), [".local/share/man/man1/tbpki-list.1", ".zfunc/_tbpki"].map(Path::new));
    assert_eq!(sandbox.text(".zfunc/_tbpki"), "mine");
}

#[test]
fn every_man_page_is_installed_and_each_can_be_printed() {
    let sandbox = Sandbox::new();
    install(&sandbox, &["man"], &[]).ok();
    let pages = sandbox.files();
    assert!(pages.len() > 30, "{pages:?}");
    assert!(pages.iter().all(|page| page.starts_with(".local/share/man/man1")), "{pages:?}");
    let page = |name: &str| sandbox.text(format!(".local/share/man/man1/{name}.1"));
    assert_eq!(sandbox.ok(["man"]).stdout_text(), page("tbpki"));
    assert_eq!(sandbox.ok(["man", "config", "show"]).stdout_text(), page("tbpki-config-show"));
    sandbox.fails(["man", "clint"], 2, "TBPKI-0011");
    assert_eq!(sandbox.files(), pages);
}
