//! Certificate signing requests, of which only the key, the subject and the names are used.

use std::path::PathBuf;

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

use crate::{refused, usage, user};

/// Makes a request with openssl and answers with its path.
#[track_caller]
fn request(sandbox: &Sandbox, name: &str, subject: &str, more: &[&str]) -> PathBuf {
    let path = sandbox.join(format!("{name}.csr"));
    openssl()
        .args(["req", "-new", "-nodes", "-subj", subject, "-keyout"])
        .arg(sandbox.join(format!("{name}.key")))
        .arg("-out")
        .arg(&path)
        .args(more)
        .run()
        .ok();
    path
}

const EC: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

#[test]
fn requests_that_cannot_be_accepted() {
    let sandbox = Sandbox::with_store();
    let pump = request(&sandbox, "pump", "/CN=pump-1", EC);
    request(&sandbox, "valve", "/CN=valve-2", EC);
    request(&sandbox, "weak", "/CN=pump-1", &["-newkey", "rsa:1024"]);
    request(&sandbox, "old", "/CN=pump-1", &["-newkey", "rsa:2048", "-sha1"]);
    request(&sandbox, "curve", "/CN=pump-1", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]);
    request(
        &sandbox,
        "other-name",
        "/CN=pump-1",
        &[EC, &["-addext", "subjectAltName=otherName:1.2.3.4;UTF8:x"]].concat(),
    );
    request(&sandbox, "bad-san", "/CN=pump-1", &[EC, &["-addext", "subjectAltName=DNS:not a host!"]].concat());

    let der = |pem: &PathBuf| openssl().args(["req", "-outform", "DER", "-in"]).arg(pem).run().ok().stdout;
    let mut broken = der(&pump);
    // The last byte is part of the signature.
    *broken.last_mut().unwrap() ^= 1;
    sandbox.write("broken.csr", broken);
    let mut renamed = der(&pump);
    let at = renamed.windows(6).position(|window| window == b"pump-1").unwrap();
    // The same length, so that only the signature tells that the subject was changed.
    renamed[at + 5] = b'2';
    sandbox.write("renamed.csr", renamed);
    // A byte behind the structure, which is neither white space nor padding: lenient readers ignore it.
    sandbox.write("long.csr", [der(&pump), vec![b'x']].concat());
    sandbox.write("cut.csr", &der(&pump)[..90]);
    sandbox.write("garbage.csr", "a request");
    sandbox.write("two.csr", [sandbox.read("pump.csr"), sandbox.read("valve.csr")].concat());

    let rows: &[(&str, u16, &[&str])] = &[
        ("broken.csr", 55, &["broken.csr", "not signed with its own key"]),
        ("renamed.csr", 55, &["renamed.csr", "not signed with its own key"]),
        ("valve.csr", 55, &["valve-2", "pump-1"]),
        ("weak.csr", 35, &["weak.csr"]),
        ("old.csr", 55, &["old.csr", "sha1"]),
        ("curve.csr", 30, &["curve.csr"]),
        ("other-name.csr", 24, &["other-name.csr"]),
        ("bad-san.csr", 24, &["bad-san.csr"]),
        ("long.csr", 54, &["long.csr", "1 octet follows the end"]),
        ("cut.csr", 54, &["cut.csr"]),
        ("garbage.csr", 54, &["garbage.csr"]),
        ("two.csr", 54, &["two.csr", "more than one"]),
        ("pump.key", 54, &["pump.key"]),
        ("pki/ca/devices-root/cert.pem", 54, &["cert.pem"]),
        ("missing.csr", 80, &["missing.csr"]),
        ("pki", 80, &["directory"]),
    ];
    for (file, code, words) in rows {
        for extra in [&[][..], &["--dry-run"], &["--force"]] {
            let args = [&["client", "--device", "pump-1", "--csr", file], extra].concat();
            refused(&sandbox, &args, user(*code, words));
        }
    }
}

#[test]
fn what_needs_the_key_cannot_be_made_for_a_request() {
    let sandbox = Sandbox::with_store();
    request(&sandbox, "pump", "/CN=pump-1", EC);
    for format in ["p12", "jks", "nopass", "pub,p12"] {
        let args = ["client", "--device", "pump-1", "--csr", "pump.csr", "--format", format];
        refused(&sandbox, &args, usage(11, &["private key", "pump-1."]));
    }
    request(&sandbox, "tb", "/CN=tb.example", EC);
    for format in ["p12", "jks"] {
        let args = ["server", "--name", "tb.example", "--csr", "tb.csr", "--format", format];
        refused(&sandbox, &args, usage(11, &["private key", &format!("mqttserver.{format}")]));
    }
}

