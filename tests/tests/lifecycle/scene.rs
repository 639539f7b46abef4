//! A store with a platform.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
pub(crate) use tbpki_tests::Scene;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox};
use testkit::application::Sample;

/// The arguments of an image, with the files of [`write_image_files`].
pub(crate) const IMAGE: &[&str] = &[
    "--app",
    "app.elf",
    "--chip",
    "esp32c3",
    "--wifi-ssid",
    "net",
    "--wifi-password-file",
    "wifi",
    "--broker",
    "tb.example",
];

#[track_caller]
pub(crate) fn write_image_files(sandbox: &Sandbox) {
    sandbox.write("wifi", "a password of the network");
    fs::set_permissions(sandbox.join("wifi"), fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.write("app.elf", Sample::new("esp32c3").elf());
}

/// The result in a report.
#[track_caller]
pub(crate) fn json(outcome: &Outcome) -> Value {
    outcome.json()["result"].clone()
}

/// OpenSSL's verdict on a device of the store, by a file with lists.
#[track_caller]
pub(crate) fn verify(sandbox: &Sandbox, lists: &str, device: &str) -> Outcome {
    let ca = |name: &str| -> PathBuf { sandbox.join("pki/ca").join(name).join("cert.pem") };
    // For every certificate of the chain a list, so that a missing list of the root is seen too.
    let tool = openssl().args(["verify", "-x509_strict", "-crl_check_all", "-CAfile"]).arg(ca("devices-root"));
    let tool = tool.arg("-untrusted").arg(ca("devices-issuing")).arg("-CRLfile").arg(sandbox.join(lists));
    tool.arg(sandbox.join("pki/devices").join(device).join("cert.pem")).run()
}
