//! `tbpki enroll fetch` and `tbpki renew --est`: hosts without a store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{Service, password, serial, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox};

/// A host: a directory without a store, with the server's root.
struct Host {
    sandbox: Sandbox,
    url: String,
}

impl Host {
    fn new(station: &Sandbox, service: &Service) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("root.pem", station.read("pki/ca/server-root/cert.pem"));
        Self { sandbox, url: service.url.clone() }
    }

    fn fetch(&self, device: &str, password: &str) -> Outcome {
        self.sandbox.write("password", format!("{password}\n"));
        fs::set_permissions(self.sandbox.join("password"), fs::Permissions::from_mode(0o600)).unwrap();
        let args = ["enroll", "fetch", "--device", device, "--password-file", "password"];
        self.run(&args)
    }

    fn renew(&self) -> Outcome {
        self.run(&["renew"])
    }

    fn run(&self, args: &[&str]) -> Outcome {
        let files = ["--est", &self.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        self.sandbox.tbpki(args.iter().chain(&files)).run()
    }

    fn serial(&self) -> String {
        serial(self.sandbox.join("cert.pem"))
    }
}

#[test]
fn a_host_fetches_and_renews_its_certificate() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    let secret = password(&station, "gateway-1");
    host.sandbox.hides(&secret);
    host.fetch("gateway-1", &secret).ok();
    let mode = |file: &str| fs::metadata(host.sandbox.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("cert.pem")), (0o600, 0o644));
    let verify = |file: &str| {
        let root = station.join("pki/ca/devices-root/cert.pem");
        let tool = openssl().args(["verify", "-CAfile"]).arg(root).arg("-untrusted").arg(host.sandbox.join(file));
        tool.arg(host.sandbox.join(file)).run().ok();
    };
    verify("cert.pem");
    assert_eq!(host.sandbox.text("cert.pem").matches("BEGIN CERTIFICATE").count(), 2, "leaf and issuing CA");

    let first = host.serial();
    let key = host.sandbox.read("key.pem");
    let outcome = host.renew().ok();
    let second = host.serial();
    assert!(first != second && key != host.sandbox.read("key.pem"), "{outcome}");
    verify("cert.pem");
    assert_eq!(key, host.sandbox.read(format!("key.pem.{second}")));
    assert_eq!(mode(&format!("key.pem.{second}")), 0o600);
    let staged = host.sandbox.files().into_iter().filter(|file| file.to_string_lossy().ends_with(".new")).count();
    assert_eq!(staged, 0);
    let listed = station.ok(["list", "--all", "--name", "gateway-1", "--json"]).json();
    let roles: Vec<&str> =
        listed["result"]["identities"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["superseded", "current"]);
}

#[test]
fn a_refusal_leaves_the_files_as_they_were() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    let outcome = host.fetch("gateway-1", "wrong").ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0348"), "{outcome}");
    assert!(outcome.stderr_text().contains("the name or the password is wrong"), "{outcome}");
    assert!(!host.sandbox.join("cert.pem").exists() && !host.sandbox.join("key.pem").exists());
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let outcome = host.fetch("gateway-1", "wrong").ends(1);
    assert!(outcome.stderr_text().contains("renew --est"), "{outcome}");

    station.ok(["revoke", "--device", "gateway-1"]);
    let (cert, key) = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    let outcome = host.renew().ends(1);
    assert!(outcome.stderr_text().contains("the client certificate is revoked"), "{outcome}");
    assert_eq!((cert, key), (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")));
    // Without the root, nothing is sent.
    let unknown = ["renew", "--est", &host.url, "--cert", "cert.pem", "--key", "key.pem"];
    let outcome = host.sandbox.tbpki(unknown).run().ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0347"), "{outcome}");
    let plain = ["renew", "--est", "http://localhost:1", "--cert", "cert.pem", "--key", "key.pem"];
    let outcome = host.sandbox.tbpki(plain).run();
    assert!(outcome.status != 0 && outcome.stderr_text().contains("https://"), "{outcome}");
}

#[test]
fn an_interrupted_run_is_finished_with_the_same_key() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    // The key was made, and the answer was lost.
    let key = openssl().args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]).run().ok();
    host.sandbox.write("key.pem.new", &key.stdout);
    host.renew().ok();
    let public = |file: &str| {
        let tool = openssl().args(["pkey", "-pubout", "-in"]).arg(host.sandbox.join(file));
        tool.run().ok().stdout_text()
    };
    host.sandbox.write("made.pem", &key.stdout);
    assert_eq!(public("key.pem"), public("made.pem"));
    // The files were moved, and the confirmation was lost.
    let serial = host.serial();
    host.sandbox.write("key.pem.new", host.sandbox.read("key.pem"));
    host.renew().ok();
    assert_eq!(host.serial(), serial);
    assert!(!host.sandbox.join("key.pem.new").exists());
}