#[test]
fn a_request_for_more_than_a_leaf_gets_a_leaf() {
    let sandbox = Sandbox::with_store();
    let greedy = [
        EC,
        &["-addext", "basicConstraints=critical,CA:TRUE,pathlen:3"],
        &["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        &["-addext", "extendedKeyUsage=serverAuth,codeSigning"],
        &["-addext", "subjectAltName=DNS:pump-1.example,IP:192.0.2.7"],
    ]
    .concat();
    request(&sandbox, "greedy", "/CN=pump-1", &greedy);
    sandbox.ok(["client", "--device", "pump-1", "--csr", "greedy.csr"]);
    let shown = openssl()
        .args(["x509", "-noout", "-subject", "-ext"])
        .arg("basicConstraints,keyUsage,extendedKeyUsage,subjectAltName")
        .arg("-in")
        .arg(sandbox.join("pki/devices/pump-1/cert.pem"))
        .run()
        .ok();
    for word in ["CA:FALSE", "Digital Signature", "TLS Web Client Authentication", "CN = pump-1"] {
        assert!(shown.stdout_text().contains(word), "{word} in {shown}");
    }
    for word in ["CA:TRUE", "Certificate Sign", "Server Authentication", "Code Signing", "pathlen"] {
        assert!(!shown.stdout_text().contains(word), "{word} in {shown}");
    }
    let names = shown.stdout_text();
    assert!(names.contains("DNS:pump-1.example") && names.contains("IP Address:192.0.2.7"), "{shown}");
    assert!(!sandbox.join("pki/devices/pump-1/key.pem").exists());
    // The same request again asks for the same certificate, and so does a command without one.
    sandbox.ok(["client", "--device", "pump-1", "--csr", "greedy.csr"]).prints("is up to date");
    sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");
}

#[test]
fn a_device_gets_no_subject_but_its_own() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init", "--no-input", "--insecure-no-passphrase", "--organization", "Acme"]);
    let rows: &[(&str, &[&str])] = &[
        ("/CN=pump-1/CN=pump-2", &["2 common names"]),
        ("/CN=pump-2/CN=pump-1", &["2 common names"]),
        ("/CN=pump-1/CN=pump-1", &["2 common names"]),
        ("/CN=pump-1+serialNumber=pump-2", &["serialNumber=pump-2", "in one set"]),
        ("/O=Acme+CN=pump-1", &["in one set"]),
        ("/CN=pump-1/UID=pump-2", &["UID=pump-2"]),
        ("/OU=pump-2/CN=pump-1", &["OU=pump-2"]),
        ("/CN=pump-1/emailAddress=pump-2@example.org", &["emailAddress=pump-2@example.org"]),
        ("/serialNumber=pump-2/CN=pump-1", &["serialNumber=pump-2"]),
        ("/O=Elsewhere/CN=pump-1", &["O=Elsewhere"]),
        ("/O=Acme/O=Acme/CN=pump-1", &["O=Acme"]),
        ("/DC=pump-2/CN=pump-1", &["DC=pump-2"]),
        ("/CN=PUMP-1", &["PUMP-1"]),
    ];
    for (subject, words) in rows {
        // Needed by OpenSSL before 3.0 for `+` in a subject; since then it is the default.
        request(&sandbox, "odd", subject, &[EC, &["-multivalue-rdn"]].concat());
        refused(&sandbox, &["client", "--device", "pump-1", "--csr", "odd.csr"], user(55, words));
        refused(&sandbox, &["client", "--device", "pump-1", "--csr", "odd.csr", "--dry-run"], user(55, words));
    }
    // Whatever part of its subject a request has, the certificate has the whole.
    for (name, subject) in [("a", "/"), ("b", "/CN=b"), ("c", "/O=Acme"), ("d", "/O=Acme/CN=d")] {
        request(&sandbox, name, subject, EC);
        sandbox.ok(["client", "--device", name, "--csr", &format!("{name}.csr")]);
        let certificate = sandbox.join(format!("pki/devices/{name}/cert.pem"));
        let shown = openssl().args(["x509", "-noout", "-subject", "-in"]).arg(certificate).run().ok();
        assert_eq!(shown.stdout_text().trim(), format!("subject=O = Acme, CN = {name}"));
    }
}

