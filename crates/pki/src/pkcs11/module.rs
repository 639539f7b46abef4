//! Modules: the libraries of those who make tokens, each loaded once in a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Code, Error, Result};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as CryptokiError, RvError};

use super::fault;
use super::uri::Module;

/// The modules that were loaded, by their paths. They stay: unloading one ends every session of everybody.
static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The directories in which modules are found by name: those of Debian, Fedora and local builds.
const DIRECTORIES: [&str; 9] = [
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/local/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib64/softhsm",
    "/usr/local/lib/softhsm",
    "/usr/local/lib",
];

/// Whether this build can load modules. A statically linked program cannot load libraries.
pub const LOADS_MODULES: bool = !cfg!(target_feature = "crt-static");

/// The module, started.
pub(super) fn load(module: &Module) -> Result<Pkcs11> {
    check_build(LOADS_MODULES)?;
    let path = match module {
        Module::Path(path) => path.clone(),
        Module::Name(name) => installed(name)?,
    };
    // A module may be initialized only once in a process, so it stays loaded.
    let mut loaded = locked();
    if let Some(context) = loaded.get(&path) {
        return Ok(context.clone());
    }
    // Still under the lock, so that no two threads start one module.
    let context = start(&path)?;
    loaded.insert(path, context.clone());
    Ok(context)
}

/// Fails if the build cannot load modules, before anything is looked for.
fn check_build(loads_modules: bool) -> Result<()> {
    if loads_modules {
        return Ok(());
    }
    Err(Code::Pkcs11Static
        .error("this build of tbpki cannot load the PKCS#11 module of a token")
        .because("it is linked statically, and a module is a shared library")
        .fix("use a build for glibc: the .deb, the .rpm, or the archive whose name ends in linux-gnu"))
}

fn locked() -> MutexGuard<'static, BTreeMap<PathBuf, Pkcs11>> {
    // A thread that ended in between has not left a module half in the map.
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(path: &Path) -> Result<Pkcs11> {
    // The loader's own error for a missing file does not contain the path on every system.
    if !path.is_file() {
        return Err(refused("there is no PKCS#11 module here").at(path).fix(
            "install the library that came with the token, or correct module-path; SoftHSM's is in Debian's softhsm2",
        ));
    }
    let context = Pkcs11::new(path).map_err(|error| match error {
        CryptokiError::LibraryLoading(why) => refused("the PKCS#11 module cannot be loaded").caused_by(why).at(path),
        other => refused("this library is no PKCS#11 module").because(fault::words(&other)).at(path),
    })?;
    // Several threads sign at once, and a module that does not allow that fails here.
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Two paths can lead to one library, which is started already when the second one is loaded.
        Ok(()) | Err(CryptokiError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
        Err(error) => Err(refused("the PKCS#11 module does not start")
            .because(fault::words(&error))
            .at(path)
            .fix("check its configuration: SoftHSM reads the file that SOFTHSM2_CONF names")),
    }
}

/// The module that is installed under this name.
fn installed(name: &str) -> Result<PathBuf> {
    let files = [format!("{name}.so"), format!("lib{name}.so")];
    DIRECTORIES
        .iter()
        .flat_map(|directory| files.iter().map(move |file| Path::new(directory).join(file)))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            refused(format!("no PKCS#11 module is installed under the name {name}"))
                .because(format!("looked for {} in {}", files.join(" and "), DIRECTORIES.join(", ")))
                .fix("install it, or name the library itself with module-path")
        })
}

fn refused(what: impl Into<String>) -> Error {
    Code::Pkcs11Module.error(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_build_names_the_builds_that_load_modules() {
        let error = check_build(false).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Static);
        assert!(error.finding().fix.as_ref().unwrap().contains("linux-gnu"), "{error:?}");
        check_build(true).unwrap();
    }

    #[test]
    fn what_is_no_module_is_told_apart() {
        let refusals = [
            (Module::Path("/there/is/none.so".into()), "no PKCS#11 module here"),
            (Module::Path("/etc/passwd".into()), "cannot be loaded"),
            (Module::Name("no-such-module".into()), "/usr/lib/pkcs11"),
        ];
        for (module, says) in refusals {
            let error = load(&module).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11Module);
            assert!(format!("{error:?}").contains(says), "{error:?}");
        }
    }
}
