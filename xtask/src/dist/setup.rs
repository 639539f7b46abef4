//! `cargo xtask setup-dist`: what releases for all platforms need.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::firmware::SetupXtensa;
use crate::run::run;
use crate::setup::{self, debian, rust_target};
use crate::workspace::tools;

/// zig as the linker, and cargo's subcommand that uses it. Both are wheels of PyPI.
const ZIG: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

/// The programs of the formats, their Debian packages, and their purposes.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("zstd", "zstd", "compresses the archives"),
    ("xz", "xz-utils", "compresses the packages"),
    ("rpmbuild", "rpm", "makes the packages for Fedora, RHEL and SUSE"),
    ("lintian", "lintian", "checks the packages for Debian"),
    ("debootstrap", "debootstrap", "makes the system in which packages are tried"),
    ("minisign", "minisign", "signs the list of hashes"),
    ("musl-gcc", "musl-tools", "compiles C for static programs"),
    ("python3", "python3", "installs zig"),
    ("podman", "podman", "runs the image in trials"),
    ("runc", "runc", "runs the image in trials, also inside of another container"),
];

/// The programs for other architectures, in the same form.
const EMULATORS: &[(&str, &str, &str)] = &[
    ("qemu-aarch64-static", "qemu-user-static", "runs programs for 64-bit ARM in trials"),
    ("qemu-x86_64-static", "qemu-user-static", "runs programs for x86_64 in trials on 64-bit ARM"),
];

/// Install what `cargo xtask dist --all` and `cargo xtask try-dist` need
#[derive(Args)]
#[command(
    long_about = "Install what `cargo xtask dist --all` and `cargo xtask try-dist` need, on a Debian 12 with Rust, as root \
    or with sudo.\n\n\
    Programs come from Debian's packages, libraries for other targets from rustup, and zig, which links for other \
    architectures and older versions of glibc, from PyPI into cargo's target directory. What builds the firmware of all \
    chips is a part of it, as `cargo xtask setup-xtensa` installs it."
)]
pub(crate) struct SetupDist {
    /// Install no zig and no emulator: builds and trials are for this machine only
    #[arg(long)]
    no_zig: bool,
}

impl SetupDist {
    pub(crate) fn run(&self) -> Result<()> {
        setup::firmware()?;
        SetupXtensa {}.run()?;
        debian::install_programs(PROGRAMS)?;
        rust_target::install(&["x86_64-unknown-linux-musl"])?;
        if self.no_zig {
            return Ok(());
        }
        debian::install_programs(EMULATORS)?;
        rust_target::install(&["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"])?;
        if zig()?.is_some() {
            return Ok(());
        }
        let venv = tools()?.join("zig");
        run("python3").args(["-m", "venv"]).arg(&venv).read()?;
        // Without dependencies, whose versions would not be pinned.
        run(venv.join("bin/pip")).args(["install", "--quiet", "--no-deps"]).args(ZIG).read().map(drop)
    }
}

/// The directory of zig's programs, if they are installed.
pub(super) fn zig() -> Result<Option<PathBuf>> {
    let programs = tools()?.join("zig/bin");
    Ok(programs.join("cargo-zigbuild").is_file().then_some(programs))
}
