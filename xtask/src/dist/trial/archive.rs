//! Archives in systems where nothing is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Doing, Result};
use crate::run::run;

use super::super::release::Platform;
use super::system::System;
use super::walk::{Host, expect, walk};
use super::{Tried, trial_directory};

/// Unpacks the archive into `/usr/local`, and uses the program there: the static one in an empty system, the one for glibc
/// in the oldest Debian that it is for.
pub(super) fn try_archive(archive: &Path, platform: Platform) -> Result<Tried> {
    const PROGRAM: &str = "/usr/local/bin/tbpki";
    let root = trial_directory()?.join("system");
    let system = if platform.is_static() {
        System::new(root, PROGRAM, platform)?
    } else {
        System::debian("bullseye", root, PROGRAM, platform)?
    };
    let prefix = system.root.join("usr/local");
    fs::create_dir_all(&prefix).doing(format!("make {}", prefix.display()))?;
    let unpack = run("tar").args(["--extract", "--zstd", "--strip-components=1", "--file"]).arg(archive);
    unpack.arg("--directory").arg(&prefix).read()?;
    walk(&system, platform)?;
    if !platform.is_static() {
        use_token(&system)?;
    }
    Ok(Tried::Works)
}

/// Makes a store with the key of a CA in a token of SoftHSM, and issues a device with it.
fn use_token(system: &System) -> Result<()> {
    let directory = system.root.join("token");
    fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
    let pin = directory.join("pin");
    fs::write(&pin, "4711-and-more\n").doing(format!("write {}", pin.display()))?;
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).doing(format!("protect {}", pin.display()))?;
    let new = ["--init-token", "--free", "--label", "fleet", "--so-pin", "98765432", "--pin", "4711-and-more"];
    expect(system.emulated("/usr/bin/softhsm2-util", &new), &[0])?;
    let tbpki = |args: &[&str]| {
        let store = ["--config", "token/keygen.toml", "--no-input"];
        expect(system.tbpki(&[&store, args].concat()), &[0])
    };
    let (key, pin) = ("pkcs11:token=fleet?module-name=softhsm2", ["--ca-pin-file", "/token/pin"]);
    tbpki(&[&["init", "--insecure-no-passphrase", "--devices-key", key][..], &pin].concat())?;
    tbpki(&[&["client", "--device", "pump-1"][..], &pin].concat())?;
    tbpki(&["verify", "token/pki/devices/pump-1/chain.pem"]).map(drop)
}
