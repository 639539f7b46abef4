//! Packages for Debian and Ubuntu, made by dpkg-deb.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::target;

use super::glibc;
use super::release::{Platform, Release};
use super::tree::{INSTANCES, TEMPLATE, Tree, UNITS};

/// The address of the maintainers in packages.
const MAINTAINER: &str = "The tbpki maintainers <tbpki@users.noreply.github.com>";

/// The purpose of the package; lines after the first are indented.
const DESCRIPTION: &str = "private CAs and device identities for ThingsBoard fleets
 tbpki makes the keys and certificates of an IoT fleet: private certificate
 authorities, the identity of the MQTT broker, and one identity for each
 device. It registers the devices with ThingsBoard, finds out why a device
 cannot log in, and builds flash images for ESP32 chips.";

/// systemd makes the user and reads new units. Nothing is enabled or started: the store decides what can run. A service that
/// runs is restarted by an upgrade, because its program would not get the corrections, and another version of tbpki would
/// use its ledger at the same time.
const POSTINST: &str = "#!/bin/sh
set -e
if [ \"$1\" = configure ]; then
    if command -v systemd-sysusers > /dev/null; then
        systemd-sysusers tbpki.conf || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload || true
        if [ -n \"$2\" ]; then
            deb-systemd-invoke try-restart tbpki-serve.service || true
        fi
    fi
fi
";

/// A service or a timer must not run without its program, and a later installation must not start it. An upgrade leaves it
/// alone.
fn prerm() -> String {
    format!(
        "#!/bin/sh
set -e
if [ \"$1\" = remove ]; then
    if [ -d /run/systemd/system ]; then
        deb-systemd-invoke stop {UNITS} || true
        systemctl stop '{INSTANCES}' || true
    fi
    if command -v systemctl > /dev/null; then
        systemctl --no-reload disable {UNITS} {TEMPLATE} || true
    fi
fi
"
    )
}

/// Stores and configurations are the user's and stay, also when the package is purged.
const POSTRM: &str = "#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || true
fi
";

/// Findings of lintian that do not apply.
const OVERRIDES: &str = "\
# The firmware is for microcontrollers: it is the same on every architecture of Debian.
tbpki binary: arch-dependent-file-in-usr-share [usr/share/tbpki/firmware/*]
tbpki binary: binary-from-other-architecture [usr/share/tbpki/firmware/*]
tbpki binary: statically-linked-binary [usr/share/tbpki/firmware/*]
tbpki binary: unstripped-binary-or-object [usr/share/tbpki/firmware/*]
# The package is not made for the archive of Debian, where a first upload closes a bug.
tbpki binary: initial-upload-closes-no-bugs *
# The user enables the units, and deb-systemd-helper disables only what it has enabled itself.
tbpki binary: maintainer-script-calls-systemctl [prerm:*]
";

/// Writes `tbpki_VERSION-1_ARCHITECTURE.deb`.
pub(super) fn write(tree: &Tree, platform: Platform, release: &Release, out: &Path) -> Result<PathBuf> {
    let architecture = platform.debian_architecture();
    let staged = target()?.join("dist/deb");
    let package = files(tree, release)?;
    package.write(&staged)?;
    let control = staged.join("DEBIAN");
    fs::create_dir_all(&control).doing(format!("make {}", control.display()))?;
    let scripts = [("postinst", POSTINST.to_owned()), ("prerm", prerm()), ("postrm", POSTRM.to_owned())];
    // A tree of its own, since md5sums and sizes are about the files that are installed.
    let mut maintenance = Tree::default();
    scripts.into_iter().for_each(|(name, text)| maintenance.add(name, text, 0o755));
    maintenance.add("control", self::control(&package, architecture, release)?, 0o644);
    maintenance.add("md5sums", md5sums(&staged, &package)?, 0o644);
    maintenance.write(&control)?;
    let file = out.join(format!("tbpki_{}-1_{architecture}.deb", release.version));
    run("dpkg-deb")
        // The default of dpkg-deb differs: Ubuntu's is zstd, which the dpkg of Debian 11 cannot read.
        .args(["--root-owner-group", "-Zxz", "--build"])
        .arg(&staged)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", release.time.to_string())
        .silent()
        .read()?;
    Ok(file)
}

/// The files of the package, in the places of Debian's policy.
fn files(tree: &Tree, release: &Release) -> Result<Tree> {
    // The licenses are in the file of Debian's policy.
    let licenses = ["share/doc/tbpki/LICENSE-APACHE", "share/doc/tbpki/LICENSE-MIT", "share/doc/tbpki/CHANGELOG.md"];
    let mut package = tree.only(|path| !licenses.contains(&path)).below("usr");
    // Debian's zsh reads the functions of packages there.
    package.rename("usr/share/zsh/site-functions/_tbpki", "usr/share/zsh/vendor-completions/_tbpki")?;
    package.add("usr/share/doc/tbpki/copyright", copyright(tree)?, 0o644);
    package.add("usr/share/lintian/overrides/tbpki", OVERRIDES, 0o644);
    let debian = format!(
        "tbpki ({}-1) unstable; urgency=medium\n\n  * See /usr/share/doc/tbpki/changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        release.version,
        release.rfc_2822()?
    );
    package.add("usr/share/doc/tbpki/changelog.Debian.gz", compressed(debian.as_bytes())?, 0o644);
    package.add("usr/share/doc/tbpki/changelog.gz", compressed(text(tree, "share/doc/tbpki/CHANGELOG.md")?)?, 0o644);
    Ok(package)
}

fn text<'a>(tree: &'a Tree, path: &str) -> Result<&'a [u8]> {
    let entry = tree.files().find(|(name, _)| *name == path);
    entry
        .map(|(_, entry)| entry.bytes.as_slice())
        .ok_or_else(|| Error::new(format!("the tree does not contain {path}")))
}

/// The licenses in the machine-readable format of Debian.
fn copyright(tree: &Tree) -> Result<String> {
    let mit = String::from_utf8_lossy(text(tree, "share/doc/tbpki/LICENSE-MIT")?).into_owned();
    let paragraphs = mit.lines().map(|line| if line.trim().is_empty() { " .".to_owned() } else { format!(" {line}") });
    let mit = paragraphs.collect::<Vec<_>>().join("\n");
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: tbpki\n\
         Source: {}\n\
         Comment: /usr/share/doc/tbpki/THIRD-PARTY-LICENSES.txt lists the libraries of the program and their licenses,\n \
         and THIRD-PARTY-LICENSES-FIRMWARE.txt those of the firmware.\n\n\
         Files: *\n\
         Copyright: the tbpki contributors\n\
         License: MIT or Apache-2.0\n\n\
         License: MIT\n{mit}\n\n\
         License: Apache-2.0\n On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.\n",
        env!("CARGO_PKG_REPOSITORY")
    ))
}

fn control(package: &Tree, architecture: &str, release: &Release) -> Result<String> {
    // In KiB (Debian's policy, section 5.6.20), each file rounded up as dpkg-gencontrol does.
    let size: usize = package.files().map(|(_, entry)| entry.bytes.len().div_ceil(1024)).sum();
    let libraries = match glibc::needed(text(package, "usr/bin/tbpki")?) {
        Some((major, minor)) => format!("Depends: libc6 (>= {major}.{minor}), libgcc-s1\n"),
        None => String::new(),
    };
    Ok(format!(
        "Package: tbpki\nVersion: {}-1\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {size}\n{libraries}Suggests: bash-completion\nSection: utils\nPriority: optional\n\
         Homepage: {}\nDescription: {DESCRIPTION}\n",
        release.version,
        env!("CARGO_PKG_REPOSITORY")
    ))
}

/// The sums by which dpkg finds damaged files.
fn md5sums(staged: &Path, package: &Tree) -> Result<String> {
    run("md5sum").directory(staged).args(package.files().map(|(path, _)| path)).silent().read()
}

/// The text in gzip's format, without a name and a time.
fn compressed(text: &[u8]) -> Result<Vec<u8>> {
    let file = target()?.join("dist/text");
    fs::write(&file, text).doing(format!("write {}", file.display()))?;
    run("gzip").args(["-9", "--no-name", "--force"]).arg(&file).silent().read()?;
    let compressed = file.with_extension("gz");
    fs::read(&compressed).doing(format!("read {}", compressed.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_needs_the_glibc_of_its_program() {
        let release = Release { version: "1.2.3".into(), commit: String::new(), is_modified: false, time: 0 };
        let mut package = Tree::default();
        package.add("usr/bin/tbpki", "GLIBC_2.2.5 GLIBC_2.31 ", 0o755);
        let control = control(&package, "amd64", &release).unwrap_or_default();
        assert!(control.contains("\nDepends: libc6 (>= 2.31), libgcc-s1\n"), "{control}");
        assert!(control.starts_with("Package: tbpki\nVersion: 1.2.3-1\nArchitecture: amd64\n"), "{control}");
        let description = control.split_once("Description: ").map_or("", |(_, text)| text);
        assert!(description.lines().skip(1).all(|line| line.starts_with(' ')), "{description}");
    }
}
