//! Private keys: encrypted in old ways, in formats of other programs, with curves spelled out.

use tbpki_tests::{Sandbox, Tool};

use crate::{WITH_PASSWORD, imported, is_plain, refused, run, with_root};

/// The fault that `inspect` reports for the file, and its help.
#[track_caller]
fn shown(sandbox: &Sandbox, file: &str, words: &[&str]) {
    let text = sandbox.ok(["inspect", file]).stdout_text();
    for word in words {
        assert!(text.contains(word), "expected {word:?} of {file}:\n{text}");
    }
    is_plain(&text);
}

#[test]
fn keys_in_the_traditional_encryption_of_openssl_are_read() {
    let sandbox = with_root();
    sandbox.write("wrong", "wrong-word\n");
    for cipher in ["aes128", "aes192", "aes256", "des3"] {
        let file = format!("{cipher}.key");
        let option = format!("-{cipher}");
        run(&sandbox, &["ec", "-in", "root.key", &option, "-passout", "pass:secret12", "-out", &file]);
        assert!(sandbox.text(&file).contains("Proc-Type: 4,ENCRYPTED"));
        imported(&sandbox, &["root.pem", &file], &WITH_PASSWORD);
        refused(&sandbox, &["root.pem", &file], &["--imported-passphrase-file", "wrong"], 33, &[&file]);
        let words = ["encrypted        yes", "traditional"];
        shown(&sandbox, &file, &words);
    }
    // DEK-Info names the cipher in plain, so that the file is refused before a password is asked for.
    for cipher in ["camellia256", "aria128"] {
        let option = format!("-{cipher}");
        run(&sandbox, &["ec", "-in", "root.key", &option, "-passout", "pass:secret12", "-out", "other.key"]);
        refused(&sandbox, &["root.pem", "other.key"], &[], 39, &["CBC", "openssl pkcs8 -topk8"]);
    }
}

#[test]
fn keys_in_the_old_schemes_of_pkcs8_are_read_and_named() {
    let sandbox = with_root();
    for (scheme, provider) in [
        ("PBE-SHA1-3DES", &[][..]),
        ("PBE-SHA1-2DES", &[]),
        // OpenSSL 3 keeps single DES, RC2 and RC4 in a provider that it does not load; and once one provider is named,
        // the default one has to be named too.
        ("PBE-MD5-DES", &["-provider", "legacy", "-provider", "default"]),
        ("PBE-SHA1-DES", &["-provider", "legacy", "-provider", "default"]),
        ("PBE-SHA1-RC2-64", &["-provider", "legacy", "-provider", "default"]),
        ("PBE-SHA1-RC2-128", &["-provider", "legacy", "-provider", "default"]),
        ("PBE-SHA1-RC2-40", &["-provider", "legacy", "-provider", "default"]),
    ] {
        for form in ["PEM", "DER"] {
            let args =
                ["pkcs8", "-topk8", "-v1", scheme, "-in", "root.key", "-passout", "pass:secret12", "-outform", form];
            run(&sandbox, &[&args[..], &["-out", "old.key"], provider].concat());
            imported(&sandbox, &["root.pem", "old.key"], &WITH_PASSWORD);
            shown(&sandbox, "old.key", &["encrypted PKCS#8", scheme, "old algorithm"]);
        }
    }
    for cipher in ["aes-128-cbc", "des3"] {
        let args =
            ["pkcs8", "-topk8", "-v2", cipher, "-in", "root.key", "-passout", "pass:secret12", "-out", "new.key"];
        run(&sandbox, &args);
        imported(&sandbox, &["root.pem", "new.key"], &WITH_PASSWORD);
    }
    let args = ["pkcs8", "-topk8", "-scrypt", "-in", "root.key", "-passout", "pass:secret12", "-out", "scrypt.key"];
    run(&sandbox, &args);
    imported(&sandbox, &["root.pem", "scrypt.key"], &WITH_PASSWORD);
}

#[test]
fn encryption_that_is_not_read_is_named() {
    let sandbox = with_root();
    for (options, name) in [
        (&["-v2", "camellia-256-cbc"][..], "Camellia-256-CBC"),
        (&["-v2", "aria-256-cbc"], "ARIA-256-CBC"),
        (&["-v1", "PBE-SHA1-RC4-128", "-provider", "legacy", "-provider", "default"], "PBE-SHA1-RC4-128"),
    ] {
        let args = ["pkcs8", "-topk8", "-in", "root.key", "-passout", "pass:secret12", "-out", "other.key"];
        run(&sandbox, &[&args[..], options].concat());
        refused(&sandbox, &["root.pem", "other.key"], &[], 39, &[name, "openssl pkcs8 -topk8 -v2 aes-256-cbc"]);
        shown(&sandbox, "other.key", &[name, "help"]);
    }
}

