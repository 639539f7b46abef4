//! A directory with copies that is missing during the rollover of a CA.

use std::fs;

use pki::Certificate;
use pki::pem_bundle::PemBundle;
use tbpki_tests::Sandbox;

fn subjects(sandbox: &Sandbox, file: &str) -> Vec<String> {
    PemBundle::parse(&sandbox.read(file)).unwrap().certificates.iter().map(Certificate::subject).collect()
}

#[test]
fn a_directory_that_is_away_during_a_rollover_gets_its_files_later() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    let away = |is_away: bool| {
        let (from, to) = if is_away { ("conf", "conf-away") } else { ("conf-away", "conf") };
        fs::rename(sandbox.join(from), sandbox.join(to)).unwrap();
    };
    away(true);
    let prepared = sandbox.tbpki(["ca", "prepare", "server-root"]).run().ends(4);
    prepared.prints("TBPKI-0379").prints("tbpki renew --server localhost");
    sandbox.ok(["list"]).prints("install open");
    // Back again: the same command brings the files.
    away(false);
    assert_eq!(sandbox.fails(["store", "check"], 3, "TBPKI-0332").stdout_text().matches("CAs of the file").count(), 1);
    sandbox.ok(["ca", "prepare", "server-root"]);
    assert_eq!(subjects(&sandbox, "conf/cafile.pem").len(), 2);
    sandbox.ok(["store", "check"]);

    away(true);
    sandbox.tbpki(["ca", "activate", "server-root"]).run().ends(4).prints("TBPKI-0379");
    let refused = sandbox.fails(["ca", "retire", "server-root"], 1, "TBPKI-0379");
    refused.prints("tbpki renew --server localhost");
    away(false);
    // The directory is there, and has the path to the earlier root.
    sandbox.fails(["ca", "retire", "server-root"], 1, "TBPKI-0379");
    let chain = subjects(&sandbox, "conf/mqttserver.pem");
    let before = sandbox.read("conf/mqttserver.pem");
    sandbox.ok(["renew", "--server", "localhost"]);
    assert_ne!(sandbox.read("conf/mqttserver.pem"), before);
    assert_eq!(subjects(&sandbox, "conf/mqttserver.pem"), chain);
    assert_eq!(sandbox.read("conf/mqttserver.pem"), sandbox.read("pki/servers/localhost/mqttserver.pem"));
    sandbox.ok(["ca", "retire", "server-root"]);
    assert_eq!(subjects(&sandbox, "conf/cafile.pem"), ["CN=tbpki server root CA G2"]);
    sandbox.ok(["store", "check"]);
}
