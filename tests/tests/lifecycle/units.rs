//! The units for systemd.

use std::fs;

use tbpki_tests::Tool;
use tbpki_tests::binary::workspace;

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
