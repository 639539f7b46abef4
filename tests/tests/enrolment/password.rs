//! First certificates by a one-time password.

use tbpki_tests::est::{Service, password, request, request_with, serial, station};
use tbpki_tests::oracle::openssl;

use super::platform::Scene;

#[test]
fn a_password_is_good_for_one_key_until_the_certificate_is_confirmed() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let secret = password(&sandbox, "pump-1");
    assert_eq!(secret.len(), 32);
    request(&sandbox, "a", "/CN=pump-1");
    request(&sandbox, "b", "/CN=pump-1");

    let answer = service.send("simpleenroll", "a.b64", &[]);
    answer.is(401, "");
    assert_eq!(answer.body, "", "a client that waits for a challenge need not read more");
    assert!(answer.head.contains("Www-Authenticate: Basic realm=\"tbpki\""), "{}", answer.head);
    // The same answer for a wrong name and a wrong password, so that names cannot be found out by trying.
    for wrong in ["pump-1:wrong".to_owned(), format!("pump-2:{secret}"), format!("pump-1:{secret}x")] {
        service.send("simpleenroll", "a.b64", &["-u", &wrong]).is(401, "the name or the password is wrong");
    }

    // Wrong attempts have locked nothing.
    let user = format!("pump-1:{secret}");
    let answer = service.send("simpleenroll", "a.b64", &["-u", &user]);
    for header in ["Content-Type: application/pkcs7-mime", "Content-Transfer-Encoding: base64", "Content-Length: "] {
        assert!(answer.head.contains(header), "{header} is not in {}", answer.head);
    }
    // strongSwan reads the base64 of one line only.
    assert!(answer.body.ends_with('\n') && answer.body.trim_end().lines().count() == 1, "{}", answer.body);
    answer.save(&sandbox, "a.pem");
    let root = sandbox.join("pki/ca/devices-root/cert.pem");
    let issuing = sandbox.join("pki/ca/devices-issuing/cert.pem");
    let verify = openssl().args(["verify", "-purpose", "sslclient", "-CAfile"]).arg(root);
    verify.arg("-untrusted").arg(issuing).arg(sandbox.join("a.pem")).run().ok();

    // A lost answer: the same key gets the same certificate, and another key none.
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("a.pem"), sandbox.read("again.pem"));
    service.send("simpleenroll", "b.b64", &["-u", &user]).is(403, "the password was used with another key");

    service.confirm("a.pem", "a.key").is(200, "confirmed");
    for file in ["a.b64", "b.b64"] {
        service.send("simpleenroll", file, &["-u", &user]).is(403, "the password has been used");
    }
    let listed = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    assert_eq!(listed["result"]["identities"][0]["serial"], serial(sandbox.join("a.pem")), "{listed}");

    let log = sandbox.text("pki/serve/audit.jsonl");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<&str> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    let expected = ["unauthenticated", "wrong-password", "wrong-password", "wrong-password", "done", "done"];
    assert_eq!(&outcomes[..6], expected);
    assert_eq!(&outcomes[6..], ["bound-password", "done", "spent-password", "spent-password"]);
    assert_eq!(lines[4]["device"], "pump-1");
    assert_eq!(lines[4]["serial"], serial(sandbox.join("a.pem")));
    assert!(!log.contains(&secret), "the password is in the audit log");
    for file in ["pki/ledger.db", "pki/ledger.db-wal"] {
        let bytes = sandbox.read(file);
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "the password is in {file}");
    }
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_request_that_cannot_be_is_refused_before_the_password_is_bound() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "other", "/CN=pump-2");
    request_with(&sandbox, "ed", "/CN=pump-1", &["-newkey", "ed25519"]);
    request_with(&sandbox, "rsa", "/CN=pump-1", &["-newkey", "rsa:1024"]);
    let san = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=DNS:x.example"];
    request_with(&sandbox, "san", "/CN=pump-1", &san);
    for (file, text) in [
        ("other.b64", "the certificate cannot be what the request asks for"),
        ("ed.b64", "the key is ed25519: use P-256, P-384, or RSA with 2048, 3072 or 4096 bits"),
        ("rsa.b64", "the RSA key has 1024 bits): use P-256, P-384, or RSA with 2048, 3072 or 4096 bits"),
        ("san.b64", "the request asks for the name dns:x.example"),
        ("other.csr", "send the base64 without the lines of PEM"),
        ("other.key", "send the base64 without the lines of PEM"),
    ] {
        service.send("simpleenroll", file, &["-u", &user]).is(400, text);
    }
    let wrong = ["-u", &user, "-H", "Content-Type: text/plain", "--data-binary", "@other.b64"];
    service.ask("/.well-known/est/simpleenroll", &wrong).is(415, "application/pkcs10");
    service.send("unknown/simpleenroll", "other.b64", &["-u", &user]).is(403, "the password is for another label");
    service.ask("/.well-known/est/unknown/cacerts", &[]).is(404, "there is no label \"unknown\"");
    service.ask("/.well-known/est/serverkeygen", &["-X", "POST"]).is(404, "there is nothing at this path");
    let answer = service.ask("/.well-known/est/simpleenroll", &[]);
    answer.is(405, "use POST here");
    assert!(answer.head.contains("Allow: POST"), "{}", answer.head);

    // The password still has no key. P-384, RSA and a request with line breaks are accepted.
    request_with(&sandbox, "good", "/CN=pump-1", &["-newkey", "rsa:2048"]);
    let lines =
        sandbox.text("good.csr").lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\r\n");
    sandbox.write("good.b64", lines);
    service.send("simpleenroll", "good.b64", &["-u", &user]).save(&sandbox, "good.pem");
}

