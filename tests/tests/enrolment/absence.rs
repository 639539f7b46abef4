//! A device and a host that come back after 400 days, with a certificate that was valid for 90: with and without the policy
//! for expired certificates, and after the CAs were replaced meanwhile.

use tbpki_tests::est::{CERTIFICATE, Service, password, request, serial, station_in};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Clock, Sandbox};
use time::macros::datetime;

use super::host::Host;
use super::renewal::{enrol, sql, states};
use super::rollover::names;

const LIFETIME: (&str, &str) = ("TBPKI_CLIENT_DAYS", "90");
const POLICY: (&str, &str) = ("TBPKI_SERVE_RENEW_EXPIRED", "400");
const PUMP: [&str; 4] = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
const EXPIRED: &str = "the client certificate has expired";

/// A station whose device is away.
struct Away {
    clock: Clock,
    station: Sandbox,
}

impl Away {
    /// The device leaves, and half of the time passes.
    #[track_caller]
    fn leave() -> Self {
        let clock = Clock::starting_at(datetime!(2027-03-01 08:00 UTC));
        let station = station_in(Sandbox::new().at(&clock));
        let away = Self { clock, station };
        let service = away.service(&[]);
        enrol(&away.station, &service, "pump-1");
        assert_eq!(service.stop(), 0);
        away.half_of_the_time();
        away
    }

    /// The station is in use meanwhile.
    fn half_of_the_time(&self) {
        self.clock.pass(200);
        let name = format!("other-{}", self.clock.offset());
        self.station.ok(["client", "--device", &name, "--days", "90"]);
    }

    #[track_caller]
    fn service(&self, policy: &[(&str, &str)]) -> Service {
        Service::start_in(&self.station, &[], &[&[LIFETIME], policy].concat())
    }

    /// Replaces a CA of the devices, and takes the earlier generation out of service.
    #[track_caller]
    fn replace(&self, ca: &str) {
        self.station.ok(["ca", "prepare", ca]);
        self.station.ok(["ca", "confirm", ca, "--server", "localhost"]);
        self.station.ok(["ca", "activate", ca]);
    }

    fn roles(&self) -> Vec<String> {
        states(&self.station, "pump-1").into_iter().map(|(_, role)| role).collect()
    }

    /// Whether openssl accepts a certificate below the present root of the devices, with what `/cacerts` sends.
    #[track_caller]
    fn accepts(&self, service: &Service, leaf: &str) {
        self.station.write("sent.pem", service.ask("/.well-known/est/cacerts", &[]).certificates());
        let verify = openssl().directory(self.station.path()).at(&self.clock);
        verify.args(["verify", "-CAfile", "pki/ca/devices-root/cert.pem", "-untrusted", "sent.pem", leaf]).run().ok();
    }
}

#[test]
fn a_device_is_known_by_its_certificate_and_let_in_by_the_policy() {
    let away = Away::leave();
    away.half_of_the_time();
    request(&away.station, "next", "/CN=pump-1");
    // It has expired 310 days ago.
    for policy in [&[][..], &[("TBPKI_SERVE_RENEW_EXPIRED", "309")]] {
        let service = away.service(policy);
        for operation in ["simplereenroll", "simpleenroll"] {
            service.send(operation, "next.b64", &PUMP).is(403, EXPIRED);
        }
        service.confirm("pump-1.pem", "pump-1.key").is(403, EXPIRED);
        assert_eq!(away.roles(), ["current"]);
    }
    let service = away.service(&[("TBPKI_SERVE_RENEW_EXPIRED", "311")]);
    service.send("simplereenroll", "next.b64", &PUMP).save(&away.station, "next.pem");
    away.accepts(&service, "next.pem");
    assert_eq!(away.roles(), ["current", "pending"]);
    service.confirm("next.pem", "next.key").is(200, "confirmed");
    assert_eq!(away.roles(), ["superseded", "current"]);
    service.send("simplereenroll", "next.b64", &PUMP).is(403, "a later certificate of this identity is in use");
    // The policy is for certificates that have expired and not for those that were revoked.
    away.station.ok(["revoke", "--device", "pump-1"]);
    service.confirm("next.pem", "next.key").is(403, "the client certificate is revoked");
}

