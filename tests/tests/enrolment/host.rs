//! `tbpki enroll fetch` and `tbpki renew --est`: hosts without a store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{Service, password, serial, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox};

mod files;
mod other_server;
mod token;
mod token_faults;
mod token_interrupted;

/// A host: a directory without a store, with the server's root.
pub(super) struct Host {
    pub(super) sandbox: Sandbox,
    pub(super) url: String,
}

impl Host {
    pub(super) fn new(station: &Sandbox, service: &Service) -> Self {
        Self::of(Sandbox::new(), station, service)
    }

    /// A host in this directory.
    pub(super) fn of(sandbox: Sandbox, station: &Sandbox, service: &Service) -> Self {
        sandbox.write("root.pem", station.read("pki/ca/server-root/cert.pem"));
        Self { sandbox, url: service.url.clone() }
    }

    pub(super) fn fetch(&self, device: &str, password: &str) -> Outcome {
        self.sandbox.write("password", format!("{password}\n"));
        fs::set_permissions(self.sandbox.join("password"), fs::Permissions::from_mode(0o600)).unwrap();
        let args = ["enroll", "fetch", "--device", device, "--password-file", "password"];
        self.run(&args)
    }

    pub(super) fn renew(&self) -> Outcome {
        self.run(&["renew"])
    }

