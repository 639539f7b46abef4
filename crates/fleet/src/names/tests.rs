//! What lists of names look like in practice, and what is said about them.

use base::Code;
use ledger::{Ledger, NewJob, Parameters, Staged};

use super::*;

fn wish(name: Option<&str>, attributes: &[&str]) -> ColumnWish {
    ColumnWish {
        name: name.map(str::to_owned),
        attributes: attributes.iter().map(|attribute| (*attribute).to_owned()).collect(),
    }
}

fn reader(csv: impl AsRef<[u8]>) -> NamesReader {
    read(io::Cursor::new(csv.as_ref().to_vec()), &ColumnWish::default()).unwrap()
}

/// Every name with its line, or every fault with its line.
fn lines(csv: impl AsRef<[u8]>) -> Vec<(u64, Result<String, Code>)> {
    let line = |name: Result<StagedName, NameFault>| match name {
        Ok(name) => (name.line, Ok(name.name)),
        Err(fault) => (fault.line, Err(fault.code)),
    };
    reader(csv).map(line).collect()
}

fn good(names: &[(u64, &str)]) -> Vec<(u64, Result<String, Code>)> {
    names.iter().map(|(line, name)| (*line, Ok((*name).to_owned()))).collect()
}

fn bad(faults: &[(u64, Code)]) -> Vec<(u64, Result<String, Code>)> {
    faults.iter().map(|(line, code)| (*line, Err(*code))).collect()
}

fn refusal(csv: impl AsRef<[u8]>, wish: &ColumnWish) -> (Code, String) {
    let error = read(io::Cursor::new(csv.as_ref().to_vec()), wish).unwrap_err();
    let fix = error.finding().fix.clone().unwrap_or_default();
    (error.code(), format!("{error} [{fix}]"))
}

