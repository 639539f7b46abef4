//! Fleets: names in, identities out in every layout, and nothing twice whatever interrupts it.

mod archive;
mod canceled;
mod continued;
mod interrupted;
mod joined;
mod layouts;
mod names;
mod older_version;
mod places;
mod report;
mod reserved;
mod stations;

use std::collections::BTreeMap;
use std::path::Path;

use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use serde_json::Value;
use tbpki_tests::Sandbox;
use tbpki_tests::leftovers::assert_private;

/// The credentials of a device, as a reader sees them that knows nothing of the ledger.
struct IdentityView {
    leaf: Certificate,
    above: Vec<Certificate>,
    key: PrivateKey,
}

impl IdentityView {
    /// Key, leaf and the CAs above it in one text.
    #[track_caller]
    fn of_pem(text: &[u8]) -> Self {
        let mut certificates = PemBundle::parse(text).unwrap().certificates.into_iter();
        let leaf = certificates.next().unwrap();
        let key = PrivateKey::from_pem_or_der(text, None).unwrap();
        Self { leaf, above: certificates.collect(), key }
    }
}

/// The CAs of the devices, root first.
fn devices_cas(store: &Path) -> [Certificate; 2] {
    ["devices-root", "devices-issuing"].map(|name| {
        let pem = std::fs::read(store.join("ca").join(name).join("cert.pem")).unwrap();
        PemBundle::parse(&pem).unwrap().certificates.remove(0)
    })
}

/// The records of the devices of a job in the ledger, by name: the lines of its results.
#[track_caller]
fn ledger_of(sandbox: &Sandbox, job: u64) -> BTreeMap<String, Value> {
    sandbox.ok(["fleet", "issue", "--resume", &job.to_string(), "--results", "results"]);
    let lines = sandbox.text(format!("results/job-{job}.ndjson"));
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["name"].as_str().unwrap().to_owned(), line))
        .collect()
}

/// Stops the test unless the ledger and what was found of the devices agree, each key fits its leaf, and each leaf is
/// signed by the CA above it.
#[track_caller]
fn assert_agree(ledger: &BTreeMap<String, Value>, found: &BTreeMap<String, IdentityView>, store: &Path) {
    let [root, issuing] = devices_cas(store);
    assert!(issuing.verify_signed_by(&root).is_ok());
    assert!(ledger.keys().eq(found.keys()), "{:?} and {:?}", ledger.len(), found.len());
    for (name, held) in found {
        let row = &ledger[name];
        assert_eq!(held.leaf.common_name().as_deref(), Some(name.as_str()));
        assert_eq!(row["fingerprint"], held.leaf.fingerprint_hex(), "{name}");
        assert_eq!(row["serial"], held.leaf.serial_hex(), "{name}");
        assert_eq!(row["credentials_id"], held.leaf.credentials_id(), "{name}");
        held.key.check_belongs_to(held.leaf.spki_der()).unwrap();
        held.leaf.verify_signed_by(&issuing).unwrap();
        assert_eq!(held.above, std::slice::from_ref(&issuing), "{name}");
    }
}

/// The devices in the shards of a directory. Whatever else is in there is a leftover, of which there must be none.
#[track_caller]
fn in_shards(out: &Path) -> BTreeMap<String, IdentityView> {
    let mut found = BTreeMap::new();
    for shard in std::fs::read_dir(out).unwrap() {
        let shard = shard.unwrap();
        let name = shard.file_name().into_string().unwrap();
        if [".lock", "fleet.json", "ledger.note", "tb-server-chain.pem"].contains(&name.as_str()) {
            continue;
        }
        assert!(name.starts_with("shard-"), "{name} was left");
        for file in std::fs::read_dir(shard.path()).unwrap() {
            let file = file.unwrap();
            let device = file.file_name().into_string().unwrap().strip_suffix(".pem").unwrap().to_owned();
            let twice = found.insert(device, IdentityView::of_pem(&std::fs::read(file.path()).unwrap()));
            assert!(twice.is_none(), "{} has two identities", file.path().display());
        }
    }
    assert_private(out, "a run");
    found
}
