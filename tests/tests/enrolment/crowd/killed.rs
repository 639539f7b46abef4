//! A service that is killed again and again while devices renew and the platform fails.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use pki::Certificate;
use tb_sim::{Fault, FaultKind};
use tbpki_tests::Tool;
use tbpki_tests::crowd::{Answer, Asked, Crowd, Held, devices_in, in_parallel};
use tbpki_tests::est::Service;

use crate::platform::Scene;

/// Devices that renew at the same time.
const CLIENTS: usize = 64;

const RENEW: &str = "/.well-known/est/simplereenroll";
const CONFIRM: &str = "/.well-known/tbpki/confirm";

/// The service at this moment: it listens at another address after each kill.
struct Moving(RwLock<Crowd>);

impl Moving {
    /// The answer to a request, which is repeated until there is one. A busy service is asked again; another 202 is an
    /// answer.
    fn ask(&self, path: &str, held: &Held, body: &str) -> Answer {
        loop {
            let crowd = self.0.read().unwrap().clone();
            match crowd.post(path, Some(held), None, body) {
                Ok(answer) if answer.body.contains("the service is busy") => {}
                // Another request of the same device, or the store, was in the way.
                Ok(answer) if answer.status == 202 && path == RENEW => {}
                Ok(answer) => return answer,
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The service with its scene.
struct Running<'a> {
    scene: &'a Scene,
    service: Service,
}

impl<'a> Running<'a> {
    fn start(scene: &'a Scene) -> Self {
        let options = ["--issuances", "1000", "--connections-per-address", "1000"];
        Self { scene, service: scene.service_by(&options) }
    }

    /// Kills the process and starts another one.
    fn restart(&mut self) {
        self.service.kill_process();
        self.service = Self::start(self.scene).service;
    }

    fn crowd(&self) -> Crowd {
        let roots = self.scene.sandbox.read("pki/ca/server-root/cert.pem");
        Crowd::new(self.service.address.parse().unwrap(), &roots)
    }
}

/// Makes the platform fail in one of the ways that it can.
fn break_platform(scene: &Scene) {
    let kinds = [
        FaultKind::DropBefore,
        FaultKind::DropAfter,
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::HalfAnswer,
        FaultKind::DelayAnswer(300),
    ];
    let kind = kinds[fastrand::usize(..kinds.len())];
    let path = "/api/device/credentials";
    scene.platform.sim().unwrap().inject(Fault::new(kind).on("POST", path).times(fastrand::u32(1..4)));
}

/// Kills the service so many times while the devices renew, at least until they have renewed so often.
fn kill(kills: usize, renewals: usize) {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let count = CLIENTS.to_string();
    sandbox.ok(["fleet", "issue", "--count", &count, "--name-pattern", "pump-{:02}", "--out", "fleet"]);
    scene.ok(&["fleet", "register", "--job", "1"]);
    let devices = devices_in(sandbox.join("fleet"));
    assert_eq!(devices.len(), CLIENTS);
    let mut service = Running::start(&scene);
    let moving = Moving(RwLock::new(service.crowd()));
    let (ended, renewed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let last = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            in_parallel(CLIENTS, CLIENTS, |number| {
                let (name, held) = &devices[number];
                let mut held = held.clone();
                while !ended.load(Ordering::Relaxed) {
                    held = renew(&moving, name, &held);
                    renewed.fetch_add(1, Ordering::Relaxed);
                }
                last.lock().unwrap().insert(name.clone(), held);
            });
        });
        for _ in 0..kills {
            break_platform(&scene);
            std::thread::sleep(Duration::from_millis(fastrand::u64(20..1_500)));
            service.restart();
            *moving.0.write().unwrap() = service.crowd();
        }
        while renewed.load(Ordering::Relaxed) < renewals {
            std::thread::sleep(Duration::from_millis(100));
        }
        ended.store(true, Ordering::Relaxed);
    });
    println!("{kills} kills, {} renewals", renewed.load(Ordering::Relaxed));
    // A new process does not wait for the pauses of the one before.
    scene.platform.sim().unwrap().clear_faults();
    service.restart();
    *moving.0.write().unwrap() = service.crowd();
    let last = last.into_inner().unwrap();
    for (name, held) in &last {
        settle(&moving, name, held);
        let leaf = Certificate::from_der(held.leaf()).unwrap();
        let stored = scene.platform.sim().unwrap().credentials(name).unwrap();
        assert_eq!(stored.id, leaf.credentials_id(), "the platform and {name} disagree");
    }
    assert_eq!(service.service.stop(), 0);
    check_ledger(&scene, &last);
}

/// Renews a device, and proves the new certificate. The same key is used until there is an answer.
fn renew(moving: &Moving, name: &str, held: &Held) -> Held {
    let asked = Asked::new(name);
    let answer = moving.ask(RENEW, held, &asked.body);
    assert_eq!(answer.status, 200, "{name} is locked out: {answer:?}");
    let next = asked.held(&answer, held.issuers());
    let answer = moving.ask(CONFIRM, &next, "");
    // 202: the platform does not have it yet. The device goes on with the new one.
    assert!(matches!(answer.status, 200 | 202), "{name} is locked out: {answer:?}");
    next
}

/// Confirms until the platform has the certificate.
fn settle(moving: &Moving, name: &str, held: &Held) {
    let begun = Instant::now();
    loop {
        let answer = moving.ask(CONFIRM, held, "");
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(300), "the platform does not get the certificate of {name}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The ledger has the last certificate of each device as the current one, no certificate twice for one key, and nothing that is
/// open.
fn check_ledger(scene: &Scene, last: &BTreeMap<String, Held>) {
    let listed = scene.sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap();
    assert_eq!(rows.len(), CLIENTS);
    for row in rows {
        let (name, serial) = (row["name"].as_str().unwrap(), row["serial"].as_str().unwrap());
        let leaf = Certificate::from_der(last[name].leaf()).unwrap();
        assert_eq!((serial, row["role"].as_str()), (&*leaf.serial_hex(), Some("current")), "{name}");
    }
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nfor q in sys.argv[2:]: print(c.execute(q).fetchone()[0])";
    let queries = [
        "SELECT count(*) - count(DISTINCT key) FROM enrolled",
        "SELECT count(*) FROM identity WHERE state = 'intended'",
        "SELECT count(*) FROM enrolled WHERE swap = 'open'",
        "SELECT count(*) FROM (SELECT 1 FROM identity WHERE role = 'current' GROUP BY kind, name HAVING count(*) > 1)",
    ];
    let tool = Tool::new("python3").args(["-c", script]).arg(scene.sandbox.join("pki/ledger.db")).args(queries);
    assert_eq!(tool.run().ok().stdout_text(), "0\n0\n0\n0\n");
}

#[test]
fn a_service_that_is_killed_ten_times_locks_no_device_out() {
    kill(10, 200);
}

#[test]
#[ignore = "takes minutes: cargo xtask interop enroll"]
fn enroll_a_service_that_is_killed_a_hundred_times_locks_no_device_out() {
    kill(100, 10_000);
}
