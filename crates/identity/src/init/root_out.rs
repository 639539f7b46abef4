//! The directory for the keys of the roots: checks that it can take them, before there is a store.

use std::path::Path;

use base::file::{FileSet, Mode};
use base::{Code, Result};

use crate::init::key_file_name;
use store::ca::Hierarchy;
use store::is_inside;

/// The files that will be written there, as stand-ins, to find what is in their way before there is a store.
///
/// # Errors
/// [`Code::BadValue`] where `dir` is inside the store.
pub(crate) fn expected_roots(store: &Path, dir: &Path) -> Result<FileSet> {
    check_outside(store, dir, "--root-out")?;
    // Relative to what exists: a rehearsal must not make the directory, in case `init` stops afterwards.
    let (base, below) = nearest(dir);
    let mut set = FileSet::new(base);
    for root in Hierarchy::ALL.map(Hierarchy::root) {
        set.add_unknown(format!("{below}{}", key_file_name(&root)), FILE_ROOM, Mode::Private)?;
        set.add_unknown(format!("{below}{root}.cert.pem"), FILE_ROOM, Mode::Public)?;
    }
    Ok(set)
}

/// Fails where a directory that `flag` names is inside the store: what goes there is to be kept elsewhere.
///
/// # Errors
/// [`Code::BadValue`].
pub(crate) fn check_outside(store: &Path, dir: &Path, flag: &str) -> Result<()> {
    if !is_inside(store, dir)? {
        return Ok(());
    }
    Err(Code::BadValue
        .error("this directory is inside the store, and what goes there is to be kept elsewhere")
        .at(dir)
        .argument(flag)
        .fix("name a directory outside of it, best on a medium that is kept apart"))
}

/// More than the key or the certificate of a root takes.
const FILE_ROOM: usize = 8 << 10;

/// The nearest directory on the way to `dir` that is there, and the rest of the way with a slash at its end.
fn nearest(dir: &Path) -> (&Path, String) {
    let there = dir.ancestors().find(|path| path.exists() || path.as_os_str().is_empty()).unwrap_or(Path::new(""));
    let rest = dir.strip_prefix(there).unwrap_or(Path::new(""));
    let below = rest.components().map(|part| format!("{}/", part.as_os_str().to_string_lossy())).collect();
    (there, below)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test sets the scene")]
mod tests {
    use super::*;

    #[test]
    fn a_directory_inside_the_store_is_found_out_on_every_way_to_it() {
        let here = tempfile::tempdir().unwrap();
        let store = here.path().join("pki");
        std::fs::create_dir(here.path().join("other")).unwrap();
        std::os::unix::fs::symlink(here.path(), here.path().join("link")).unwrap();
        for inside in ["pki", "pki/offline/deeper", "other/../pki/x", "link/pki/x", "missing/../pki"] {
            let error = expected_roots(&store, &here.path().join(inside)).err().unwrap();
            assert_eq!(error.code(), Code::BadValue, "{inside}");
        }
        for outside in ["", "pki-offline", "other", "link/offline/a"] {
            expected_roots(&store, &here.path().join(outside)).unwrap().rehearse().map(drop).unwrap();
        }
    }
}