#[test]
fn a_new_password_takes_the_place_of_the_one_before() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let first = format!("a4:cf:12:{}", password(&sandbox, "a4:cf:12"));
    let printed = sandbox.ok(["enroll", "password", "--device", "a4:cf:12", "--out", "pw", "--days", "3"]);
    assert!(printed.stderr_text().contains("is no longer valid"), "{printed}");
    // A dash is standard output, which a script reads as the password.
    let dash = sandbox.ok(["enroll", "password", "--device", "a4:cf:13", "--out", "-"]).stdout_text();
    assert_eq!((dash.lines().count(), dash.trim().len()), (1, 32), "{dash}");
    let second = format!("a4:cf:12:{}", sandbox.text("pw").trim());
    assert!(!printed.stdout_text().contains(sandbox.text("pw").trim()), "{printed}");
    request(&sandbox, "a", "/CN=a4:cf:12");
    service.send("simpleenroll", "a.b64", &["-u", &first]).is(401, "the name or the password is wrong");
    service.send("simpleenroll", "a.b64", &["-u", &second]).save(&sandbox, "a.pem");
}

#[test]
fn a_second_password_is_bound_to_a_key_that_has_a_certificate_and_is_spent_by_it() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    request(&sandbox, "a", "/CN=pump-1");
    request(&sandbox, "b", "/CN=pump-1");
    let first = format!("pump-1:{}", password(&sandbox, "pump-1"));
    service.send("simpleenroll", "a.b64", &["-u", &first]).save(&sandbox, "first.pem");
    service.confirm("first.pem", "a.key").is(200, "confirmed");

    let second = format!("pump-1:{}", password(&sandbox, "pump-1"));
    service.send("simpleenroll", "a.b64", &["-u", &second]).save(&sandbox, "second.pem");
    assert_ne!(serial(sandbox.join("first.pem")), serial(sandbox.join("second.pem")));
    service.send("simpleenroll", "b.b64", &["-u", &second]).is(403, "the password was used with another key");
    // A lost answer.
    service.send("simpleenroll", "a.b64", &["-u", &second]).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("second.pem"), sandbox.read("again.pem"));
    service.confirm("second.pem", "a.key").is(200, "confirmed");
    for file in ["a.b64", "b.b64"] {
        service.send("simpleenroll", file, &["-u", &second]).is(403, "the password has been used");
    }
}

