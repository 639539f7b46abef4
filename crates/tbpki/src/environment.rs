//! Every environment variable that tbpki reads, in one list from which the documentation follows.

use config::KEYS;

/// One variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it does.
    pub meaning: String,
}

/// The variables that stand for no key of the configuration.
const OWN: &[(&str, &str)] = &[
    ("TBPKI_CONFIG", "The configuration to read, in place of keygen.toml; `--config` goes before it."),
    (
        "TBPKI_FIRMWARE",
        "Where the applications for bundle-firmware are: a directory with CHIP.elf and CHIP.elf.sha256.",
    ),
    ("TBPKI_NO_PROGRESS", "When set, long work shows plain lines instead of a progress bar."),
    ("NO_COLOR", "When set, nothing is coloured unless `--color always` is given."),
    ("CLICOLOR_FORCE", "When set, output is coloured even into files."),
];

/// Every variable, tbpki's own first, then one for each key of the configuration.
pub fn variables() -> Vec<Variable> {
    let own = OWN.iter().map(|(name, meaning)| Variable { name: (*name).to_owned(), meaning: (*meaning).to_owned() });
    let keys = KEYS.iter().flat_map(|key| {
        let meaning = format!("{} in keygen.toml: {}", key.path, key.why.trim());
        let file = key.is_secret.then(|| Variable {
            name: format!("{}_FILE", key.variable()),
            meaning: format!("The file that {} is in.", key.path),
        });
        [Some(Variable { name: key.variable(), meaning }), file].into_iter().flatten()
    });
    own.chain(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_stands_twice() {
        let mut names: Vec<String> = variables().into_iter().map(|variable| variable.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
