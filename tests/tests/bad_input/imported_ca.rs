//! Imported CAs that tbpki refuses.

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

use crate::openssl_ca::{CA, FUTURE, LEAF, NOW, PAST, certificate};
use crate::{refused, usage, user};

const OPEN: &str = "--insecure-no-passphrase";

#[test]
fn what_does_not_belong_together_or_does_not_hold() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "root", None, CA, NOW);
    certificate(&sandbox, "other", None, CA, NOW);
    certificate(&sandbox, "issuing", Some("root"), CA, NOW);
    certificate(&sandbox, "below", Some("issuing"), CA, NOW);
    certificate(&sandbox, "leaf", Some("root"), LEAF, NOW);
    certificate(&sandbox, "unfit", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n", NOW);
    certificate(&sandbox, "expired", Some("root"), CA, PAST);
    certificate(&sandbox, "expired-root", None, CA, PAST);
    certificate(&sandbox, "below-expired", Some("expired-root"), CA, NOW);
    certificate(&sandbox, "early", Some("root"), CA, FUTURE);
    certificate(&sandbox, "inverted", Some("root"), CA, [NOW[1], NOW[0]]);
    sandbox.write("garbage", "no CA");
    let rows: &[(&[&str], u16, &[&str])] = &[
        (&["root.pem", "other.key"], 34, &["private key"]),
        (&["issuing.pem", "root.pem", "other.key"], 34, &["private key"]),
        (&["leaf.pem", "leaf.key", "root.pem"], 44, &["leaf"]),
        (&["unfit.pem", "unfit.key"], 44, &["unfit"]),
        (&["issuing.pem", "issuing.key"], 50, &["CN=root", "CN=issuing"]),
        (&["issuing.pem", "issuing.key", "other.pem"], 50, &["CN=root"]),
        (&["below.pem", "below.key", "root.pem"], 50, &["CN=issuing"]),
        (&["expired.pem", "expired.key", "root.pem"], 43, &["expired on 2020-01-01", "their owner has them"]),
        (&["expired-root.pem", "expired-root.key"], 43, &["expired on 2020-01-01"]),
        (&["below-expired.pem", "below-expired.key", "expired-root.pem"], 43, &["expired on 2020-01-01"]),
        (&["early.pem", "early.key", "root.pem"], 43, &["not valid before 2090-01-01", "clock"]),
        (&["inverted.pem", "inverted.key", "root.pem"], 41, &["ends before it begins"]),
        (&["root.pem"], 31, &["no private key"]),
        (&["root.key"], 34, &["private key"]),
        (&["root.pem", "root.key", "other.key"], 31, &["more than one key", "there are 2 of them", "-srcalias NAME"]),
        (&["garbage"], 40, &["garbage", "neither PEM nor DER"]),
        (&["missing.pem"], 80, &["missing.pem"]),
    ];
    // The same key twice is one key.
    let twice = Sandbox::new();
    certificate(&twice, "root", None, CA, NOW);
    twice.write("copy.key", twice.text("root.key"));
    twice.ok(["init", OPEN, "--devices-ca", "root.pem", "root.key", "copy.key", "root.key"]);
    for (files, code, words) in rows {
        for flag in ["--server-ca", "--devices-ca"] {
            refused(&sandbox, &[&["init", OPEN, flag], *files].concat(), user(*code, words));
        }
    }
}

