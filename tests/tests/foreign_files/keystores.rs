//! Keystores of openssl, GnuTLS, Java and Python, and in the BER of NSS and BouncyCastle.

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::{certtool, python};
use testkit::ber::indefinite;

use crate::{PASSWORD, WITH_PASSWORD, imported, java_keystore, pkcs12, refused, root, run, with_root};

/// `init` imports the keystore, `inspect` opens its key, and `verify` takes its chain.
#[track_caller]
fn read(sandbox: &Sandbox, file: &str) {
    imported(sandbox, &[file], &WITH_PASSWORD);
    let shown = sandbox.ok(["inspect", file, "--passphrase-file", "password"]).stdout_text();
    assert!(shown.contains("algorithm        ec-p256"), "{file}: {shown}");
    assert!(shown.contains("belongs to       CN=root,O=Acme"), "{file}: {shown}");
    sandbox.ok(["verify", file, "--anchors", "root.pem", "--passphrase-file", "password"]).prints("the chain verifies");
}

#[track_caller]
fn by_certtool(sandbox: &Sandbox, file: &str, options: &[&str]) {
    let args = ["--to-p12", "--load-privkey", "root.key", "--load-certificate", "root.pem", "--p12-name", "ca"];
    certtool().args(args).args(options).args(["--outfile", file]).directory(sandbox.path()).run().ok();
}

#[test]
fn every_scheme_of_openssl_is_read() {
    let sandbox = with_root();
    for (file, options) in [
        ("default.p12", &[][..]),
        // What OpenSSL 1.x writes unasked: RC2 with 40 bits for certificates, and 3DES for the key.
        ("legacy.p12", &["-legacy"]),
        ("rc2-128.p12", &["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128"]),
        ("2des.p12", &["-certpbe", "PBE-SHA1-2DES", "-keypbe", "PBE-SHA1-2DES"]),
        ("aes-128.p12", &["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC", "-macalg", "sha512"]),
        ("sha1.p12", &["-macalg", "sha1"]),
        ("no-mac.p12", &["-nomac"]),
        ("open-certificate.p12", &["-certpbe", "NONE"]),
        ("open-key.p12", &["-keypbe", "NONE"]),
        ("open-certificate-no-mac.p12", &["-certpbe", "NONE", "-nomac"]),
    ] {
        pkcs12(&sandbox, file, &[options, &["-passout", "pass:secret12"]].concat());
        read(&sandbox, file);
    }
}

#[test]
fn every_scheme_of_certtool_is_read_also_in_pem() {
    let sandbox = with_root();
    let password = ["--password", PASSWORD];
    for cipher in ["3des", "3des-pkcs12", "aes-128", "aes-192", "aes-256", "rc2-40"] {
        let file = format!("{cipher}.p12");
        by_certtool(&sandbox, &file, &[&password[..], &["--outder", "--pkcs-cipher", cipher]].concat());
        read(&sandbox, &file);
    }
    by_certtool(&sandbox, "armored.p12", &password);
    assert!(sandbox.text("armored.p12").contains("-----BEGIN PKCS12-----"));
    read(&sandbox, "armored.p12");
}

#[test]
fn lengths_that_are_not_known_in_advance_are_read() {
    let sandbox = with_root();
    pkcs12(&sandbox, "default.p12", &["-passout", "pass:secret12"]);
    pkcs12(&sandbox, "legacy.p12", &["-legacy", "-passout", "pass:secret12"]);
    by_certtool(&sandbox, "certtool.p12", &["--password", PASSWORD, "--outder"]);
    for file in ["default.p12", "legacy.p12", "certtool.p12"] {
        // Three levels are the outside alone; more pieces than one are what a stream of NSS has.
        for (levels, piece) in [(3, 127), (9, 127), (9, 8)] {
            let name = format!("{levels}-{piece}-{file}");
            sandbox.write(&name, indefinite(&sandbox.read(file), levels, piece));
            run(&sandbox, &["pkcs12", "-legacy", "-in", &name, "-passin", "pass:secret12", "-noout"]);
            read(&sandbox, &name);
        }
    }
    // BER does not hide damage.
    let mut damaged = indefinite(&sandbox.read("default.p12"), 9, 127);
    damaged.truncate(damaged.len() - 3);
    sandbox.write("damaged.p12", damaged);
    refused(&sandbox, &["damaged.p12"], &WITH_PASSWORD, 70, &["damaged", "damaged.p12"]);
}

