//! The calls of systemd in the scripts of packages.

use std::fs;
use std::path::PathBuf;

use crate::error::{Doing, Error, Result};
use crate::run::run;

use super::system::System;

/// A systemd that does nothing but record the calls of the package's scripts: a chroot has none.
pub(super) struct Units {
    calls: PathBuf,
}

impl Units {
    /// Writes the programs of systemd that scripts call into a system.
    pub(super) fn record(system: &System) -> Result<Self> {
        let running = system.root.join("run/systemd/system");
        fs::create_dir_all(&running).doing(format!("make {}", running.display()))?;
        for name in ["systemctl", "systemd-sysusers"] {
            let program = system.root.join("usr/bin").join(name);
            fs::write(&program, format!("#!/bin/sh\necho {name} \"$@\" >> /systemd-calls\n"))
                .doing(format!("write {}", program.display()))?;
            run("chmod").arg("755").arg(&program).silent().read()?;
        }
        Ok(Self { calls: system.root.join("systemd-calls") })
    }

    /// Fails unless the calls since the last time contain all of `wanted`, and none of `unwanted` as a word.
    pub(super) fn expect(&self, when: &str, wanted: &[&str], unwanted: &[&str]) -> Result<()> {
        let calls = fs::read_to_string(&self.calls).unwrap_or_default();
        if self.calls.exists() {
            fs::remove_file(&self.calls).doing(format!("remove {}", self.calls.display()))?;
        }
        let missing = wanted.iter().find(|text| !calls.contains(**text)).map(|text| format!("does not call {text}"));
        let is_called = |word: &&&str| calls.split_whitespace().any(|called| called == **word);
        let surplus = unwanted.iter().find(is_called).map(|word| format!("calls {word}"));
        match missing.or(surplus) {
            Some(fault) => Err(Error::new(format!("{when} of the package {fault}:\n{calls}"))),
            None => Ok(()),
        }
    }
}