/// Java compares a TeletexString octet by octet, and OpenSSL as text.
#[test]
fn a_root_whose_name_has_another_string_type_is_refused() {
    let sandbox = Sandbox::new();
    // The root, and its certificate for the same key that a later version of OpenSSL made.
    for (file, mask, key) in [
        ("old.pem", "nombstr", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"][..]),
        ("new.pem", "utf8only", &["-key"]),
    ] {
        let text =
            format!("[req]\nstring_mask={mask}\ndistinguished_name=name\nx509_extensions=ca\n[name]\n[ca]\n{CA}");
        sandbox.write("config", text + "subjectKeyIdentifier=hash\n");
        let args =
            ["req", "-x509", "-config", "config", "-subj", "/O=Acme & Co/CN=root", "-days", "9000", "-out", file];
        openssl().args(args).args(key).arg("root.key").directory(sandbox.path()).run().ok();
    }
    sandbox.write("extensions", format!("{CA}subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"));
    for args in [
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=issuing -keyout issuing.key -out request",
        "x509 -req -in request -CA old.pem -CAkey root.key -set_serial 7 -days 8000 -extfile extensions -out issuing.pem",
    ] {
        openssl().args(args.split(' ')).directory(sandbox.path()).run().ok();
    }
    let of = |root: &'static str| ["init", OPEN, "--devices-ca", "issuing.pem", "issuing.key", root];
    openssl().args(["verify", "-CAfile", "new.pem", "issuing.pem"]).directory(sandbox.path()).run().ok();
    refused(&sandbox, &of("new.pem"), user(114, &["rustls, Go and Java refuse the chain"]));
    sandbox.ok(of("old.pem"));
}

/// Makes `NAME.pem` and `NAME.key` with this serial number, signed by `issuer` or by itself.
fn numbered(sandbox: &Sandbox, name: &str, issuer: Option<&str>, serial: &str) {
    let path = |file: String| sandbox.join(file);
    let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    sandbox.write("numbered.ext", format!("{CA}subjectKeyIdentifier=hash\n"));
    let request = openssl().args(["req", "-new"]).args(new).args(["-subj", &format!("/CN={name}"), "-keyout"]);
    request.arg(path(format!("{name}.key"))).arg("-out").arg(path(format!("{name}.csr"))).run().ok();
    let signed = openssl().args(["x509", "-req", "-days", "3000", "-set_serial", serial, "-extfile"]);
    let signed = signed.arg(path("numbered.ext".to_owned())).arg("-in").arg(path(format!("{name}.csr")));
    let signed = match issuer {
        None => signed.arg("-signkey").arg(path(format!("{name}.key"))),
        Some(issuer) => {
            signed.arg("-CA").arg(path(format!("{issuer}.pem"))).arg("-CAkey").arg(path(format!("{issuer}.key")))
        }
    };
    signed.arg("-out").arg(path(format!("{name}.pem"))).run().ok();
}

#[test]
fn serial_numbers_are_those_of_the_real_issuer() {
    let sandbox = Sandbox::new();
    numbered(&sandbox, "root", None, "1");
    numbered(&sandbox, "mid", Some("root"), "2");
    numbered(&sandbox, "issuing", Some("mid"), "1");
    numbered(&sandbox, "same", Some("root"), "1");
    let two_tiers = ["init", OPEN, "--devices-ca", "same.pem", "same.key", "root.pem"];
    refused(&sandbox, &two_tiers, user(114, &["CN=root and CN=same have the same serial number, 01", "-set_serial"]));
    sandbox.ok(["init", OPEN, "--devices-ca", "issuing.pem", "issuing.key", "mid.pem", "root.pem"]);
    sandbox.ok(["client", "pump-1"]);
    sandbox.ok(["store", "check"]);
    // A ledger that is made from the files is the same.
    std::fs::remove_file(sandbox.join("pki/ledger.db")).unwrap();
    sandbox.ok(["store", "repair"]);
    sandbox.ok(["store", "check"]);
    // The list of its real issuer is made elsewhere.
    sandbox.ok(["revoke", "--ca", "devices-issuing"]).prints("TBPKI-0355");
}

#[test]
fn what_stays_closed() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "root", None, CA, NOW);
    let path = |name: &str| sandbox.join(name);
    openssl()
        .args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:right-word", "-in"])
        .arg(path("root.key"))
        .arg("-out")
        .arg(path("closed.key"))
        .run()
        .ok();
    openssl()
        .args(["pkcs12", "-export", "-passout", "pass:right-word", "-inkey"])
        .arg(path("root.key"))
        .arg("-in")
        .arg(path("root.pem"))
        .arg("-out")
        .arg(path("closed.p12"))
        .run()
        .ok();
    sandbox.write("wrong", "wrong-word\n");
    sandbox.write("right", "right-word\n");
    sandbox.hides("right-word");
    sandbox.hides("wrong-word");
    for (files, code) in [(&["root.pem", "closed.key"][..], 33), (&["closed.p12"], 71)] {
        let args = [&["init", OPEN, "--server-ca"], files].concat();
        refused(&sandbox, &args, usage(10, &["--imported-passphrase-file"]));
        let with = |name| [&args[..], &["--imported-passphrase-file", name]].concat();
        refused(&sandbox, &with("wrong"), user(code, &[files[files.len() - 1]]));
        refused(&sandbox, &with("missing"), user(9, &["missing"]));
        sandbox.ok([&with("right")[..], &["--dry-run"]].concat());
    }
}