#[test]
fn a_common_name_in_another_string_type_counts() {
    let sandbox = Sandbox::with_store();
    sandbox.write(
        "config",
        "[req]\ndistinguished_name=dn\nprompt=no\nstring_mask=MASK:0x800\n[dn]\n0.CN=pump-1\n1.CN=pump-2\n",
    );
    request(&sandbox, "bmp", "/CN=x", EC);
    let file = |name: &str| sandbox.join(name);
    let again = openssl().args(["req", "-new", "-config"]).arg(file("config")).arg("-key").arg(file("bmp.key"));
    again.arg("-out").arg(file("bmp.csr")).run().ok();
    let listing = openssl().args(["asn1parse", "-in"]).arg(file("bmp.csr")).run().ok();
    assert!(listing.stdout_text().contains("BMPSTRING"), "{listing}");
    refused(&sandbox, &["client", "--device", "pump-1", "--csr", "bmp.csr"], user(55, &["2 common names"]));
}

#[test]
fn a_server_gets_no_names_but_those_that_were_given() {
    let sandbox = Sandbox::with_store();
    let san = |names: &str| format!("subjectAltName={names}");
    let rows: &[(&str, &str, &str)] = &[
        ("/CN=tb.example", "DNS:evil.example", "dns:evil.example"),
        ("/CN=tb.example", "DNS:tb.example,IP:192.0.2.7", "ip:192.0.2.7"),
        ("/CN=tb.example", "DNS:*.tb.example", "dns:*.tb.example"),
        ("/CN=tb.example", "DNS:tb.example,URI:https://evil.example/", "uri:https://evil.example/"),
        ("/CN=evil.example", "DNS:tb.example", "dns:evil.example"),
        ("/CN=tb.example/CN=evil.example", "DNS:tb.example", "dns:evil.example"),
        ("/CN=192.0.2.7", "DNS:tb.example", "ip:192.0.2.7"),
    ];
    for (subject, names, said) in rows {
        request(&sandbox, "tb", subject, &[EC, &["-addext", &san(names)]].concat());
        let args = ["server", "--name", "tb.example", "--only-given-names", "--csr", "tb.csr"];
        refused(&sandbox, &args, user(55, &[said, "--san"]));
    }
    // Texts that are no host, and that clients can take for one.
    for (subject, said) in [
        ("/CN=evil.example ", "white space"),
        ("/CN=evil.example:8883", "clients can take it for one"),
        ("/CN=root@evil.example", "clients can take it for one"),
        ("/CN=127.1", "clients can take it for one"),
        ("/CN=tb.example+serialNumber=evil.example", "in one set of attributes"),
    ] {
        let more: &[&str] = if subject.contains('+') { &["-multivalue-rdn"] } else { &[] };
        request(&sandbox, "tb", subject, &[EC, more].concat());
        let args = ["server", "--name", "tb.example", "--only-given-names", "--csr", "tb.csr"];
        refused(&sandbox, &args, user(55, &[said, "help:"]));
    }
    request(&sandbox, "tb", "/CN=tb.example", &[EC, &["-addext", &san("DNS:tb.example,IP:192.0.2.7")]].concat());
    sandbox.ok(["server", "--name", "tb.example", "--san", "ip:192.0.2.7", "--csr", "tb.csr", "--out", "conf"]);
}

#[test]
fn a_signature_that_cannot_be_checked_is_not_called_false() {
    let sandbox = Sandbox::with_store();
    let rsa: &[&str] = &["-newkey", "rsa:2048"];
    // 222 is the longest salt of a key of 2048 bits with SHA-256, which OpenSSL takes if none is given.
    let pss: &[&str] = &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:222"];
    for (name, more, said) in [
        ("sha224", [EC, &["-sha224"]].concat(), "ecdsa-with-SHA224"),
        ("rsa224", [rsa, &["-sha224"]].concat(), "sha224WithRSAEncryption"),
        ("pss", [rsa, pss].concat(), "rsassaPss with a salt of 222 octets"),
    ] {
        request(&sandbox, name, "/CN=pump-1", &more);
        let csr = format!("{name}.csr");
        let words = ["cannot be checked", said, "openssl req -new -sha256"];
        refused(&sandbox, &["client", "--device", "pump-1", "--csr", &csr], user(66, &words));
        refused(&sandbox, &["server", "--name", "tb.example", "--csr", &csr], user(66, &words));
        sandbox.ok(["inspect", &csr]).prints("TBPKI-0066");
    }
    // The salt that everyone else writes is checked.
    let usual: &[&str] = &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
    request(&sandbox, "usual", "/CN=pump-1", &[rsa, usual].concat());
    sandbox.ok(["client", "--device", "pump-1", "--csr", "usual.csr"]);
}

