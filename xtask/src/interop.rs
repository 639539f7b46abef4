//! `cargo xtask interop`: the long matrices, and the platform tests against a real server.

mod long;

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};
use crate::run::cargo;
use crate::setup::{Setup, debian};

/// The programs of the platform tests: each with its Debian package and its purpose.
const PLATFORM_PROGRAMS: &[(&str, &str, &str)] = &[
    ("cc", "build-essential", "aws-lc and SQLite are C"),
    ("openssl", "openssl", "certificates that tbpki does not sign, and handshakes with them"),
];

/// Test every algorithm in every format with every reader, or run the platform tests against a real ThingsBoard
#[derive(Args)]
#[command(long_about = "Test every algorithm in every format with every reader.\n\n\
    CI runs the corners of these matrices; this command runs all of them, which takes several minutes. They are the \
    tests marked as ignored in the tests crate. `interop life` runs those of renewal, revocation, rollover and repair, \
    whose names begin with `life_`, one by one, and prints the time of each; `interop enroll` does the same for those of \
    enrolment (`enroll_`). --only takes a part of them.\n\n\
    With --thingsboard the platform tests run instead, unchanged, against that server. They make devices and profiles \
    whose names begin with tbpki-test-, and delete them at their end. They need only a C compiler and openssl.")]
pub(crate) struct Interop {
    /// Only tests whose names contain this; `life` for those of an identity's life, `enroll` for those of enrolment
    filter: Option<String>,

    /// Of `interop life` or `interop enroll`, only tests whose names contain this
    #[arg(long, value_name = "TEXT", requires = "filter")]
    only: Option<String>,

    /// Do not look for missing programs first
    #[arg(long)]
    no_setup: bool,

    /// The URL of a ThingsBoard
    #[arg(long, value_name = "URL", requires_all = ["mqtts", "user", "password_file"])]
    thingsboard: Option<String>,

    /// The address of its MQTT listener with TLS
    #[arg(long, value_name = "HOST:PORT", requires = "thingsboard")]
    mqtts: Option<String>,

    /// An administrator of a tenant in which tests may create and delete devices
    #[arg(long, requires = "thingsboard")]
    user: Option<String>,

    /// A file whose first line is their password
    #[arg(long, value_name = "FILE", requires = "thingsboard")]
    password_file: Option<PathBuf>,

    /// The version whose answers the tests expect
    #[arg(long, value_name = "VERSION", value_parser = ["4.2", "4.3"], default_value = "4.2", requires = "thingsboard")]
    version: String,

    /// The certificates that clients of the MQTT listener trust, as PEM
    #[arg(long, value_name = "FILE", requires = "thingsboard")]
    mqtt_ca: Option<PathBuf>,
}

impl Interop {
    pub(crate) fn run(&self) -> Result<()> {
        // Before the build of tests: it is quick if nothing is missing, and a missing reader would fail every case of its
        // matrix.
        let needs_setup = !self.no_setup;
        match &self.thingsboard {
            Some(url) => {
                // A machine with a real server need not have the readers, brokers and runtimes of the other tests.
                if needs_setup {
                    debian::install_programs(PLATFORM_PROGRAMS)?;
                }
                self.platforms(url)
            }
            None => {
                if needs_setup {
                    Setup {}.run()?;
                }
                self.long()
            }
        }
    }

    fn long(&self) -> Result<()> {
        if let Some(group) = long::GROUPS.into_iter().find(|group| self.filter.as_deref() == Some(group.word)) {
            return long::run(group, self.only.as_deref());
        }
        if self.only.is_some() {
            return Err(Error::new("--only takes a part of `interop life` or `interop enroll`"));
        }
        cargo()
            .args(["test", "--package", "tbpki-tests", "--tests", "--"])
            .args(self.filter.as_deref())
            .args(["--ignored"])
            .show()
    }

    fn platforms(&self, url: &str) -> Result<()> {
        // cargo runs tests in their crate's directory.
        let absolute = |file: &Option<PathBuf>| {
            file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone())).unwrap_or_default()
        };
        cargo()
            .args(["test", "--package", "tbpki-tests", "--test", "platforms", "--"])
            .args(self.filter.as_deref())
            .env("TBPKI_TEST_THINGSBOARD", url)
            .env("TBPKI_TEST_THINGSBOARD_VERSION", &self.version)
            .env("TBPKI_TEST_MQTTS", self.mqtts.as_deref().unwrap_or_default())
            .env("TBPKI_TEST_USER", self.user.as_deref().unwrap_or_default())
            .env("TBPKI_TEST_PASSWORD_FILE", absolute(&self.password_file))
            .env("TBPKI_TEST_MQTT_CA", absolute(&self.mqtt_ca))
            .show()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::workspace::root;

    /// The other programs that tests run are behind functions of this module, or behind modules that are not here.
    #[test]
    fn platform_tests_run_no_program_but_openssl() {
        let directory = root().join("tests/tests/platforms");
        let files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 5, "{files:?}");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for line in text.lines().filter_map(|line| line.strip_prefix("use tbpki_tests::")) {
                let (module, items) = line.split_once("::").unwrap_or((line, ""));
                let known = match module {
                    "certificates" | "foreign" | "mqtt" | "platform" | "wire" => true,
                    "oracle" => items == "openssl;",
                    _ => false,
                };
                assert!(
                    known,
                    "{}: {line} may need a program that `interop --thingsboard` does not install",
                    file.display()
                );
            }
        }
        assert!(PLATFORM_PROGRAMS.iter().any(|(program, ..)| *program == "openssl"));
    }
}
