//! Revocation lists that were made while the clock was wrong.

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::{Clock, Sandbox};
use time::macros::datetime;

use crate::scene::json;

const LISTS: &str = "pki/devices-crl.pem";

fn lists(sandbox: &Sandbox) -> Vec<Crl> {
    let lists = PemBundle::parse(&sandbox.read(LISTS)).unwrap().crls;
    lists.iter().map(|der| Crl::from_der(der).unwrap()).collect()
}

/// A store with lists of 2034, and the clock at the second day of 2027.
fn jumped() -> (Sandbox, Clock) {
    let clock = Clock::starting_at(datetime!(2027-01-01 00:00 UTC));
    let sandbox = Sandbox::new().at(&clock).make_store();
    sandbox.ok(["client", "pump-1"]);
    sandbox.ok(["crl"]);
    clock.pass(7 * 365);
    sandbox.ok(["crl", "--accept-clock"]);
    clock.pass(1 - 7 * 365);
    // Accepted again, so that only the lists are wrong from here on.
    sandbox.ok(["client", "pump-2", "--accept-clock"]);
    (sandbox, clock)
}

#[test]
fn a_list_from_the_future_is_reported_and_replaced_once_the_clock_is_accepted() {
    let (sandbox, clock) = jumped();
    for verb in [&["list"][..], &["store", "check"]] {
        sandbox.ok(verb).prints("TBPKI-0302").prints("the revocation list of devices-issuing is from the future");
    }
    let (file, before) = (sandbox.read(LISTS), lists(&sandbox));
    let refused = sandbox.fails(["crl"], 1, "TBPKI-0302").prints("`tbpki crl --accept-clock`");
    refused.prints("restart the brokers");
    sandbox.fails(["crl", "--dry-run"], 4, "TBPKI-0302");
    assert_eq!(sandbox.read(LISTS), file);
    let open = json(&sandbox.tbpki(["revoke", "pump-1", "--json"]).run().ends(4));
    let why = open["open"][0]["error"].as_str().unwrap();
    assert!(why.contains("the last revocation list of devices-issuing is from the future"), "{open}");

    sandbox.ok(["crl", "--accept-clock"]).prints("restart the brokers with the new file");
    let after = lists(&sandbox);
    for (before, after) in before.iter().zip(&after) {
        let number = |list: &Crl| u64::from_str_radix(list.number().unwrap(), 16).unwrap();
        assert!(number(after) > number(before));
        assert!(after.this_update() <= clock.now() && after.this_update() < before.this_update());
    }
    assert_eq!(after[0].revoked().len(), 1);
    sandbox.ok(["revoke", "--open"]).prints("no step is open");
    // Without the flag from now on.
    sandbox.ok(["crl"]);
    let listed = sandbox.ok(["list"]);
    assert!(!listed.stderr_text().contains("TBPKI-0302"), "{listed}");
}

#[test]
fn the_lists_of_other_keys_do_not_wait_for_one_from_the_future() {
    let (sandbox, _clock) = jumped();
    let future = lists(&sandbox);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    let report = json(&sandbox.tbpki(["crl", "--json"]).run().ends(4).prints("TBPKI-0302"));
    let kept: Vec<_> = report["lists"].as_array().unwrap().iter().map(|list| list["kept"].as_bool().unwrap()).collect();
    assert_eq!(kept, [true, false, true]);
    let now = lists(&sandbox);
    assert_eq!((now[0].der(), now[2].der()), (future[0].der(), future[1].der()));
    sandbox.tbpki(["crl"]).run().ends(4).prints("(kept: no list could be made)");
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.ok(["client", "pump-3"]);
    let revoked = json(&sandbox.tbpki(["revoke", "pump-3", "--json"]).run());
    assert_eq!(revoked["open_steps"], 0, "the list of the new key has it: {revoked}");
}
