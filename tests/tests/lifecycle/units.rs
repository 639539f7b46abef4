//! The units for systemd.

use std::fs;

use tbpki_tests::binary::workspace;
use tbpki_tests::forge::age;
use tbpki_tests::{Outcome, Sandbox, Tool};

#[test]
fn systemd_accepts_the_units_and_their_commands_exist() {
    let dir = tempfile::tempdir().unwrap();
    let tbpki = dir.path().join("tbpki");
    // systemd-analyze looks whether the program of a unit can be run, and does not run it.
    std::os::unix::fs::symlink("/bin/true", &tbpki).unwrap();
    let mut files = Vec::new();
    let units = [
        ("tbpki-renew.service", "renewing.md"),
        ("tbpki-renew.timer", "renewing.md"),
        ("tbpki-renew@.service", "renewing.md"),
        ("tbpki-renew@.timer", "renewing.md"),
        ("tbpki-crl.service", "stolen-device.md"),
        ("tbpki-crl.timer", "stolen-device.md"),
        ("tbpki-renew-host.service", "renewing-gateway.md"),
        ("tbpki-renew-host.timer", "renewing-gateway.md"),
    ];
    for (name, page) in units {
        let unit = fs::read_to_string(workspace().join("crates/tbpki/units").join(name)).unwrap();
        // The commands of the guide are those of the unit.
        let guide = fs::read_to_string(workspace().join("docs/src/guide").join(page)).unwrap();
        for line in unit.lines().filter(|line| line.starts_with("Exec") || line.starts_with("OnCalendar")) {
            assert!(guide.contains(line), "the guide does not have {line}");
        }
        let path = dir.path().join(name);
        let unit = unit
            .replace("/usr/bin/tbpki", tbpki.to_str().unwrap())
            // Directories of an installation that this machine does not have.
            .replace("/etc/tbpki", "/")
            .replace("/etc/thingsboard-gateway/config/tls", "/");
        fs::write(&path, unit).unwrap();
        files.push(path);
    }
    let Ok(found) = std::process::Command::new("systemd-analyze").arg("--version").output() else {
        println!("systemd-analyze is missing: the units were not verified");
        return;
    };
    assert!(found.status.success());
    let outcome = Tool::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).run().ok();
    assert_eq!((outcome.stdout_text(), outcome.stderr_text()), (String::new(), String::new()));
}

/// Runs the command of a unit in a store, as systemd does: for this instance of a template, with the credentials in this
/// directory, and with a program that is there instead of the service to reload.
fn run(sandbox: &Sandbox, unit: &str, command: &str, instance: &str) -> Outcome {
    let unit = fs::read_to_string(workspace().join("crates/tbpki/units").join(unit)).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix(command)?.strip_prefix("=/usr/bin/tbpki ")).unwrap();
    let line = match line.split_once(" --after ") {
        Some((line, _)) => format!("{line} --after /bin/true"),
        None => line.to_owned(),
    };
    let credentials = sandbox.join("credentials");
    let line = line.replace("%i", instance).replace("${CREDENTIALS_DIRECTORY}", credentials.to_str().unwrap());
    sandbox.tbpki(line.split(' ')).run()
}

#[test]
fn the_commands_of_units_open_encrypted_keys_for_each_of_several_servers() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.join("credentials")).unwrap();
    sandbox.write("credentials/ca-passphrase", "correct horse battery staple\n");
    sandbox.private("credentials/ca-passphrase");
    let passphrase = ["--ca-passphrase-file", "credentials/ca-passphrase"];
    sandbox.ok([&["init", "--no-input"][..], &passphrase].concat());
    let names = ["tb-1.example.org", "mqtt.example.org"];
    for name in names {
        sandbox.ok([&["server", "--name", name, "--only-given-names", "--days", "90"][..], &passphrase].concat());
        age(&sandbox.join("pki/ledger.db"), name, 80);
    }
    let leaf = |name: &str| sandbox.read(format!("pki/servers/{name}/mqttserver.pem"));
    for name in names {
        let before = leaf(name);
        run(&sandbox, "tbpki-renew@.service", "ExecCondition", name).ends(0);
        run(&sandbox, "tbpki-renew@.service", "ExecStart", name).ok();
        assert_ne!(leaf(name), before, "{name}");
    }
    run(&sandbox, "tbpki-crl.service", "ExecStart", "").ok();
    assert!(sandbox.join("pki/devices-crl.pem").exists());
}
