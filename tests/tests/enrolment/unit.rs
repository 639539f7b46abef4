//! The systemd unit of the service.

use tbpki_tests::Tool;
use tbpki_tests::binary::workspace;

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
