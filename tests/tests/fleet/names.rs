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
    sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).prints("2 devices");
    let found = in_shards(&sandbox.join("fleet"));
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
}

#[test]
fn names_come_from_standard_input_too() {
    let sandbox = Sandbox::with_store();
    let issue = sandbox.tbpki(["fleet", "issue", "--from", "-", "--out", "fleet"]);
    issue.stdin("name\na\nb\n").run().ok().prints("issued      2 of 2");
}

#[test]
fn every_fault_is_told_with_its_line_and_nothing_is_staged() {
    let said = refused("name\npump-1\nbad/name\npump-1\n\u{202e}x\n").prints("names.csv:3").prints("names.csv:4");
    said.prints("(first on line 2)").prints("names.csv:5").prints("3 things in the list");
}

#[test]
fn a_device_of_the_store_is_no_new_one() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-7"]);
    sandbox
        .fails(["fleet", "issue", "--count", "9", "--name-pattern", "pump-{}", "--out", "fleet"], 1, "TBPKI-0251")
        .prints("1 of the 9 names of the pattern exists already")
        .prints("the store has the device \"pump-7\" already")
        .prints("use `--start 8`");
}

#[test]
fn a_pattern_that_is_half_issued_is_refused_as_one_error() {
    let sandbox = Sandbox::with_store();
    let issue = |count: &str| {
        ["fleet", "issue", "--count", count, "--name-pattern", "p-{}", "--out", "fleet"].map(str::to_owned)
    };
    sandbox.ok(issue("20"));
    let mut more = issue("30");
    more[7] = "fleet2".to_owned();
    let outcome = sandbox.fails(&more, 1, "TBPKI-0251").prints("use `--start 21`; `--start 21 --count 10` issues");
    assert_eq!(outcome.stderr_text().lines().filter(|line| !line.is_empty()).count(), 3, "{outcome}");
    assert!(!sandbox.join("fleet2").exists());
}

#[test]
fn misplaced_quotes_repeated_headers_and_invisible_characters_are_refused_with_their_lines() {
    refused("name\n=\"0012345\"\n\"ab\"cd\n").prints("TBPKI-0278").prints("names.csv:2").prints("names.csv:3");
    refused("name,attr.cfg\nx-1,\"{\"a\":1}\"\n").prints("TBPKI-0278").prints("names.csv:2");
    refused("name\na\n\"b\n").prints("TBPKI-0270").prints("names.csv:3").prints("not closed");
    refused("name,label\na,x\nname,label\nb,y\n").prints("TBPKI-0273").prints("names.csv:3").prints("columns again");
    // Soft hyphen, joiners, zero-width spaces, variation selector and tag: two names would look the same in every list.
    for c in "\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{2060}\u{fe0f}\u{feff}\u{e0041}".chars() {
        refused(format!("name\na-1\na-1{c}\n")).prints("TBPKI-0025").prints("names.csv:3").prints("invisible");
    }
}

#[test]
fn a_list_without_the_name_column_leads_to_the_option() {
    for header in ["node_id", "serial_no,mac", "Device name,Label", "pump-1"] {
        refused(format!("{header}\nx,y\n"))
            .prints("TBPKI-0271")
            .prints("--name-column")
            .prints("must name the columns");
    }
    refused("name,type,label\nx-1,pumps,A\n").prints("TBPKI-0272").prints("call the column `profile`");
}

#[test]
fn names_that_look_the_same_are_issued_with_a_warning() {
    let sandbox = Sandbox::with_store();
    // The same word composed and decomposed, as in file names of macOS, and a Cyrillic letter among Latin ones.
    sandbox.write("names.csv", "name\nS\u{fc}d\nSu\u{308}d\np\u{443}mp\n");
    let said = sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).prints("issued      3 of 3");
    said.prints("warning[TBPKI-0282]")
        .prints("names.csv:3")
        .prints("on line 2")
        .prints("names.csv:4")
        .prints("mixes scripts");
}

#[test]
fn semicolons_of_excel_are_read() {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", "\u{feff}name;san\r\na;\"a.example;b.example\"\r\nb;\r\n");
    sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).prints("issued      2 of 2");
    let found = in_shards(&sandbox.join("fleet"));
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
}

#[test]
fn standard_input_without_end_is_refused() {
    let sandbox = Sandbox::with_store();
    // A quote that is never closed makes one row of the whole file.
    let endless = format!("name\n\"{}", "row\n".repeat(100_000));
    let issue = sandbox.tbpki(["fleet", "issue", "--from", "-", "--out", "fleet"]);
    issue.stdin(endless).run().ends(1).prints("TBPKI-0270").prints("a row takes more than 256 KiB");
    sandbox.fails(["fleet", "issue", "--resume"], 1, "TBPKI-0264");
}

#[test]
fn what_is_no_list_is_refused() {
    refused("").prints("TBPKI-0272".replace("0272", "0274").as_str());
    refused("name\n").prints("TBPKI-0274");
    refused([0x89, b'P', b'N', b'G', 0, 0xff, 0xfe]).prints("TBPKI-0270");
    refused("nmae\npump\n").prints("TBPKI-027");
    // Latin-1: one fault for all lines, and what helps.
    let said =
        refused(b"name,label\na,Ger\xe4t\nb,Ger\xe4t\n").prints("TBPKI-0270").prints("save the list as \"CSV UTF-8\"");
    assert_eq!(said.stderr_text().matches("is not UTF-8").count(), 1, "{said}");
    refused("name|x;Standort, Etage\na|b;c\n").prints("TBPKI-0271").prints("sep=;");
}

#[test]
fn what_a_ca_may_not_sign_for_is_found_before_it_is_asked() {
    let said = refused("name,san\npump-1,not a host!\n");
    said.prints("names.csv:2");
}
