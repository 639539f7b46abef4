//! Faults at a device: its files, its certificate, its token.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use tbpki_tests::oracle::openssl;

use crate::breakages::{Broken, Row};
use crate::scene::{DEVICE, Scene, params};

pub(crate) const TABLE: &[Row] = &[
    ("the key file is missing", key_missing, &[("files", 80)]),
    ("the key file holds no key", no_key, &[("files", 31)]),
    ("the certificate is damaged", damaged, &[("files", 40)]),
    ("others may read the key", loose, &[("permissions", 85)]),
    ("the key is another certificate's", foreign_key, &[("key", 34)]),
    ("the key is encrypted", encrypted_key, &[("key", 32)]),
    ("the passphrase is wrong", wrong_passphrase, &[("key", 33)]),
    ("the root comes first", root_first, &[("chain", 48), ("client-certificate", 162)]),
    ("a stranger's CA follows the leaf", gap, &[("chain", 50), ("client-certificate", 162)]),
    ("a certificate is sent twice", twice, &[("chain", 59)]),
    ("the chain is of an earlier leaf", other_leaf, &[("chain", 171), ("login", 156)]),
    ("the leaf has expired", expired, &[("dates", 47), ("login", 47)]),
    ("the leaf is not valid yet", not_yet, &[("dates", 46), ("login", 46)]),
    ("the leaf is a server's", wrong_purpose, &[("purpose", 53)]),
    ("the leaf is not registered", unregistered, &[("login", 156)]),
    ("a token is sent together with the certificate", token_with_certificate, &[("files", 157)]),
    ("the token is wrong", wrong_token, &[("login", 158)]),
    ("the token file is empty", empty_token, &[("files", 9)]),
];

/// A check of the store's device against a ThingsBoard that knows it.
fn registered(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    Broken::new([board.host()]).while_alive(board)
}

fn key_missing(scene: &Scene) -> Broken {
    fs::remove_file(scene.device("key.pem")).unwrap();
    registered(scene)
}

fn no_key(scene: &Scene) -> Broken {
    fs::write(scene.device("key.pem"), fs::read(scene.device("cert.pem")).unwrap()).unwrap();
    registered(scene)
}

fn damaged(scene: &Scene) -> Broken {
    let broken = registered(scene);
    let text = fs::read_to_string(scene.device("chain.pem")).unwrap();
    // A quarter of the text ends within the leaf.
    fs::write(scene.device("chain.pem"), &text[..text.len() / 4]).unwrap();
    broken
}

fn loose(scene: &Scene) -> Broken {
    fs::set_permissions(scene.device("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    registered(scene)
}

fn foreign_key(scene: &Scene) -> Broken {
    fs::write(scene.device("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    registered(scene)
}

fn encrypted_key(scene: &Scene) -> Broken {
    let key = scene.device("key.pem");
    let encrypted = scene.path("encrypted.pem");
    let openssl = openssl().args(["pkcs8", "-topk8", "-passout", "pass:secret", "-in"]).arg(&key).arg("-out");
    openssl.arg(&encrypted).run().ok();
    fs::copy(encrypted, key).unwrap();
    registered(scene)
}

fn wrong_passphrase(scene: &Scene) -> Broken {
    let mut broken = encrypted_key(scene);
    scene.write("passphrase", "another\n");
    broken.args.extend(["--passphrase-file".to_owned(), "passphrase".to_owned()]);
    broken
}

fn root_first(scene: &Scene) -> Broken {
    let root = scene.sandbox.text("pki/ca/devices-root/cert.pem");
    let issuing = scene.sandbox.text("pki/ca/devices-issuing/cert.pem");
    let leaf = fs::read_to_string(scene.device("cert.pem")).unwrap();
    fs::write(scene.device("chain.pem"), root + &issuing + &leaf).unwrap();
    registered(scene)
}

fn gap(scene: &Scene) -> Broken {
    let leaf = fs::read_to_string(scene.device("cert.pem")).unwrap();
    let stranger = scene.sandbox.text("pki/ca/server-issuing/cert.pem");
    fs::write(scene.device("chain.pem"), leaf + &stranger).unwrap();
    registered(scene)
}

fn twice(scene: &Scene) -> Broken {
    // ThingsBoard lets this pass for a self-signed leaf; here the second copy breaks no link that is looked at.
    let chain = fs::read_to_string(scene.device("chain.pem")).unwrap();
    let issuing = scene.sandbox.text("pki/ca/devices-root/cert.pem");
    fs::write(scene.device("chain.pem"), chain + &issuing + &issuing).unwrap();
    registered(scene)
}

fn other_leaf(scene: &Scene) -> Broken {
    let broken = registered(scene);
    let earlier = fs::read(scene.device("cert.pem")).unwrap();
    scene.sandbox.ok(["client", "--device", DEVICE, "--force"]);
    fs::write(scene.device("cert.pem"), earlier).unwrap();
    broken
}

/// A ThingsBoard that knows this leaf, and a check with it.
fn with_leaf(scene: &Scene, usage: ExtendedKeyUsagePurpose, days: (i64, i64)) -> Broken {
    let (chain, key) = scene.issue("devices-issuing", &params(&[], usage, days));
    let board = scene.thingsboard();
    board.register("Another", &chain);
    let (chain, key) = (scene.write("c.pem", chain), scene.write("k.pem", key));
    let args = [board.host(), "--cert".to_owned(), chain.display().to_string(), "--key".to_owned()];
    let cafile = ["--cafile".to_owned(), "conf/cafile.pem".to_owned()];
    Broken::new(args.into_iter().chain([key.display().to_string()]).chain(cafile)).while_alive(board)
}

fn expired(scene: &Scene) -> Broken {
    with_leaf(scene, ExtendedKeyUsagePurpose::ClientAuth, (-10, -1))
}

fn not_yet(scene: &Scene) -> Broken {
    with_leaf(scene, ExtendedKeyUsagePurpose::ClientAuth, (1, 10))
}

fn wrong_purpose(scene: &Scene) -> Broken {
    with_leaf(scene, ExtendedKeyUsagePurpose::ServerAuth, (-1, 10))
}

fn unregistered(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    scene.sandbox.ok(["client", "--device", "Stranger"]);
    Broken::new([board.host(), "--device".to_owned(), "Stranger".to_owned()]).while_alive(board)
}

fn token_with_certificate(scene: &Scene) -> Broken {
    let mut broken = registered(scene);
    scene.write("token", "A1_TEST_TOKEN");
    scene.sandbox.hides("A1_TEST_TOKEN");
    broken.args.extend(["--device", DEVICE, "--token-file", "token"].map(str::to_owned));
    broken
}

fn wrong_token(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    scene.write("token", "A1_TEST_TOKEN");
    scene.sandbox.hides("A1_TEST_TOKEN");
    Broken::new([board.host(), "--token-file".to_owned(), "token".to_owned()]).while_alive(board)
}

fn empty_token(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    scene.write("token", "\n");
    Broken::new([board.host(), "--token-file".to_owned(), "token".to_owned()]).while_alive(board)
}
