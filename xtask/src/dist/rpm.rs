//! Packages for Fedora, RHEL and SUSE, made by rpmbuild from the same tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::target;

use super::release::{Platform, Release};
use super::tree::{INSTANCES, TEMPLATE, Tree, UNITS};

/// Writes `tbpki-VERSION-1.ARCHITECTURE.rpm`.
pub(super) fn write(tree: &Tree, platform: Platform, release: &Release, out: &Path) -> Result<PathBuf> {
    let architecture = platform.architecture();
    let top = target()?.join("dist/rpm");
    let package = tree.below("usr");
    let staged = top.join("tree");
    package.write(&staged)?;
    let spec = top.join("tbpki.spec");
    fs::write(&spec, self::spec(&package, &staged, release)).doing(format!("write {}", spec.display()))?;
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    run("rpmbuild")
        .args(["-bb", "--quiet", "--target", &format!("{architecture}-linux")])
        .args(define("_topdir", &top.display().to_string()))
        .args(define("_rpmdir", &top.display().to_string()))
        // Time and machine of the build are not in the package.
        .args(define("_buildhost", "localhost"))
        .args(define("use_source_date_epoch_as_buildtime", "1"))
        .args(define("clamp_mtime_to_source_date_epoch", "1"))
        .args(define("_binary_payload", "w19.zstdio"))
        .arg(&spec)
        .env("SOURCE_DATE_EPOCH", release.time.to_string())
        .silent()
        .read()?;
    let name = format!("tbpki-{}-1.{architecture}.rpm", release.version);
    let file = out.join(&name);
    fs::copy(top.join(architecture).join(&name), &file).doing(format!("write {}", file.display()))?;
    Ok(file)
}

/// The directories that belong to the package alone. rpm leaves all others when it removes the files in them.
fn directories(package: &Tree) -> Vec<String> {
    let above = package.files().flat_map(|(path, _)| Path::new(path.as_str()).ancestors().skip(1));
    let own = above.filter(|path| path.components().any(|part| part.as_os_str() == "tbpki"));
    let lines: BTreeSet<String> = own.map(|path| format!("%dir /{}", path.display())).collect();
    lines.into_iter().collect()
}

/// The scripts do what those of the .deb do, and for the same reasons. `$1` counts the versions that remain installed. Fedora
/// and SUSE run systemd-sysusers and reload systemd by themselves; once more does no harm.
fn scripts() -> String {
    format!(
        "%post
if command -v systemd-sysusers > /dev/null; then
    systemd-sysusers tbpki.conf || :
fi
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || :
    if [ \"$1\" -ge 2 ]; then
        systemctl try-restart tbpki-serve.service || :
    fi
fi
%preun
if [ \"$1\" -eq 0 ] && command -v systemctl > /dev/null; then
    systemctl --no-reload disable --now {UNITS} || :
    systemctl --no-reload disable {TEMPLATE} || :
    systemctl stop '{INSTANCES}' || :
fi
%postun
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || :
fi
"
    )
}

/// The description of the package for rpmbuild. The program is stripped already, and is taken as it is.
fn spec(package: &Tree, staged: &Path, release: &Release) -> String {
    let files: Vec<String> = package
        .files()
        .map(|(path, _)| match path.strip_prefix("usr/share/doc/") {
            Some(_) => format!("%doc /{path}"),
            None => format!("/{path}"),
        })
        .collect();
    format!(
        "%global debug_package %{{nil}}\n\
         %global __os_install_post %{{nil}}\n\
         %global _build_id_links none\n\
         Name: tbpki\n\
         Version: {}\n\
         Release: 1\n\
         Summary: Private CAs and device identities for ThingsBoard fleets\n\
         License: MIT OR Apache-2.0\n\
         URL: {}\n\
         # The firmware is for microcontrollers.\n\
         %global __requires_exclude_from ^/usr/share/tbpki/firmware/.*$\n\
         %description\n\
         tbpki makes the keys and certificates of an IoT fleet, registers the devices with\n\
         ThingsBoard, finds out why a device cannot log in, and builds flash images.\n\
         %install\n\
         mkdir -p %{{buildroot}}\n\
         cp -a {}/usr %{{buildroot}}/\n\
         {}\
         %files\n\
         %defattr(-,root,root,-)\n\
         {}\n\
         {}\n",
        release.version,
        env!("CARGO_PKG_REPOSITORY"),
        staged.display(),
        scripts(),
        directories(package).join("\n"),
        files.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_owns_its_directories_and_no_shared_ones() {
        let mut package = Tree::default();
        for path in ["usr/bin/tbpki", "usr/share/doc/tbpki/examples/keygen.toml", "usr/share/man/man1/tbpki.1.gz"] {
            package.add(path, "", 0o644);
        }
        assert_eq!(directories(&package), ["%dir /usr/share/doc/tbpki", "%dir /usr/share/doc/tbpki/examples"]);
    }
}