#[test]
fn every_column_goes_where_it_belongs() {
    let csv = "Name,label,PROFILE,san,attr.hall,serial\n\
        pump-1, Pump 1 ,pumps,pump-1.example.org; 192.0.2.7;;DNS:Pump-1.example.org,North,A7\n\
        pump-2,,,,,\n";
    let names: Vec<_> = read(csv.as_bytes(), &wish(None, &["serial"])).unwrap().map(Result::unwrap).collect();
    let attributes = [("hall", "North"), ("serial", "A7")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(
        names[0],
        StagedName {
            line: 2,
            name: "pump-1".to_owned(),
            label: Some("Pump 1".to_owned()),
            profile: Some("pumps".to_owned()),
            sans: vec!["dns:pump-1.example.org".to_owned(), "ip:192.0.2.7".to_owned()],
            attributes: attributes.into(),
        }
    );
    assert_eq!(reader(csv.replace(",serial", "").replace(",A7", "")).note(), None);
    assert_eq!(names[1], StagedName { line: 3, name: "pump-2".to_owned(), ..StagedName::default() });
}

#[test]
fn line_numbers_are_those_of_an_editor() {
    let names = good(&[(2, "a"), (3, "b")]);
    for csv in
        ["name\na\nb\n", "name\na\nb", "name\r\na\r\nb\r\n", "\u{feff}name\r\na\r\nb", "name\ra\rb\r", "name\na\n\"b\""]
    {
        assert_eq!(lines(csv), names, "{csv:?}");
    }
    let csv =
        "\n\nname,attr.note\r\n\r\na,\"two\r\nlines\"\r\n\r\n\r\nb,\"with \"\"quotes\"\"\n\n\n and more\"\nc,\n,\nd,";
    assert_eq!(lines(csv), good(&[(5, "a"), (9, "b"), (13, "c"), (15, "d")]));
    let notes: Vec<_> = reader(csv).map(|name| name.unwrap().attributes.get("note").cloned()).collect();
    assert_eq!(notes[0].as_deref(), Some("two\nlines"));
    assert_eq!(notes[1].as_deref(), Some("with \"quotes\"\n\n\n and more"));
}

#[test]
fn what_spreadsheets_leave_behind_does_no_harm() {
    assert_eq!(
        lines("name,label,\na,b,\nc,d\n,,\n, ,\ne,f,,,\n"),
        [good(&[(2, "a")]), bad(&[(3, Code::NamesRow)]), good(&[(6, "e")]),].concat()
    );
    assert_eq!(lines("name,,\na,,x\n"), bad(&[(2, Code::NamesRow)]));
}

#[test]
fn every_fault_is_told_with_its_line() {
    let label = "l".repeat(256);
    let sans = (0..101).map(|number| format!("h{number}.example")).collect::<Vec<_>>().join(";");
    let rows: [(&[u8], &[Code]); 13] = [
        (b"a/b,,,,", &[Code::DeviceName]),
        (b",label,,,", &[Code::DeviceName]),
        (b"\"a\nb\",,,,", &[Code::DeviceName]),
        (&[b"a", "n".repeat(64).as_bytes(), b",,,,"].concat(), &[Code::DeviceName]),
        (&[b"a,", label.as_bytes(), b",,,"].concat(), &[Code::NamesField]),
        (b"a,,\"two\nlines\",,", &[Code::NamesField]),
        (b"a,,,not a host!,", &[Code::BadSan]),
        (&[b"a,,,urn:", "u".repeat(3000).as_bytes(), b","].concat(), &[Code::BadSan]),
        (&[b"a,,,", sans.as_bytes(), b","].concat(), &[Code::BadSan]),
        (b"a,,,,\x1b[2J", &[Code::NamesField]),
        (b"a,\xfc,,,", &[Code::NamesUnreadable]),
        (b"a,b,c", &[Code::NamesRow]),
        (b".a,\x07,,*,", &[Code::DeviceName, Code::NamesField, Code::BadSan]),
    ];
    for (row, codes) in rows {
        let csv = [b"name,label,profile,san,attr.x\nfirst,,,,\n", row, b"\nlast,,,,\n"].concat();
        let faults: Vec<_> = codes.iter().map(|code| (3, *code)).collect();
        let last = 4 + row.iter().filter(|byte| **byte == b'\n').count() as u64;
        let expected = [good(&[(2, "first")]), bad(&faults), good(&[(last, "last")])].concat();
        assert_eq!(lines(&csv), expected, "{}", String::from_utf8_lossy(row));
    }
}

#[test]
fn a_message_stays_short_however_long_the_field() {
    let csv = format!("name,label\n{},{}\n", "n".repeat(100_000), "l".repeat(100_000));
    for fault in reader(csv) {
        assert!(fault.unwrap_err().text.len() < 300);
    }
}

#[test]
fn after_what_cannot_be_read_nothing_follows() {
    assert_eq!(
        lines("name,label\na,b\nc,\"d\ne,f\n"),
        [good(&[(2, "a")]), bad(&[(3, Code::NamesUnreadable)])].concat()
    );
    assert_eq!(lines("name\na\n\"b"), [good(&[(2, "a")]), bad(&[(3, Code::NamesUnreadable)])].concat());
    assert_eq!(lines("name\na\n\"b\"\"\n"), [good(&[(2, "a")]), bad(&[(3, Code::NamesUnreadable)])].concat());
    let endless = format!("name\na\n\"{}\nb\n", "row\n".repeat(100_000));
    assert_eq!(lines(endless), [good(&[(2, "a")]), bad(&[(3, Code::NamesUnreadable)])].concat());
    let nul = format!("name\n{}b\0\n", "a\n".repeat(100_000));
    assert_eq!(lines(nul).last().unwrap().1, Err(Code::NamesUnreadable));
}

#[test]
fn what_is_no_csv_is_refused_at_once() {
    let wish = ColumnWish::default();
    for (junk, what) in [
        (&b"\xff\xfen\0a\0m\0e\0\n\0"[..], "UTF-16"),
        (b"PK\x03\x04\x14\0\x06\0", "spreadsheet"),
        (b"\x7fELF\x02\x01\x01\0", "not text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        (b"n\xe4me\na\n", "not UTF-8"),
        (b"name\x1b[2J\na\n", "names no columns"),
        (b"\"name\na\n", "within a text in quotes"),
    ] {
        let (code, said) = refusal(junk, &wish);
        assert_eq!(code, Code::NamesUnreadable, "{junk:?}");
        assert!(said.contains(what), "{said}");
    }
    for nothing in ["", "\n\r\n", "\u{feff}"] {
        assert_eq!(refusal(nothing, &wish).0, Code::NoNames, "{nothing:?}");
    }
    for header in ["name", "name\n", "name,label\r\n\r\n,\r\n"] {
        assert_eq!(lines(header), bad(&[(1, Code::NoNames)]), "{header:?}");
    }
}

#[test]
fn columns_are_held_to_what_was_asked_for() {
    let none = ColumnWish::default();
    for (header, wish, code, what) in [
        ("name,lable", &none, Code::UnknownColumn, "did you mean label?"),
        ("name,lable", &none, Code::UnknownColumn, "--attribute lable"),
        ("name,sans,colour", &none, Code::UnknownColumn, "\"sans\", \"colour\""),
        ("label,profile", &none, Code::NamesHeader, "no column is called \"name\""),
        ("names,label", &none, Code::UnknownColumn, "did you mean name?"),
        ("name,Name", &none, Code::NamesHeader, "twice"),
        ("name,attr.a,attr.a", &none, Code::NamesHeader, "twice"),
        ("name,attr.a,a", &wish(None, &["a"]), Code::NamesHeader, "twice"),
        ("name,attr.", &none, Code::NamesHeader, "name of the attribute is missing"),
        ("name;label", &none, Code::NamesHeader, "';'"),
        ("name\tlabel", &none, Code::NamesHeader, "'\\t'"),
        ("name,label", &wish(Some("serial"), &[]), Code::NamesHeader, "no column \"serial\""),
        ("name,hall", &wish(None, &["hal"]), Code::NamesHeader, "did you mean hall?"),
        ("name,serial", &wish(Some("serial"), &[]), Code::UnknownColumn, "\"name\""),
    ] {
        let (found, said) = refusal(format!("{header}\na,b\n"), wish);
        assert_eq!(found, code, "{header}: {said}");
        assert!(said.contains(what), "{header}: {said}");
    }
}

#[test]
fn the_values_of_mfg_gen_are_read_once_it_is_said_which_column_names_the_devices() {
    let csv = "id,serial,u8key,label\n\n1,A0:B0,127,\n\n2,A0:B1,126,x\n";
    let (code, said) = refusal(csv, &ColumnWish::default());
    assert_eq!(code, Code::NamesHeader);
    assert!(said.contains("--name-column id"), "{said}");

    let names = |wish| read(csv.as_bytes(), &wish).unwrap();
    let reader = names(wish(Some("serial"), &["u8key"]));
    let note = reader.note().unwrap();
    assert!(note.code == Code::UnknownColumn && note.what.ends_with(": \"id\""), "{note}");
    let read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!((read[0].line, read[0].name.as_str()), (3, "A0:B0"));
    assert_eq!((read[1].line, read[1].name.as_str(), read[1].label.as_deref()), (5, "A0:B1", Some("x")));
    assert_eq!(read[1].attributes.get("u8key").map(String::as_str), Some("126"));
    let ids: Vec<_> = names(wish(Some("id"), &[])).map(|name| name.unwrap().name).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn a_file_is_named_where_it_cannot_be_used() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let source = |path: &std::path::Path| NamesSource::Table { file: Some(path.to_owned()), columns: wish(None, &[]) };
    let error = open(&source(file.path())).unwrap_err();
    assert_eq!(error.code(), Code::NoNames);
    assert_eq!(error.finding().location.file.as_deref(), Some(file.path()));
    assert_eq!(open(&source("/nowhere/names.csv".as_ref())).unwrap_err().code(), Code::FileUnreadable);
    io::Write::write_all(&mut file.as_file(), b"name\npump-1\n").unwrap();
    assert_eq!(open(&source(file.path())).unwrap().map(|name| name.unwrap().name).collect::<Vec<_>>(), ["pump-1"]);
}

fn store() -> (tempfile::TempDir, Ledger, NewJob) {
    let store = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(store.path().join("ledger.db")).unwrap();
    let job = NewJob { parameters: Parameters::of(&[("days", 3650)]).unwrap(), shard_size: 1000 };
    (store, ledger, job)
}

#[test]
fn names_become_a_job_or_every_fault_is_told() {
    let (_store, mut ledger, job) = store();
    let faulty = "name\na\nb\n.c\na\nd\nb\n";
    let Spooled::Refused(faults) = stage(&mut ledger, &job, reader(faulty), false).unwrap() else { panic!() };
    let found: Vec<_> = faults.first().iter().map(|fault| (fault.line, fault.code)).collect();
    assert_eq!(found, [(4, Code::DeviceName), (5, Code::DuplicateNames), (7, Code::DuplicateNames)]);
    assert!(faults.first()[2].text.contains("line 3"), "{:?}", faults.first());
    assert_eq!((faults.total(), faults.to_error().code()), (3, Code::NamesRefused));
    let finding = faults.first()[0].finding("names.csv".as_ref());
    assert!(finding.to_string().starts_with("names.csv:4: "), "{finding}");

    let good = "name\na\nb\n";
    assert!(matches!(stage(&mut ledger, &job, reader(good), true).unwrap(), Spooled::Rehearsed(2)));
    let Spooled::Kept(Staged::New(kept)) = stage(&mut ledger, &job, reader(good), false).unwrap() else { panic!() };
    assert_eq!(kept.size, 2);
    assert!(matches!(stage(&mut ledger, &job, reader(good), false).unwrap(), Spooled::Kept(Staged::Known(_))));
}

#[test]
fn a_million_lines_with_one_duplicate_are_refused_for_it() {
    let (_store, mut ledger, job) = store();
    let mut csv = String::from("name\r\n");
    for number in 0..1_000_000 {
        csv.push_str(&format!("sensor-{:06}\r\n", if number == 765_432 { 123_456 } else { number }));
    }
    let Spooled::Refused(faults) = stage(&mut ledger, &job, reader(csv), false).unwrap() else { panic!() };
    assert_eq!((faults.total(), faults.first().len()), (1, 1));
    assert_eq!(faults.first()[0].line, 765_434);
    assert!(faults.first()[0].text.contains("line 123458 already"), "{}", faults.first()[0].text);
}

#[test]
fn the_first_thousand_faults_are_told_and_the_others_counted() {
    let (_store, mut ledger, job) = store();
    let csv = format!("name\n{}", "a/b\n".repeat(1234));
    let Spooled::Refused(faults) = stage(&mut ledger, &job, reader(csv), false).unwrap() else { panic!() };
    assert_eq!((faults.first().len(), faults.total()), (1000, 1234));
    assert_eq!(faults.first()[999].line, 1001);
}
