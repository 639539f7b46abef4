//! The walls inside crates: which folder may not import which.

use super::allowance::Measure;
use crate::source::module::Module;
use crate::source::uses::Uses;

/// A rule for the modules of one crate. A folder is a module with everything below it: `file` is `src/file.rs` and
/// `src/file/**`.
pub(super) struct Wall {
    pub(super) package: &'static str,
    pub(super) folder: &'static str,
    pub(super) may_not_import: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// The rules, crate by crate.
pub(super) const WALLS: &[Wall] = &[
    wall(
        "tbpki-pki",
        "asn1",
        &["inspect", "issue", "key", "keystore", "pkcs11", "read", "verify"],
        "encoding is below all",
    ),
    wall(
        "tbpki-pki",
        "names",
        &["inspect", "issue", "key", "keystore", "pkcs11", "read", "verify"],
        "a name is a value",
    ),
    wall(
        "tbpki-pki",
        "read",
        &["inspect", "issue", "keystore", "pkcs11", "verify"],
        "reading a certificate judges nothing and issues nothing",
    ),
    wall(
        "tbpki-pki",
        "key",
        &["inspect", "issue", "keystore", "pkcs11", "verify"],
        "a key does not know who holds or uses it",
    ),
    wall(
        "tbpki-pki",
        "keystore",
        &["inspect", "issue", "read", "verify"],
        "a keystore holds bytes and does not judge them",
    ),
    wall("tbpki-pki", "issue/tbs", &["issue/issuer", "keystore", "verify"], "encoding needs no signer"),
    wall("tbpki-pki", "issue", &["inspect", "keystore", "pkcs11"], "an issuer takes any signing key"),
    wall(
        "tbpki-pki",
        "verify",
        &["inspect", "issue", "keystore", "pkcs11"],
        "verifying must not share code with issuing",
    ),
    wall(
        "tbpki-device",
        "nvs",
        &["enrolment", "record", "session", "slots", "mbedtls"],
        "the flash format does not depend on what is stored",
    ),
    wall(
        "tbpki-device",
        "record",
        &["enrolment", "session", "slots", "mbedtls"],
        "devkit uses the record without a session",
    ),
    wall(
        "tbpki-device",
        "slots",
        &["enrolment", "session", "mbedtls"],
        "a slot does not know where its identity comes from",
    ),
    wall("tbpki-device", "enrolment", &["session", "mbedtls"], "enrolment takes any TLS"),
    wall(
        "tbpki-device",
        "session",
        &["mbedtls", "nvs"],
        "a session reaches TLS and flash through the traits of its platform",
    ),
    wall("tbpki-devkit", "nvs", &["application", "image", "partition"], "the flash format does not depend on images"),
    wall("tbpki-devkit", "partition", &["application", "image"], "a partition table does not depend on what fills it"),
    wall("tbpki-devkit", "application", &["image", "nvs", "partition"], "an application is one part of an image"),
    wall("tbpki-ledger", "sqlite", &["postgres"], "one database does not depend on the other"),
    wall("tbpki-ledger", "postgres", &["sqlite"], "one database does not depend on the other"),
    wall(
        "tbpki-provision",
        "files",
        &["actorcloud", "check", "http", "pace", "probe", "thingsboard", "tls"],
        "reading files needs no network",
    ),
    wall(
        "tbpki-provision",
        "http",
        &["actorcloud", "check", "probe", "thingsboard", "tls"],
        "the HTTP client knows no platform",
    ),
    wall(
        "tbpki-provision",
        "tls",
        &["actorcloud", "check", "http", "probe", "thingsboard"],
        "connections to brokers know no platform and no check",
    ),
    wall(
        "tbpki-provision",
        "pace",
        &["actorcloud", "check", "http", "thingsboard"],
        "the concurrency limit knows neither client nor platform",
    ),
    wall("tbpki-provision", "thingsboard", &["actorcloud", "check"], "one platform does not depend on the other"),
    wall("tbpki-provision", "actorcloud", &["check", "thingsboard"], "one platform does not depend on the other"),
    wall(
        "tbpki-identity",
        "files",
        &["delivery", "device", "init", "station_bundle", "issue_request", "server", "issuance"],
        "the files of an identity do not depend on how it is made",
    ),
    wall(
        "tbpki-identity",
        "thingsboard",
        &["files", "issue_request", "server", "issuance"],
        "settings are text about values",
    ),
    wall(
        "tbpki-identity",
        "init",
        &["delivery", "device", "issue_request", "server", "issuance"],
        "CAs exist before identities",
    ),
    wall(
        "tbpki-identity",
        "issuance",
        &["delivery", "device", "issue_request", "server"],
        "the steps do not know their plan",
    ),
    wall("tbpki-identity", "issue_request", &["device", "server"], "servers and devices are made alike"),
    wall("tbpki-fleet", "bundle", &["mass"], "one device does not need many"),
    wall("tbpki-fleet", "job_order", &["mass"], "a job's request does not depend on its work"),
    wall("tbpki-fleet", "register", &["mass"], "one device does not need many"),
    wall("tbpki-fleet", "mass/runner", &["bundle", "mass/issue", "mass/register", "register"], "no step is special"),
    wall("tbpki-fleet", "names", &["mass", "overview", "register"], "reading names starts no work"),
    wall("tbpki-fleet", "overview", &["mass", "register"], "a report only reads"),
    wall("tbpki", "args", &["output", "verb"], "arguments are data"),
    wall("tbpki", "output", &["verb"], "output does not depend on what is done"),
    wall("tbpki-tb-sim", "http", &["actorcloud", "packets", "thingsboard", "tls"], "the HTTP server knows no route"),
    wall("tbpki-tb-sim", "packets", &["actorcloud", "http", "thingsboard", "tls"], "packets know no broker"),
    wall("tbpki-tb-sim", "tls", &["actorcloud", "http", "packets", "thingsboard"], "TLS knows no protocol above it"),
    wall("tbpki-tb-sim", "actorcloud", &["thingsboard"], "one platform does not depend on the other"),
    wall("tbpki-tb-sim", "thingsboard", &["actorcloud"], "one platform does not depend on the other"),
    wall(
        "tbpki-tb-sim",
        "thingsboard/state",
        &["http", "packets", "thingsboard/mqtt", "thingsboard/rest", "tls"],
        "the platform's rules know no protocol",
    ),
    wall(
        "tbpki-tb-sim",
        "thingsboard/model",
        &["http", "packets", "thingsboard/mqtt", "thingsboard/rest", "thingsboard/state", "tls"],
        "entities know no rules",
    ),
    wall(
        "tbpki-tb-sim",
        "thingsboard/rest",
        &["packets", "thingsboard/mqtt", "tls"],
        "one protocol does not depend on the other",
    ),
    wall(
        "tbpki-tb-sim",
        "thingsboard/mqtt",
        &["http", "thingsboard/rest"],
        "one protocol does not depend on the other",
    ),
    wall("xtask", "source", &["bench", "firmware", "setup", "test"], "reading source text checks nothing"),
];

const fn wall(
    package: &'static str,
    folder: &'static str,
    may_not_import: &'static [&'static str],
    reason: &'static str,
) -> Wall {
    Wall { package, folder, may_not_import, reason }
}

