//! The systemd unit of the service.

use tbpki_tests::Tool;
use tbpki_tests::binary::workspace;

#[test]
fn systemd_accepts_the_unit() {
    let unit = std::fs::read_to_string(workspace().join("crates/tbpki/units/tbpki-serve.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tbpki = dir.path().join("tbpki");
    // systemd-analyze looks whether the program of a unit can be run, and does not run it.
    std::os::unix::fs::symlink("/bin/true", &tbpki).unwrap();
    let verify = |unit: &str| {
        let path = dir.path().join("tbpki-serve.service");
        // Directories of an installation that this machine does not have.
        let unit = unit.replace("/usr/bin/tbpki", tbpki.to_str().unwrap()).replace("/etc/tbpki", "/");
        std::fs::write(&path, unit).unwrap();
        let outcome = Tool::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).run();
        (outcome.status, outcome.stdout_text(), outcome.stderr_text())
    };
    assert_eq!(verify(&unit), (0, String::new(), String::new()));
    // It sees mistakes.
    let (_, _, found) = verify(&unit.replace("NoNewPrivileges", "NoNewPrivilege"));
    assert!(found.contains("NoNewPrivilege"), "{found}");
}

#[test]
fn the_unit_runs_the_service_without_rights() {
    let unit = workspace().join("crates/tbpki/units/tbpki-serve.service");
    // The exposure in tenths: at most 2.0.
    let tool = Tool::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20", "--no-pager"]);
    let outcome = tool.arg(&unit).run().ok();
    assert!(outcome.stdout_text().contains("Overall exposure level for tbpki-serve.service"), "{outcome}");
    let text = std::fs::read_to_string(unit).unwrap();
    assert!(text.contains("User=tbpki") && !text.contains("User=root"));
    // The notes about the ledger are outside of the store, in the home of the user.
    let users = std::fs::read_to_string(workspace().join("crates/tbpki/units/tbpki.conf")).unwrap();
    assert!(text.contains("\nStateDirectory=tbpki\n") && users.contains(" /var/lib/tbpki\n"));
}
