//! The directories of this machine that compilers would write into programs.

use std::env;
use std::path::{Path, PathBuf};

use super::root;
use crate::error::{Error, Result};

/// Directories, and the names that stand for them in programs. A program is then the same wherever it is built, and texts
/// with the places of panics are shorter.
pub(crate) struct Places(Vec<(PathBuf, &'static str)>);

impl Places {
    /// The crates of the registry and the checkout.
    ///
    /// # Errors
    /// An error if neither `CARGO_HOME` nor `HOME` is set.
    pub(crate) fn of_sources() -> Result<Self> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        let home = home.ok_or_else(|| Error::new("neither CARGO_HOME nor HOME is set"))?;
        Ok(Self(vec![(home, "/cargo"), (root(), "/tbpki")]))
    }

    /// Those of [`of_sources`](Self::of_sources), and a directory of builds, which can be inside of the checkout.
    ///
    /// # Errors
    /// Those of [`of_sources`](Self::of_sources).
    pub(crate) fn with(builds: &Path) -> Result<Self> {
        let mut places = Self::of_sources()?;
        // The last place that fits is taken.
        places.0.push((builds.to_owned(), "/target"));
        Ok(places)
    }

    /// A compiler's flag for each place: `FLAG=DIRECTORY=NAME`.
    pub(crate) fn flags(&self, flag: &str) -> Vec<String> {
        self.0.iter().map(|(from, to)| format!("{flag}={}={to}", from.display())).collect()
    }
}