/// Without a flag and with an empty file; a wrong password is wrong.
#[test]
fn the_empty_password_and_none_at_all_need_no_flag() {
    let sandbox = with_root();
    sandbox.write("nothing", "");
    sandbox.write("newline", "\n");
    pkcs12(&sandbox, "openssl.p12", &["-passout", "pass:"]);
    pkcs12(&sandbox, "openssl-legacy.p12", &["-legacy", "-passout", "pass:"]);
    // By RFC 7292, appendix B.1, an empty password is two zero octets in the key derivation; no password at all is no
    // octet. Programs disagree about which of the two a user means who types nothing.
    by_certtool(&sandbox, "empty.p12", &["--empty-password", "--outder"]);
    by_certtool(&sandbox, "null.p12", &["--null-password", "--outder"]);
    by_certtool(&sandbox, "empty-3des.p12", &["--empty-password", "--outder", "--pkcs-cipher", "3des-pkcs12"]);
    by_certtool(&sandbox, "null-3des.p12", &["--null-password", "--outder", "--pkcs-cipher", "3des-pkcs12"]);
    by_certtool(&sandbox, "null-rc2.p12", &["--null-password", "--outder", "--pkcs-cipher", "rc2-40"]);
    let files = ["root.key", "root.pem", "python.p12"];
    python("write_without_password.py").args(files).directory(sandbox.path()).run().ok();
    sandbox.write("null-ber.p12", indefinite(&sandbox.read("null.p12"), 9, 100));
    for file in [
        "openssl.p12",
        "openssl-legacy.p12",
        "empty.p12",
        "null.p12",
        "empty-3des.p12",
        "null-3des.p12",
        "null-rc2.p12",
        "python.p12",
        "null-ber.p12",
    ] {
        imported(&sandbox, &[file], &[]);
        for password in ["nothing", "newline"] {
            imported(&sandbox, &[file], &["--imported-passphrase-file", password]);
        }
        let shown = sandbox.ok(["inspect", file]).stdout_text();
        assert!(shown.contains("algorithm        ec-p256"), "{file}: {shown}");
        sandbox.ok(["verify", file, "--anchors", "root.pem"]).prints("the chain verifies");
    }
    pkcs12(&sandbox, "closed.p12", &["-passout", "pass:secret12"]);
    refused(&sandbox, &["closed.p12"], &["--imported-passphrase-file", "nothing"], 71, &["closed.p12"]);
}

/// Only the MAC tells whether the password is right and the file is whole.
#[test]
fn a_keystore_without_encryption_is_refused_for_its_mac() {
    let sandbox = with_root();
    pkcs12(&sandbox, "open.p12", &["-certpbe", "NONE", "-keypbe", "NONE", "-passout", "pass:secret12"]);
    sandbox.write("other", "another12");
    let other = ["--imported-passphrase-file", "other"];
    refused(&sandbox, &["open.p12"], &other, 71, &["open.p12", "integrity check fails"]);
    // One letter of a name is another one.
    let mut bytes = sandbox.read("open.p12");
    let at = bytes.windows(4).position(|window| window == b"Acme").unwrap();
    bytes[at] ^= 1;
    sandbox.write("changed.p12", bytes);
    refused(&sandbox, &["changed.p12"], &WITH_PASSWORD, 71, &["changed.p12", "integrity check fails"]);
    // Without a password its content is shown, and the check is left out.
    let shown = sandbox.ok(["inspect", "open.p12"]).stdout_text();
    assert!(shown.contains("algorithm        ec-p256"), "{shown}");
    read(&sandbox, "open.p12");
}

#[test]
fn salts_of_64_octets_are_read() {
    let sandbox = with_root();
    let files = ["root.key", "root.pem", PASSWORD, "key.der", "long.p12"];
    python("write_long_salts.py").args(files).directory(sandbox.path()).run().ok();
    // A second reader, so that the file which our own script writes is known to be a good one.
    run(&sandbox, &["pkcs12", "-in", "long.p12", "-nomacver", "-passin", "pass:secret12", "-noout"]);
    read(&sandbox, "long.p12");
    imported(&sandbox, &["root.pem", "key.der"], &WITH_PASSWORD);
}

