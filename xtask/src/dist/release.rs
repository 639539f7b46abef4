//! A release: version, commit and time, and the platforms that it is for.

use std::fmt;

use clap::ValueEnum;

use crate::error::{Doing, Result};
use crate::run::git::source_time;
use crate::run::run;

/// A platform: an architecture of Linux, and the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub(super) enum Platform {
    /// x86_64, static: runs on every Linux, and cannot load PKCS#11 modules
    #[value(name = "x86_64-linux-musl")]
    X86_64Musl,
    /// x86_64, with glibc
    #[value(name = "x86_64-linux-gnu")]
    X86_64Gnu,
    /// aarch64, static
    #[value(name = "aarch64-linux-musl")]
    Aarch64Musl,
    /// aarch64, with glibc
    #[value(name = "aarch64-linux-gnu")]
    Aarch64Gnu,
}

impl Platform {
    /// The compiler's name for it.
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::X86_64Musl => "x86_64-unknown-linux-musl",
            Self::X86_64Gnu => "x86_64-unknown-linux-gnu",
            Self::Aarch64Musl => "aarch64-unknown-linux-musl",
            Self::Aarch64Gnu => "aarch64-unknown-linux-gnu",
        }
    }

    /// The architecture in the words of the kernel and of RPM.
    pub(super) fn architecture(self) -> &'static str {
        match self {
            Self::X86_64Musl | Self::X86_64Gnu => "x86_64",
            Self::Aarch64Musl | Self::Aarch64Gnu => "aarch64",
        }
    }

    /// The architecture in the words of Debian and of container images.
    pub(super) fn debian_architecture(self) -> &'static str {
        match self.architecture() {
            "x86_64" => "amd64",
            _ => "arm64",
        }
    }

    pub(super) fn is_static(self) -> bool {
        matches!(self, Self::X86_64Musl | Self::Aarch64Musl)
    }

    /// True if this machine runs its programs without an emulator.
    pub(super) fn runs_here(&self) -> bool {
        cfg!(target_os = "linux") && self.architecture() == std::env::consts::ARCH
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The source of a release.
#[derive(Debug, Clone)]
pub(super) struct Release {
    /// The version, for example 0.1.0.
    pub(super) version: String,
    /// The commit, with `-modified` if the checkout differs from it.
    pub(super) commit: String,
    /// True if the checkout differs from the commit.
    pub(super) is_modified: bool,
    /// The time of the commit in seconds since 1970: that of every file, because the time of the build differs.
    pub(super) time: u64,
}

impl Release {
    /// The release of this checkout. SOURCE_DATE_EPOCH sets another time.
    pub(super) fn of_checkout() -> Result<Self> {
        let git = |args: &[&str]| run("git").args(args).silent().read().map(|text| text.trim().to_owned());
        let commit = git(&["rev-parse", "HEAD"])?;
        // Untracked files do not count: `--out` may name a directory in the checkout.
        let is_modified = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let time = source_time()?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            // The provenance names the commit: it must not claim what another could not build from it.
            commit: if is_modified { format!("{commit}-modified") } else { commit },
            is_modified,
            time: time.parse().doing(format!("read the time {time:?} of the release"))?,
        })
    }

    /// The beginning of file names.
    pub(super) fn name(&self, platform: Platform) -> String {
        format!("tbpki-{}-{platform}", self.version)
    }

    /// The time in the form of RFC 3339.
    pub(super) fn rfc_3339(&self) -> Result<String> {
        // By `date`: xtask does without a library for times, so that it is built quickly.
        let date = run("date").args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "--date"]).arg(format!("@{}", self.time));
        date.silent().read().map(|text| text.trim().to_owned())
    }

    /// The time in the form of RFC 2822, for Debian's changelog.
    pub(super) fn rfc_2822(&self) -> Result<String> {
        let date = run("date").args(["--utc", "--rfc-email", "--date"]).arg(format!("@{}", self.time));
        date.silent().read().map(|text| text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_contain_version_and_platform() {
        let release =
            Release { version: "1.2.3".into(), commit: String::new(), is_modified: false, time: 1_700_000_000 };
        assert_eq!(release.name(Platform::Aarch64Musl), "tbpki-1.2.3-aarch64-linux-musl");
        assert_eq!(release.rfc_3339().unwrap_or_default(), "2023-11-14T22:13:20Z");
        assert_eq!(release.rfc_2822().unwrap_or_default(), "Tue, 14 Nov 2023 22:13:20 +0000");
    }
}