#[test]
fn keys_that_peers_cannot_read_are_refused() {
    let sandbox = Sandbox::with_store();
    let file = |name: &str| sandbox.join(name);
    request(&sandbox, "plain", "/CN=pump-1", EC);
    for form in ["compressed", "hybrid"] {
        let key = format!("{form}.key");
        let convert = openssl().args(["ec", "-conv_form", form, "-in"]).arg(file("plain.key"));
        convert.arg("-out").arg(file(&key)).run().ok();
        let make = openssl().args(["req", "-new", "-subj", "/CN=pump-1", "-key"]).arg(file(&key));
        make.arg("-out").arg(file(&format!("{form}.csr"))).run().ok();
        let csr = format!("{form}.csr");
        refused(
            &sandbox,
            &["client", "--device", "pump-1", "--csr", &csr],
            user(115, &[form, "-conv_form uncompressed"]),
        );
    }
    request(&sandbox, "short", "/CN=pump-1", &["-newkey", "rsa:2047"]);
    refused(&sandbox, &["client", "--device", "pump-1", "--csr", "short.csr"], user(35, &["has 204"]));
    request(&sandbox, "odd", "/CN=pump-1", &["-newkey", "rsa:3071"]);
    refused(&sandbox, &["client", "--device", "pump-1", "--csr", "odd.csr"], user(30, &["of 307"]));
    for curve in ["brainpoolP256r1", "secp224r1"] {
        let parameter = format!("ec_paramgen_curve:{curve}");
        request(&sandbox, "curve", "/CN=pump-1", &["-newkey", "ec", "-pkeyopt", &parameter]);
        refused(&sandbox, &["client", "--device", "pump-1", "--csr", "curve.csr"], user(30, &["not supported"]));
    }
    let names: Vec<String> = (0..2_000).map(|number| format!("DNS:n{number}.example")).collect();
    request(
        &sandbox,
        "many",
        "/CN=pump-1",
        &[EC, &["-addext", &format!("subjectAltName={}", names.join(","))]].concat(),
    );
    refused(&sandbox, &["client", "--device", "pump-1", "--csr", "many.csr"], user(26, &["2000", "100"]));
}

#[test]
fn a_key_has_one_owner() {
    let sandbox = Sandbox::with_store();
    let file = |name: &str| sandbox.join(name);
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    request(&sandbox, "own", "/CN=pump-2", EC);
    sandbox.ok(["client", "--device", "pump-2", "--csr", "own.csr"]);
    let for_key = |key: &str, name: &str| {
        let make = openssl().args(["req", "-new", "-subj", &format!("/CN={name}"), "-key"]).arg(file(key));
        make.arg("-out").arg(file("other.csr")).run().ok();
    };
    for (key, said) in [
        ("pki/devices/pump-1/key.pem", "the device pump-1"),
        ("own.key", "the device pump-2"),
        ("pki/servers/tb.example/mqttserver_key.pem", "the server tb.example"),
        ("pki/ca/devices-issuing/key.pem", "the ca devices-issuing"),
        ("pki/ca/server-root/key.pem", "the ca server-root"),
    ] {
        for_key(key, "pump-3");
        let words = [said, "make a new key"];
        refused(&sandbox, &["client", "--device", "pump-3", "--csr", "other.csr"], user(116, &words));
        refused(&sandbox, &["client", "--device", "pump-3", "--csr", "other.csr", "--dry-run"], user(116, &words));
        for_key(key, "tb2.example");
        refused(&sandbox, &["server", "--name", "tb2.example", "--csr", "other.csr"], user(116, &words));
    }
}