#[test]
fn ciphers_that_are_not_read_are_named_before_a_password_is_asked_for() {
    let sandbox = with_root();
    let password = ["-passout", "pass:secret12"];
    for (cipher, name) in [("camellia-256-cbc", "Camellia-256-CBC"), ("aria-128-cbc", "ARIA-128-CBC")] {
        pkcs12(&sandbox, "other.p12", &[&password[..], &["-certpbe", cipher, "-keypbe", cipher]].concat());
        refused(
            &sandbox,
            &["other.p12"],
            &[],
            39,
            &[name, "openssl pkcs12 -in OLD.p12 -nodes | openssl pkcs12 -export"],
        );
        // A key alone in such a cipher hides nothing else.
        pkcs12(&sandbox, "key.p12", &[&password[..], &["-keypbe", cipher]].concat());
        refused(&sandbox, &["key.p12"], &WITH_PASSWORD, 39, &["private key", name, "openssl pkcs12"]);
        sandbox.ok(["verify", "key.p12", "--anchors", "root.pem", "--passphrase-file", "password"]);
    }
    let rc4 = ["-legacy", "-certpbe", "PBE-SHA1-RC4-128", "-keypbe", "PBE-SHA1-RC4-128"];
    pkcs12(&sandbox, "rc4.p12", &[&password[..], &rc4].concat());
    refused(&sandbox, &["rc4.p12"], &[], 39, &["PBE-SHA1-RC4-128", "-nodes -legacy"]);
    // The way out leads out.
    let plain = run(&sandbox, &["pkcs12", "-in", "rc4.p12", "-nodes", "-legacy", "-passin", "pass:secret12"]).stdout;
    sandbox.write("plain.pem", plain);
    run(&sandbox, &["pkcs12", "-export", "-in", "plain.pem", "-out", "new.p12", "-passout", "pass:secret12"]);
    read(&sandbox, "new.p12");
}

#[test]
fn keystores_of_java_open_and_their_key_may_have_a_password_of_its_own() {
    let sandbox = with_root();
    pkcs12(&sandbox, "default.p12", &["-passout", "pass:secret12"]);
    let from = ["-importkeystore", "-srckeystore", "default.p12", "-srcstorepass", PASSWORD];
    let to = |file, kind, password| ["-destkeystore", file, "-deststoretype", kind, "-deststorepass", password];
    let entry = ["-srcalias", "ca", "-destalias", "ca", "-srckeypass", PASSWORD, "-destkeypass"];
    java_keystore(&sandbox, &[&from[..], &to("java.p12", "PKCS12", PASSWORD)].concat());
    read(&sandbox, "java.p12");
    // keytool takes a password for the key alone only if the entry is named by its alias.
    java_keystore(&sandbox, &[&from[..], &to("same.jks", "JKS", PASSWORD), &entry, &[PASSWORD]].concat());
    read(&sandbox, "same.jks");

    java_keystore(&sandbox, &[&from[..], &to("own.jks", "JKS", PASSWORD), &entry, &["key-word"]].concat());
    sandbox.write("key-password", "key-word\n");
    sandbox.hides("key-word");
    let both = [&WITH_PASSWORD[..], &["--imported-key-passphrase-file", "key-password"]].concat();
    imported(&sandbox, &["own.jks"], &both);
    let asked =
        [&["init", "--no-input", "--insecure-no-passphrase", "--devices-ca", "own.jks"], &WITH_PASSWORD[..]].concat();
    let asked = sandbox.tbpki(asked).run().ends(2);
    crate::has_error(
        &asked,
        10,
        &["password of the private key in the imported keystore", "--imported-key-passphrase-file"],
    );
    // The right password of the store, in the place of the key's: the message has to name the key.
    let wrong = ["--imported-key-passphrase-file", "password"];
    refused(&sandbox, &["own.jks"], &[&WITH_PASSWORD[..], &wrong].concat(), 71, &["private key", "own.jks"]);

    java_keystore(&sandbox, &[&from[..], &to("java.jceks", "JCEKS", PASSWORD)].concat());
    refused(&sandbox, &["java.jceks"], &WITH_PASSWORD, 78, &["JCEKS", "keytool -importkeystore"]);
}

