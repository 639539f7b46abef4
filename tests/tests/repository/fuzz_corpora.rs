//! The fuzz targets' corpora, once through on an ordinary build. To look for more: `cargo xtask fuzz`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tbpki_fuzz::TARGETS;
use tbpki_tests::binary::workspace;

#[test]
fn every_input_of_every_corpus_is_accepted_or_refused() {
    for (name, target) in TARGETS {
        let inputs = entries(&format!("fuzz/corpus/{name}"));
        assert!(!inputs.is_empty(), "{name} has an empty corpus");
        for input in inputs {
            // Shown only if the target stops.
            println!("{}", input.display());
            target(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_corpus_has_a_target_and_every_target_a_corpus() {
    let corpora: BTreeSet<String> =
        entries("fuzz/corpus").iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(corpora, targets);
}

fn entries(directory: &str) -> Vec<PathBuf> {
    let directory = workspace().join(directory);
    let mut paths: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
