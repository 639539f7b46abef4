//! Images in podman.

use std::path::Path;

use crate::error::Result;
use crate::run::run;
use crate::workspace::on_path;

/// The limits are explicit, because podman cannot raise them inside of another container.
const RUN: [&str; 8] = [
    "--runtime=runc",
    "run",
    "--rm",
    "--read-only",
    "--network=none",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
    "--tmpfs=/tmp",
];

/// Loads the image, and makes a store in its volume.
pub(super) fn try_image(image: &Path) -> Result<()> {
    if on_path("podman").is_none() || on_path("skopeo").is_none() {
        eprintln!("try-dist: podman and skopeo are not installed, so the image is not tried");
        return Ok(());
    }
    let name = "localhost/tbpki-trial:latest";
    run("skopeo")
        .args(["copy", "--quiet"])
        .arg(format!("oci-archive:{}", image.display()))
        .arg(format!("containers-storage:{name}"))
        .read()?;
    let volume = "--volume=tbpki-trial:/store";
    for args in [
        &["init", "--organization", "Acme", "--insecure-no-passphrase", "--no-input"][..],
        &["server", "--name", "tb.example", "--only-given-names", "--out", "tls"],
        &["client", "--device", "pump-1"],
        &["bundle-firmware", "--chip", "esp32c3", "--device", "pump-1", "--wifi-ssid", "x", "--broker", "tb.example"],
        &["--version", "--json"],
    ] {
        run("podman").args(RUN).args([volume, name]).args(args).read()?;
    }
    run("podman").args(["volume", "rm", "tbpki-trial"]).silent().read()?;
    run("podman").args(["rmi", name]).silent().read().map(drop)
}
