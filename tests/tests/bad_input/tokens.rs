//! Keys in tokens: URIs that cannot be, and modules, tokens, PINs and keys that are not there or not as they should be.

use tbpki_tests::softhsm::{MODULE, PIN};
use tbpki_tests::{Sandbox, SoftHsm};

use crate::{Expected, refused, refused_with, usage, user};

/// The beginning of an `init` whose key is in a token.
const INIT: &[&str] = &["init", "--no-input", "--insecure-no-passphrase", "--ca-pin-file", "pin", "--devices-key"];

#[test]
fn uris_that_name_no_key() {
    let sandbox = Sandbox::new();
    sandbox.hides("4711");
    let with = |rest: &str| format!("pkcs11:{rest}?module-path={MODULE}");
    let rows: &[(String, &[&str])] = &[
        ("token=fleet".to_owned(), &["begins with pkcs11:"]),
        ("file:///etc/key.pem".to_owned(), &["begins with pkcs11:"]),
        ("pkcs11:token=fleet".to_owned(), &["which module", "module-path"]),
        ("pkcs11:token=fleet?module-path=libsofthsm2.so".to_owned(), &["not an absolute path"]),
        ("pkcs11:token=fleet?module-name=../evil".to_owned(), &["is a name, and not a path"]),
        (format!("{}&module-name=x", with("token=fleet")), &["named twice"]),
        (with("token=fleet;token=other"), &["duplicate attribute \"token\""]),
        (with("token=the fleet"), &["' '", "%20"]),
        (with("token=%"), &["\"token\"", "hexadecimal"]),
        (with("token=%C3"), &["UTF-8"]),
        // An escape sequence that clears the terminal, if a message showed the name of the token.
        (with("token=%1b%5B2J"), &["cannot be seen"]),
        (with("tokken=fleet"), &["\"tokken\"", "did you mean token?"]),
        (with("library-version=2"), &["\"library-version\"", "tbpki accepts"]),
        (with("type=cert"), &["private key"]),
        (with("slot-id=x"), &["decimal"]),
        (with("object="), &["1 to 255"]),
        (format!("{}&pin-value=4711", with("token=fleet")), &["PIN", "--ca-pin-file", "command lines"]),
        (with("token=fleet;pin-value=4711"), &["PIN", "--ca-pin-file"]),
        (format!("{}&pin-source=file:/pin", with("token=fleet")), &["pin-source", "--ca-pin-file", "[ca] pin"]),
    ];
    for (uri, words) in rows {
        let expected = usage(285, words);
        refused(&sandbox, &[INIT, &[uri, "--dry-run"]].concat(), expected);
        refused(&sandbox, &[INIT, &[uri]].concat(), expected);
    }
    refused(&sandbox, &[INIT, &["token=fleet"]].concat(), usage(285, &["--devices-key"]));
}

#[test]
fn modules_that_are_none() {
    let sandbox = Sandbox::new();
    sandbox.write("pin", PIN);
    sandbox.write("text.so", "no library");
    let text = format!("pkcs11:?module-path={}", sandbox.join("text.so").display());
    let rows: &[(&str, &[&str])] = &[
        ("pkcs11:?module-path=/there/is/none.so", &["/there/is/none.so", "no PKCS#11 module here"]),
        (&text, &["text.so", "cannot be loaded"]),
        ("pkcs11:?module-name=nowhere", &["nowhere", "/usr/lib/pkcs11"]),
    ];
    for (uri, words) in rows {
        refused(&sandbox, &[INIT, &[uri]].concat(), user(286, words));
    }
    // SoftHSM does not start without a configuration that it can read.
    let uri = format!("pkcs11:?module-path={MODULE}");
    let broken = |tool: tbpki_tests::Tool| tool.env("SOFTHSM2_CONF", "/there/is/none.conf");
    refused_with(&sandbox, &[INIT, &[&uri]].concat(), broken, user(286, &["does not start", "SOFTHSM2_CONF"]));
}

/// A token named `fleet` and what is typed to make its key that of the devices' CA.
struct Scene {
    sandbox: Sandbox,
    hsm: SoftHsm,
}

impl Scene {
    #[track_caller]
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let hsm = SoftHsm::new(&sandbox);
        Self { sandbox, hsm }
    }

    #[track_caller]
    fn fails(&self, args: &[&str], expected: Expected<'_>) {
        refused_with(&self.sandbox, args, |tool| self.hsm.seen_by(tool), expected);
    }

    /// `init` with a URI of these attributes and more arguments.
    #[track_caller]
    fn init(&self, attributes: &str, more: &[&str], expected: Expected<'_>) {
        let uri = format!("pkcs11:{attributes}?module-path={MODULE}");
        self.fails(&[INIT, &[&uri], more].concat(), expected);
    }

    /// A key that OpenSC's tool makes.
    #[track_caller]
    fn make(&self, label: &str, id: &str) {
        let args = ["--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", label, "--id", id];
        self.hsm.pkcs11_tool("fleet", &args).ok();
    }
}

