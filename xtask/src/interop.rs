//! `cargo xtask interop`: the long matrices, and the platform tests against a real server.

mod long;

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};
use crate::run::cargo;
use crate::setup::Setup;

/// Test every algorithm in every format with every reader, or run the platform tests against a real ThingsBoard
#[derive(Args)]
#[command(long_about = "Test every algorithm in every format with every reader.\n\n\
    CI runs the corners of these matrices; this command runs all of them, which takes several minutes. They are the \
    tests marked as ignored in the tests crate. `interop life` runs those of renewal, revocation, rollover and repair, \
    whose names begin with `life_`, one by one, and prints the time of each; `interop enroll` does the same for those of \
    enrolment (`enroll_`). --only takes a part of them.\n\n\
    With --thingsboard the platform tests run instead, unchanged, against that server. They make devices and profiles \
    whose names begin with tbpki-test-, and delete them at their end.")]
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
        if !self.no_setup {
            Setup {}.run()?;
        }
        match &self.thingsboard {
            Some(url) => self.platforms(url),
            None => self.long(),
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
