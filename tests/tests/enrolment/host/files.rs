//! The files of a host between its runs: those of an earlier run, of another device, and of another run at the same time.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use tbpki_tests::est::{Service, password, station, station_in};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Clock, Outcome, Sandbox, Tool};
use time::macros::datetime;

use super::{Host, needs_renewal};

/// Renews with a program that fails until there is a file "log".
fn renew(host: &Host) -> Outcome {
    let program = host.sandbox.join("load");
    host.sandbox.write("load", "#!/bin/sh\ntest -e log && echo ran >> log\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(host.sandbox.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let files = ["--est", &host.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
    let after = ["--after", program.to_str().unwrap()];
    host.sandbox.tbpki(["renew"].iter().chain(&files).chain(&after)).run()
}

/// The names of files that earlier runs have put aside.
fn kept(host: &Host) -> Vec<String> {
    let files = host.sandbox.files().into_iter().map(|file| file.to_string_lossy().into_owned());
    let is_kept = |file: &String| file.starts_with("cert.pem.") || file.starts_with("key.pem.");
    files.filter(is_kept).collect()
}

#[test]
fn a_program_that_always_fails_does_not_keep_the_certificate_until_its_end() {
    let clock = Clock::starting_at(datetime!(2027-03-01 08:00 UTC));
    let station = station_in(Sandbox::new().at(&clock));
    let service = || Service::start_in(&station, &[], &[("TBPKI_CLIENT_DAYS", "90")]);
    let first = service();
    let mut host = Host::of(Sandbox::new().at(&clock), &station, &first);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    renew(&host).ends(4);
    let serial = host.serial();
    renew(&host).ends(4).prints("in place  cert.pem");
    assert_eq!(host.serial(), serial, "it is not due");
    assert_eq!(first.stop(), 0);

    clock.pass(61);
    let second = service();
    host.url.clone_from(&second.url);
    renew(&host).ends(4).prints("written   cert.pem");
    assert_ne!(host.serial(), serial);
    assert_eq!(needs_renewal(&host), 0);
    let printed = host.sandbox.ok(["needs-renewal", "cert.pem"]).stdout_text();
    assert!(printed.contains("the last renewal is not finished"), "{printed}");

    // A run without the program ends the earlier one, and prints that no program ran.
    let serial = host.serial();
    let outcome = host.renew().ok();
    assert!(outcome.stderr_text().contains("TBPKI-0389"), "{outcome}");
    assert_eq!((host.serial(), needs_renewal(&host)), (serial, 1));
}

#[test]
fn a_certificate_of_another_device_is_not_installed() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let files = ["cert.pem", "key.pem"];
    for file in files {
        host.sandbox.write(format!("{file}.new"), host.sandbox.read(file));
    }
    let other = password(&station, "gateway-2");
    let refused = |host: &Host| {
        let outcome = host.fetch("gateway-2", &other).ends(1);
        for text in ["TBPKI-0082", "another device: CN=gateway-1", "remove cert.pem.new and key.pem.new"] {
            assert!(outcome.stderr_text().contains(text), "{text} is not in {outcome}");
        }
    };
    // Cut off behind the move, and before it.
    refused(&host);
    for file in files {
        fs::remove_file(host.sandbox.join(file)).unwrap();
    }
    refused(&host);
    assert!(!host.sandbox.join("cert.pem").exists() && !host.sandbox.join("key.pem").exists());
    host.fetch("gateway-1", "none").ok();
}

#[test]
fn another_algorithm_takes_the_place_of_a_staged_key_that_was_refused() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.sandbox.write("password", password(&station, "gateway-1"));
    let fetch = |algorithm: &str| {
        let device = ["enroll", "fetch", "--device", "gateway-1", "--password-file", "password", "--alg", algorithm];
        host.run(&device)
    };
    let outcome = fetch("ed25519").ends(1);
    assert!(outcome.stderr_text().contains("run the command again with `--alg ec-p256`"), "{outcome}");
    fetch("ec-p384").ok();
    let inspected = host.sandbox.ok(["inspect", "cert.pem", "--json"]).json();
    assert_eq!(inspected["result"]["files"][0]["items"][0]["algorithm"], "ec-p384", "{inspected}");
}

#[test]
fn another_run_in_the_same_directory_is_waited_for() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let serial = host.serial();
    // It holds the lock until its standard input ends.
    let mut other = Command::new("flock");
    other.arg(host.sandbox.join(".lock")).args(["-c", "echo held; cat"]);
    let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut held).unwrap();
    let outcome = host.renew().ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0090"), "{outcome}");
    assert_eq!(host.serial(), serial);
    drop(other.stdin.take());
    other.wait().unwrap();
    host.renew().ok();
    assert_ne!(host.serial(), serial);
}

