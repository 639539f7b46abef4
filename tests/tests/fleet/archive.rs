//! Archives: joined, compressed, sealed.

use std::collections::BTreeMap;
use std::fs;

use tbpki_tests::{Sandbox, Tool};

use crate::{IdentityView, assert_agree, ledger_of};

/// Unpacks an archive by other people's programs, and reads the devices in it.
#[track_caller]
fn unpacked(sandbox: &Sandbox, archive: &str, into: &str) -> BTreeMap<String, IdentityView> {
    fs::create_dir_all(sandbox.join(into)).unwrap();
    Tool::new("tar").args(["-xf", archive, "-C", into]).directory(sandbox.path()).run().ok();
    let files = fs::read_dir(sandbox.join(into)).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".pem").unwrap().to_owned();
            (name, IdentityView::of_pem(&fs::read(path).unwrap()))
        })
        .collect()
}

#[test]
fn an_archive_is_one_tar_with_an_index() {
    let sandbox = Sandbox::with_store();
    for (job, archive) in [(1, "plain.tar"), (2, "packed.tar.zst")] {
        let pattern = format!("j{job}-{{:05}}");
        sandbox
            .ok(["fleet", "issue", "--count", "2300", "--name-pattern", &pattern, "--archive", archive])
            .prints(&format!("{archive}.index.csv"));
        let found = unpacked(&sandbox, archive, &format!("out-{job}"));
        assert_eq!(found.len(), 2300);
        assert_agree(&ledger_of(&sandbox, job), &found, &sandbox.join("pki"));
        let index = sandbox.text(format!("{archive}.index.csv"));
        assert_eq!(index.lines().count(), 2301);
        if job == 1 {
            let bytes = sandbox.read(archive);
            // A prime, so that the samples are at different places of the shards.
            for line in index.lines().skip(1).step_by(97) {
                let fields: Vec<&str> = line.split(',').collect();
                let number = |field: usize| fields[field].parse::<usize>().unwrap();
                let start = number(6) + number(4);
                let held = IdentityView::of_pem(&bytes[start..start + number(5)]);
                assert_eq!(held.leaf.common_name().as_deref(), Some(fields[0]));
                assert_eq!(held.leaf.fingerprint_hex(), fields[2]);
            }
        }
    }
}

#[test]
fn a_sealed_archive_is_opened_by_its_recipients_alone() {
    let sandbox = Sandbox::with_store();
    let keygen = Tool::new("age-keygen").args(["-o", "factory.key"]).directory(sandbox.path()).run().ok();
    let said = format!("{}{}", keygen.stdout_text(), keygen.stderr_text());
    let recipient = said.split_whitespace().find(|word| word.starts_with("age1")).unwrap().to_owned();
    sandbox.write("recipients", format!("# the factory\n{recipient}\n"));
    let issue = ["fleet", "issue", "--count", "1100", "--name-pattern", "s-{}", "--archive", "f.tar.zst.age"];
    // The name ends with .age, and no recipient is given.
    sandbox.fails(issue, 2, "TBPKI-0011");
    sandbox.ok(issue.into_iter().chain(["--recipients-file", "recipients"]));

    let mut found = BTreeMap::new();
    for part in ["000000", "000001"] {
        let sealed = format!("f.tar.zst.age.parts/{part}.tar.zst.age");
        let opened = format!("{part}.tar.zst");
        let age = Tool::new("age").args(["-d", "-i", "factory.key", "-o", &opened, &sealed]);
        age.directory(sandbox.path()).run().ok();
        found.extend(unpacked(&sandbox, &opened, part));
    }
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
    assert_eq!(sandbox.text("f.tar.zst.age.index.csv").lines().count(), 1101);

    // The certificates are kept with it and the keys are not: no file that is left here holds one.
    for path in sandbox.files() {
        let in_place = path.to_string_lossy().starts_with("f.tar");
        let bytes = sandbox.read(&path);
        assert!(!in_place || !bytes.windows(11).any(|window| window == b"PRIVATE KEY"), "{}", path.display());
    }
    let certificates = sandbox.text("f.tar.zst.age.parts/000001.certificates.pem");
    assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 100);
    sandbox.fails(["client", "--device", "s-7"], 1, "TBPKI-0266");
}

#[test]
fn a_recipient_that_is_none_is_a_usage_error() {
    let sandbox = Sandbox::with_store();
    let issue = ["fleet", "issue", "--count", "1", "--name-pattern", "s-{}", "--archive", "f.tar", "--recipient"];
    for wrong in ["age1xyz", "ssh-ed25519 AAAA"] {
        sandbox.fails(issue.into_iter().chain([wrong]), 2, "TBPKI-0260");
    }
}

#[test]
fn a_lost_index_is_written_again_as_it_was() {
    let sandbox = Sandbox::with_store();
    for (job, archive) in [(1, "plain.tar"), (2, "packed.tar.zst")] {
        let pattern = format!("j{job}-{{:05}}");
        sandbox.ok(["fleet", "issue", "--count", "1100", "--name-pattern", &pattern, "--archive", archive]);
        let index = format!("{archive}.index.csv");
        let before = sandbox.read(&index);
        fs::remove_file(sandbox.join(&index)).unwrap();
        sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints(&index).prints(&format!("--resume {job}"));
        sandbox.ok(["fleet", "issue", "--resume", &job.to_string()]).prints(&index);
        assert!(sandbox.read(&index) == before, "{index}");
        sandbox.ok(["store", "check"]);
    }
}

#[test]
fn an_archive_or_a_shard_that_is_gone_is_named_with_its_path() {
    let sandbox = Sandbox::with_store();
    let jobs = [(1, ["--archive", "a.tar"], "a.tar"), (2, ["--out", "fleet"], "fleet/shard-000000")];
    for (job, place, path) in jobs {
        let pattern = format!("j{job}-{{}}");
        let issue = [&["fleet", "issue", "--count", "3", "--name-pattern", &pattern][..], &place].concat();
        sandbox.ok(issue.clone());
        fs::rename(sandbox.join(path), sandbox.join("away")).unwrap();
        for args in [issue, vec!["fleet", "issue", "--resume", ["1", "2"][job - 1]]] {
            sandbox.fails(args, 1, "TBPKI-0262").prints(path);
        }
        sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints(path);
        fs::rename(sandbox.join("away"), sandbox.join(path)).unwrap();
        sandbox.ok(["store", "check"]);
    }
    // A shorter archive is damaged.
    let whole = sandbox.read("a.tar");
    sandbox.write("a.tar", &whole[..whole.len() - 512]);
    sandbox.fails(["fleet", "issue", "--resume", "1"], 1, "TBPKI-0263").prints("a.tar");
    sandbox.write("a.tar", whole);
    // What nothing needs any more may be destroyed.
    fs::remove_dir_all(sandbox.join("fleet/shard-000000")).unwrap();
    sandbox.ok(["forget", "--device", "j2-1,j2-2,j2-3"]);
    sandbox.ok(["fleet", "issue", "--resume", "2"]).prints("fleet/shard-000000");
}