/// Counts the imports against one rule, and names the folders of the rule that do not exist.
pub(super) fn measure(wall: &Wall, modules: &[Module], uses: &Uses) -> (Vec<Measure>, Vec<String>) {
    let mut measures = Vec::new();
    let mut stale = Vec::new();
    // A rule for a folder that was renamed would pass forever, and guard nothing.
    for folder in [wall.folder].iter().chain(wall.may_not_import) {
        if !modules.iter().any(|module| is_in(module, folder)) {
            stale.push(format!("{}: no module {folder}; correct the table of walls in {}", wall.package, file!()));
        }
    }
    for forbidden in wall.may_not_import {
        let mut found = Vec::new();
        for ((from, to), line) in uses {
            if let (Some(from), Some(to)) = (modules.get(*from), modules.get(*to))
                && is_in(from, wall.folder)
                && is_in(to, forbidden)
            {
                found.push(format!("src/{}:{line} imports from src/{}", from.file, to.file));
            }
        }
        let rule = format!("{}: {} may not import {forbidden}", wall.package, wall.folder);
        // Also where nothing was found: an allowance for the rule has to notice that it is met.
        measures.push(Measure { rule, count: found.len(), limit: 0, found, reason: wall.reason.to_owned() });
    }
    (measures, stale)
}

fn is_in(module: &Module, folder: &str) -> bool {
    let folder: Vec<&str> = folder.split('/').collect();
    // Part by part: as texts, a rule for `a` would hold for `ab` too.
    module.path.len() >= folder.len() && module.path.iter().zip(&folder).all(|(part, of)| part == of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::module::of_texts;
    use crate::source::uses::uses;

    const WALL: Wall = wall("tbpki-x", "a", &["b"], "a knows no b");

    #[test]
    fn a_forbidden_import_is_found() {
        let modules =
            of_texts(&[("a.rs", ""), ("a/c.rs", "\nfn f() { crate::b::d::g() }"), ("b.rs", ""), ("b/d.rs", "")]);
        let (measures, stale) = measure(&WALL, &modules, &uses(&modules));
        assert_eq!(measures[0].found, ["src/a/c.rs:2 imports from src/b/d.rs"]);
        assert_eq!(measures[0].rule, "tbpki-x: a may not import b");
        assert!(stale.is_empty());
    }

    #[test]
    fn the_other_direction_is_allowed() {
        let modules = of_texts(&[("a.rs", "pub struct A;"), ("b.rs", "use crate::a::A;"), ("ab.rs", "use crate::b;")]);
        assert_eq!(measure(&WALL, &modules, &uses(&modules)).0[0].count, 0);
    }

    #[test]
    fn a_rule_for_a_folder_that_is_gone_is_named() {
        let modules = of_texts(&[("b.rs", "")]);
        let stale = measure(&WALL, &modules, &uses(&modules)).1;
        assert!(stale[0].starts_with("tbpki-x: no module a;"), "{stale:?}");
    }
}