#[test]
fn as_many_earlier_sets_of_files_are_kept_as_the_option_tells() {
    let station = station();
    let service = Service::start(&station, &["--issuances", "100"]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    host.sandbox.write("cert.pem.old", "a file of the user");
    // Copies that the user has made: with a date, with a word, and with the serial number of the copy itself.
    let own = [host.serial(), "20261129".to_owned(), "bad".to_owned()];
    for suffix in &own {
        for file in ["cert.pem", "key.pem"] {
            host.sandbox.write(format!("{file}.{suffix}"), host.sandbox.read(file));
        }
    }
    let own: Vec<String> =
        own.iter().flat_map(|suffix| ["cert.pem", "key.pem"].map(|file| format!("{file}.{suffix}"))).collect();
    let kept = |host: &Host| kept(host).into_iter().filter(|file| !own.contains(file)).collect::<Vec<_>>();
    for _ in 0..3 {
        host.renew().ok();
    }
    let last = host.serial();
    assert_eq!(kept(&host), [format!("cert.pem.{last}"), "cert.pem.old".to_owned(), format!("key.pem.{last}")]);
    host.run(&["renew", "--keep", "2"]).ok();
    assert_eq!(kept(&host).len(), 5);
    host.run(&["renew", "--keep", "0"]).ok();
    assert_eq!(kept(&host), ["cert.pem.old"]);
    for file in &own {
        assert!(host.sandbox.join(file).exists(), "{file} is gone");
    }
}

#[test]
fn the_readers_of_the_files_read_the_next_ones_too() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let stat = |file: &str| {
        let stat = fs::metadata(host.sandbox.join(file)).unwrap();
        (stat.uid(), stat.gid(), stat.mode() & 0o777)
    };
    for (file, mode) in [("key.pem", 0o640), ("cert.pem", 0o664)] {
        fs::set_permissions(host.sandbox.join(file), fs::Permissions::from_mode(mode)).unwrap();
        // Only root gives files to others.
        if stat(file).0 == 0 {
            std::os::unix::fs::chown(host.sandbox.join(file), Some(1), Some(2)).unwrap();
        }
    }
    let before = (stat("key.pem"), stat("cert.pem"));
    let serial = host.serial();
    host.renew().ok();
    assert_ne!(host.serial(), serial);
    assert_eq!((stat("key.pem"), stat("cert.pem")), before);
    // A key that all could read is open to its group at most.
    fs::set_permissions(host.sandbox.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    host.renew().ok();
    assert_eq!(stat("key.pem").2, 0o640);
}

#[test]
fn a_file_with_more_than_what_replaces_it_is_refused_before_the_server_is_asked() {
    let station = station();
    let service = Service::start(&station, &[]);
    for (number, (cert, key, text)) in [
        ("both.pem", "key.pem", "contains a private key, too"),
        ("cert.der", "key.pem", "the file of the certificate is not PEM"),
        ("cert.pem", "both.pem", "contains a certificate, too"),
        ("cert.pem", "key.der", "the file of the key is not PEM"),
    ]
    .into_iter()
    .enumerate()
    {
        let host = Host::new(&station, &service);
        let device = format!("gateway-{number}");
        host.fetch(&device, &password(&station, &device)).ok();
        let private =
            |file: &str| fs::set_permissions(host.sandbox.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        let openssl = |args: &[&str]| openssl().directory(host.sandbox.path()).args(args).run().ok();
        openssl(&["x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der"]);
        openssl(&["pkey", "-in", "key.pem", "-outform", "DER", "-out", "key.der"]);
        host.sandbox.write("both.pem", [host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")].concat());
        ["both.pem", "key.der"].into_iter().for_each(private);
        let renew = |cert: &str, key: &str| {
            let files = ["renew", "--est", &host.url, "--cafile", "root.pem", "--cert", cert, "--key", key];
            host.sandbox.tbpki(files).run()
        };
        let before = (host.sandbox.read(cert), host.sandbox.read(key));
        let outcome = renew(cert, key).ends(1).prints(text);
        assert_eq!((host.sandbox.read(cert), host.sandbox.read(key)), before, "{outcome}");
        assert_eq!(station.text("pki/serve/audit.jsonl").matches("simplereenroll").count(), number);
        // The command of the help makes a file that can be renewed.
        let help = outcome.stderr_text();
        let command = help.split('`').nth(1).unwrap().replace("NEW", "new.pem");
        Tool::new("sh").directory(host.sandbox.path()).args(["-c", &command]).run().ok();
        private("new.pem");
        let renewed = if text.contains("of the certificate") || cert == "both.pem" {
            renew("new.pem", key)
        } else {
            renew(cert, "new.pem")
        };
        renewed.ok();
    }
}

#[test]
fn the_help_about_a_key_works_when_it_is_followed() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.sandbox.write("password", password(&station, "gateway-1") + "\n");
    let fetch = |more: &[&str]| {
        let args = ["enroll", "fetch", "--device", "gateway-1", "--password-file", "password"];
        host.run(&[&args[..], more].concat())
    };
    fetch(&["--alg", "ed25519"])
        .ends(1)
        .prints("the key is ed25519")
        .prints("run the command again with `--alg ec-p256`");
    fetch(&["--alg", "ec-p256"]).ok();
    // The program reads no passphrase.
    let encrypted = ["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:secret", "-out", "encrypted.pem"];
    openssl().directory(host.sandbox.path()).args(encrypted).run().ok();
    fs::set_permissions(host.sandbox.join("encrypted.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let files = ["--est", &host.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "encrypted.pem"];
    let outcome = host.sandbox.fails(["renew"].iter().chain(&files), 1, "TBPKI-0032");
    outcome.prints("`openssl pkey -in ").prints("encrypted.pem -out NEW`");

    let existing = Host::new(&station, &service);
    existing.sandbox.write("password", password(&station, "gateway-2") + "\n");
    let key = openssl().args(["genpkey", "-algorithm", "ED25519"]).run().ok();
    existing.sandbox.write("key.pem", &key.stdout);
    let args = ["enroll", "fetch", "--device", "gateway-2", "--password-file", "password", "--existing-key"];
    existing.run(&args).ends(1).prints("name another key with --key");
    // With it, the next password would go to another path of the server.
    host.run(&["renew", "--label", ".."]).ends(1).prints("TBPKI-0359").prints("--label");
}

#[test]
fn names_that_a_run_would_use_for_two_files_are_refused_before_anything_is_sent() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.fetch("gateway-1", &password(&station, "gateway-1")).ok();
    let run = |args: &[&str]| {
        let server = ["--est", &host.url, "--cafile", "root.pem"];
        host.sandbox.tbpki(args.iter().chain(&server)).run()
    };
    host.sandbox.write("c", host.sandbox.read("cert.pem"));
    host.sandbox.write("c.new", host.sandbox.read("key.pem"));
    fs::set_permissions(host.sandbox.join("c.new"), fs::Permissions::from_mode(0o600)).unwrap();
    let files = host.sandbox.files();
    let contents = |files: &[std::path::PathBuf]| files.iter().map(|file| host.sandbox.read(file)).collect::<Vec<_>>();
    let before = contents(&files);
    let fetch = ["enroll", "fetch", "--device", "gateway-2", "--password-file", "password"];
    for names in [["--cert", "c", "--key", "c.new"], ["--cert", "key.pem.new", "--key", "key.pem"]] {
        for verb in [&["renew"][..], &fetch] {
            run(&[verb, &names].concat()).ends(1).prints("cannot have a name that ends in .new");
        }
    }
    let token = ["--cert", "c.key.new", "--key", "pkcs11:token=none?module-path=/usr/lib/none.so"];
    run(&[&["renew"][..], &token].concat()).ends(1).prints("ends in .new");
    assert_eq!((host.sandbox.files(), contents(&files)), (files, before));
    let log = station.text("pki/serve/audit.jsonl");
    assert!(!log.contains("gateway-2") && !log.contains("reenroll"), "{log}");
    // Another path to the directory is no other directory.
    host.sandbox.write("password", password(&station, "gateway-3"));
    let names = ["--cert", "tls/chain.pem", "--key", "./tls/key.pem"];
    let fetch = ["enroll", "fetch", "--device", "gateway-3", "--password-file", "password"];
    run(&[&fetch[..], &names].concat()).ok();
    run(&[&["renew"][..], &names].concat()).ok();
    assert_eq!(fs::metadata(host.sandbox.join("tls")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn runs_in_a_directory_that_is_made_yet_wait_for_each_other() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Host::new(&station, &service);
    host.sandbox.write("password", password(&station, "gateway-1"));
    let begin = || {
        let fetch = ["enroll", "fetch", "--device", "gateway-1", "--password-file", "password"];
        let files = ["--est", &host.url, "--cafile", "root.pem", "--cert", "tls/cert.pem", "--key", "tls/key.pem"];
        let mut command = host.sandbox.tbpki(fetch.iter().chain(&files)).command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // A mistake leaves no directory behind.
    let missing = ["--est", &host.url, "--cafile", "none.pem", "--cert", "tls/cert.pem", "--key", "tls/key.pem"];
    let first = ["enroll", "fetch", "--device", "gateway-1", "--password-file", "password"];
    host.sandbox.tbpki(first.iter().chain(&missing)).run().ends(1);
    assert!(!host.sandbox.join("tls").exists());
    let outcomes = [begin(), begin()].map(|run| run.wait_with_output().unwrap());
    let done = outcomes.iter().filter(|outcome| outcome.status.success()).count();
    assert_eq!(done, 1, "{outcomes:?}");
    for outcome in outcomes.iter().filter(|outcome| !outcome.status.success()) {
        // The other one was done, or took longer than it was waited for.
        let text = String::from_utf8_lossy(&outcome.stderr);
        assert!(text.contains("TBPKI-0082") || text.contains("TBPKI-0090"), "{text}");
    }
}