#[test]
fn a_device_is_renewed_on_its_own_key() {
    let sandbox = Sandbox::with_store();
    let file = |name: &str| sandbox.join(name);
    sandbox.ok(["client", "--device", "pump-1"]);
    let make = openssl().args(["req", "-new", "-subj", "/CN=pump-1", "-key"]).arg(file("pki/devices/pump-1/key.pem"));
    make.arg("-out").arg(file("same.csr")).run().ok();
    let args = ["client", "--device", "pump-1", "--csr", "same.csr", "--force"];
    let key = sandbox.read("pki/devices/pump-1/key.pem");
    sandbox.ok(args);
    assert_eq!(sandbox.read("pki/devices/pump-1/key.pem"), key);
    sandbox.ok(["verify", "pki/devices/pump-1/chain.pem", "--key", "pki/devices/pump-1/key.pem"]);
    // A file with key and certificate would keep the old certificate.
    sandbox.ok(["client", "--device", "pump-2", "--format", "nopass"]);
    let make = openssl().args(["req", "-new", "-subj", "/CN=pump-2", "-key"]).arg(file("pki/devices/pump-2/key.pem"));
    make.arg("-out").arg(file("same.csr")).run().ok();
    let args = ["client", "--device", "pump-2", "--csr", "same.csr", "--force"];
    refused(&sandbox, &args, user(82, &["pump-2.nopass.pem would keep the earlier certificate"]));
}

#[test]
fn a_command_without_the_request_asks_for_the_same_certificate() {
    let sandbox = Sandbox::with_store();
    request(&sandbox, "hsm-1", "/CN=hsm-1", EC);
    request(&sandbox, "p521", "/CN=p521", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"]);
    request(&sandbox, "tb", "/CN=tb.example/O=Other", &[EC, &["-addext", "subjectAltName=DNS:tb.example"]].concat());
    let server = ["server", "--name", "tb.example", "--san", "www.tb.example", "--only-given-names"];
    let client = ["client", "hsm-1"];
    for (issue, again, chain) in [
        (&client[..], &client[..], "pki/devices/hsm-1/chain.pem"),
        (&["client", "p521"], &["client", "p521"], "pki/devices/p521/chain.pem"),
        (&server[..], &server[..3], "pki/servers/tb.example/mqttserver.pem"),
    ] {
        let csr = format!("{}.csr", if issue[0] == "server" { "tb" } else { issue[1] });
        sandbox.ok([issue, &["--csr", &csr]].concat()).prints("issued");
        let leaf = sandbox.read(chain);
        sandbox.ok(again).prints("is up to date");
        sandbox.ok(issue).prints("is up to date");
        sandbox.ok([again, &["--dry-run"]].concat()).prints("is up to date");
        // Other parameters need a new generation, which has to be for the same key.
        let days = [again, &["--days", "30"]].concat();
        refused(&sandbox, &days, user(95, &["days: ", "repeat `--csr FILE` with --force"]));
        let words = ["--force would make another key", "repeat `--csr FILE`", "tbpki revoke --"];
        refused(&sandbox, &[again, &["--force"]].concat(), user(95, &words));
        assert_eq!(sandbox.read(chain), leaf);
        sandbox.ok([issue, &["--csr", &csr, "--force"]].concat()).prints("issued");
    }
    sandbox.ok(["client", "hsm-1", "--out", "copies"]).prints("is up to date");
    assert_eq!(sandbox.read("copies/chain.pem"), sandbox.read("pki/devices/hsm-1/chain.pem"));
    // The step that the message names gives the device a key of tbpki.
    sandbox.ok(["revoke", "--device", "hsm-1"]);
    std::fs::remove_dir_all(sandbox.join("pki/devices/hsm-1")).unwrap();
    sandbox.ok(["client", "hsm-1"]).prints("issued");
    assert!(sandbox.join("pki/devices/hsm-1/key.pem").exists());
}

#[test]
fn the_check_of_a_server_without_its_key_names_the_way_to_a_keystore() {
    let sandbox = Sandbox::with_store();
    request(&sandbox, "tb", "/CN=tb.example", EC);
    sandbox.ok(["server", "--name", "tb.example", "--csr", "tb.csr", "--out", "tls"]);
    let check = ["check", "--server", "tls", "--offline", "--json"];
    let checked = sandbox.tbpki(check).run().ends(3);
    let layers = checked.json()["result"]["layers"].as_array().unwrap().clone();
    let layer = |name: &str| layers.iter().find(|layer| layer["layer"] == name).unwrap().to_string();
    assert!(layer("key").contains("skipped"), "{}", layer("key"));
    assert!(layer("issuers").contains("openssl pkcs12 -export"), "{}", layer("issuers"));
    // With the key in its place it is there, and belongs to the certificate.
    sandbox.write("tls/mqttserver_key.pem", sandbox.read("tb.key"));
    sandbox.private("tls/mqttserver_key.pem");
    let checked = sandbox.tbpki(check).run();
    let key = checked.json()["result"]["layers"].as_array().unwrap().iter().find(|one| one["layer"] == "key").cloned();
    assert_eq!(key.unwrap()["verdict"], "ok");
}