#[test]
fn a_revocation_ends_the_password_and_bars_the_key() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    request(&sandbox, "a", "/CN=pump-1");
    request(&sandbox, "b", "/CN=pump-1");
    let first = format!("pump-1:{}", password(&sandbox, "pump-1"));
    service.send("simpleenroll", "a.b64", &["-u", &first]).save(&sandbox, "a.pem");
    let revoked = sandbox.ok(["revoke", "--device", "pump-1", "--reason", "keyCompromise"]).stdout_text();
    assert!(revoked.contains("device pump-1: one-time password or request withdrawn"), "{revoked}");
    for file in ["a.b64", "b.b64"] {
        service.send("simpleenroll", file, &["-u", &first]).is(401, "the name or the password is wrong");
    }
    // An operator gives the device another password. It is for a new key.
    let second = format!("pump-1:{}", password(&sandbox, "pump-1"));
    let barred = "a certificate of this key was revoked: make a new key";
    service.send("simpleenroll", "a.b64", &["-u", &second]).is(403, barred);
    service.send("simpleenroll", "b.b64", &["-u", &second]).save(&sandbox, "b.pem");
    service.confirm("b.pem", "b.key").is(200, "confirmed");
    let renewal = ["--cert", "b.pem", "--key", "b.key"];
    service.send("simplereenroll", "a.b64", &renewal).is(403, barred);
    request(&sandbox, "c", "/CN=pump-1");
    service.send("simplereenroll", "c.b64", &renewal).save(&sandbox, "c.pem");
}

#[test]
fn a_password_that_was_not_used_is_withdrawn_by_the_name_of_its_device() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let withdrawals = [
        (&["revoke", "--device"], "device pump-1: one-time password or request withdrawn"),
        (&["forget", "--device"], "  one-time password or request: withdrawn"),
    ];
    for (verb, text) in withdrawals {
        request(&sandbox, "a", "/CN=pump-1");
        let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
        let planned = sandbox.ok(verb.iter().chain(&["pump-1", "--dry-run"])).stdout_text();
        assert!(planned.contains("would be withdrawn"), "{planned}");
        // One name that is wrong ends the command, and the password stays.
        assert_eq!(sandbox.tbpki(verb.iter().chain(&["pump-1,pump-9"])).run().status, 1);
        let done = sandbox.ok(verb.iter().chain(&["pump-1"])).stdout_text();
        assert!(done.contains(text), "{done}");
        service.send("simpleenroll", "a.b64", &["-u", &user]).is(401, "the name or the password is wrong");
        // Nothing is left of it.
        assert_eq!(sandbox.tbpki(verb.iter().chain(&["pump-1"])).run().status, 1);
    }
}

#[test]
fn a_password_is_for_the_ca_of_the_present_certificate() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    for profile in ["pumps", "valves"] {
        scene.create_profile(profile);
    }
    sandbox.ok(["client", "--device", "pump-1", "--profile", "pumps"]);
    sandbox.ok(["client", "--device", "pump-2"]);
    let make = |device: &str, more: &[&str]| {
        sandbox.tbpki(["enroll", "password", "--json", "--device", device].iter().chain(more)).run()
    };
    let profile = |outcome: tbpki_tests::Outcome| outcome.ok().json()["result"]["profile"].clone();
    assert_eq!(profile(make("pump-1", &[])), "pumps");
    assert_eq!(profile(make("pump-1", &["--profile", "pumps"])), "pumps");
    assert!(profile(make("pump-2", &[])).is_null());
    for (device, ca) in [("pump-1", "profile-pumps"), ("pump-2", "devices-issuing")] {
        let refused = make(device, &["--profile", "valves"]).ends(1).prints("TBPKI-0391");
        for text in [ca, "profile-valves", "--force"] {
            assert!(refused.stderr_text().contains(text), "{text} is not in {refused}");
        }
    }
    let service = scene.service_with(&[]);
    request(sandbox, "a", "/CN=pump-2");
    let made = make("pump-2", &["--profile", "valves", "--force"]).ok().json();
    let user = format!("pump-2:{}", made["result"]["password"].as_str().unwrap());
    // A certificate below the other CA that was issued since decides again.
    sandbox.ok(["revoke", "--device", "pump-2", "--reason", "superseded"]);
    service.send("valves/simpleenroll", "a.b64", &["-u", &user]).is(401, "");
    let made = make("pump-2", &["--profile", "valves", "--force"]).ok().json();
    let user = format!("pump-2:{}", made["result"]["password"].as_str().unwrap());
    service.send("valves/simpleenroll", "a.b64", &["-u", &user]).save(sandbox, "a.pem");
}

#[test]
fn a_password_that_no_one_can_read_is_not_made() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    let mut command = sandbox.tbpki(["enroll", "password", "--device", "pump-1"]).command();
    let outcome = command.stdout(std::process::Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.code() == Some(1) && printed.contains("--out"), "{printed}");
    request(&sandbox, "a", "/CN=pump-1");
    service.send("simpleenroll", "a.b64", &["-u", &user]).is(200, "");
}

