//! Images in podman.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Result;
use crate::run::run;
use crate::workspace::on_path;

use super::super::release::Platform;
use super::system::emulator;
use super::walk::{Host, walk};
use super::{Tried, trial_directory};

/// The limits are explicit, because podman cannot raise them inside of another container.
const RUN: [&str; 5] = ["run", "--rm", "--read-only", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];

/// The name that the image has after `podman load`, as docs/src/guide/docker.md uses it.
const NAME: &str = concat!("localhost/tbpki:", env!("CARGO_PKG_VERSION"));

/// An image, and a volume for its store.
struct Image {
    /// The images and volumes of this trial, apart from those of the machine.
    directory: PathBuf,
    /// The emulator of the image's processor; none if this machine has it.
    emulator: Option<PathBuf>,
}

impl Image {
    /// The options of podman.
    fn options(&self) -> [String; 3] {
        let directory = |name: &str| self.directory.join(name).display().to_string();
        [
            "--runtime=runc".to_owned(),
            format!("--root={}", directory("root")),
            format!("--runroot={}", directory("run")),
        ]
    }

    fn podman(&self, args: &[&str]) -> Result<()> {
        run("podman").args(self.options()).args(args).silent().read().map(drop)
    }

    fn command(&self, network: &str, args: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.args(self.options()).args(RUN).arg(format!("--network={network}")).arg("--volume=trial:/store");
        match &self.emulator {
            // The kernel starts an emulator by itself only if binfmt_misc is set up.
            Some(emulator) => {
                command.arg(format!("--volume={}:/qemu:ro", emulator.display()));
                command.args(["--entrypoint=/qemu", NAME, "/usr/bin/tbpki"])
            }
            None => command.arg(NAME),
        };
        command.args(args);
        command
    }
}

impl Host for Image {
    fn tbpki(&self, args: &[&str]) -> Command {
        self.command("none", args)
    }

    fn online(&self, args: &[&str]) -> Command {
        self.command("host", args)
    }
}

/// Loads the image, and uses it with a store in a volume.
pub(super) fn try_image(file: &Path, platform: Platform) -> Result<Tried> {
    if on_path("podman").is_none() || on_path("runc").is_none() {
        return Ok(Tried::Not("podman and runc are not installed".to_owned()));
    }
    let image = Image { directory: trial_directory()?, emulator: emulator(platform).ok().flatten() };
    image.podman(&["load", "--quiet", "--input", &file.display().to_string()])?;
    let walked = walk(&image, platform);
    // With the container of the service, which runs on if the walk has failed: podman is only its client.
    image.podman(&["volume", "rm", "--force", "trial"])?;
    image.podman(&["rmi", "--all", "--force"])?;
    walked.map(|()| Tried::Works)
}