#[test]
fn a_ca_below_which_nothing_would_be_accepted() {
    let sandbox = Sandbox::new();
    let ca = |more: &str| format!("{CA}{more}");
    let limited = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n";
    certificate(&sandbox, "root", None, CA, NOW);
    certificate(&sandbox, "limited", None, limited, NOW);
    certificate(&sandbox, "below-limited", Some("limited"), CA, NOW);
    certificate(&sandbox, "middle", Some("root"), limited, NOW);
    certificate(&sandbox, "below-middle", Some("middle"), CA, NOW);
    certificate(
        &sandbox,
        "unfit",
        Some("root"),
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n",
        NOW,
    );
    certificate(&sandbox, "mail", Some("root"), &ca("extendedKeyUsage=emailProtection\n"), NOW);
    certificate(&sandbox, "unknown", Some("root"), &ca("1.2.3.4=critical,ASN1:NULL\n"), NOW);
    certificate(&sandbox, "policy", Some("root"), &ca("policyConstraints=critical,requireExplicitPolicy:0\n"), NOW);
    certificate(&sandbox, "optional", Some("root"), &ca("policyConstraints=requireExplicitPolicy:1\n"), NOW);
    // OpenSSL looks for another issuer of this root.
    certificate(&sandbox, "astray", None, &ca("authorityKeyIdentifier=DER:3006800401020304\n"), NOW);
    certificate(&sandbox, "below-astray", Some("astray"), CA, NOW);
    certificate(&sandbox, "mail-root", None, &ca("extendedKeyUsage=emailProtection\n"), NOW);
    certificate(&sandbox, "below-mail", Some("mail-root"), CA, NOW);
    // Java and Go cannot read a CA with such constraints or names.
    for (name, constraint) in [
        ("gaps", "IP:10.0.0.0/255.0.255.0"),
        ("mailbox", "email:@"),
        ("number", "RID:1.2.3"),
        ("scheme", "URI:http://a"),
    ] {
        certificate(
            &sandbox,
            name,
            Some("root"),
            &ca(&format!("nameConstraints=critical,permitted;{constraint}\n")),
            NOW,
        );
    }
    certificate(&sandbox, "authority", Some("root"), &ca("subjectAltName=URI:http://[bad\n"), NOW);
    certificate(&sandbox, "uuid", Some("root"), &ca("2.25.4294967296=ASN1:NULL\n"), NOW);
    let rows: &[(&[&str], u16, &[&str])] = &[
        (&["gaps.pem", "gaps.key", "root.pem"], 114, &["TBPKI-0068", "nameConstraints"]),
        (&["mailbox.pem", "mailbox.key", "root.pem"], 114, &["TBPKI-0068", "nameConstraints"]),
        (&["number.pem", "number.key", "root.pem"], 114, &["TBPKI-0068", "nameConstraints"]),
        (&["scheme.pem", "scheme.key", "root.pem"], 114, &["TBPKI-0068", "nameConstraints"]),
        (&["authority.pem", "authority.key", "root.pem"], 114, &["TBPKI-0068", "subjectAltName"]),
        (&["uuid.pem", "uuid.key", "root.pem"], 114, &["TBPKI-0068", "2.25.4294967296"]),
        (&["below-limited.pem", "below-limited.key", "limited.pem"], 114, &["TBPKI-0057", "CN=limited"]),
        (&["below-middle.pem", "below-middle.key", "middle.pem", "root.pem"], 114, &["TBPKI-0057", "CN=middle"]),
        (&["unfit.pem", "unfit.key", "root.pem"], 44, &["unfit", "keyCertSign"]),
        (&["mail.pem", "mail.key", "root.pem"], 114, &["TBPKI-0053", "CN=mail"]),
        (&["unknown.pem", "unknown.key", "root.pem"], 114, &["TBPKI-0067", "1.2.3.4"]),
        (&["policy.pem", "policy.key", "root.pem"], 114, &["TBPKI-0412", "policyConstraints"]),
        (
            &["optional.pem", "optional.key", "root.pem"],
            114,
            &["TBPKI-0412", "CN=optional requires a certificate policy"],
        ),
        (&["below-astray.pem", "below-astray.key", "astray.pem"], 114, &["TBPKI-0117", "CN=astray"]),
        (&["below-mail.pem", "below-mail.key", "mail-root.pem"], 114, &["TBPKI-0053", "CN=mail-root"]),
        (&["limited.pem", "limited.key"], 57, &["CN=limited", "bring a root without this limit"]),
        (&["mail-root.pem", "mail-root.key"], 114, &["TBPKI-0053", "CN=mail-root"]),
    ];
    for (files, code, words) in rows {
        for flag in ["--server-ca", "--devices-ca"] {
            refused(&sandbox, &[&["init", OPEN, flag], *files].concat(), user(*code, words));
            refused(&sandbox, &[&["init", "--dry-run", OPEN, flag], *files].concat(), user(*code, words));
        }
    }
    // What one purpose forbids the other allows.
    certificate(&sandbox, "servers", Some("root"), &ca("extendedKeyUsage=serverAuth\n"), NOW);
    let files = ["servers.pem", "servers.key", "root.pem"];
    let args = [&["init", OPEN, "--devices-ca"], &files[..]].concat();
    refused(&sandbox, &args, user(114, &["devices below CN=servers", "TBPKI-0053"]));
    sandbox.ok([&["init", OPEN, "--dry-run", "--server-ca"], &files[..]].concat());
    // A name constraint that no device of this configuration satisfies.
    let elsewhere = ca("nameConstraints=critical,permitted;dirName:elsewhere\n[elsewhere]\nO=Elsewhere\n");
    certificate(&sandbox, "elsewhere", Some("root"), &elsewhere, NOW);
    let args = ["init", OPEN, "--organization", "Acme", "--devices-ca", "elsewhere.pem", "elsewhere.key", "root.pem"];
    refused(&sandbox, &args, user(58, &["elsewhere"]));
}

