//! Keys that a token keeps: made there, never outside, and used by every verb that signs. SoftHSM plays the
//! token, and in one file a TPM.

mod fleet;
mod making;
mod signing;
mod station_bundle;
mod taking;
mod tpm;

use tbpki_tests::softhsm::MODULE;
use tbpki_tests::{Outcome, Sandbox, SoftHsm, Tool};

/// The token of these tests.
const TOKEN: &str = "fleet";
/// The file in the store that names the key.
const KEY_URI: &str = "pki/ca/devices-issuing/key.uri";

/// A sandbox with a token in reach.
struct Station {
    sandbox: Sandbox,
    hsm: SoftHsm,
}

impl Station {
    /// One without a store, whose token is empty.
    #[track_caller]
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let hsm = SoftHsm::new(&sandbox);
        hsm.add(TOKEN);
        Self { sandbox, hsm }
    }

    /// One with a store whose devices' CA has its key in the token.
    #[track_caller]
    fn with_store() -> Self {
        let station = Self::new();
        station.init(&[]).ok();
        station
    }

    /// `init` with a key in the token.
    #[track_caller]
    fn init(&self, more: &[&str]) -> Outcome {
        let uri = uri("");
        let args = ["init", "--no-input", "--insecure-no-passphrase", "--ca-pin-file", "pin", "--devices-key", &uri];
        self.tbpki(&[&args, more].concat()).run()
    }

    fn tbpki(&self, args: &[&str]) -> Tool {
        self.hsm.seen_by(self.sandbox.tbpki(args))
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// The objects that `pkcs11-tool` lists in the token.
    #[track_caller]
    fn objects(&self) -> String {
        self.hsm.pkcs11_tool(TOKEN, &["--list-objects"]).ok().stdout_text()
    }
}

/// The URI of our token, with more attributes behind it.
fn uri(more: &str) -> String {
    format!("pkcs11:token={TOKEN}{more}?module-path={MODULE}")
}
