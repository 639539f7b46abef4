//! Other people's programs that read what tbpki writes.
//!
//! Each function hands out the program, about to run: `openssl().args(["verify", ..]).run().ok()`.

use std::env;
use std::path::{Path, PathBuf};

use crate::binary::{target, workspace};
use crate::tool::Tool;

/// The `openssl` command.
#[track_caller]
pub fn openssl() -> Tool {
    Tool::new(program("openssl"))
}

/// strongSwan's `pki`.
#[track_caller]
pub fn strongswan_pki() -> Tool {
    Tool::new(program("pki"))
}

/// GnuTLS's `certtool`.
#[track_caller]
pub fn certtool() -> Tool {
    Tool::new(program("certtool"))
}

/// The JDK's `keytool`, in English.
#[track_caller]
pub fn keytool() -> Tool {
    // Its messages follow the locale, and tests compare them.
    Tool::new(program("keytool")).args(["-J-Duser.language=en"])
}

/// A class of `tests/clients/java` in a JVM.
#[track_caller]
pub fn java(class: &str) -> Tool {
    let java = target().join("oracles/java");
    let classes = existing(java.join("classes"));
    let path = env::join_paths([classes, java.join("lib/*")]).unwrap();
    // A client's JVM lives for a second: compiling thoroughly would only take time from the other core.
    Tool::new(program("java")).args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-classpath"]).arg(path).arg(class)
}

/// The client of `tests/clients/go`.
#[track_caller]
pub fn go_client() -> Tool {
    Tool::new(existing(target().join("oracles/go/client")))
}

/// A script of `tests/clients/python`.
#[track_caller]
pub fn python(script: &str) -> Tool {
    Tool::new(venv("python")).arg(workspace().join("tests/clients/python").join(script))
}

/// A script of `tests/clients/python` that is about ThingsBoard's own clients.
#[track_caller]
pub fn thingsboard_python(script: &str) -> Tool {
    let python = existing(target().join("oracles/venv-thingsboard/bin/python"));
    Tool::new(python).arg(workspace().join("tests/clients/python").join(script))
}

/// Espressif's generator of NVS partitions.
#[track_caller]
pub fn nvs_partition_gen() -> Tool {
    Tool::new(venv("python")).args(["-m", "esp_idf_nvs_partition_gen"])
}

/// A program of the Python environment.
#[track_caller]
pub fn venv(name: &str) -> PathBuf {
    existing(target().join("oracles/venv/bin").join(name))
}

/// The directory of PyPI's `cryptography-vectors`.
#[track_caller]
pub fn vectors() -> PathBuf {
    let script = "import cryptography_vectors, os; print(os.path.dirname(cryptography_vectors.__file__), end='')";
    let directory = Tool::new(venv("python")).args(["-c", script]).run().ok().stdout_text();
    existing(PathBuf::from(directory))
}

/// Python as the system has it, with nothing but its own library.
#[track_caller]
pub fn python3() -> Tool {
    Tool::new(program("python3"))
}

/// A program on the PATH, or where Debian keeps the ones that are for administrators.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        // Debian keeps daemons such as mosquitto where an ordinary user's PATH does not lead.
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| missing(Path::new(name)))
}

#[track_caller]
fn existing(path: PathBuf) -> PathBuf {
    if path.exists() { path } else { missing(&path) }
}

#[track_caller]
fn missing(what: &Path) -> ! {
    panic!("{} is not there: run `cargo xtask setup`", what.display())
}
