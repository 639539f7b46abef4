//! The keys of roots that are kept elsewhere, after the root was replaced.

use std::fs;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::Sandbox;

use crate::scene::json;

const KEY: &str = "pki/ca/devices-root/key.pem";
const EARLIER: &str = "pki/ca/devices-root/generation-1/key.pem";

fn number(sandbox: &Sandbox) -> u64 {
    let lists = PemBundle::parse(&sandbox.read("pki/devices-crl.pem")).unwrap().crls;
    u64::from_str_radix(Crl::from_der(&lists[0]).unwrap().number().unwrap(), 16).unwrap()
}

#[test]
fn the_key_of_another_generation_is_named_with_its_place_and_stops_no_other_list() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    sandbox.ok(["crl"]);
    // Both keys are offline, and the operator brings the wrong one back.
    let away = |from: &str, to: &str| fs::rename(sandbox.join(from), sandbox.join(to)).unwrap();
    away(KEY, "second.pem");
    away(EARLIER, "first.pem");
    away("first.pem", KEY);
    let before = number(&sandbox);
    let outcome = sandbox.tbpki(["crl"]).run().ends(4).prints("TBPKI-0034");
    outcome.prints("this is the key of generation 1 of devices-root").prints(EARLIER);
    assert!(number(&sandbox) > before, "the list of the issuing CA is a new one");
    sandbox.tbpki(["store", "check"]).run().ends(3).prints("does not belong");
    // The CAs below the root wait for the right key as well.
    sandbox.fails(["ca", "prepare", "devices-issuing"], 1, "TBPKI-0034").prints(EARLIER);

    // The help of the message.
    away(KEY, EARLIER);
    let report = json(&sandbox.ok(["crl", "--json"]));
    let of = |generation: u64| {
        let lists = report["lists"].as_array().unwrap().iter();
        lists.clone().find(|list| list["ca"] == "devices-root" && list["generation"] == generation).unwrap().clone()
    };
    assert_eq!((&of(1)["kept"], &of(2)["kept"]), (&false.into(), &true.into()));
    sandbox.ok(["store", "check"]);
    // The key of an earlier generation is compared, too.
    fs::copy(sandbox.join("second.pem"), sandbox.join(EARLIER)).unwrap();
    sandbox.tbpki(["store", "check"]).run().ends(3).prints("does not belong").prints(EARLIER);
    // A list that is missing is named with the generation and the place of the key.
    away(EARLIER, "none.pem");
    let missing = sandbox.ok(["crl", "--out", "new.pem"]).prints("TBPKI-0112");
    missing.prints("no revocation list of generation 1 of devices-root").prints(EARLIER);
}

#[test]
fn the_step_of_a_revoked_ca_ends_with_its_root() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.ok(["ca", "prepare", "server-issuing"]);
    sandbox.ok(["ca", "activate", "server-issuing"]);
    sandbox.ok(["renew", "--server"]);
    fs::rename(sandbox.join("pki/ca/server-root/key.pem"), sandbox.join("root.pem")).unwrap();
    let revoke = ["revoke", "--ca", "server-issuing"];
    sandbox.tbpki(revoke).run().ends(4).prints("the key of generation 1 of server-root is not in this store");
    sandbox.tbpki(["revoke", "--open"]).run().ends(4);
    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox.tbpki(["crl"]).run();
    sandbox.ok(["ca", "activate", "server-root", "--leave-behind"]);
    sandbox.ok(["ca", "retire", "server-root"]);
    sandbox.ok(["revoke", "--open"]).prints("no step is open");
}