#[test]
fn a_maker_vouches_only_for_what_a_client_of_tls_can_use() {
    let sandbox = station();
    let made = |args: &[&str]| openssl().directory(sandbox.path()).args(args).run().ok();
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = |name: &str, more: &[&str]| {
        let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
        let args = ["req", "-x509", "-subj", &subject, "-keyout", &key, "-out", &pem, "-days", "30"];
        made(&[&args[..], &ec, more].concat());
    };
    ca("maker", &["-addext", "keyUsage=critical,keyCertSign"]);
    ca(
        "limited",
        &["-addext", "keyUsage=critical,keyCertSign", "-addext", "nameConstraints=critical,permitted;DNS:a.example"],
    );
    ca("servers", &["-addext", "keyUsage=critical,keyCertSign", "-addext", "extendedKeyUsage=serverAuth"]);
    ca("unsigned", &["-addext", "keyUsage=critical,digitalSignature"]);
    let start = |ca: &str| Service::start_in(&sandbox, &[], &[("TBPKI_SERVE_ENROLL_WITH", ca)]);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = sandbox.tbpki(serve.iter().chain(&tbpki_tests::est::CERTIFICATE));
    refused.env("TBPKI_SERVE_ENROLL_WITH", "unsigned.pem").run().ends(1).prints("keyCertSign");
    request(&sandbox, "a", "/CN=pump-1");
    let ask = |service: &Service, ca: &str, extensions: &str| {
        let (pem, key) = (format!("{ca}.pem"), format!("{ca}.key"));
        made(&[&["req", "-new", "-subj", "/CN=pump-1", "-keyout", "chip.key", "-out", "chip.csr"][..], &ec].concat());
        sandbox.write("chip.cnf", extensions);
        let sign = ["x509", "-req", "-in", "chip.csr", "-CA", &pem, "-CAkey", &key, "-CAcreateserial", "-days", "9"];
        made(&[&sign[..], &["-extfile", "chip.cnf", "-out", "chip.pem"]].concat());
        service.send("simpleenroll", "a.b64", &["--cert", "chip.pem", "--key", "chip.key"])
    };
    for (ca, extensions) in [
        ("maker", "extendedKeyUsage=serverAuth\n"),
        ("maker", "extendedKeyUsage=codeSigning\n"),
        ("limited", "subjectAltName=DNS:b.example\n"),
        ("servers", "extendedKeyUsage=clientAuth\n"),
    ] {
        let service = start(&format!("{ca}.pem"));
        ask(&service, ca, extensions).is(403, "the client certificate is not trusted");
        assert_eq!(service.stop(), 0);
    }
    let service = start("maker.pem");
    ask(&service, "maker", "extendedKeyUsage=clientAuth\n").is(200, "");
    ask(&service, "maker", "extendedKeyUsage=clientAuth\n").is(200, "");
    request(&sandbox, "b", "/CN=pump-1");
    let again = service.send("simpleenroll", "b.b64", &["--cert", "chip.pem", "--key", "chip.key"]);
    again.is(403, "the device has had its first certificate");
    // A name that a password reserves is that of another device, until it is fetched.
    let secret = password(&sandbox, "pump-2");
    made(&[&["req", "-new", "-subj", "/CN=pump-2", "-keyout", "chip.key", "-out", "chip.csr"][..], &ec].concat());
    let sign = ["x509", "-req", "-in", "chip.csr", "-CA", "maker.pem", "-CAkey", "maker.key", "-days", "9"];
    made(&[&sign[..], &["-extfile", "chip.cnf", "-out", "chip.pem"]].concat());
    request(&sandbox, "c", "/CN=pump-2");
    let by_maker = || service.send("simpleenroll", "c.b64", &["--cert", "chip.pem", "--key", "chip.key"]);
    by_maker().is(403, "a one-time password reserves the name of the device");
    let log = sandbox.text("pki/serve/audit.jsonl");
    assert!(log.lines().last().unwrap().contains("\"reserved-name\""), "{log}");
    request(&sandbox, "d", "/CN=pump-2");
    service.send("simpleenroll", "d.b64", &["-u", &format!("pump-2:{secret}")]).is(200, "");
    by_maker().is(403, "");
}
