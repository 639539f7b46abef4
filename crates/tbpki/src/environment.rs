//! The environment variables that tbpki reads. The documentation is generated from this list.

use std::path::PathBuf;

use base::file::OwnerTrust;
use config::KEYS;

/// An environment variable.
#[derive(Debug, Clone)]
pub struct EnvironmentVariable {
    /// The name, for example `TBPKI_SERVER_DAYS`.
    pub name: String,
    /// The effect, in one sentence.
    pub meaning: String,
}

/// The configuration's name if none is given.
pub(crate) const CONFIG: &str = "keygen.toml";

/// The variable that names another configuration.
pub(crate) const CONFIG_VARIABLE: &str = "TBPKI_CONFIG";

/// The configuration that the variable names; `None` if it is empty or not set.
pub(crate) fn config() -> Option<PathBuf> {
    std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The meaning of values, for the pages about keygen.toml and about variables.
pub const VALUES: &str = "A relative path in keygen.toml starts at the directory of that file; one in a variable or an \
    option starts at the working directory. `tbpki config show --origin` prints the whole path. In a variable, the entries \
    of a list are separated by commas. An empty variable counts as not set.";

/// The variables without a key in the configuration.
const OWN: &[(&str, &str)] = &[
    ("TBPKI_CONFIG", "The configuration to read instead of keygen.toml. `--config` overrides it."),
    ("TBPKI_TRUST_OWNER", "If `true`, a configuration and a store of another user are used, as with `--trust-owner`."),
    (
        "TBPKI_KEY_PIN",
        "The PIN of the token with the key of this host, for `enroll fetch` and `renew --est`. `--pin-file` overrides it.",
    ),
    ("TBPKI_FIRMWARE", "The directory of the applications for bundle-firmware, with CHIP.elf and CHIP.elf.sha256."),
    (
        "TBPKI_COMPLETE",
        "Set by the scripts of `tbpki completions`: tbpki prints completions instead of running a verb.",
    ),
    ("TBPKI_NO_PROGRESS", "If set, long operations print plain lines instead of a progress bar."),
    ("NO_COLOR", "If set, output has no color unless `--color always` is given."),
    ("CLICOLOR_FORCE", "If set, output has color also in files and pipes."),
];

/// All variables: first those without a key, then those of the keys of the configuration.
pub fn variables() -> Vec<EnvironmentVariable> {
    let own = OWN
        .iter()
        .map(|(name, meaning)| EnvironmentVariable { name: (*name).to_owned(), meaning: (*meaning).to_owned() });
    let keys = KEYS.iter().flat_map(|key| {
        let meaning = format!("{} in keygen.toml: {}", key.path, key.why.trim());
        let file = key.is_secret.then(|| EnvironmentVariable {
            name: format!("{}_FILE", key.variable()),
            meaning: format!("The file that contains {}.", key.path),
        });
        [Some(EnvironmentVariable { name: key.variable(), meaning }), file].into_iter().flatten()
    });
    own.chain(keys).collect()
}

/// Who is trusted. sudo sets its variable itself, so that only root could have set another value.
pub(crate) fn trust(any_owner: bool) -> OwnerTrust {
    // Under sudo, the files of the user who called it are as good as root's own.
    let sudo_user = std::env::var("SUDO_UID").ok().and_then(|user| user.parse().ok());
    OwnerTrust { any_owner, sudo_user }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_is_listed_twice() {
        let mut names: Vec<String> = variables().into_iter().map(|variable| variable.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn no_variable_of_tbpki_is_taken_for_a_mistyped_key() {
        for (name, _) in OWN.iter().filter(|(name, _)| name.starts_with("TBPKI_")) {
            assert!(config::OTHER_VARIABLES.contains(name), "{name}");
        }
    }
}