#[test]
fn a_curve_that_is_spelled_out_is_named_and_the_way_out_works() {
    let sandbox = with_root();
    // RFC 5480, section 2.1.1, forbids this form in certificates. OpenSSL writes it for keys on request, and older
    // programs unasked.
    run(&sandbox, &["ec", "-in", "root.key", "-param_enc", "explicit", "-out", "sec1.pem"]);
    run(&sandbox, &["ec", "-in", "root.key", "-param_enc", "explicit", "-outform", "DER", "-out", "sec1.der"]);
    run(&sandbox, &["pkcs8", "-topk8", "-nocrypt", "-in", "sec1.pem", "-out", "pkcs8.pem"]);
    for file in ["sec1.pem", "sec1.der", "pkcs8.pem"] {
        refused(&sandbox, &["root.pem", file], &[], 31, &["parameters of its curve", "-param_enc named_curve"]);
        shown(&sandbox, file, &["parameters of its curve", "-param_enc named_curve"]);
        let form = if file.ends_with("der") { "DER" } else { "PEM" };
        run(&sandbox, &["ec", "-in", file, "-inform", form, "-param_enc", "named_curve", "-out", "named.pem"]);
        imported(&sandbox, &["root.pem", "named.pem"], &[]);
    }
}

#[test]
fn every_form_of_a_plain_key_is_read() {
    let sandbox = with_root();
    run(&sandbox, &["ec", "-in", "root.key", "-out", "sec1.pem"]);
    run(&sandbox, &["ec", "-in", "root.key", "-outform", "DER", "-out", "sec1.der"]);
    run(&sandbox, &["pkcs8", "-topk8", "-nocrypt", "-in", "root.key", "-outform", "DER", "-out", "pkcs8.der"]);
    for (file, form) in [("sec1.pem", "SEC 1"), ("sec1.der", "SEC 1"), ("pkcs8.der", "PKCS#8")] {
        imported(&sandbox, &["root.pem", file], &[]);
        shown(&sandbox, file, &[form, "ec-p256"]);
    }
}

#[test]
fn keys_of_other_programs_are_named() {
    let sandbox = with_root();
    let ssh = |args: &[&str]| Tool::new("ssh-keygen").args(args).directory(sandbox.path()).run().ok();
    ssh(&["-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", "ssh.key"]);
    ssh(&["-q", "-t", "ed25519", "-N", "secret12", "-f", "ssh-closed.key"]);
    sandbox.write("key.ppk", "PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\nEncryption: none\nComment: x\n");
    for (file, words) in [
        ("ssh.key", &["OpenSSH", "ssh-keygen -p -m PKCS8"][..]),
        ("ssh-closed.key", &["OpenSSH", "load_ssh_private_key"]),
        ("ssh.key.pub", &["public key of OpenSSH"]),
        ("key.ppk", &["PuTTY", "puttygen"]),
    ] {
        refused(&sandbox, &["root.pem", file], &[], 78, words);
    }
    // The way out leads out.
    ssh(&["-q", "-p", "-m", "PKCS8", "-N", "", "-f", "ssh.key"]);
    // The key is read now; all that is left to refuse is that it is not the one of root.pem.
    refused(&sandbox, &["root.pem", "ssh.key"], &[], 34, &["belongs to its private key"]);

    run(
        &sandbox,
        &["genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", "dsa.params"],
    );
    run(&sandbox, &["genpkey", "-paramfile", "dsa.params", "-out", "dsa.key"]);
    // PKCS#8 has an identifier of the algorithm; this older form has only the label of its PEM to tell it.
    run(&sandbox, &["dsa", "-in", "dsa.key", "-out", "dsa-old.key"]);
    for file in ["dsa.key", "dsa-old.key"] {
        refused(&sandbox, &["root.pem", file], &[], 30, &["ec-p256"]);
    }
}

#[test]
fn what_is_no_key_is_named_for_what_it_is() {
    let sandbox = with_root();
    run(&sandbox, &["req", "-new", "-key", "root.key", "-subj", "/CN=x", "-outform", "DER", "-out", "request.der"]);
    sandbox.write("empty", "");
    for (file, code, words) in [
        ("root.pem", 31, &["no private key", "CERTIFICATE"][..]),
        ("root.der", 31, &["a certificate, and no private key"]),
        ("request.der", 31, &["a certificate signing request"]),
        ("empty", 31, &["the file is empty"]),
    ] {
        let outcome = sandbox.tbpki(["verify", "root.pem", "--anchors", "root.pem", "--key", file]).run().ends(1);
        crate::has_error(&outcome, code, words);
    }
}
