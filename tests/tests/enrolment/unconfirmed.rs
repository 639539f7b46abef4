//! A device that has fetched its first certificate and not confirmed it: the certificate is pending, and none is in use.

use tbpki_tests::est::{Service, password, request, station};
use tbpki_tests::{Clock, Sandbox};
use time::macros::datetime;

use super::platform::{Scene, until};
use super::renewal::enrol;

const IMAGE: [&str; 8] = ["--chip", "esp32c3", "--app", "app.elf", "--broker", "broker.example", "--wifi-ssid", "open"];

#[track_caller]
fn write_application(sandbox: &Sandbox) {
    sandbox.write("app.elf", testkit::application::Sample::new("esp32c3").elf());
}

/// A device that has its certificate and has not confirmed it.
#[track_caller]
fn fetch(sandbox: &Sandbox, service: &Service, name: &str) {
    let user = format!("{name}:{}", password(sandbox, name));
    request(sandbox, name, &format!("/CN={name}"));
    service.send("simpleenroll", &format!("{name}.b64"), &["-u", &user]).save(sandbox, &format!("{name}.pem"));
}

#[test]
fn no_verb_takes_it_for_revoked_or_unknown() {
    let scene = Scene::new();
    let service = scene.service_with(&[]);
    let sandbox = &scene.sandbox;
    fetch(sandbox, &service, "pump-1");
    let verbs: [(&[&str], i32); 4] = [
        (&["register", "--device", "pump-1"], 1),
        (&["renew", "--device", "pump-1"], 1),
        (&["check", "--device", "pump-1", "--offline"], 1),
        (&["bundle-firmware", "--device", "pump-1"], 2),
    ];
    write_application(sandbox);
    for (verb, status) in verbs {
        let image = if verb[0] == "bundle-firmware" { &IMAGE[..] } else { &[] };
        let environment = scene.environment(scene.platform.url());
        let tool = sandbox.tbpki(verb.iter().chain(image));
        let outcome = environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run().ends(status);
        let outcome =
            outcome.prints("TBPKI-0475").prints("has fetched its certificate over the network and not confirmed it");
        assert!(!outcome.stderr_text().contains("revoked"), "{outcome}");
    }
    sandbox.tbpki(["check", "--device", "pump-1", "--offline"]).run().prints("`tbpki check --cert FILE --key FILE`");
    sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(1).prints("no renewal is needed");
    // What the help promises.
    until("confirmed", || service.confirm("pump-1.pem", "pump-1.key").status == 200);
    sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(1);
}

#[test]
fn its_dates_decide_whether_it_needs_a_renewal() {
    let clock = Clock::starting_at(datetime!(2027-03-01 08:00 UTC));
    let sandbox = tbpki_tests::est::station_in(Sandbox::new().at(&clock));
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_CLIENT_DAYS", "90")]);
    fetch(&sandbox, &service, "pump-1");
    let needs = || sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run();
    needs().ends(1);
    assert_eq!(service.stop(), 0);
    clock.pass(61);
    needs().ends(0);
    sandbox.tbpki(["needs-renewal", "--device", "pump-2"]).run().ends(2);
}

#[test]
fn an_image_of_a_device_with_its_own_key_is_one_with_a_password() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    write_application(&sandbox);
    let bundle = ["bundle-firmware", "--device", "pump-1"];
    let outcome = sandbox.fails(bundle.iter().chain(&IMAGE), 1, "TBPKI-0378");
    let outcome = outcome.prints("`tbpki bundle-firmware --device pump-1 --enroll URL`");
    assert!(!outcome.stderr_text().contains("forget") && !outcome.stderr_text().contains("--force"), "{outcome}");
    // The help, followed.
    let enroll = ["--enroll", &service.url, "--out", "out"];
    sandbox.ok(bundle.iter().chain(&IMAGE).chain(&enroll));
}
