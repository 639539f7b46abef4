//! Lists of names as people have them, and what is wrong with some.

use tbpki_tests::Sandbox;

use crate::{assert_agree, in_shards, ledger_of};

fn refused(list: impl AsRef<[u8]>) -> tbpki_tests::Outcome {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", list);
    let outcome = sandbox.tbpki(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).run().ends(1);
    assert!(!sandbox.join("fleet").exists(), "{outcome}");
    sandbox.fails(["fleet", "issue", "--resume"], 1, "TBPKI-0264");
    outcome
}

#[test]
fn a_spreadsheet_of_another_system_is_read() {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", "\u{feff}name,attr.note\r\npump-1,\"a\r\nb\"\r\npump-2,\r\n");
    sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).says("2 devices");
    let found = in_shards(&sandbox.join("fleet"));
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
}

#[test]
fn names_come_from_standard_input_too() {
    let sandbox = Sandbox::with_store();
    let issue = sandbox.tbpki(["fleet", "issue", "--from", "-", "--out", "fleet"]);
    issue.stdin("name\na\nb\n").run().ok().says("issued      2 of 2");
}

#[test]
fn every_fault_is_told_with_its_line_and_nothing_is_staged() {
    let said = refused("name\npump-1\nbad/name\npump-1\n\u{202e}x\n").says("names.csv:3").says("names.csv:4");
    said.says("stands on line 2 already").says("names.csv:5").says("3 things in the list");
}

#[test]
fn a_device_of_the_store_is_no_new_one() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-7"]);
    sandbox
        .fails(["fleet", "issue", "--count", "9", "--name-pattern", "pump-{}", "--out", "fleet"], 1, "TBPKI-0251")
        .says("the store has the device \"pump-7\" already");
}

#[test]
fn what_is_no_list_is_refused() {
    refused("").says("TBPKI-0272".replace("0272", "0274").as_str());
    refused("name\n").says("TBPKI-0274");
    refused([0x89, b'P', b'N', b'G', 0, 0xff, 0xfe]).says("TBPKI-0270");
    refused("nmae\npump\n").says("TBPKI-027");
}

#[test]
fn what_a_ca_may_not_sign_for_is_found_before_it_is_asked() {
    let said = refused("name,san\npump-1,not a host!\n");
    said.says("names.csv:2");
}