#[test]
fn a_device_whose_issuing_ca_is_gone_gets_a_certificate_of_the_present_one() {
    let away = Away::leave();
    away.replace("devices-issuing");
    away.half_of_the_time();
    // Nothing that is valid depends on it any more.
    away.station.ok(["ca", "retire", "devices-issuing"]);
    request(&away.station, "next", "/CN=pump-1");
    away.service(&[]).send("simplereenroll", "next.b64", &PUMP).is(403, EXPIRED);
    let service = away.service(&[POLICY]);
    let answer = service.send("simplereenroll", "next.b64", &PUMP);
    answer.save(&away.station, "next.pem");
    let issued = answer.certificates().replace(' ', "");
    assert!(issued.contains("issuer=CN=tbpkidevicesissuingCAG2"), "{issued}");
    assert_eq!(names(&service), ["tbpkidevicesissuingCAG2", "tbpkidevicesrootCA"]);
    away.accepts(&service, "next.pem");
    service.confirm("next.pem", "next.key").is(200, "confirmed");
    assert_eq!(away.roles(), ["superseded", "current"]);
}

#[test]
fn a_device_gets_the_new_roots_from_a_service_that_sends_the_path_to_the_old_one() {
    let away = Away::leave();
    let station = &away.station;
    station.write("old-root.pem", station.read("pki/ca/server-root/cert.pem"));
    away.replace("devices-root");
    station.ok(["ca", "prepare", "server-root"]);
    let there = format!("other-{}", away.clock.offset());
    station.ok(["ca", "confirm", "server-root", "--device", &there]);
    // A device counts as long as it can come back.
    let activate = |more: &[&str]| {
        let args = [&["ca", "activate", "server-root"], more].concat();
        station.tbpki(args).env(POLICY.0, POLICY.1).run()
    };
    activate(&[]).ends(1).prints("TBPKI-0320").prints("1 of 2 devices are not known to trust generation 2");
    activate(&["--leave-behind"]).ok();
    assert_eq!(station.text("pki/left-behind/server-root-2.txt"), "pump-1\n");
    away.half_of_the_time();
    request(station, "next", "/CN=pump-1");

    // The device has the old root only.
    let trusts_old = ["--cacert", "old-root.pem"];
    let service = away.service(&[POLICY]);
    let outcome = service.curl("/.well-known/tbpki/anchors").args(trusts_old).run();
    assert_eq!(outcome.status, 60, "{outcome}");
    assert_eq!(service.stop(), 0);
    // The files before the rollover are kept, and the old root has not expired.
    let kept = format!("{}.{}", CERTIFICATE[1], serial(station.join(CERTIFICATE[1])));
    let old_path = [CERTIFICATE[0], &kept, CERTIFICATE[2], CERTIFICATE[3]];
    let renew = [&PUMP[..], &trusts_old].concat();
    let refused = Service::start_with(station, &old_path, &[], &[LIFETIME]);
    refused.send("simplereenroll", "next.b64", &renew).is(403, EXPIRED);
    assert_eq!(refused.stop(), 0);
    let service = Service::start_with(station, &old_path, &[], &[LIFETIME, POLICY]);
    service.send("simplereenroll", "next.b64", &renew).save(station, "next.pem");
    let anchors = service.ask("/.well-known/tbpki/anchors", &trusts_old);
    anchors.is(200, "BEGIN CERTIFICATE");
    station.write("anchors.pem", &anchors.body);
    assert_eq!(service.stop(), 0);

    let service = away.service(&[POLICY]);
    let next = ["-X", "POST", "--cert", "next.pem", "--key", "next.key", "--cacert", "anchors.pem"];
    service.ask("/.well-known/tbpki/confirm", &next).is(200, "confirmed");
    assert_eq!(away.roles(), ["superseded", "current"]);
    assert_eq!(names(&service), ["tbpkidevicesissuingCA", "tbpkidevicesrootCA", "tbpkidevicesrootCAG2"]);
    away.accepts(&service, "next.pem");
}

