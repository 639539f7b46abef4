//! The platform's part: a confirmed certificate takes the place of the one that the ledger expects.

use std::time::{Duration, Instant};

use pki::Certificate;
use pki::pem_bundle::PemBundle;
use tb_sim::{CredentialsType, Fault, FaultKind, Settings};
use tbpki_tests::est::{Service, password, request, station};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};

/// A station with a platform.
pub(super) struct Scene {
    pub(super) sandbox: Sandbox,
    pub(super) platform: Platform,
    secret: String,
}

impl Scene {
    pub(super) fn new() -> Self {
        let platform = Platform::simulator(Settings { password: "correct-horse".to_owned(), ..Settings::default() });
        let sandbox = station();
        sandbox.write("secret", platform.password());
        sandbox.private("secret");
        let secret = sandbox.join("secret").to_str().unwrap().to_owned();
        Self { sandbox, platform, secret }
    }

    /// The service, with the platform at this URL.
    fn service_at(&self, url: &str) -> Service {
        Service::start_in(&self.sandbox, &[], &self.environment(url))
    }

    /// The file with the password of the platform.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The service with these variables more.
    pub(super) fn service_with(&self, more: &[(&str, &str)]) -> Service {
        Service::start_in(&self.sandbox, &[], &[&self.environment(self.platform.url())[..], more].concat())
    }

    /// The service with these options more.
    pub(super) fn service_by(&self, options: &[&str]) -> Service {
        Service::start_in(&self.sandbox, options, &self.environment(self.platform.url()))
    }

    /// Runs tbpki with the platform.
    #[track_caller]
    pub(super) fn ok(&self, args: &[&str]) -> Outcome {
        let environment = self.environment(self.platform.url());
        environment.iter().fold(self.sandbox.tbpki(args), |tool, (name, value)| tool.env(name, value)).run().ok()
    }

    pub(super) fn environment<'a>(&'a self, url: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("TBPKI_PLATFORM_URL", url),
            ("TBPKI_PLATFORM_USER", self.platform.user()),
            ("TBPKI_PLATFORM_PASSWORD_FILE", &self.secret),
            ("TBPKI_PLATFORM_ALLOW_PLAIN_HTTP", "true"),
        ]
    }

    /// Makes a profile with a CA of its own.
    pub(super) fn create_profile(&self, name: &str) {
        self.ok(&["profile", "create", name]);
    }

    fn service(&self) -> Service {
        self.service_at(self.platform.url())
    }

    /// The credential of pump-1 on the platform.
    pub(super) fn credential(&self) -> Option<(CredentialsType, String)> {
        self.platform.sim().unwrap().credentials("pump-1").map(|stored| (stored.kind, stored.id))
    }

    /// The role of each generation of pump-1.
    pub(super) fn roles(&self) -> Vec<String> {
        let listed = self.sandbox.ok(["list", "--all", "--kind", "device", "--name", "pump-1", "--json"]).json();
        let rows = listed["result"]["identities"].as_array().unwrap().iter();
        rows.map(|row| row["role"].as_str().unwrap().to_owned()).collect()
    }

    /// Requests NAME.pem with the certificate before it, or with a password.
    pub(super) fn fetch(&self, service: &Service, name: &str, before: Option<&str>) {
        request(&self.sandbox, name, "/CN=pump-1");
        let body = format!("{name}.b64");
        let answer = match before {
            None => {
                let user = format!("pump-1:{}", password(&self.sandbox, "pump-1"));
                service.send("simpleenroll", &body, &["-u", &user])
            }
            Some(before) => {
                let (cert, key) = (format!("{before}.pem"), format!("{before}.key"));
                service.send("simplereenroll", &body, &["--cert", &cert, "--key", &key])
            }
        };
        answer.save(&self.sandbox, &format!("{name}.pem"));
    }

    /// A service between the two ends of a swap from "a" to "b": the platform has the certificate, and answers once its faults
    /// are cleared. Until then the service holds the lease and does not know it.
    fn within_swap(&self) -> Service {
        let service = self.service();
        self.fetch(&service, "a", None);
        confirm(&service, "a");
        let sim = self.platform.sim().unwrap();
        sim.inject(Fault::new(FaultKind::HoldAnswer).on("POST", "/api/device/credentials"));
        self.fetch(&service, "b", Some("a"));
        service.confirm("b.pem", "b.key").is(202, "the platform does not have the certificate yet");
        sim.until_held();
        assert_eq!(self.credential(), self.x509("b"));
        service
    }

    fn certificate(&self, name: &str) -> Certificate {
        PemBundle::parse(&self.sandbox.read(format!("{name}.pem"))).unwrap().certificates.remove(0)
    }

    pub(super) fn x509(&self, name: &str) -> Option<(CredentialsType, String)> {
        Some((CredentialsType::X509Certificate, self.certificate(name).credentials_id()))
    }
}