#[test]
fn a_common_name_that_looks_like_a_host_is_bound_by_name_constraints() {
    let sandbox = Sandbox::new();
    let constrained = format!("{CA}nameConstraints=critical,permitted;DNS:example.org\n");
    certificate(&sandbox, "root", None, &constrained, NOW);
    sandbox.ok(["init", OPEN, "--devices-ca", "root.pem", "root.key"]);
    let forbidden = sandbox.fails(["client", "pump-1.factory.lan"], 1, "TBPKI-0058");
    forbidden.prints("pump-1.factory.lan lies below no name that is permitted");
    // Java takes it for a host, OpenSSL does not.
    sandbox.fails(["client", "pump-1"], 1, "TBPKI-0058");
    // Both decide the same way.
    for name in ["pump 1", "pump-1.example.org"] {
        sandbox.ok(["client", name]);
        let chain = sandbox.join(format!("pki/devices/{name}/chain.pem"));
        let verify = openssl().args(["verify", "-CAfile"]).arg(sandbox.join("root.pem")).arg("-untrusted").arg(&chain);
        verify.arg(&chain).run().ok();
    }
    let sandbox = Sandbox::new();
    sandbox.write("keygen.toml", "version = 1\n[ca.name_constraints]\npermitted_dns = [\"example.org\"]\n");
    sandbox.ok(["init", OPEN]);
    let server = |name| ["server", "--name", name, "--only-given-names"];
    let forbidden = sandbox.fails(server("192.0.2.7"), 1, "TBPKI-0058");
    forbidden.prints("192.0.2.7 lies below no name that is permitted");
    sandbox.ok(server("tb.example.org"));
}

