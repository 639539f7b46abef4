//! Devices that a certificate chain makes known.

use serde_json::{Value, json};
use tbpki_tests::certificates::{Ca, Wanted, base64, pem};
use tbpki_tests::mqtt::{Connect, connect};
use tbpki_tests::platform::{Platform, Tenant, eventually, id, unique};
use tbpki_tests::wire::Shown;

use crate::profiles::by_chain;

const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
const REFUSED: [u8; 4] = [0x20, 2, 0, 5];

#[track_caller]
fn profile(tenant: &Tenant<'_>, ca: &Ca, pattern: &str, creates: bool) -> Value {
    tenant.profile(&by_chain(&unique("by-chain"), &pem(&ca.chain[0]), &json!(pattern), creates))
}

#[track_caller]
fn log_in(platform: &Platform, shown: &Shown) -> Vec<u8> {
    connect(platform, Some(shown), &Connect::default()).1
}

#[test]
fn a_first_connect_creates_the_device_and_a_new_leaf_replaces_the_old() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("ca"));
    let profile = profile(&tenant, &ca, "([^@]+)@fleet", true);
    let name = unique("device");
    let first = Wanted::client(&format!("{name}@fleet")).signed_by(&ca);
    assert_eq!(log_in(&platform, &first), ACCEPTED);
    let device = tenant.device_named(&name).expect("the first connect makes it");
    assert_eq!(device["type"], profile["name"]);
    let credentials = tenant.credentials(&device);
    // 2 and not 1: the platform makes the device with a token first, as every device, and then saves the certificate.
    assert_eq!((&credentials["credentialsType"], &credentials["version"]), (&json!("X509_CERTIFICATE"), &json!(2)));
    assert_eq!(credentials["credentialsValue"], json!(base64(&first.chain[0])));

    let renewed = Wanted::client(&format!("{name}@fleet")).signed_by(&ca);
    // The name in the leaf finds the device, so that another certificate of the same CA replaces the one that it has.
    assert_eq!(log_in(&platform, &renewed), ACCEPTED);
    assert_eq!(tenant.credentials(&device)["credentialsValue"], json!(base64(&renewed.chain[0])));
    let alone = Shown { chain: first.chain[..1].to_vec(), key: first.key.clone() };
    assert_eq!(log_in(&platform, &alone), REFUSED, "without the CA the old leaf belongs to no device");
    assert_eq!(log_in(&platform, &first), ACCEPTED, "with it, it turns the rotation back");
    assert_eq!(tenant.credentials(&device)["version"], 4);
}

#[test]
fn what_does_not_fit_is_refused_and_creates_nothing() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let creating = Ca::root(&unique("creating"));
    let of_creating = profile(&tenant, &creating, "(.+)@fleet", true);
    let not_creating = Ca::root(&unique("not-creating"));
    // A profile for each case: a certificate can be that of one profile only.
    profile(&tenant, &not_creating, "(.*)", false);
    let broken = Ca::root(&unique("broken"));
    profile(&tenant, &broken, "(", true);

    let name = unique("none");
    let mut without_ca = Wanted::client(&format!("{name}@fleet")).signed_by(&creating);
    without_ca.chain.truncate(1);
    for (what, shown) in [
        ("no match", Wanted::client(&name).signed_by(&creating)),
        ("the CA not sent", without_ca),
        ("creation off", Wanted::client(&name).signed_by(&not_creating)),
        ("a broken pattern", Wanted::client(&name).signed_by(&broken)),
    ] {
        assert_eq!(log_in(&platform, &shown), REFUSED, "{what}");
        assert_eq!(tenant.device_named(&name), None, "{what}");
    }

    let taken = unique("taken");
    let device = tenant.device(&taken);
    assert_eq!(log_in(&platform, &Wanted::client(&format!("{taken}@fleet")).signed_by(&creating)), REFUSED);
    assert_eq!(tenant.credentials(&device)["version"], 1, "a device of another profile is left alone");

    let of_profile = json!({ "name": unique("with-token"), "deviceProfileId": of_creating["id"] });
    let with_token = tenant.ok("POST", "/api/device", Some(&of_profile));
    tenant.forget(&format!("/api/device/{}", id(&with_token)));
    let name = with_token["name"].as_str().unwrap();
    assert_eq!(log_in(&platform, &Wanted::client(&format!("{name}@fleet")).signed_by(&creating)), REFUSED);
    assert_eq!(tenant.credentials(&with_token)["credentialsType"], "ACCESS_TOKEN");
}

#[test]
fn an_expired_leaf_is_refused_and_its_device_created() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("ca"));
    profile(&tenant, &ca, "(.*)", true);
    let name = unique("expired");
    // The chain is looked up, and the device made, before the dates of the leaf are.
    assert_eq!(log_in(&platform, &Wanted::client(&name).valid(-48, -1).signed_by(&ca)), REFUSED);
    assert!(tenant.device_named(&name).is_some());
}

#[test]
fn names_are_taken_escaped() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("ca"));
    let profile = profile(&tenant, &ca, "(.*)", true);
    let name = unique("escaped");
    assert_eq!(log_in(&platform, &Wanted::client(&format!("{name},b+c=x")).signed_by(&ca)), ACCEPTED);
    // By a part of the name, which has no character that the search or the escaping would change.
    let devices = tenant.ok("GET", &format!("/api/tenant/devices?pageSize=10&page=0&textSearch={name}"), None);
    let device = &devices["data"][0];
    tenant.forget(&format!("/api/device/{}", id(device)));
    assert_eq!(device["name"], json!(format!("{name}\\,b\\+c\\=x")));
    assert_eq!(device["type"], profile["name"]);
}

#[test]
fn a_deleted_device_is_back_at_its_next_connection() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("ca"));
    profile(&tenant, &ca, "(.*)", true);
    let name = unique("back");
    let shown = Wanted::client(&name).signed_by(&ca);
    assert_eq!(log_in(&platform, &shown), ACCEPTED);
    let device = tenant.device_named(&name).unwrap();
    let path = format!("/api/plugins/telemetry/DEVICE/{}/values/attributes", id(&device));
    // provisionState is what a device that was made by hand does not have. Both are stored some time after the CONNACK.
    eventually("the attributes of a new device are there", || {
        let attributes = tenant.ok("GET", &path, None);
        let keys: Vec<&str> = attributes.as_array().unwrap().iter().filter_map(|one| one["key"].as_str()).collect();
        keys.contains(&"provisionState") && keys.contains(&"active")
    });
    tenant.ok("DELETE", &format!("/api/device/{}", id(&device)), None);
    assert_eq!(log_in(&platform, &shown), ACCEPTED);
    let again = tenant.device_named(&name).expect("the profile creates it once more");
    assert_ne!(again["id"], device["id"]);
}
