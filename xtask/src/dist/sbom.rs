//! Software bills of materials, CycloneDX 1.5: one for the program, one for the firmware.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Doing, Error, Result};

use super::metadata::{FIRMWARE, Package, Program, TBPKI, packages};
use super::release::Release;

/// Writes `tbpki-VERSION.cdx.json` and `tbpki-firmware-VERSION.cdx.json`.
pub(super) fn write(release: &Release, out: &Path) -> Result<Vec<PathBuf>> {
    let write = |(program, kind): (&Program, &str)| {
        let bill = bill(&packages(program)?, program.name, kind, &release.rfc_3339()?)?;
        let file = out.join(format!("{}-{}.cdx.json", program.name, release.version));
        let text = serde_json::to_string_pretty(&bill).doing("write JSON")?;
        fs::write(&file, format!("{text}\n")).doing(format!("write {}", file.display()))?;
        Ok(file)
    };
    [(&TBPKI, "application"), (&FIRMWARE, "firmware")].into_iter().map(write).collect()
}

/// The bill, without the serial number that the format allows: it would differ in each build.
fn bill(packages: &[Package], program: &str, kind: &str, time: &str) -> Result<Value> {
    let (own, used): (Vec<&Package>, Vec<&Package>) = packages.iter().partition(|package| package.name == program);
    let own = own.first().ok_or_else(|| Error::new(format!("{program} is not among its packages")))?;
    let reference = |id: &str| packages.iter().find(|package| package.id == id).map(purl);
    let dependencies: Vec<Value> = packages
        .iter()
        .map(|package| {
            let mut uses: Vec<String> = package.uses.iter().filter_map(|id| reference(id)).collect();
            uses.sort();
            uses.dedup();
            json!({"ref": purl(package), "dependsOn": uses})
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": time, "component": component(own, kind)},
        "components": used.iter().map(|package| component(package, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

fn component(package: &Package, kind: &str) -> Value {
    let mut component = serde_json::Map::new();
    let mut add = |name: &str, value: Value| component.insert(name.to_owned(), value);
    add("type", kind.into());
    add("bom-ref", purl(package).into());
    add("name", package.name.as_str().into());
    add("version", package.version.as_str().into());
    add("purl", purl(package).into());
    if let Some(license) = &package.license {
        // An old form of SPDX expressions, which cargo accepts and the format does not.
        add("licenses", json!([{"expression": license.replace('/', " OR ")}]));
    }
    if let Some(checksum) = &package.checksum {
        add("hashes", json!([{"alg": "SHA-256", "content": checksum}]));
    }
    component.into()
}

/// The package URL, which is unique: cargo has one package of a name and version.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str], checksum: Option<&str>) -> Package {
        Package {
            id: format!("id of {name}"),
            name: name.to_owned(),
            version: "1.0.0+x".to_owned(),
            license: Some("MIT/Apache-2.0".to_owned()),
            authors: Vec::new(),
            directory: PathBuf::new(),
            checksum: checksum.map(str::to_owned),
            uses: uses.iter().map(|name| format!("id of {name}")).collect(),
        }
    }

    #[test]
    fn the_bill_names_each_library_and_its_hash() {
        let packages = [package("library", &[], Some("abc")), package("program", &["library", "library"], None)];
        let bill = bill(&packages, "program", "application", "2026-01-01T00:00:00Z").unwrap_or_default();
        assert_eq!(bill["metadata"]["component"]["purl"], "pkg:cargo/program@1.0.0%2Bx");
        assert_eq!(bill["components"][0]["hashes"][0]["content"], "abc");
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["dependencies"][1]["dependsOn"], json!(["pkg:cargo/library@1.0.0%2Bx"]));
    }
}