#[test]
fn a_host_is_told_that_the_root_was_replaced_and_then_that_its_certificate_has_expired() {
    let away = Away::leave();
    let station = &away.station;
    let service = away.service(&[]);
    let host = Host::of(Sandbox::new().at(&away.clock), station, &service);
    host.fetch("gateway-1", &password(station, "gateway-1")).ok();
    assert_eq!(service.stop(), 0);
    let before = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    station.ok(["ca", "prepare", "server-root"]);
    station.ok(["ca", "activate", "server-root", "--leave-behind"]);
    away.half_of_the_time();
    away.half_of_the_time();

    let renew = |service: &Service| {
        let files = ["renew", "--est", &service.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        host.sandbox.tbpki(files).run()
    };
    let service = away.service(&[]);
    let text = renew(&service).ends(1).prints("TBPKI-0376").stderr_text();
    assert!(text.contains("it leads to none of the roots in root.pem"), "{text}");
    assert!(text.contains("get the present one from the operator"), "{text}");
    host.sandbox.write("root.pem", station.read("pki/ca/server-root/cert.pem"));
    let text = renew(&service).ends(1).prints("TBPKI-0348").stderr_text();
    assert!(text.contains(EXPIRED) && text.contains("[serve] renew_expired"), "{text}");
    assert_eq!((host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")), before);
    let states = states(station, "gateway-1");
    assert_eq!(states.len(), 1, "{states:?}");
    assert_eq!(service.stop(), 0);

    let copy = station.copy();
    let service = away.service(&[POLICY]);
    renew(&service).ok();
    assert_ne!(host.sandbox.read("cert.pem"), before.0);
    assert_eq!(service.stop(), 0);
    // Without the policy, a one-time password is the way.
    station.restore(&copy);
    let service = away.service(&[]);
    let host = Host::of(Sandbox::new().at(&away.clock), station, &service);
    host.fetch("gateway-1", &password(station, "gateway-1")).ok();
    assert_eq!(super::renewal::states(station, "gateway-1").last().map(|(_, role)| role.as_str()), Some("current"));
}

#[test]
fn an_expired_certificate_takes_no_valid_one_out_of_use() {
    let clock = Clock::starting_at(datetime!(2027-03-01 08:00 UTC));
    let station = station_in(Sandbox::new().at(&clock));
    let policy = ("TBPKI_SERVE_RENEW_EXPIRED", "30");
    let service = Service::start_in(&station, &[], &[("TBPKI_CLIENT_DAYS", "397"), policy]);
    enrol(&station, &service, "pump-1");
    // The next one is short and is not confirmed before its end.
    sql(&station, "UPDATE parameters SET text = replace(text, '\"days\":397', '\"days\":9')");
    request(&station, "next", "/CN=pump-1");
    service.send("simplereenroll", "next.b64", &PUMP).save(&station, "next.pem");
    assert_eq!(service.stop(), 0);
    clock.pass(10);
    let service = Service::start_in(&station, &[], &[policy]);
    let roles = || states(&station, "pump-1").into_iter().map(|(_, role)| role).collect::<Vec<_>>();
    assert_eq!(roles(), ["current", "pending"]);
    service.confirm("next.pem", "next.key").is(403, EXPIRED);
    assert_eq!(roles(), ["current", "pending"]);
    // It can be renewed by the policy, and the first one stays in use until the third one is used.
    request(&station, "third", "/CN=pump-1");
    let next = ["--cert", "next.pem", "--key", "next.key"];
    service.send("simplereenroll", "third.b64", &next).save(&station, "third.pem");
    service.confirm("pump-1.pem", "pump-1.key").is(200, "confirmed");
    assert_eq!(roles()[0], "current");
    service.confirm("third.pem", "third.key").is(200, "confirmed");
    assert_eq!(*roles().last().unwrap(), "current");
}
