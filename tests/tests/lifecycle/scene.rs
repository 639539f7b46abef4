//! A store with a platform.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
use tb_sim::{ServerKeys, Settings};
use tbpki_tests::oracle::openssl;
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};
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

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) platform: Platform,
}

impl Scene {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::with_store();
        let platform = Platform::simulator_in(&sandbox, Settings::default());
        Self { sandbox, platform }
    }

    /// A platform whose MQTT listener has the keys of the store's server.
    #[track_caller]
    pub(crate) fn with_our_server() -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
        let (certificate, key) = (sandbox.join("conf/mqttserver.pem"), Some(sandbox.join("conf/mqttserver_key.pem")));
        let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
        let platform = Platform::simulator_in(&sandbox, Settings { server, ..Settings::default() });
        Self { sandbox, platform }
    }

    /// Where devices log in.
    pub(crate) fn broker(&self) -> String {
        let (host, port) = self.platform.mqtts();
        format!("{host}:{port}")
    }

    pub(crate) fn tbpki(&self, args: &[&str]) -> Tool {
        self.platform.known_to(self.sandbox.tbpki(args), self.sandbox.join("password"))
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// Gives a device an access token, as another user of the platform would.
    #[track_caller]
    pub(crate) fn set_token(&self, device: &str, token: &str) {
        set_token(&self.platform, device, token);
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        json(&self.ok(&[args, &["--json"]].concat()))
    }
}

/// Gives a device of a platform an access token, as another user would.
#[track_caller]
pub(crate) fn set_token(platform: &Platform, device: &str, token: &str) {
    let tenant = platform.sign_in();
    let found = tenant.ok("GET", &format!("/api/tenant/devices?deviceName={device}"), None);
    let mut credentials = tenant.credentials(&found);
    credentials["credentialsType"] = "ACCESS_TOKEN".into();
    credentials["credentialsId"] = token.into();
    credentials["credentialsValue"] = Value::Null;
    tenant.ok("POST", "/api/device/credentials", Some(&credentials));
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