#[test]
fn weak_cas() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "root", None, CA, NOW);
    certificate(&sandbox, "issuing", Some("root"), CA, NOW);
    let path = |name: &str| sandbox.join(name);
    let root = openssl().args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "99", "-subj", "/CN=small"]);
    root.args(["-addext", "basicConstraints=critical,CA:TRUE", "-keyout"])
        .arg(path("small.key"))
        .arg("-out")
        .arg(path("small.pem"))
        .run()
        .ok();
    sandbox.write("ca.ext", CA);
    for (issuer, name, hash) in [("root", "old", "-sha1"), ("small", "below-small", "-sha256")] {
        let request = openssl().args(["req", "-new", "-key"]).arg(path("issuing.key"));
        request.args(["-subj", &format!("/CN={name}"), "-out"]).arg(path("request")).run().ok();
        let sign = openssl().args(["x509", "-req", hash, "-days", "99", "-CAcreateserial", "-CA"]);
        let sign = sign.arg(path(&format!("{issuer}.pem"))).arg("-CAkey").arg(path(&format!("{issuer}.key")));
        let sign = sign.arg("-extfile").arg(path("ca.ext")).arg("-in").arg(path("request"));
        sign.arg("-out").arg(path(&format!("{name}.pem"))).run().ok();
    }
    for (files, words) in [
        (&["old.pem", "issuing.key", "root.pem"][..], &["devices below CN=old", "TBPKI-0061", "SHA1"][..]),
        (&["below-small.pem", "issuing.key", "small.pem"], &["devices below CN=below-small", "TBPKI-0035", "rsa-1024"]),
    ] {
        refused(&sandbox, &[&["init", OPEN, "--devices-ca"], files].concat(), user(114, words));
    }
}

#[test]
fn roots_whose_signature_cannot_be_checked() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "other", None, CA, NOW);
    let path = |name: &str| sandbox.join(name);
    sandbox.write("ca.ext", format!("{CA}subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"));
    let rsa = ["-newkey", "rsa:2048"];
    let pss = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:222"];
    for (name, more, algorithm) in [
        ("md5", [&rsa[..], &["-md5"]].concat(), "md5WithRSAEncryption"),
        ("sha224", [&rsa[..], &["-sha224"]].concat(), "sha224WithRSAEncryption"),
        ("pss", [&rsa[..], &pss].concat(), "a salt of 222 octets"),
        ("ed448", vec!["-newkey", "ed448"], "ED448"),
    ] {
        let root = openssl().args(["req", "-x509", "-nodes", "-days", "999", "-subj", &format!("/CN={name}")]);
        root.args(["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"])
            .args(more)
            .arg("-keyout")
            .arg(path(&format!("{name}.key")))
            .arg("-out")
            .arg(path(&format!("{name}.pem")))
            .run()
            .ok();
        let request = openssl().args(["req", "-new", "-key"]).arg(path("other.key"));
        request.args(["-subj", "/CN=issuing", "-out"]).arg(path("request")).run().ok();
        let sign = openssl().args(["x509", "-req", "-days", "99", "-CAcreateserial", "-CA"]);
        let sign = sign.arg(path(&format!("{name}.pem"))).arg("-CAkey").arg(path(&format!("{name}.key")));
        let sign = sign.arg("-extfile").arg(path("ca.ext")).arg("-in").arg(path("request"));
        sign.arg("-out").arg(path("issuing.pem")).run().ok();

        let root = format!("{name}.pem");
        let shown = sandbox.ok(["inspect", "--json", &root]).json();
        assert!(!shown.to_string().contains("self_signed\":false"), "{shown}");
        sandbox.ok(["inspect", &root]).prints("TBPKI-0066").prints("on itself cannot be checked").prints(algorithm);
        let init = ["init", OPEN, "--dry-run", "--devices-ca", "issuing.pem", "other.key", &root];
        let verify = ["verify", "issuing.pem", "--anchors", &root];
        if name == "ed448" {
            // Here the signature that cannot be checked is the one that matters.
            refused(&sandbox, &init, user(66, &["the signature on CN=issuing cannot be checked", algorithm]));
            sandbox.fails(verify, 3, "TBPKI-0066");
        } else {
            sandbox.ok(init).prints("warning[TBPKI-0066]").prints(algorithm);
            let said = sandbox.ok(verify).prints("warning[TBPKI-0066]");
            assert!(!said.stderr_text().contains("TBPKI-0063"), "{said}");
        }
    }
}