/// After a change of the CA's software, the issuer of a certificate is written in another string type than the subject of the
/// CA: one name by RFC 5280, section 7.1.
#[test]
fn a_chain_is_complete_whatever_string_types_its_names_have() {
    let sandbox = with_root();
    // The same name and key as UTF8String signs, and the root in PrintableString is kept.
    let config = |mask: &str| {
        format!(
            "[req]\ndistinguished_name=d\nprompt=no\nstring_mask={mask}\n[d]\nO=Acme\nCN=root\n[ca]\n\
                 basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        )
    };
    sandbox.write("utf8.cnf", config("utf8only"));
    sandbox.write("printable.cnf", config("nombstr"));
    for (config, file) in [("printable.cnf", "root.pem"), ("utf8.cnf", "utf8.pem")] {
        let args =
            ["req", "-x509", "-config", config, "-extensions", "ca", "-key", "root.key", "-days", "3000", "-out", file];
        run(&sandbox, &args);
    }
    run(&sandbox, &["x509", "-in", "root.pem", "-outform", "DER", "-out", "root.der"]);
    let (printable, utf8) =
        (sandbox.read("root.der"), run(&sandbox, &["x509", "-in", "utf8.pem", "-outform", "DER"]).stdout);
    assert!(printable.windows(6).any(|octets| octets == b"\x13\x04root"), "the root has a PrintableString");
    assert!(utf8.windows(6).any(|octets| octets == b"\x0c\x04root"), "its copy has a UTF8String");
    let request =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=Acme/CN=sub"];
    run(&sandbox, &[&request[..], &["-keyout", "sub.key", "-out", "sub.csr"]].concat());
    sandbox.write("sub.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n");
    let sign =
        ["x509", "-req", "-in", "sub.csr", "-CA", "utf8.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2000"];
    run(&sandbox, &[&sign[..], &["-extfile", "sub.ext", "-out", "sub.pem"]].concat());
    // OpenSSL compares names in a canonical form, so it builds this chain; a comparison of octets would not.
    run(&sandbox, &["verify", "-CAfile", "root.pem", "sub.pem"]);

    let store = ["pkcs12", "-export", "-in", "sub.pem", "-inkey", "sub.key", "-certfile", "root.pem"];
    run(&sandbox, &[&store[..], &["-out", "sub.p12", "-passout", "pass:secret12"]].concat());
    imported(&sandbox, &["sub.pem", "sub.key", "root.pem"], &[]);
    imported(&sandbox, &["sub.p12"], &WITH_PASSWORD);

    // A certificate that belongs to no chain of the file by its names is handed over all the same: the root is in another
    // file, and the keystore has a stranger.
    root(&sandbox, "stranger", "/CN=stranger");
    let store = ["pkcs12", "-export", "-in", "sub.pem", "-inkey", "sub.key", "-certfile", "stranger.pem"];
    run(&sandbox, &[&store[..], &["-out", "rootless.p12", "-passout", "pass:secret12"]].concat());
    imported(&sandbox, &["rootless.p12", "root.pem"], &WITH_PASSWORD);
    refused(&sandbox, &["rootless.p12"], &WITH_PASSWORD, 50, &["CN=root"]);
}

#[test]
fn a_keystore_where_pem_is_read_is_named() {
    let sandbox = with_root();
    pkcs12(&sandbox, "default.p12", &["-passout", "pass:secret12"]);
    by_certtool(&sandbox, "armored.p12", &["--password", PASSWORD]);
    for file in ["default.p12", "armored.p12"] {
        let outcome = sandbox.tbpki(["verify", "root.pem", "--anchors", "root.pem", "--key", file]).run().ends(1);
        crate::has_error(&outcome, 78, &["PKCS#12", "openssl pkcs12 -in FILE -nodes", file]);
    }
    let outcome = sandbox.tbpki(["verify", "default.p12", "--anchors", "root.pem"]).run().ends(1);
    crate::has_error(&outcome, 71, &["needs a password", "--passphrase-file"]);
    let args = ["verify", "root.pem", "--anchors", "default.p12", "--passphrase-file", "password"];
    crate::has_error(&sandbox.tbpki(args).run().ends(1), 76, &["no trusted certificate"]);
}

/// `inspect` opens the store's own keystores with the passwords that the store keeps.
#[test]
fn keystores_of_the_store_open_with_its_own_passwords() {
    let sandbox = Sandbox::with_store();
    for (device, out) in [("pump-1", "out-1"), ("pump-2", "out-2")] {
        sandbox.ok(["client", "--device", device, "--format", "p12,jks", "--out", out]);
    }
    for file in
        ["pki/devices/pump-1/pump-1.p12", "pki/devices/pump-2/pump-2.jks", "out-2/pump-2.p12", "out-1/pump-1.jks"]
    {
        let shown = sandbox.ok(["inspect", file]).stdout_text();
        assert!(shown.contains("algorithm        ec-p256"), "{file}: {shown}");
    }
    // Keystores of others are not tried to be opened by force, and a directory without a store has no passwords.
    let elsewhere = Sandbox::new();
    elsewhere.write("pump-1.p12", sandbox.read("out-1/pump-1.p12"));
    let outcome = elsewhere.tbpki(["inspect", "pump-1.p12"]).run().ends(1);
    crate::has_error(&outcome, 71, &["needs a password", "--passphrase-file"]);
}
