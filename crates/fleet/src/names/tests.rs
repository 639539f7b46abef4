//! Lists of names as they occur in practice, and their errors and warnings.

use std::sync::atomic::{AtomicBool, Ordering};

use base::Code;
use ledger::{Duplicate, Duplicates, EarlierUse, Ledger, NewJob, Parameters, StagingOutcome};

use super::*;

fn wish(name: Option<&str>, attributes: &[&str]) -> ColumnSelection {
    ColumnSelection {
        name: name.map(str::to_owned),
        attributes: attributes.iter().map(|attribute| (*attribute).to_owned()).collect(),
    }
}

fn reader(csv: impl AsRef<[u8]>) -> NamesReader {
    read(io::Cursor::new(csv.as_ref().to_vec()), &ColumnSelection::default()).unwrap()
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

fn refusal(csv: impl AsRef<[u8]>, wish: &ColumnSelection) -> (Code, String) {
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
    let rows: [(&[u8], &[Code]); 22] = [
        (b"a/b,,,,", &[Code::DeviceName]),
        (b",label,,,", &[Code::DeviceName]),
        (b"\"a\nb\",,,,", &[Code::DeviceName]),
        // 65 characters: a common name has at most 64 (RFC 5280, appendix A.1, ub-common-name).
        (&[b"a", "n".repeat(64).as_bytes(), b",,,,"].concat(), &[Code::DeviceName]),
        (&[b"a,", label.as_bytes(), b",,,"].concat(), &[Code::NamesField]),
        (b"a,,\"two\nlines\",,", &[Code::NamesField]),
        (b"a,,,not a host!,", &[Code::BadSan]),
        (&[b"a,,,urn:", "u".repeat(3000).as_bytes(), b","].concat(), &[Code::BadSan]),
        (&[b"a,,,", sans.as_bytes(), b","].concat(), &[Code::BadSan]),
        (b"a,,,,\x1b[2J", &[Code::NamesField]),
        (b"a,b,c", &[Code::NamesRow]),
        (b"name,label,profile,san,attr.x", &[Code::NamesRow]),
        (b"NAME, label ,\"profile\",san,attr.x", &[Code::NamesRow]),
        ("a-1\u{200b},,,,".as_bytes(), &[Code::DeviceName]),
        ("a-1\u{2800},,,,".as_bytes(), &[Code::DeviceName]),
        ("a-1\u{fff9},,,,".as_bytes(), &[Code::DeviceName]),
        ("a-1\u{ffff},,,,".as_bytes(), &[Code::DeviceName]),
        ("a,,pumps\u{fe0f},,".as_bytes(), &[Code::NamesField]),
        // U+202E turns the direction of writing, so that a label would show as another text.
        ("a,l\u{202e},,,".as_bytes(), &[Code::NamesField]),
        // A trick for spreadsheets, which would otherwise drop the leading zeros of a serial number.
        (b"=\"0012345\",,,,", &[Code::NamesQuotes]),
        (b"\"ab\"cd,,,not a host!,", &[Code::NamesQuotes]),
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
    // Latin-1: each further line with such a letter would have the same fault.
    let latin = reader(b"name,label\na,b\nc,Ger\xe4t\nd,Ger\xe4t\n").filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!((latin.len(), latin[0].line, latin[0].code), (1, 3, Code::NamesUnreadable));
    assert_eq!(latin[0].fix.as_deref(), Some("save the list as \"CSV UTF-8\""));
    let endless = format!("name\na\n\"{}\nb\n", "row\n".repeat(100_000));
    assert_eq!(lines(endless), [good(&[(2, "a")]), bad(&[(3, Code::NamesUnreadable)])].concat());
    let nul = format!("name\n{}b\0\n", "a\n".repeat(100_000));
    assert_eq!(lines(nul).last().unwrap().1, Err(Code::NamesUnreadable));
}

#[test]
fn misplaced_quotes_are_told_on_their_lines_and_the_next_rows_are_read() {
    let csv = "name,attr.cfg\na,\"{\"a\":1}\"\nb,\"x\ny\"z\nc,5\"\nd,\"6\"\"\"\n";
    let fault = Err(Code::NamesQuotes);
    assert_eq!(lines(csv), [(2, fault.clone()), (4, fault.clone()), (5, fault), (6, Ok("d".to_owned()))]);
    let text = |csv: &str| reader(csv).next().unwrap().unwrap_err().text;
    assert!(text("name\n=\"12\"\n").contains("inside a field that does not begin with one"));
    assert!(text("name\n\"ab\"cd\n").contains("text follows a quote that ends a field"));
    let (code, said) = refusal("\n\"name\" ,label\na,b\n", &ColumnSelection::default());
    assert_eq!(code, Code::NamesQuotes);
    assert!(said.contains("must be doubled"), "{said}");
    let error = read(io::Cursor::new(b"\n=\"name\"\na\n"), &ColumnSelection::default()).unwrap_err();
    assert_eq!(error.finding().location.line, Some(2));
}

#[test]
fn semicolons_separate_columns_as_excel_writes_them() {
    for csv in [
        "name;label\na;\"x;y\"\nb;c,d\n",
        "\u{feff}name;label\r\na;\"x;y\"\r\nb;c,d\r\n",
        "sep=;\nname;label\na;\"x;y\"\nb;c,d\n",
        "sep=,\nname,label\na,x;y\nb,\"c,d\"\n",
    ] {
        let first = if csv.starts_with("sep") { 3 } else { 2 };
        let names: Vec<_> = reader(csv).map(Result::unwrap).collect();
        let found: Vec<_> = names.iter().map(|name| (name.line, name.name.as_str(), name.label.as_deref())).collect();
        assert_eq!(found, [(first, "a", Some("x;y")), (first + 1, "b", Some("c,d"))], "{csv:?}");
    }
    let sans = reader("name;san\na;\"a.example;b.example\"\n").next().unwrap().unwrap().sans;
    assert_eq!(sans, ["dns:a.example", "dns:b.example"]);
}

#[test]
fn what_comes_out_does_not_depend_on_the_pieces_of_the_input() {
    struct Slow(io::Cursor<Vec<u8>>);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // One byte for each read: a pipe delivers pieces of any size.
            let length = 1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }
    let limits = ListLimits { row: 64, rows: 6, bytes: 800 };
    let long = format!("name\na\n{}\nb\n", "x".repeat(65));
    let late_nul = format!("name\na\n{}b\0\nc\n", "\n".repeat(600));
    for csv in [
        &b"name\na\nb\0\nc\n"[..],
        b"name\na\n\0",
        b"\xef\xbb\xbf\xef\xbb\xbfname\na\n",
        b"\xef\xbb\xbf\xef\xbb\xbf\xef\xbb\xbf\xef\xbbname\na\n",
        b"\xef\xbb\xbf\0name",
        b"name\na\nb\nc\nd\ne\nf\n",
        long.as_bytes(),
        late_nul.as_bytes(),
        b"name\r\na\r\n\r\n\"b\"c\r\nd\r\n\"e",
        b"sep=;\r\nname;label\r\na;b\r\n",
    ] {
        let names = |input: Box<dyn Read + Send>| {
            read_within(input, &ColumnSelection::default(), limits)
                .map(Iterator::collect::<Vec<_>>)
                .map_err(|e| e.to_string())
        };
        let input = io::Cursor::new(csv.to_vec());
        assert_eq!(names(Box::new(input.clone())), names(Box::new(Slow(input))), "{csv:?}");
    }
    assert_eq!(lines("\u{feff}\u{feff}name\na\n"), good(&[(2, "a")]));
}

#[test]
fn a_list_is_not_read_without_end() {
    let faults = |csv: &str, limits| {
        let names = read_within(io::Cursor::new(csv.as_bytes().to_vec()), &ColumnSelection::default(), limits).unwrap();
        names.filter_map(Result::err).map(|fault| (fault.line, fault.code, fault.text)).collect::<Vec<_>>()
    };
    let limits = ListLimits { row: 10, rows: 4, bytes: 40 };
    let [(line, code, text)] = &faults("name\na\n\nb\nc\nd\ne\n", limits)[..] else { panic!() };
    assert_eq!((*line, *code, text.as_str()), (6, Code::NamesTooMany, "the list has more than 4 rows"));
    let limits = ListLimits { row: 10, rows: 100, bytes: 40 };
    let [(line, code, _)] = &faults(&format!("name\na{}", "\n".repeat(100)), limits)[..] else { panic!() };
    assert_eq!((*line, *code), (36, Code::NamesTooMany));
    let limits = ListLimits { row: 4, rows: 100, bytes: 400 };
    for (row, is_quoted) in [("abcde", false), ("\"a\nb\n\n", true)] {
        let [(line, code, text)] = &faults(&format!("name\nabcd\n{row}\nb\n"), limits)[..] else { panic!() };
        assert_eq!((*line, *code), (3, Code::NamesUnreadable));
        assert_eq!(text.contains("a quote is opened here"), is_quoted, "{text}");
        assert_eq!(text.contains("the line does not end"), !is_quoted, "{text}");
    }
    let error = read(io::Cursor::new(b"name\na\nb\0\n"), &ColumnSelection::default()).unwrap_err();
    assert_eq!(error.finding().location.line, Some(3));
}

#[test]
fn what_is_no_csv_is_refused_at_once() {
    let wish = ColumnSelection::default();
    for (junk, what) in [
        (&b"\xff\xfen\0a\0m\0e\0\n\0"[..], "UTF-16"),
        (b"\xff\xfe\0\0n\0\0\0", "UTF-32"),
        (b"[{\"name\":\"x\"}]\n", "JSON, not a CSV"),
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
    let none = ColumnSelection::default();
    for (header, wish, code, what) in [
        ("name,lable", &none, Code::UnknownColumn, "did you mean label?"),
        ("name,lable", &none, Code::UnknownColumn, "--attribute lable"),
        ("name,sans,colour", &none, Code::UnknownColumn, "\"sans\", \"colour\""),
        ("label,profile", &none, Code::NamesHeader, "no column is called \"name\""),
        ("names,label", &none, Code::NamesHeader, "for example --name-column names;"),
        ("node_id", &none, Code::NamesHeader, "--name-column node_id;"),
        ("serial_no,mac", &none, Code::NamesHeader, "--name-column serial_no;"),
        (",Device name,Label", &none, Code::NamesHeader, "--name-column 'Device name';"),
        ("serial no,name", &none, Code::UnknownColumn, "--attribute 'serial no'"),
        ("-x,name", &none, Code::UnknownColumn, "--attribute=-x"),
        ("-x", &none, Code::NamesHeader, "--name-column=-x;"),
        ("a`id`", &none, Code::NamesHeader, "--name-column 'a`id`';"),
        ("a'$(id)", &none, Code::NamesHeader, r"--name-column 'a'\''$(id)';"),
        ("pump-1", &none, Code::NamesHeader, "the first line must name the columns"),
        ("name,type,label", &none, Code::UnknownColumn, "call the column `profile`"),
        ("name,Device Profile", &none, Code::UnknownColumn, "call the column `profile`"),
        ("name,la\u{200b}bel", &none, Code::NamesHeader, "invisible character U+200B"),
        ("na\u{feff}me", &none, Code::NamesHeader, "invisible character U+FEFF"),
        ("name,attr.\u{2060}a", &none, Code::NamesHeader, "invisible character"),
        ("name,Name", &none, Code::NamesHeader, "twice"),
        ("name,attr.a,attr.a", &none, Code::NamesHeader, "twice"),
        ("name,attr.a,a", &wish(None, &["a"]), Code::NamesHeader, "twice"),
        ("name,attr.", &none, Code::NamesHeader, "name of the attribute is missing"),
        ("name\tlabel", &none, Code::NamesHeader, "'\\t'"),
        ("name|label", &none, Code::NamesHeader, "CSV UTF-8"),
        ("sep=;\nname,label", &none, Code::NamesHeader, "','"),
        ("sep=\t\nname\tlabel", &none, Code::NamesHeader, "write `sep=;` or `sep=,`"),
        ("Ger\u{e4}t;Standort, Etage;Label", &none, Code::NamesHeader, "put the line `sep=;` in front"),
        ("name|site, floor", &none, Code::NamesHeader, "'|'"),
        ("a|b,c|d", &none, Code::NamesHeader, "for example --name-column COLUMN;"),
        ("x;y,node", &wish(Some("node"), &["z"]), Code::NamesHeader, "no column \"z\""),
        ("name,site", &wish(None, &["name"]), Code::NamesHeader, "leave out --attribute name"),
        ("id,site", &wish(Some("id"), &["id"]), Code::NamesHeader, "has the names of the devices"),
        ("name,deviceProfileName", &none, Code::UnknownColumn, "call the column `profile`"),
        ("serial,deviceName", &none, Code::NamesHeader, "--name-column deviceName;"),
        ("# devices\nname,label", &none, Code::NamesHeader, "delete the line, or only the sign #"),
        ("sep=,\nname;label", &none, Code::NamesHeader, "';'"),
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
fn titles_with_commas_and_capitals_are_found() {
    let csv = "name;site,floor;Attr.hall;\"label, x\";b\na;1;2;3;4\n";
    for attributes in [&["site,floor", "label, x", "b"][..], &["site,floor", "b", "label, x"]] {
        let names: Vec<_> = read(csv.as_bytes(), &wish(None, attributes)).unwrap().map(Result::unwrap).collect();
        let expected = [("site,floor", "1"), ("hall", "2"), ("label, x", "3"), ("b", "4")];
        assert_eq!(names[0].attributes, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }
    // Several titles in one text.
    let names: Vec<_> = read(&b"name,a,b\nx,1,2\n"[..], &wish(None, &["a, b"])).unwrap().map(Result::unwrap).collect();
    assert_eq!(names[0].attributes.len(), 2);
}

#[test]
fn blank_lines_in_front_of_the_columns_are_passed_over() {
    for csv in [" \n\t\nname;label\na;b\n", ";;\n;\nname;label\na;b\n", ",,\n \nname,label\na,b\n"] {
        assert_eq!(lines(csv), good(&[(4, "a")]), "{csv:?}");
    }
    assert_eq!(refusal(" \n;;\n", &ColumnSelection::default()).0, Code::NoNames);
}

#[test]
fn the_values_of_mfg_gen_are_read_if_a_column_for_names_is_given() {
    let csv = "id,serial,u8key,label\n\n1,A0:B0,127,\n\n2,A0:B1,126,x\n";
    let (code, said) = refusal(csv, &ColumnSelection::default());
    assert_eq!(code, Code::NamesHeader);
    assert!(said.contains("--name-column serial"), "{said}");
    let (_, said) = refusal("id,,attr.hall\n1,,2\n", &ColumnSelection::default());
    assert!(said.contains("--name-column attr.hall"), "{said}");
    for header in ["id", "id,"] {
        let (_, said) = refusal(format!("{header}\n1\n"), &ColumnSelection::default());
        assert!(said.contains("add a column called name") && !said.contains("--name-column"), "{said}");
    }

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

/// No stop is asked for.
static GOES_ON: AtomicBool = AtomicBool::new(false);

fn store() -> (tempfile::TempDir, Ledger, NewJob) {
    let store = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(store.path().join("ledger.db")).unwrap();
    let job = NewJob { parameters: Parameters::of(&[("days", 3650)]).unwrap(), shard_size: 1000, renews: false };
    (store, ledger, job)
}

#[test]
fn names_become_a_job_or_every_fault_is_told() {
    let (_store, mut ledger, job) = store();
    let faulty = "name\na\nb\n.c\na\nd\nb\n";
    let StagingResult::Refused(faults) = stage(&mut ledger, &job, reader(faulty), false, &GOES_ON).unwrap() else {
        panic!()
    };
    let found: Vec<_> = faults.first().iter().map(|fault| (fault.line, fault.code)).collect();
    assert_eq!(found, [(4, Code::DeviceName), (5, Code::DuplicateNames), (7, Code::DuplicateNames)]);
    assert!(faults.first()[2].text.contains("line 3"), "{:?}", faults.first());
    assert_eq!((faults.total(), faults.to_error().code()), (3, Code::NamesRefused));
    let finding = faults.first()[0].finding("names.csv".as_ref());
    assert!(finding.to_string().starts_with("names.csv:4: "), "{finding}");

    let good = "name\na\nb\n";
    assert!(matches!(stage(&mut ledger, &job, reader(good), true, &GOES_ON).unwrap(), StagingResult::Rehearsed(2)));
    let StagingResult::Kept(StagingOutcome::New(kept)) =
        stage(&mut ledger, &job, reader(good), false, &GOES_ON).unwrap()
    else {
        panic!()
    };
    assert_eq!(kept.size, 2);
    assert!(matches!(
        stage(&mut ledger, &job, reader(good), false, &GOES_ON).unwrap(),
        StagingResult::Kept(StagingOutcome::Known(_))
    ));
}

#[test]
fn a_stop_ends_the_reading_and_reserves_nothing() {
    let (_store, mut ledger, job) = store();
    let stop = AtomicBool::new(false);
    let mut read = 0;
    let names = reader("name\na\nb\nc\nd\n").inspect(|_| {
        read += 1;
        stop.store(read == 2, Ordering::Relaxed);
    });
    assert_eq!(stage(&mut ledger, &job, names, false, &stop).unwrap_err().code(), Code::StoppedEarly);
    assert_eq!(read, 2);
    assert_eq!(ledger.jobs().unwrap().len(), 0);
    let again = stage(&mut ledger, &job, reader("name\na\nb\nc\n"), false, &GOES_ON).unwrap();
    assert!(matches!(again, StagingResult::Kept(StagingOutcome::New(job)) if job.size == 3));
}

#[test]
fn a_million_lines_with_one_duplicate_are_refused_for_it() {
    let (_store, mut ledger, job) = store();
    let mut csv = String::from("name\r\n");
    for number in 0..1_000_000 {
        // The two lines are far apart, so that a comparison of neighbors or of one batch would miss the duplicate.
        csv.push_str(&format!("sensor-{:06}\r\n", if number == 765_432 { 123_456 } else { number }));
    }
    let StagingResult::Refused(faults) = stage(&mut ledger, &job, reader(csv), false, &GOES_ON).unwrap() else {
        panic!()
    };
    assert_eq!((faults.total(), faults.first().len()), (1, 1));
    assert_eq!(faults.first()[0].line, 765_434);
    assert!(faults.first()[0].text.contains("first on line 123458"), "{}", faults.first()[0].text);
}

#[test]
fn a_pattern_whose_names_exist_is_refused_in_one_line_with_a_way_out() {
    for (start, count, known, last, fix) in [
        (1, 1500, 1200, 1200, "use `--start 1201`; `--start 1201 --count 300` issues the names behind them"),
        (1, 200, 200, 200, "use `--start 201`"),
        (1100, 200, 101, 101, "use `--start 1201`; `--start 1201 --count 99` issues the names behind them"),
        (0, 11, 10, 11, "use `--start 11`"),
    ] {
        let first = Duplicate { name: "p-1".to_owned(), line: 1, earlier: EarlierUse::Line(1) };
        let mut faults = Faults::default();
        faults.add_duplicates(&Duplicates { first: vec![first], total: known, last_line: last });
        let error = faults.of_pattern(start, count).unwrap();
        assert_eq!(error.finding().fix.as_deref(), Some(fix));
    }
}

#[test]
fn a_pattern_whose_names_wait_is_refused_in_one_line_with_their_job() {
    let (_store, mut ledger, job) = store();
    let numbered = |start, count| NamesSource::Numbered { pattern: "p-{}".parse().unwrap(), start, count };
    let mut stage_it = |source: &NamesSource| stage(&mut ledger, &job, open(source).unwrap(), false, &GOES_ON).unwrap();
    assert!(matches!(stage_it(&numbered(1, 1200)), StagingResult::Kept(StagingOutcome::New(_))));
    for (start, count, what) in [
        (1, 1500, "1200 of the 1500 names"),
        (1, 200, "200 of the 200 names"),
        (1100, 200, "101 of the 200 names"),
        (0, 11, "10 of the 11 names"),
    ] {
        let source = numbered(start, count);
        let StagingResult::Refused(faults) = stage_it(&source) else { panic!() };
        let error = source.refusal(&faults).unwrap();
        assert_eq!(error.code(), Code::DuplicateNames);
        assert!(error.finding().what.starts_with(what), "{error}");
        let fix = error.finding().fix.as_ref().unwrap();
        assert!(fix.starts_with("`tbpki fleet issue --resume 1`"), "{fix}");
        assert_eq!(error.finding().location.line, None);
        assert!(!error.to_string().contains("on line"), "{error}");
    }
}

#[test]
fn the_first_thousand_faults_are_told_and_the_others_counted() {
    let (_store, mut ledger, job) = store();
    let csv = format!("name\n{}", "a/b\n".repeat(1234));
    let StagingResult::Refused(faults) = stage(&mut ledger, &job, reader(csv), false, &GOES_ON).unwrap() else {
        panic!()
    };
    assert_eq!((faults.first().len(), faults.total()), (1000, 1234));
    assert_eq!(faults.first()[999].line, 1001);
}