/// Confirms NAME.pem until the platform has it.
#[track_caller]
pub(super) fn confirm(service: &Service, name: &str) {
    let begun = Instant::now();
    loop {
        let answer = service.confirm(&format!("{name}.pem"), &format!("{name}.key"));
        if answer.status == 200 {
            return answer.is(200, "confirmed");
        }
        answer.is(202, "confirmed; the platform does not have the certificate yet");
        assert!(answer.head.to_lowercase().contains("retry-after: 2"), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(120), "the platform does not get {name}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until something is true.
#[track_caller]
pub(super) fn until(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_first_confirmation_registers_the_device_and_the_next_ones_replace_its_certificate() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    assert_eq!(scene.credential(), None, "an issued certificate is not registered");
    confirm(&service, "a");
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("a"), roles(["current"])));
    let mut before = "a";
    for next in ["b", "c"] {
        scene.fetch(&service, next, Some(before));
        assert_eq!(scene.credential(), scene.x509(before), "the platform waits for the confirmation");
        confirm(&service, next);
        assert_eq!(scene.credential(), scene.x509(next));
        before = next;
    }
    assert_eq!(scene.roles(), ["superseded", "superseded", "current"]);
    // A device that a station has registered is renewed in the same way.
    let listed = scene.sandbox.ok(["list", "--kind", "device", "--json"]).json();
    assert_eq!(listed["result"]["identities"][0]["state"], "registered");
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_platform_that_is_away_leaves_the_device_with_the_certificate_that_it_has() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let sim = scene.platform.sim().unwrap();
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").times(0));
    scene.fetch(&service, "b", Some("a"));
    let waits = "confirmed; the platform does not have the certificate yet";
    service.confirm("b.pem", "b.key").is(202, waits);
    until("tried", || sim.requests().iter().any(|one| one.method == "POST" && one.path == "/api/device/credentials"));
    service.confirm("b.pem", "b.key").is(202, waits);
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("a"), roles(["current", "pending"])));
    let listed = scene.sandbox.ok(["list", "--all", "--kind", "device"]).stdout_text();
    assert!(listed.contains("(swap open)"), "{listed}");
    // A later certificate is confirmed before the platform has the earlier one: it takes the place of the first.
    scene.fetch(&service, "c", Some("b"));
    service.confirm("c.pem", "c.key").is(202, waits);
    assert_eq!(scene.credential(), scene.x509("a"));
    // The service is killed. The next one continues, also if the platform cannot be reached at first.
    service.kill();
    let service = scene.service_at("http://127.0.0.1:1");
    service.confirm("c.pem", "c.key").is(202, waits);
    assert_eq!(service.stop(), 0);
    sim.clear_faults();
    let service = scene.service();
    until("done", || scene.credential() == scene.x509("c"));
    confirm(&service, "c");
    assert_eq!(scene.roles(), ["superseded", "superseded", "current"]);
}

#[test]
fn lost_answers_of_the_platform_change_nothing_twice() {
    let scene = Scene::new();
    let service = scene.service();
    let sim = scene.platform.sim().unwrap();
    for kind in [FaultKind::DropAfter, FaultKind::HalfAnswer] {
        sim.inject(Fault::new(kind).on("POST", "/api/device-with-credentials"));
    }
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    assert_eq!((sim.devices().len(), scene.credential()), (1, scene.x509("a")));
    for kind in [FaultKind::DropBefore, FaultKind::DropAfter, FaultKind::Garbage] {
        sim.inject(Fault::new(kind).on("POST", "/api/device/credentials"));
    }
    scene.fetch(&service, "b", Some("a"));
    confirm(&service, "b");
    assert_eq!((sim.devices().len(), scene.credential()), (1, scene.x509("b")));
    assert_eq!(scene.roles(), ["superseded", "current"]);
}

#[test]
fn a_credential_that_the_ledger_does_not_expect_stays() {
    let scene = Scene::new();
    let tenant = scene.platform.sign_in();
    tenant.device("pump-1");
    let token = scene.credential();
    assert!(matches!(token, Some((CredentialsType::AccessToken, _))), "{token:?}");
    let service = scene.service();
    scene.fetch(&service, "a", None);
    let sim = scene.platform.sim().unwrap();
    service.confirm("a.pem", "a.key").is(202, "the platform does not have the certificate yet");
    until("looked at", || sim.requests().iter().any(|one| one.path.contains("/credentials")));
    service.confirm("a.pem", "a.key").is(202, "the platform does not have the certificate yet");
    assert_eq!(scene.credential(), token);
    let metrics = || Tool::new("curl").args(["-sS", &format!("{}/metrics", service.status)]).run().ok().stdout_text();
    until("counted", || metrics().lines().any(|line| line == "tbpki_platform_swaps_open 1"));
    assert_eq!(scene.credential(), token);
}

