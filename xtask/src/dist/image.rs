//! A container image with the static program and nothing else, as an archive of an OCI image layout.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Doing, Result};
use crate::workspace::target;

use super::archive;
use super::release::{Platform, Release};
use super::sums::sha256;
use super::tree::Tree;

/// The user and group of the processes: no name is needed, because the image has no /etc/passwd.
const USER: u32 = 65_532;

/// The directory for keygen.toml and the store.
const STORE: &str = "store";

/// Writes `tbpki-VERSION-PLATFORM.oci.tar`.
pub(super) fn write(tree: &Tree, platform: Platform, release: &Release, out: &Path) -> Result<PathBuf> {
    let staged = target()?.join("dist/image");
    // Licenses are included, because most of them require their text in every copy.
    let contents = tree.only(|path| path.starts_with("bin/") || path.starts_with("share/tbpki/") || is_license(path));
    contents.below("root/usr").write(&staged)?;
    let store = staged.join("root").join(STORE);
    fs::create_dir_all(&store).doing(format!("make {}", store.display()))?;

    let mut layout = Tree::default();
    let mut layers = Vec::new();
    // A volume takes its owner from the directory of the image.
    for (path, owner) in [("usr", archive::ROOT), (STORE, USER)] {
        let layer = staged.join(format!("{path}.tar"));
        archive::tar_of(&staged.join("root"), &[path], owner, release.time, &layer)?;
        let bytes = fs::read(&layer).doing(format!("read {}", layer.display()))?;
        layers.push(blob(&mut layout, "application/vnd.oci.image.layer.v1.tar", bytes));
    }
    let config = config(platform, release, &layers)?;
    let config = blob(&mut layout, "application/vnd.oci.image.config.v1+json", text(&config)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    });
    let manifest = blob(&mut layout, "application/vnd.oci.image.manifest.v1+json", text(&manifest)?);
    let entry = json!({
        "mediaType": manifest.get("mediaType"),
        "digest": manifest.get("digest"),
        "size": manifest.get("size"),
        "platform": {"os": "linux", "architecture": platform.debian_architecture()},
        "annotations": annotations(release),
    });
    layout.add("index.json", text(&json!({"schemaVersion": 2, "manifests": [entry]}))?, 0o644);
    layout.add("oci-layout", text(&json!({"imageLayoutVersion": "1.0.0"}))?, 0o644);
    let directory = staged.join("layout");
    layout.write(&directory)?;
    let file = out.join(format!("{}.oci.tar", release.name(platform)));
    archive::tar_of(&directory, &["blobs", "index.json", "oci-layout"], archive::ROOT, release.time, &file)?;
    Ok(file)
}

/// The name that the image gets when it is loaded. Podman would take a version alone for the name of the repository, and a
/// repository of a registry for one to load the image from if it is missing.
fn annotations(release: &Release) -> Value {
    json!({"org.opencontainers.image.ref.name": format!("localhost/tbpki:{}", release.version)})
}

fn is_license(path: &str) -> bool {
    path.starts_with("share/doc/tbpki/") && path.contains("LICENSE")
}

/// The configuration of the image.
fn config(platform: Platform, release: &Release, layers: &[Value]) -> Result<Value> {
    let created = release.rfc_3339()?;
    Ok(json!({
        "created": created,
        "architecture": platform.debian_architecture(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/usr/bin/tbpki"],
            "Cmd": ["--help"],
            "WorkingDir": format!("/{STORE}"),
            "Volumes": {format!("/{STORE}"): {}},
            "Env": ["PATH=/usr/bin", "HOME=/tmp", "TBPKI_NO_PROGRESS=1"],
            "Labels": {
                "org.opencontainers.image.title": "tbpki",
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.revision": release.commit,
                "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            },
        },
        // The layers are not compressed, so their digests are those of their contents too.
        "rootfs": {"type": "layers", "diff_ids": layers.iter().filter_map(|layer| layer.get("digest")).collect::<Vec<_>>()},
        "history": layers.iter().map(|_| json!({"created": created, "created_by": "cargo xtask dist"})).collect::<Vec<_>>(),
    }))
}

/// Adds a blob under its digest, and returns its descriptor.
fn blob(layout: &mut Tree, media_type: &str, bytes: Vec<u8>) -> Value {
    let digest = sha256(&bytes);
    let descriptor = json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()});
    layout.add(format!("blobs/sha256/{digest}"), bytes, 0o644);
    descriptor
}

fn text(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).doing("write JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_image_is_named_by_program_and_version() {
        let release = Release { version: "1.2.3".into(), commit: String::new(), is_modified: false, time: 0 };
        let names = annotations(&release);
        assert_eq!(names["org.opencontainers.image.ref.name"], "localhost/tbpki:1.2.3");
    }

    #[test]
    fn a_blob_is_named_by_its_digest() {
        let mut layout = Tree::default();
        let descriptor = blob(&mut layout, "text/plain", b"abc".to_vec());
        // The example of FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(descriptor["digest"], format!("sha256:{hash}"));
        assert_eq!(layout.files().next().map(|(path, _)| path.clone()), Some(format!("blobs/sha256/{hash}")));
    }
}
