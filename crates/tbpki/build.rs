//! Facts about the build that the compiler does not tell the program: the target, and the versions of the libraries for
//! cryptography, for `tbpki --version --json`.

#![allow(clippy::disallowed_methods, reason = "a build script, not the product")]

use std::{env, fs};

/// The libraries that `--version --json` names as providers, and the variable for the version of each.
const PROVIDERS: [(&str, &str); 2] = [("aws-lc-rs", "TBPKI_AWS_LC_RS"), ("rustls", "TBPKI_RUSTLS")];

const LOCK: &str = "../../Cargo.lock";

fn main() {
    println!("cargo::rerun-if-changed={LOCK}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=TBPKI_TARGET={}", env::var("TARGET").unwrap_or_default());
    // A source tree without a lock file has no versions to name before cargo has resolved them.
    let lock = fs::read_to_string(LOCK).unwrap_or_default();
    for (package, variable) in PROVIDERS {
        println!("cargo::rustc-env={variable}={}", version(&lock, package).unwrap_or("unknown"));
    }
}

/// The version of a package in a lock file.
fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}