#[test]
fn a_revocation_during_the_swap_wins() {
    let scene = Scene::new();
    let service = scene.within_swap();
    let known = |tool| scene.platform.known_to(tool, &scene.secret);
    known(scene.sandbox.tbpki(["revoke", "--device", "pump-1", "--reason", "keyCompromise"])).run();
    scene.platform.sim().unwrap().clear_faults();
    until("withdrawn", || matches!(scene.credential(), Some((CredentialsType::AccessToken, _))));
    known(scene.sandbox.tbpki(["revoke", "--open"])).run().ok();
    assert_eq!(scene.roles(), ["revoked", "revoked"]);
    service.confirm("b.pem", "b.key").is(403, "the client certificate is revoked");
    // It finishes what it has begun, and must not write once more.
    assert_eq!(service.stop(), 0);
    assert!(matches!(scene.credential(), Some((CredentialsType::AccessToken, _))), "{:?}", scene.credential());
}

#[test]
fn a_device_that_was_unregistered_stays_away() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let known = |tool| scene.platform.known_to(tool, &scene.secret);
    known(scene.sandbox.tbpki(["unregister", "--device", "pump-1"])).run().ok();
    let left = scene.credential();
    scene.fetch(&service, "b", Some("a"));
    service.confirm("b.pem", "b.key").is(200, "confirmed");
    assert_eq!(scene.credential(), left);
    assert_eq!(scene.roles(), ["superseded", "current"]);
}

#[test]
fn a_device_that_is_deleted_while_its_certificate_waits_for_the_platform_is_not_made_again() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let sim = scene.platform.sim().unwrap();
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").times(0));
    scene.fetch(&service, "b", Some("a"));
    service.confirm("b.pem", "b.key").is(202, "confirmed; the platform does not have the certificate yet");
    let known = |tool| scene.platform.known_to(tool, &scene.secret);
    known(scene.sandbox.tbpki(["unregister", "--device", "pump-1", "--delete-device", "--yes"])).run().ok();
    sim.clear_faults();
    // The device uses the certificate, without the platform.
    until("in use", || scene.roles() == ["superseded", "current"]);
    assert_eq!((scene.credential(), sim.devices().len()), (None, 0));
    scene.fetch(&service, "c", Some("b"));
    service.confirm("c.pem", "c.key").is(200, "confirmed");
    let outcome = known(scene.sandbox.tbpki(["register", "--all", "--json"])).run().ok();
    assert_eq!((&outcome.json()["result"]["skipped"], sim.devices().len()), (&1.into(), 0));
}

#[test]
fn a_host_keeps_its_files_until_the_platform_has_the_new_certificate() {
    let scene = Scene::new();
    let service = scene.service();
    let sim = scene.platform.sim().unwrap();
    let host = Sandbox::new();
    host.write("root.pem", scene.sandbox.read("pki/ca/server-root/cert.pem"));
    host.write("password", password(&scene.sandbox, "pump-1"));
    host.private("password");
    let files = ["--est", &service.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
    let run = |args: &[&str]| host.tbpki(args.iter().chain(&files)).run();
    run(&["enroll", "fetch", "--device", "pump-1", "--password-file", "password"]).ok();
    let id = || {
        let leaf = PemBundle::parse(&host.read("cert.pem")).unwrap().certificates.remove(0);
        Some((CredentialsType::X509Certificate, leaf.credentials_id()))
    };
    assert_eq!(scene.credential(), id());
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").times(0));
    let before = (host.read("cert.pem"), host.read("key.pem"));
    let outcome = run(&["renew"]).ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0349"), "{outcome}");
    assert!(outcome.stderr_text().contains("the platform does not have the certificate yet"), "{outcome}");
    assert_eq!((host.read("cert.pem"), host.read("key.pem")), before);
    assert_eq!(scene.credential(), id());
    // A timer continues, although the present certificate is not due.
    assert_eq!(host.tbpki(["needs-renewal", "cert.pem"]).run().status, 0);
    sim.clear_faults();
    let staged = host.read("cert.pem.new");
    until("moved", || run(&["renew"]).status == 0);
    assert_eq!((host.read("cert.pem"), scene.credential()), (staged, id()));
    assert_eq!(host.tbpki(["needs-renewal", "cert.pem"]).run().status, 1);
}

#[test]
fn the_platform_gets_the_last_certificate_that_was_confirmed() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let sim = scene.platform.sim().unwrap();
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").times(0));
    scene.fetch(&service, "b", Some("a"));
    service.confirm("b.pem", "b.key").is(202, "the platform does not have the certificate yet");
    // The device has fetched the next one, and was cut off before it has confirmed it.
    scene.fetch(&service, "c", Some("b"));
    sim.clear_faults();
    until("swapped", || scene.credential() == scene.x509("b"));
    confirm(&service, "b");
    assert_eq!(scene.roles(), ["superseded", "current", "superseded"]);
    // The device asks with the same key again, because the answer was lost: it gets the same certificate.
    service.send("simplereenroll", "c.b64", &["--cert", "b.pem", "--key", "b.key"]).save(&scene.sandbox, "again.pem");
    assert_eq!(scene.sandbox.read("again.pem"), scene.sandbox.read("c.pem"));
    confirm(&service, "c");
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("c"), roles(["superseded", "superseded", "current"])));
}