    fn run(&self, args: &[&str]) -> Outcome {
        let files = ["--est", &self.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        self.sandbox.tbpki(args.iter().chain(&files)).run()
    }

    pub(super) fn serial(&self) -> String {
        serial(self.sandbox.join("cert.pem"))
    }
}

#[test]
fn a_confirmation_states_which_roots_a_host_trusts() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    station.ok(["ca", "prepare", "server-root"]);
    let confirmed = || {
        let report = station.ok(["ca", "list", "--json"]).json()["result"].clone();
        let is_next = |row: &&serde_json::Value| row["name"] == "server-root" && row["generation"] == 2;
        report["cas"].as_array().unwrap().iter().find(is_next).unwrap()["peers"]["confirmed"].clone()
    };
    // It has the earlier root alone.
    host.renew().ok();
    assert_eq!(confirmed(), 0);
    station.fails(["ca", "activate", "server-root"], 1, "TBPKI-0320").prints("gateway-1");
    host.sandbox.write("root.pem", station.read("pki/servers/localhost/cafile.pem"));
    host.renew().ok();
    assert_eq!(confirmed(), 1);
    station.ok(["ca", "activate", "server-root"]);
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
fn a_renewal_keeps_the_kind_of_the_key() {
    let station = station();
    let service = Service::start(&station, &[]);
    for (device, algorithm) in [("gateway-1", "rsa-2048"), ("gateway-2", "ec-p384")] {
        let host = Host::new(&station, &service);
        host.sandbox.write("password", password(&station, device) + "\n");
        let fetch = ["enroll", "fetch", "--device", device, "--password-file", "password", "--alg", algorithm];
        host.run(&fetch).ok();
        let first = host.serial();
        host.renew().ok();
        assert_ne!(host.serial(), first);
        let inspected = host.sandbox.ok(["inspect", "cert.pem", "--json"]).json();
        assert_eq!(inspected["result"]["files"][0]["items"][0]["algorithm"], algorithm, "{inspected}");
    }
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
    let outcome = host.sandbox.fails(unknown, 1, "TBPKI-0376");
    outcome.prints("it leads to none of the roots of this system");
    let with_user = ["renew", "--est", "https://me:s3cret@localhost:1", "--cert", "cert.pem", "--key", "key.pem"];
    let outcome = host.sandbox.fails(with_user, 1, "TBPKI-0359");
    assert!(!outcome.stderr_text().contains("s3cret"), "{outcome}");
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

/// The exit status of `needs-renewal` for the file of a host.
fn needs_renewal(host: &Host) -> i32 {
    host.sandbox.tbpki(["needs-renewal", "cert.pem"]).run().status
}

#[test]
fn a_program_runs_after_a_renewal_and_again_if_it_failed() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    assert_eq!(needs_renewal(&host), 1);
    let program = host.sandbox.join("load");
    host.sandbox.write("load", "#!/bin/sh\ntest -e \"$1\" && echo \"$TBPKI_SERVERS|$TBPKI_DEVICES|$2\" >> \"$1\"\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(host.sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let log = host.sandbox.join("log");
    let renew = || {
        let files = ["renew", "--est", &host.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        let after = ["--after", program.to_str().unwrap(), log.to_str().unwrap(), "$(touch x); --due"];
        host.sandbox.tbpki(files.iter().chain(&after)).run()
    };
    let first = host.serial();
    let outcome = renew().ends(4);
    assert!(outcome.stderr_text().contains("TBPKI-0311"), "{outcome}");
    let second = host.serial();
    assert_ne!(first, second);
    // A timer sees that there is something to do, and the next run renews nothing.
    assert_eq!(needs_renewal(&host), 0);
    let printed = host.sandbox.tbpki(["needs-renewal", "cert.pem", "--json"]).run().ok().json();
    assert_eq!(printed["result"]["open"], true);
    host.sandbox.write("log", "");
    renew().ok();
    assert_eq!((host.sandbox.text("log").as_str(), host.serial()), ("|gateway-1|$(touch x); --due\n", second.clone()));
    assert_eq!(needs_renewal(&host), 1);
    assert!(!host.sandbox.join("cert.pem.new").exists() && !host.sandbox.join("key.pem.new").exists());

    // A program that others can change is refused before the server is asked.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o722)).unwrap();
    let outcome = renew().ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0310"), "{outcome}");
    assert_eq!(host.serial(), second);
    assert!(!host.sandbox.join("key.pem.new").exists());
}

#[test]
fn a_program_runs_after_a_first_certificate_and_again_if_it_failed() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    let program = host.sandbox.join("load");
    host.sandbox.write("load", "#!/bin/sh\ntest -e log && echo \"$TBPKI_DEVICES|$1\" >> log\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(host.sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
    host.sandbox.write("once", password(&station, "gateway-1"));
    let fetch = || {
        let server = ["enroll", "fetch", "--est", &host.url, "--cafile", "root.pem", "--device", "gateway-1"];
        let files = ["--password-file", "once", "--cert", "cert.pem", "--key", "key.pem"];
        let after = ["--after", program.to_str().unwrap(), "--due"];
        host.sandbox.tbpki(server.iter().chain(&files).chain(&after)).run()
    };
    let outcome = fetch().ends(4);
    assert!(outcome.stderr_text().contains("TBPKI-0311"), "{outcome}");
    let serial = host.serial();
    host.sandbox.write("log", "");
    fetch().ok();
    assert_eq!((host.sandbox.text("log").as_str(), host.serial()), ("gateway-1|--due\n", serial));
    // All is done, so that another first certificate would replace one.
    let outcome = fetch().ends(1);
    assert!(outcome.stderr_text().contains("renew --est"), "{outcome}");
    assert_eq!(host.sandbox.text("log"), "gateway-1|--due\n");
}

#[test]
fn a_dry_run_of_a_renewal_reaches_the_server_and_changes_nothing() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let before = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    fs::remove_file(host.sandbox.join(".lock")).unwrap();
    let dry_run = |url: &str| {
        let files = ["renew", "--est", url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        host.sandbox.tbpki(files.iter().chain(&["--dry-run"])).run()
    };
    dry_run(&host.url).ok().prints("would be renewed");
    assert!(!host.sandbox.join(".lock").exists(), "the directory may be read-only");
    assert_eq!((host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")), before);
    assert!(!host.sandbox.join("cert.pem.new").exists() && !host.sandbox.join("key.pem.new").exists());
    let outcome = dry_run("https://localhost:1").ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0347"), "{outcome}");
    host.sandbox.write("key.pem", openssl().args(["genpkey", "-algorithm", "ED25519"]).run().ok().stdout);
    let outcome = dry_run(&host.url).ends(1);
    assert!(outcome.stderr_text().contains("key.pem"), "{outcome}");
}

#[test]
fn a_certificate_that_was_fetched_is_moved_into_place_by_the_next_run() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let before = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    host.renew().ok();
    let after = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    // The run was cut off behind the confirmation: the server refuses requests with the certificate in place now.
    host.sandbox.write("cert.pem", &before.0);
    host.sandbox.write("key.pem", &before.1);
    host.sandbox.write("cert.pem.new", &after.0);
    host.sandbox.write("key.pem.new", &after.1);
    assert_eq!(needs_renewal(&host), 0);
    host.renew().ok();
    assert_eq!((host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")), after);
    assert_eq!(needs_renewal(&host), 1);
    // It was cut off behind the move, and one of the staged files is gone.
    host.sandbox.write("cert.pem.new", &after.0);
    assert_eq!(needs_renewal(&host), 0);
    host.renew().ok();
    assert_eq!((host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")), after);
    assert!(!host.sandbox.join("cert.pem.new").exists());
    // Staged files that do not belong to each other are no certificate: another one is fetched for the staged key.
    let key = openssl().args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]).run().ok();
    host.sandbox.write("key.pem.new", &key.stdout);
    host.sandbox.write("cert.pem.new", &before.0);
    host.renew().ok();
    assert_ne!(host.sandbox.read("cert.pem"), after.0);
    assert!(!host.sandbox.join("cert.pem.new").exists() && !host.sandbox.join("key.pem.new").exists());
}
