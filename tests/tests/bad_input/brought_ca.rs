//! CAs that people bring and that cannot be taken.

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
        (&["expired.pem", "expired.key", "root.pem"], 43, &["expired on 2020-01-01"]),
        (&["expired-root.pem", "expired-root.key"], 43, &["expired on 2020-01-01"]),
        (&["below-expired.pem", "below-expired.key", "expired-root.pem"], 43, &["expired on 2020-01-01"]),
        (&["early.pem", "early.key", "root.pem"], 43, &["not valid before 2090-01-01", "clock"]),
        (&["inverted.pem", "inverted.key", "root.pem"], 41, &["ends before it begins"]),
        (&["root.pem"], 31, &["no private key"]),
        (&["root.key"], 34, &["private key"]),
        (&["root.pem", "root.key", "other.key"], 31, &["more than one key"]),
        (&["garbage"], 31, &["garbage"]),
        (&["missing.pem"], 80, &["missing.pem"]),
    ];
    for (files, code, words) in rows {
        for flag in ["--server-ca", "--devices-ca"] {
            refused(&sandbox, &[&["init", OPEN, flag], *files].concat(), user(*code, words));
        }
    }
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
        refused(&sandbox, &args, usage(10, &["--brought-passphrase-file"]));
        let with = |name| [&args[..], &["--brought-passphrase-file", name]].concat();
        refused(&sandbox, &with("wrong"), user(code, &[files[files.len() - 1]]));
        refused(&sandbox, &with("missing"), user(9, &["missing"]));
        sandbox.ok([&with("right")[..], &["--dry-run"]].concat());
    }
}