fn roles<const N: usize>(roles: [&str; N]) -> Vec<String> {
    roles.map(str::to_owned).into()
}

#[test]
fn a_service_that_is_killed_during_the_swap_is_continued_by_the_next_one() {
    let scene = Scene::new();
    let service = scene.within_swap();
    let sim = scene.platform.sim().unwrap();
    service.kill();
    sim.clear_faults();
    assert_eq!(scene.roles(), ["current", "pending"]);
    let saves = |sim: &tb_sim::Thingsboard| sim.credentials("pump-1").unwrap().version;
    let before = saves(sim);
    let service = scene.service();
    confirm(&service, "b");
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("b"), roles(["superseded", "current"])));
    assert_eq!(saves(sim), before, "nothing is written twice");
}

#[test]
fn a_device_that_was_revoked_comes_back_with_a_new_password_and_other_tokens_stay() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    scene.ok(&["revoke", "--device", "pump-1"]);
    assert!(matches!(scene.credential(), Some((CredentialsType::AccessToken, _))), "{:?}", scene.credential());
    // The revoked certificate stays away.
    service.confirm("a.pem", "a.key").is(403, "the client certificate is revoked");
    scene.ok(&["register", "--all"]);
    assert!(matches!(scene.credential(), Some((CredentialsType::AccessToken, _))), "{:?}", scene.credential());
    scene.fetch(&service, "b", None);
    confirm(&service, "b");
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("b"), roles(["revoked", "current"])));
    // Once more, and now an operator has set a token of another form meanwhile: it is not ours.
    scene.ok(&["revoke", "--device", "pump-1"]);
    let tenant = scene.platform.sign_in();
    let mut credentials = tenant.credentials(&tenant.device_named("pump-1").unwrap());
    credentials["credentialsId"] = "chosen-by-an-operator".into();
    tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    scene.fetch(&service, "c", None);
    let sim = scene.platform.sim().unwrap();
    let reads = || sim.requests().iter().filter(|one| one.path.ends_with("/credentials")).count();
    let before = reads();
    let waits = "confirmed; the platform does not have the certificate yet";
    service.confirm("c.pem", "c.key").is(202, waits);
    until("looked at", || reads() > before);
    service.confirm("c.pem", "c.key").is(202, waits);
    let other = "chosen-by-an-operator".to_owned();
    assert_eq!(scene.credential(), Some((CredentialsType::AccessToken, other)));
}

#[test]
fn a_device_that_was_unregistered_or_deleted_is_registered_again_with_the_certificate_that_it_fetched() {
    let scene = Scene::new();
    let service = scene.service();
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let undo = scene.ok(&["unregister", "--device", "pump-1"]).stdout_text();
    assert!(undo.contains("tbpki register --device pump-1 --again --replace"), "{undo}");
    // Without --again it stays away.
    let known = |args: &[&str]| scene.platform.known_to(scene.sandbox.tbpki(args), &scene.secret).run();
    known(&["register", "--device", "pump-1", "--replace"]).ends(1).prints("TBPKI-0259");
    known(&["register", "--all", "--replace"]).ok();
    assert!(matches!(scene.credential(), Some((CredentialsType::AccessToken, _))), "{:?}", scene.credential());
    known(&["register", "--device", "pump-1", "--again", "--replace"]).ok();
    assert_eq!(scene.credential(), scene.x509("a"));

    // Deleted on the platform, where the ledger does not see it: a renewal waits until it is registered again.
    let tenant = scene.platform.sign_in();
    tenant.device_named("pump-1").unwrap();
    drop(tenant);
    assert_eq!(scene.credential(), None);
    scene.fetch(&service, "b", Some("a"));
    service.confirm("b.pem", "b.key").is(202, "confirmed; the platform does not have the certificate yet");
    known(&["register", "--all"]).ok();
    confirm(&service, "b");
    assert_eq!((scene.credential(), scene.roles()), (scene.x509("b"), roles(["superseded", "current"])));
    known(&["register", "--all"]).ok();
    assert_eq!(scene.credential(), scene.x509("b"));
}
