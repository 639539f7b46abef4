//! A station bundle whose key stays in the token.

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

use crate::{KEY_URI, Station};

#[test]
fn a_kit_names_the_token_and_issues_with_it() {
    let station = Station::with_store();
    let report = station.ok(&["ca", "export", "devices", "--out", "kit", "--no-input", "--json"]).json();
    let uri = station.sandbox.text(KEY_URI);
    assert_eq!(report["result"]["key"], "token");
    assert_eq!(report["result"]["key_uri"], uri.trim());
    assert_eq!(station.sandbox.text(format!("kit/{KEY_URI}")), uri);

    // On another machine, with nothing but the bundle and the token.
    let other = Sandbox::new();
    tbpki_tests::Tool::new("cp").arg("-a").arg(station.sandbox.join("kit/.")).arg(other.path()).run().ok();
    other.write("pin", station.sandbox.text("pin"));
    let args = ["client", "--device", "pump-7", "--ca-pin-file", "pin"];
    station.hsm.seen_by(other.tbpki(args)).run().ok();
    openssl()
        .args(["verify", "-purpose", "sslclient", "-CAfile"])
        .arg(station.sandbox.join("pki/ca/devices-root/cert.pem"))
        .arg("-untrusted")
        .arg(other.join("pki/devices/pump-7/chain.pem"))
        .arg(other.join("pki/devices/pump-7/cert.pem"))
        .run()
        .ok();
}