#[test]
fn generations_of_one_key_in_any_order() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "root", None, CA, NOW);
    certificate(&sandbox, "issuing", Some("root"), CA, NOW);
    let path = |name: &str| sandbox.join(name);
    // The same key and name: once expired, once for another purpose, once as it should be.
    for (name, days, extensions) in
        [("old", "-1", CA), ("mail", "9000", "extendedKeyUsage=emailProtection\n"), ("new", "3000", "")]
    {
        sandbox.write(
            "ca.ext",
            format!("{CA}subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{}", extensions.replace(CA, "")),
        );
        let request = openssl().args(["req", "-new", "-subj", "/CN=issuing", "-key"]).arg(path("issuing.key"));
        request.arg("-out").arg(path("request")).run().ok();
        let sign = openssl().args(["x509", "-req", "-days", days, "-CAcreateserial", "-CA"]).arg(path("root.pem"));
        let sign = sign.arg("-CAkey").arg(path("root.key")).arg("-extfile").arg(path("ca.ext"));
        sign.arg("-in").arg(path("request")).arg("-out").arg(path(&format!("{name}.pem"))).run().ok();
    }
    let files = ["old.pem", "mail.pem", "new.pem", "root.pem", "issuing.key"];
    for turn in 0..files.len() {
        let mut order = files;
        order.rotate_left(turn);
        let store = sandbox.copy();
        store.ok([&["init", OPEN, "--no-input", "--devices-ca"], &order[..]].concat());
        assert_eq!(store.read("pki/ca/devices-issuing/cert.pem"), pem_of(&sandbox.text("new.pem")), "{order:?}");
        store.ok(["client", "--device", "pump-1"]);
        store.ok(["verify", "pki/devices/pump-1/chain.pem"]);
    }
}

/// The certificate as tbpki writes it.
fn pem_of(text: &str) -> Vec<u8> {
    text.as_bytes()[text.find("-----BEGIN").unwrap()..].to_vec()
}

#[test]
fn a_ca_that_some_programs_refuse_is_warned_of() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "root", None, CA, NOW);
    // Java takes the common name of a device for a host.
    let constrained = format!("{CA}nameConstraints=critical,permitted;DNS:corp.example\n");
    certificate(&sandbox, "corp", Some("root"), &constrained, NOW);
    certificate(&sandbox, "unsaid", Some("root"), "basicConstraints=critical,CA:TRUE\n", NOW);
    certificate(&sandbox, "optional", Some("root"), &CA.replace("critical,CA", "CA"), NOW);
    for (name, reason) in [("unsaid", "without a key usage"), ("optional", "basic constraints are not critical")] {
        let [cert, key] = ["pem", "key"].map(|suffix| format!("{name}.{suffix}"));
        let init = ["init", OPEN, "--dry-run", "--devices-ca", &cert, &key, "root.pem"];
        sandbox.ok(init).prints("warning[TBPKI-0413]").prints(reason);
        let chain = sandbox.write("chain.pem", [sandbox.read(&cert), sandbox.read("root.pem")].concat());
        let strict = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(sandbox.join("root.pem"));
        // The CA as an issuer: its own certificate is looked at as that of a leaf otherwise.
        sandbox.ok(["init", OPEN, "--devices-ca", &cert, &key, "root.pem"]);
        sandbox.ok(["client", "pump-1"]);
        let leaf = sandbox.join("pki/devices/pump-1/cert.pem");
        assert_ne!(strict.arg("-untrusted").arg(chain).arg(leaf).run().status, 0);
        sandbox.ok(["verify", "pki/devices/pump-1/chain.pem"]).prints("warning[TBPKI-0413]");
        std::fs::remove_dir_all(sandbox.join("pki")).unwrap();
        std::fs::remove_file(sandbox.join("keygen.toml")).unwrap();
    }
    sandbox
        .ok(["init", OPEN, "--devices-ca", "corp.pem", "corp.key", "root.pem"])
        .prints("warning[TBPKI-0058]")
        .prints("pump-1.corp.example");
    sandbox.fails(["client", "pump-1"], 1, "TBPKI-0058");
    sandbox.ok(["client", "pump-1.corp.example"]);
}