#[test]
fn tokens_that_are_not_there_or_more_than_one() {
    let scene = Scene::new();
    scene.init("", &[], user(287, &["sees no token at all"]));
    scene.hsm.add("fleet");
    scene.init("token=fleet;serial=0", &[], user(287, &["token \"fleet\", serial \"0\"", "token fleet (serial"]));
    scene.init("slot-id=0", &[], user(287, &["slot 0"]));
    scene.hsm.add("other");
    scene.init("", &[], user(288, &["any token", "token fleet (serial", "token other (serial", "serial=.."]));
}

#[test]
fn pins_that_are_wrong_or_not_there() {
    let scene = Scene::new();
    scene.hsm.add("fleet");
    scene.sandbox.write("wrong", "4711-is-wrong");
    scene.sandbox.hides("4711-is-wrong");
    let uri = format!("pkcs11:token=fleet?module-path={MODULE}");
    let init = ["init", "--no-input", "--insecure-no-passphrase", "--devices-key", &uri];
    let wrong = [&init[..], &["--ca-pin-file", "wrong"]].concat();
    scene.fails(&wrong, user(289, &["token fleet", "CKR_PIN_INCORRECT", "--ca-pin-file"]));
    scene.fails(&[&wrong[..], &["--devices-key-existing"]].concat(), user(289, &["not tried again"]));
    scene.fails(&[&wrong[..], &["--dry-run"]].concat(), user(289, &["CKR_PIN_INCORRECT"]));
    let missing = [&init[..], &["--ca-pin-file", "missing"]].concat();
    scene.fails(&missing, user(9, &["missing"]));
    scene.fails(&init, usage(10, &["PIN of the token", "--ca-pin-file"]));
    // A question that cannot be asked costs no attempt: the right one still opens.
    let existing = [&init[..], &["--ca-pin-file", "pin", "--devices-key-existing"]].concat();
    scene.fails(&existing, user(290, &["no private key at all"]));
}

#[test]
fn keys_that_are_not_there_or_not_fit() {
    let scene = Scene::new();
    scene.hsm.add("fleet");
    let taken = &["--devices-key-existing"][..];
    scene.init("object=none", taken, user(290, &["\"none\""]));
    scene.init("", &["--alg", "ed25519"], user(292, &["ed25519", "--alg"]));
    scene.make("mine", "01");
    scene.init("object=none", taken, user(290, &["\"none\"", "mine (id 01)"]));
    scene.init("object=mine;id=%02", taken, user(290, &["\"mine\", id 02", "mine (id 01)"]));
    // A key that is there is not replaced, and is taken only on request.
    scene.init("object=mine", &[], user(291, &["\"mine\"", "--devices-key-existing"]));
    scene.init("id=%01", &[], user(291, &["id 01", "--devices-key-existing"]));
    scene.make("mine", "02");
    scene.init("object=mine", taken, user(288, &["2 private keys", "mine (id 01)", "mine (id 02)", "id="]));
    scene.make("pair", "04");
    scene.hsm.pkcs11_tool("fleet", &["--delete-object", "--type", "pubkey", "--id", "04"]).ok();
    scene.init("object=pair", taken, user(291, &["without its public key"]));
}

#[test]
fn stores_whose_key_uri_is_damaged() {
    let scene = Scene::new();
    scene.hsm.add("fleet");
    let uri = format!("pkcs11:token=fleet?module-path={MODULE}");
    scene.hsm.seen_by(scene.sandbox.tbpki([INIT, &[&uri]].concat())).run().ok();
    let path = "pki/ca/devices-issuing/key.uri";
    let good = scene.sandbox.text(path);
    let client = ["client", "--device", "pump-1", "--ca-pin-file", "pin"];
    scene.fails(&["client", "--device", "pump-1", "--no-input"], usage(10, &["PIN of the token", "key.uri"]));
    let rows: &[(&[u8], u16, &[&str])] = &[
        (b"\xff\xfe", 285, &["key.uri", "contains no PKCS#11 URI"]),
        (b"", 285, &["key.uri", "begins with pkcs11:"]),
        (b"pkcs11:token=fleet", 285, &["key.uri", "which module"]),
    ];
    for (bytes, code, words) in rows {
        scene.sandbox.write(path, bytes);
        scene.fails(&client, user(*code, words));
        scene.fails(&["ca", "export", "devices", "--out", "kit"], user(*code, words));
    }
    // The key of another CA in the same token.
    scene.make("mine", "01");
    scene.sandbox.write(path, format!("pkcs11:object=mine?module-path={MODULE}"));
    scene.fails(&client, user(34, &["does not belong"]));
    scene.sandbox.write(path, &good);
    // A store with two keys for one CA: which one signs must not depend on the order in which they are looked for.
    scene.sandbox.write("pki/ca/devices-issuing/key.pem", "one too many");
    scene.fails(&client, user(97, &["in a file and another in a token"]));
}
