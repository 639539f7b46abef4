//! Devices that all start at the same moment, for example after a power failure.

use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tbpki_tests::crowd::{Asked, Connection, Crowd, Held, devices_in, in_parallel, taken_kib};
use tbpki_tests::est::{Service, station};
use tbpki_tests::{Sandbox, Tool};

/// The most memory of the service with 1,000 connections.
const LIMIT_KIB: u64 = 64 << 10;

/// The certificates of devices `herd-00000` and so on, which the service can renew.
fn herd(sandbox: &Sandbox, count: usize) -> Vec<(String, Held)> {
    let count = count.to_string();
    sandbox.ok(["fleet", "issue", "--count", &count, "--name-pattern", "herd-{:05}", "--out", "fleet"]);
    devices_in(sandbox.join("fleet"))
}

/// The service, which takes all its connections from this machine.
fn service(sandbox: &Sandbox) -> (Service, Crowd) {
    let service = Service::start(sandbox, &["--connections-per-address", "100000"]);
    let crowd = Crowd::new(service.address.parse().unwrap(), &sandbox.read("pki/ca/server-root/cert.pem"));
    (service, crowd)
}

fn is_healthy(service: &Service) -> bool {
    let url = format!("{}/healthz", service.status);
    Tool::new("curl").args(["-sSf", "--max-time", "120", &url]).run().status == 0
}

/// Renews with every device at once, each trying again when it is refused for the load. Returns the most memory that the
/// service had, in KiB, and the longest time that a device waited.
fn renew_all(service: &Service, crowd: &Crowd, devices: &[(String, Held)], at_once: usize) -> (u64, Duration) {
    let (ended, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let longest = Mutex::new(Duration::ZERO);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(taken_kib(service.process()), Ordering::Relaxed);
                assert!(is_healthy(service), "not healthy under load");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let renew = |number: usize| {
            let (name, held) = &devices[number];
            let asked = Asked::new(name);
            loop {
                // A service that has enough connections closes others at once, and a busy one answers 202.
                match crowd.post("/.well-known/est/simplereenroll", Some(held), None, &asked.body) {
                    Ok(answer) if answer.status == 200 => break drop(asked.held(&answer, held.issuers())),
                    Ok(answer) => assert_eq!(answer.status, 202, "{name}: {answer:?}"),
                    Err(_) => {}
                }
                std::thread::sleep(Duration::from_millis(fastrand::u64(50..500)));
            }
            let waited = begun.elapsed();
            let mut longest = longest.lock().unwrap();
            *longest = waited.max(*longest);
        };
        in_parallel(devices.len(), at_once, renew);
        ended.store(true, Ordering::Relaxed);
    });
    let (most, longest) = (most.into_inner(), longest.into_inner().unwrap());
    println!("{} devices: at most {most} KiB, the last one after {longest:?}", devices.len());
    (most, longest)
}

/// The number of devices with a renewal that waits for its use.
fn pending(sandbox: &Sandbox) -> usize {
    let listed = sandbox.ok(["list", "--pending", "--kind", "device", "--json"]).json();
    listed["result"]["identities"].as_array().unwrap().iter().filter(|one| one["role"] == "pending").count()
}

#[test]
fn devices_that_start_at_once_are_all_served() {
    let sandbox = station();
    let devices = herd(&sandbox, 200);
    let (service, crowd) = service(&sandbox);
    renew_all(&service, &crowd, &devices, devices.len());
    assert_eq!(pending(&sandbox), devices.len());
    assert!(is_healthy(&service));
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_thousand_connections_and_more_take_little_memory() {
    let sandbox = station();
    let devices = herd(&sandbox, 1);
    let (service, crowd) = service(&sandbox);
    let (_, held) = &devices[0];
    let open = Mutex::new(Vec::<Connection>::new());
    in_parallel(1_000, 8, |_| {
        let connection = crowd.connect(Some(held)).unwrap();
        open.lock().unwrap().push(connection);
    });
    // The handshake of the last one may still be under way at the service: an answer shows that it has all.
    let metrics = format!("{}/metrics", service.status);
    let counted = || Tool::new("curl").args(["-sSf", "--max-time", "120", &metrics]).run().ok().stdout_text();
    assert!(counted().contains("tbpki_connections 1000"), "{}", counted());
    let with_all = taken_kib(service.process());
    println!("1,000 connections: {with_all} KiB");
    assert!(with_all <= LIMIT_KIB, "{with_all} KiB");
    // More are closed, and take no memory.
    for _ in 0..2_000 {
        let closed = crowd.connect(Some(held)).and_then(|mut connection| connection.read(&mut [0]));
        assert!(!closed.is_ok_and(|read| read > 0));
    }
    let with_more = taken_kib(service.process());
    assert!(with_more <= LIMIT_KIB, "{with_more} KiB");
    assert!(is_healthy(&service));
    drop(open);
    assert_eq!(service.stop(), 0);
}

#[test]
#[ignore = "takes minutes: cargo xtask interop enroll"]
fn enroll_ten_thousand_devices_that_start_at_once() {
    let sandbox = station();
    let devices = herd(&sandbox, 10_000);
    let (service, crowd) = service(&sandbox);
    let (most, longest) = renew_all(&service, &crowd, &devices, 2_000);
    assert_eq!(pending(&sandbox), devices.len());
    // The thousand connections and what waits in the queue.
    assert!(most <= 2 * LIMIT_KIB, "{most} KiB");
    assert!(longest < Duration::from_secs(600), "{longest:?}");
    assert_eq!(service.stop(), 0);
}
