//! The end of an archive: its index and the archive get their names in two steps, and a run may end between them.

use std::path::Path;

use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::{Sandbox, Tool};

use crate::continued::{FACTORY, staged};

const ISSUE: [&str; 6] = ["fleet", "issue", "--count", "3", "--name-pattern", "s-{}"];

/// Kills a run before each of its renames in turn. The same command must complete the archive each time.
fn killed_before_each_rename(archive: &str, options: &[&str]) {
    let issue = [&ISSUE[..], &["--archive", archive], options].concat();
    let store = Sandbox::with_store();
    let mut kills = 0;
    loop {
        let sandbox = store.copy();
        let command = sandbox.tbpki(&issue).command();
        let Some(step) = run_disturbed(&command, Injection::Kill, "renameat2", kills + 1).unwrap() else { break };
        kills += 1;
        let again = sandbox.tbpki(&issue).run();
        assert!(again.status == 0, "killed {step}\n{again}");
        let index = sandbox.text(format!("{archive}.index.csv"));
        assert_eq!(index.lines().count(), 4, "killed {step}");
        if options.is_empty() {
            let names = Tool::new("tar").args(["-tf", archive]).directory(sandbox.path()).run().ok();
            assert_eq!(names.stdout_text().lines().count(), 3, "killed {step}");
        }
        assert!(!has_left(&sandbox, ".partial-"), "killed {step}");
    }
    assert!(kills > 6, "{kills}");
}

fn has_left(sandbox: &Sandbox, prefix: &str) -> bool {
    let names = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    sandbox.files().iter().any(|path| names(path))
}

#[test]
fn an_archive_that_was_killed_before_any_of_its_renames_is_completed() {
    killed_before_each_rename("kb.tar.zst", &[]);
    killed_before_each_rename("ks.tar.age", &["--recipient", FACTORY]);
}

#[test]
fn a_file_with_the_name_of_the_archive_that_came_meanwhile_is_kept_and_named() {
    let sandbox = Sandbox::with_store();
    let issue = [&ISSUE[..], &["--archive", "f.tar"]].concat();
    staged(&sandbox, &issue);
    sandbox.write("f.tar", "of another program");
    for _ in 0..2 {
        sandbox.tbpki(&issue).run().ends(1).prints("TBPKI-0082").prints("f.tar");
        assert!(!sandbox.join("f.tar.index.csv").exists());
    }
    assert_eq!(sandbox.text("f.tar"), "of another program");
    std::fs::remove_file(sandbox.join("f.tar")).unwrap();
    sandbox.ok(&issue).prints("f.tar.index.csv");
    assert_eq!(sandbox.text("f.tar.index.csv").lines().count(), 4);
}
