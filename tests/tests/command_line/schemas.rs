//! All output of `--json` matches the schemas in docs/schemas, and is all that is on stdout.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use devkit::chip::Chip;
use serde_json::{Value, json};
use tbpki_tests::binary::workspace;
use tbpki_tests::oracle::openssl;
use tbpki_tests::platform::{Answer, Platform};
use tbpki_tests::{Listener, Mosquitto, Outcome, Sandbox, Tool};
use testkit::application::Sample;
use testkit::postgres::{self, Certificates};

/// The schema of a verb, closed: no field may come that it does not describe.
fn schema(verb: &str) -> Value {
    let path = workspace().join(format!("docs/schemas/{verb}.json"));
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    for (name, definition) in schema["$defs"].as_object_mut().unwrap() {
        // A view is a part of an item, which is closed as a whole.
        if !name.ends_with("View") {
            close(definition);
        }
    }
    schema
}

/// Closes an object and its content, up to references.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut().filter(|fields| fields.contains_key("properties")) else { return };
    fields["properties"].as_object_mut().unwrap().values_mut().for_each(close);
    // Not `additionalProperties`, which knows nothing of fields that come by a reference (JSON Schema 2020-12, core,
    // 11.3).
    fields.insert("unevaluatedProperties".to_owned(), json!(false));
}

/// The faults, a line each.
fn faults(verb: &str, printed: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&schema(verb)).unwrap();
    validator.iter_errors(printed).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A station with everything in it that there is to be looked at.
fn station() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "out"]);
    sandbox.ok(["client", "--device", "pump-1", "--format", "p12,jks,nopass"]);
    // openssl writes the files and makes no directory for them; this line makes it.
    sandbox.write("csr/key.pem", "");
    openssl()
        .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"])
        .arg("-keyout")
        .arg(sandbox.join("csr/key.pem"))
        .arg("-out")
        .arg(sandbox.join("csr/x.csr"))
        .run()
        .ok();
    openssl()
        .args(["req", "-new", "-x509", "-subj", "/CN=old", "-key"])
        .arg(sandbox.join("csr/key.pem"))
        .arg("-out")
        .arg(sandbox.join("csr/old.pem"))
        .run()
        .ok();
    sandbox.write("empty/keygen.properties", "ORGANIZATION=\"Acme\"\nSERVER_KEYSTORE_PASSWORD=server_ks_password\n");
    sandbox.write("app.elf", Sample::new(Chip::Esp32C3.name()).elf());
    sandbox.write("kit.pass", "a passphrase for the road\n");
    sandbox.write("taken/job-4.csv", "something else\n");
    sandbox.write("pki/secrets/fleet-4.keystore-password", "short\n");
    sandbox.write("key.uri", "pkcs11:token=fleet;object=devices?module-path=/m.so\n");
    // A fleet directory that the ledger of the station does not know.
    let other = sandbox.copy();
    other.ok(["fleet", "issue", "--count", "2", "--name-pattern", "lost-{}", "--out", "lost"]);
    Tool::new("cp").arg("-a").arg(other.join("lost")).arg(sandbox.path()).run().ok();
    sandbox.write("restored/keygen.toml", "version = 1\n");
    sandbox.write("wrong.toml", "version = 1\n[server]\nnmae = \"x\"\n");
    sandbox
}

const CHAIN: &str = "pki/devices/pump-1/chain.pem";

/// What is run in the station, in this order; the exit status that it ends with; and the fields that its result has
/// to have so that the case is the one that is meant.
const CASES: &[(&[&str], i32, &[&str])] = &[
    (&["init", "--config", "a/keygen.toml", "--insecure-no-passphrase", "--dry-run"], 0, &["/result/files/0"]),
    (&["init", "--config", "a/keygen.toml", "--no-input"], 2, &["/error/fix"]),
    (&["init", "--insecure-no-passphrase"], 1, &["/error/place/file"]),
    (&["server", "--name", "localhost", "--only-given-names"], 0, &["/result/certificate/serial"]),
    (&["server", "--name", "localhost", "--out", "out", "--force"], 0, &["/result/files/0/kept"]),
    (&["server", "--name", "other.example", "--only-given-names", "--dry-run"], 0, &["/result/names/0"]),
    (&["server", "--name", "other.example", "--only-given-names", "--format", "jks"], 0, &["/findings/0/why"]),
    (&["server", "--name", "not a host!"], 2, &["/error/place/item"]),
    (&["server", "--only-given-names", "--config", "wrong.toml"], 1, &["/error/place/line", "/error/place/column"]),
    (&["client", "--device", "pump-2", "--alg", "ed25519"], 0, &["/findings/0", "/result/certificate"]),
    (&["client", "--device", "x", "--csr", "csr/x.csr"], 0, &["/result/generation"]),
    (&["client", "--device", "pump-2", "--force", "--dry-run"], 0, &["/result/files/0"]),
    (&["client", "pump-1", "pump-2"], 0, &["/result/devices/1/certificate", "/result/left"]),
    (&["client", "pump-1", "pump-2", "--out", "x"], 2, &["/error/fix"]),
    (&["client", "--device", "pump-1", "--days", "3"], 1, &["/error/why"]),
    (&["inspect", CHAIN, "csr/x.csr", "pki/devices/pump-1/key.pem"], 0, &["/result/files/2"]),
    (&["inspect", "out/mqttserver.p12", "--passphrase-file", PASSWORD], 0, &["/result/files/0"]),
    (&["inspect", "pki/devices/pump-1/pump-1.jks"], 0, &["/result/files/0"]),
    (&["inspect", "key.uri"], 0, &["/result/files/0/items/0/uri"]),
    (&["inspect", "nothing.pem"], 1, &["/error"]),
    (
        &["ca", "export", "devices", "--out", "kit", "--passphrase-file", "kit.pass"],
        0,
        &["/result/key", "/result/files/0", "/result/certificate/fingerprint"],
    ),
    (&["ca", "export", "devices", "--out", "kit", "--config=missing.toml"], 1, &["/error/fix"]),
    (&["ca", "activate", "server-issuing"], 1, &["/error/fix"]),
    (&["ca", "list", "--config=missing.toml"], 1, &["/error/fix"]),
    (&["ca", "prepare", "server-issuing", "--config=missing.toml"], 1, &["/error/fix"]),
    (&["ca", "confirm", "server-issuing", "--all", "--config=missing.toml"], 1, &["/error/fix"]),
    (&["ca", "prepare", "server-issuing", "--dry-run"], 0, &["/result/done"]),
    (&["ca", "prepare", "server-issuing"], 0, &["/result/certificate/fingerprint", "/result/files/0"]),
    (&["ca", "activate", "server-issuing"], 0, &["/result/generation"]),
    (&["ca", "retire", "server-issuing"], 1, &["/error/fix"]),
    (&["ca", "list"], 0, &["/result/cas/4/shortens_from"]),
    (&["ca", "passphrase", "devices-root", "--insecure-no-passphrase"], 0, &["/result/keys/0/done"]),
    (&["ca", "passphrase", "another", "--insecure-no-passphrase"], 1, &["/error/fix"]),
    (&["ca", "prepare", "devices-issuing"], 0, &["/result/restart/0"]),
    (&["ca", "activate", "devices-issuing"], 1, &["/error/fix"]),
    (&["ca", "confirm", "devices-issuing", "--all"], 0, &["/result/user"]),
    (&["ca", "list"], 0, &["/result/cas/5/peers/confirmed"]),
    (&["verify", CHAIN, "--key", "pki/devices/pump-1/key.pem"], 0, &["/result/links/1"]),
    (
        &["verify", CHAIN, "--purpose", "server", "--host", "pump-1", "--at", "2060-01-01T00:00:00Z"],
        3,
        &["/findings/0", "/result/links/0/codes/0"],
    ),
    (&["verify", "wrong.toml"], 1, &["/error"]),
    (&["list"], 0, &["/result/identities/7"]),
    (&["list", "--all", "--kind", "server"], 0, &["/result/identities/1/credentials_id"]),
    (&["list", "--unregistered", "--name", "pump-*"], 0, &["/result/identities/1/fingerprint"]),
    // Refused by the parser of the command line, which has to print JSON as well.
    (&["list", "--kind", "token"], 2, &["/error"]),
    (&["list", "--config", "nowhere/keygen.toml"], 1, &["/error"]),
    (&["report", "--metrics", "tbpki.prom"], 0, &["/result/metrics"]),
    (&["import", "--cert", "csr/old.pem", "--name", "old-1"], 0, &["/result/imported/0/issuer", "/result/skipped"]),
    (&["import", "--cert", "csr/x.csr"], 1, &["/error/fix"]),
    (&["report", "--out", "report.html"], 0, &["/result/fleet/states/issued"]),
    (&["report", "--out", "report.html", "--title", "Another"], 1, &["/error/fix"]),
    (&["report", "--out", "report.html", "--title", "Another", "--force"], 0, &["/result/kept"]),
    (&["config", "show", "--origin"], 0, &["/result/settings/20/origin"]),
    (&["config", "show", "--config", "wrong.toml"], 1, &["/error/fix"]),
    (&["fleet", "adopt", "fleet"], 1, &["/error/fix"]),
    (&["fleet", "adopt", "lost", "--dry-run"], 0, &["/result/identities"]),
    (&["ledger", "move", "--to", "postgres://x@127.0.0.1:1/x"], 1, &["/error"]),
    (&["ledger", "platform"], 0, &["/result/platforms"]),
    (&["ledger", "platform", "--rename", "https://a.example", "https://b.example"], 1, &["/error/fix"]),
    (&["store", "check"], 0, &["/result/in_ledger", "/result/platform"]),
    (&["store", "check", "--config", "nowhere/keygen.toml"], 1, &["/error"]),
    (&["store", "backup", "backup.tar"], 0, &["/result/changes", "/findings/0"]),
    (&["store", "backup", "backup.tar"], 1, &["/error/fix"]),
    (&["store", "restore", "backup.tar", "--config", "restored/keygen.toml"], 0, &["/result/made_at"]),
    (&["store", "restore", "backup.tar"], 1, &["/error/fix"]),
    (&["store", "repair"], 0, &["/result/identities", "/result/unknown"]),
    (&["store", "repair", "--use", "0A"], 1, &["/error/fix"]),
    (&["forget", "--device", "pump-2", "--dry-run"], 0, &["/result/devices/0/revoked"]),
    (&["forget", "--device", "absent"], 1, &["/error/place/item"]),
    (&["explain", "34"], 0, &["/result/codes/0/explanation"]),
    (&["explain", "--list"], 0, &["/result/codes/50"]),
    (&["explain", "TBPKI-9999"], 2, &["/error"]),
    (&["trust", "127.0.0.1:1", "--timeout", "5"], 1, &["/error"]),
    // Port 1, on which nothing listens: refused at once, and the same on every machine.
    (&["check", "127.0.0.1:1", "--device", "pump-1", "--timeout", "5"], 3, &["/result/layers/0"]),
    (&["check", "localhost", "--config", "wrong.toml"], 1, &["/error"]),
    (
        &[
            "bundle-firmware",
            "--device=pump-1",
            "--chip=esp32c3",
            "--app=app.elf",
            "--wifi-ssid=demo",
            "--broker=localhost",
        ],
        0,
        &["/result/parts/0/offset", "/result/devices/0/directory"],
    ),
    (&["bundle-firmware", "--chip", "esp8266", "--device", "pump-1"], 2, &["/error/fix"]),
    (&["flash", "--from", "nowhere", "--port", "/dev/null"], 1, &["/error"]),
    (
        &["fleet", "issue", "--count=3", "--name-pattern=f-{}", "--out=fleet", "--results=results"],
        0,
        &["/result/job", "/result/phases/0/done", "/result/results/1"],
    ),
    (
        &["fleet", "issue", "--count=3", "--name-pattern=g-{}", "--archive=fleet.tar"],
        0,
        &["/result/archive", "/result/index"],
    ),
    (&["fleet", "issue", "--count=3", "--name-pattern=h-{}", "--out=other", "--dry-run"], 0, &["/result/names"]),
    (&["fleet", "issue", "--from=wrong.toml", "--out=other"], 1, &["/error/fix"]),
    (&["fleet", "issue", "--resume"], 1, &["/error/fix"]),
    (
        &["fleet", "run", "--count=2", "--name-pattern=r-{}", "--out=run", "--no-register", "--no-bundle"],
        0,
        &["/result/phases/0/done"],
    ),
    (&["fleet", "run", "--count=2", "--name-pattern=s-{}", "--out=other", "--no-bundle"], 1, &["/error/fix"]),
    (&["fleet", "issue", "--count=2", "--name-pattern=s-{}", "--out=fleet"], 1, &["/error/fix"]),
    // The results belong to something else, so that this is no job.
    (&["fleet", "issue", "--count=2", "--name-pattern=s-{}", "--out=other", "--results=taken"], 1, &["/error/fix"]),
    // The password of its keystores is too short, so that this job waits.
    (&["fleet", "issue", "--count=2", "--name-pattern=s-{}", "--out=other", "--format=p12"], 1, &["/error/fix"]),
    (
        &[
            "fleet",
            "bundle",
            "--job=1",
            "--chip=esp32c3",
            "--app=app.elf",
            "--wifi-ssid=demo",
            "--broker=localhost",
            "--results=results",
        ],
        0,
        &["/result/bundles/offset", "/result/phases/0/now", "/result/results/1"],
    ),
    (&["fleet", "bundle", "--job=9", "--chip=esp32c3"], 1, &["/error/fix"]),
    (&["fleet", "jobs"], 0, &["/result/jobs/3/state", "/result/jobs/0/out"]),
    (&["fleet", "jobs", "--config=missing.toml"], 1, &["/error/fix"]),
    // The job that waits because of the password of its keystores.
    (&["fleet", "cancel", "4"], 0, &["/result/freed", "/result/issued"]),
    (&["fleet", "cancel", "9"], 1, &["/error/fix"]),
    (&["needs-renewal", "--device=pump-1", "--within=20y"], 0, &["/result/days_left"]),
    (&["needs-renewal", "--device=pump-9"], 2, &["/error/fix"]),
    (&["renew", "--all", "--due"], 0, &["/result/not_due"]),
    (&["renew", "--device=pump-9"], 1, &["/error/fix"]),
    (&["enroll", "password", "--device=f-9", "--profile=missing"], 1, &["/error/fix"]),
    (&["enroll", "password", "--device=f-9"], 0, &["/result/password", "/result/expires"]),
    (&["enroll", "password", "--device=f-9", "--out=f-9.password"], 0, &["/result/file", "/result/replaces"]),
    (&["enroll", "list"], 0, &["/result/requests"]),
    (&["enroll", "list", "--every"], 2, &["/error/fix"]),
    (&["enroll", "approve", "0123456789abcdef"], 1, &["/error/fix"]),
    (&["enroll", "deny", "0123456789abcdef"], 1, &["/error/fix"]),
    (&["serve", "--cert=missing.pem", "--key=missing.pem"], 1, &["/error/place/file"]),
    (&["list", "--pending"], 0, &["/result/identities"]),
    (&["fleet", "renew", "--job=99", "--out=renewed"], 1, &["/error/fix"]),
    (&["fleet", "renew", "--job=1", "--out=renewed"], 0, &["/result/names", "/findings/0"]),
    (
        &[
            "enroll",
            "fetch",
            "--est=https://localhost:1",
            "--device=h",
            "--password-file=f-9.password",
            "--cert=h.pem",
            "--key=h.key",
            "--cafile=pki/ca/server-root/cert.pem",
        ],
        1,
        &["/error/fix"],
    ),
    (&["crl"], 0, &["/result/lists/0/number"]),
    (&["crl", "--days=0"], 2, &["/error/why"]),
    (&["revoke", "--device=pump-1", "--dry-run"], 0, &["/result/revoked/0/serial"]),
    (&["revoke", "--device=pump-9"], 1, &["/error/fix"]),
    (&["completions", "bash", "--install"], 0, &["/result/files/0/done", "/result/next"]),
    (&["completions", "powershell", "--install"], 1, &["/error/fix"]),
    (&["man", "--install"], 0, &["/result/files/30/file", "/result/directory"]),
    (&["man", "clint"], 2, &["/error/fix"]),
];

/// The password of the simulated platforms: not part of any other text.
const PLATFORM_PASSWORD: &str = "correct-horse-battery-staple";

const PASSWORD: &str = "pki/secrets/server-localhost.keystore-password";

/// A case that asks a platform.
struct Asking<'a> {
    sandbox: &'a Sandbox,
    /// The variables that give tbpki the address of the platform.
    environment: [(&'static str, String); 4],
}

impl<'a> Asking<'a> {
    fn new(sandbox: &'a Sandbox, kind: &str, url: &str, user: &str, password: &str) -> Self {
        sandbox.hides(password);
        let path = sandbox.write(format!("{kind}.password"), password);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let environment = [
            ("TBPKI_PLATFORM_KIND", kind.to_owned()),
            ("TBPKI_PLATFORM_URL", url.to_owned()),
            ("TBPKI_PLATFORM_USER", user.to_owned()),
            ("TBPKI_PLATFORM_PASSWORD_FILE", path.display().to_string()),
        ];
        Self { sandbox, environment }
    }

    #[track_caller]
    fn holds(&self, args: &[&str], status: i32, fields: &[&str]) -> String {
        let tool = self.sandbox.tbpki(args.iter().chain(&["--json"]));
        judge(self.environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value)), args, status, fields)
    }
}

/// The commands for ThingsBoard, in this order.
const THINGSBOARD: &[(&[&str], i32, &[&str])] = &[
    (&["client", "--device", "pump-1", "--register"], 0, &["/result/registration/device_id"]),
    (&["register", "--device", "pump-2"], 0, &["/result/devices/0/credentials_id"]),
    (&["register", "--device", "nobody"], 1, &["/error"]),
    (&["register", "--pending", "--device", "pump-2"], 1, &["/error/fix"]),
    (&["fleet", "register", "--job=1"], 0, &["/result/registration/created", "/result/phases/0/done"]),
    (&["fleet", "register", "--job=9"], 1, &["/error"]),
    (&["token", "--device", "valve", "--create"], 0, &["/result/files/0"]),
    (&["token", "--device", "nobody"], 1, &["/error"]),
    (&["token", "valve", "unknown"], 4, &["/result/devices/0/files/0", "/result/left/0", "/findings/0/code"]),
    (&["unregister", "--device", "pump-2"], 0, &["/result/done"]),
    (&["unregister", "--device", "nobody"], 1, &["/error"]),
    (&["unregister", "pump-2", "pump-1"], 0, &["/result/devices/1/done", "/result/left"]),
    (&["profile", "create", "pumps", "--example", "pump-1"], 0, &["/result/certificate"]),
    (&["profile", "create", "valves", "--pattern", "(", "--example", "x"], 1, &["/error"]),
    (&["profile", "show", "pumps"], 0, &["/result/profiles/0"]),
    (&["profile", "show", "valves"], 1, &["/error"]),
];

/// The commands for ActorCloud, in this order.
const ACTORCLOUD: &[(&[&str], i32, &[&str])] = &[
    (&["actorcloud", "cert", "create", "common", "--out", "certs"], 0, &["/result/certificates/0/id"]),
    (&["actorcloud", "cert", "create", "common"], 1, &["/error"]),
    (&["actorcloud", "cert", "list"], 0, &["/result/certificates/1"]),
    (&["actorcloud", "cert", "list", "--platform-user", "nobody@x.example"], 1, &["/error"]),
    (&["actorcloud", "cert", "disable", "common"], 0, &["/result/done"]),
    (&["actorcloud", "cert", "disable", "nothing"], 1, &["/error"]),
    (&["actorcloud", "cert", "enable", "common"], 0, &["/result/done"]),
    (&["actorcloud", "cert", "enable", "nothing"], 1, &["/error"]),
    (&["actorcloud", "cert", "bind", "common", "--device", "pump"], 0, &["/result/done"]),
    (&["actorcloud", "cert", "bind", "common", "--device", "nobody"], 1, &["/error"]),
    (&["actorcloud", "cert", "unbind", "common", "--device", "pump"], 0, &["/result/done"]),
    (&["actorcloud", "cert", "unbind", "common", "--device", "nobody"], 1, &["/error"]),
    (&["actorcloud", "cert", "save", "common", "--out", "again"], 0, &["/result/certificates/0"]),
    (&["actorcloud", "cert", "save", "nothing", "--out", "again"], 1, &["/error"]),
    (&["actorcloud", "cert", "remove", "common"], 0, &["/result/done"]),
    (&["actorcloud", "cert", "remove", "common"], 1, &["/error"]),
];

/// Runs a case, and answers with the name of its schema.
#[track_caller]
fn holds(sandbox: &Sandbox, args: &[&str], status: i32, fields: &[&str]) -> String {
    judge(sandbox.tbpki(args.iter().chain(&["--json"])), args, status, fields)
}

/// The same for a program that is about to run with these arguments.
#[track_caller]
fn judge(tool: Tool, args: &[&str], status: i32, fields: &[&str]) -> String {
    judge_outcome(&tool.run().ends(status), args, status, fields)
}

/// The same for a program that has ended.
#[track_caller]
fn judge_outcome(outcome: &Outcome, args: &[&str], status: i32, fields: &[&str]) -> String {
    // The whole of stdout is one JSON text.
    let printed = outcome.json();
    let words = match args[0] {
        "ca" | "config" | "enroll" | "fleet" | "ledger" | "profile" | "store" => 2,
        "actorcloud" => 3,
        _ => 1,
    };
    let verb = args[..words].join(" ");
    assert_eq!(printed["version"], 1, "{outcome}");
    assert_eq!(printed["verb"], verb, "{outcome}");
    assert_eq!(printed.get("error").is_some(), matches!(status, 1 | 2), "{outcome}");
    assert_eq!(printed.get("result").is_some(), matches!(status, 0 | 3 | 4), "{outcome}");
    for field in fields {
        assert!(printed.pointer(field).is_some(), "no {field} in {outcome}");
    }
    let schema = verb.replace(' ', "-");
    let faults = faults(&schema, &printed);
    assert!(faults.is_empty(), "{faults:#?}\nin {outcome}");
    schema
}

#[test]
fn every_verb_prints_json_of_its_schema() {
    let sandbox = station();
    let mut succeeded = BTreeSet::new();
    let mut failed = BTreeSet::new();
    let mut seen = |status: i32, verb: String| {
        if matches!(status, 0 | 3 | 4) { succeeded.insert(verb) } else { failed.insert(verb) }
    };
    for (args, status, fields) in CASES {
        seen(*status, holds(&sandbox, args, *status, fields));
    }
    let thingsboard =
        Platform::simulator(tb_sim::Settings { password: PLATFORM_PASSWORD.to_owned(), ..Default::default() });
    let asking = Asking::new(&sandbox, "thingsboard", thingsboard.url(), thingsboard.user(), PLATFORM_PASSWORD);
    for (args, status, fields) in THINGSBOARD {
        seen(*status, asking.holds(args, *status, fields));
    }
    let actorcloud = actorcloud();
    let asking = Asking::new(&sandbox, "actorcloud", &actorcloud.rest_url(), actorcloud.user(), PLATFORM_PASSWORD);
    for (args, status, fields) in ACTORCLOUD {
        seen(*status, asking.holds(args, *status, fields));
    }
    succeeded.insert(init(&sandbox));
    succeeded.insert(ledger_move(&sandbox));
    succeeded.insert(trust(&sandbox));
    succeeded.extend(serve(&sandbox));
    succeeded.insert(retire());

    let mut all = BTreeSet::new();
    for entry in fs::read_dir(workspace().join("docs/schemas")).unwrap() {
        all.insert(entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    }
    // It is no verb, has a test of its own, and cannot fail.
    all.remove("version");
    // Both sets, so that a verb is seen with its result and with its error: they are two branches of its schema.
    assert_eq!(failed, all, "a schema whose verb was not seen to fail");
    // To flash takes a board.
    all.remove("flash");
    assert_eq!(succeeded, all, "a schema whose verb was not seen to succeed");
}

#[test]
fn the_version_fits_its_schema() {
    let outcome = Sandbox::new().ok(["--version", "--json"]);
    let faults = faults("version", &outcome.json());
    assert!(faults.is_empty(), "{faults:#?}\nin {outcome}");
}

/// An ActorCloud with a device that has a certificate already, as its devices must.
fn actorcloud() -> tb_sim::Actorcloud {
    let settings = tb_sim::ActorcloudSettings { password: PLATFORM_PASSWORD.to_owned(), ..Default::default() };
    let sim = tb_sim::Actorcloud::start(settings).unwrap();
    let post = |path: &str, token: &str, body: &Value| {
        let authorization = format!("Bearer {token}");
        let headers = [("Content-Type", "application/json"), ("Authorization", &authorization)];
        let answer = Answer::of(&sim.rest_url(), "POST", path, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let session = post("/api/v1/login", "", &json!({"email": sim.user(), "password": PLATFORM_PASSWORD}));
    let token = session["token"].as_str().unwrap();
    let cert = post("/api/v1/certs", token, &json!({"certName": "first"}));
    let device = json!({
        "deviceName": "pump", "deviceType": 1, "productID": "abcdef", "authType": 2, "upLinkSystem": 1,
        "certs": [cert["id"]],
    });
    post("/api/v1/devices", token, &device);
    sim
}

/// `init` itself, which makes a station of its own.
fn init(sandbox: &Sandbox) -> String {
    let place = ["init", "--config", "empty/keygen.toml", "--from", "empty/keygen.properties"];
    let args = [&place[..], &["--insecure-no-passphrase", "--root-out", "offline"]].concat();
    holds(sandbox, &args, 0, &["/findings/0", "/result/cas/3/key", "/result/cas/0/certificate/fingerprint"])
}

/// `ledger move` to a server that is there.
fn ledger_move(sandbox: &Sandbox) -> String {
    let copy = sandbox.copy();
    let cluster = Certificates::generate().cluster();
    copy.hides(postgres::PASSWORD);
    copy.write("ledger-password", postgres::PASSWORD);
    copy.private("ledger-password");
    let url = cluster.url(&cluster.database());
    let args = ["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"];
    holds(&copy, &args, 0, &["/result/rows", "/result/closed"])
}

/// `trust` at a server that is there.
fn trust(sandbox: &Sandbox) -> String {
    let broker =
        Mosquitto::start(&Listener::new(&sandbox.join("out/mqttserver.pem"), &sandbox.join("out/mqttserver_key.pem")));
    // The cases before activated the next generation; the server's certificate is below the first one.
    let inspected = sandbox.ok(["inspect", "pki/ca/server-issuing/generation-1/cert.pem", "--json"]).json();
    let fingerprint = find(&inspected, "sha256").expect("a fingerprint").to_owned();
    let server = format!("localhost:{}", broker.port());
    holds(
        sandbox,
        &["trust", &server, "--sha256", &fingerprint],
        0,
        &["/result/sent/1", "/result/anchor", "/findings/0"],
    )
}

/// `ca retire`, in a store where nothing depends on the earlier generation.
fn retire() -> String {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["ca", "prepare", "server-issuing"]);
    sandbox.ok(["ca", "activate", "server-issuing"]);
    holds(&sandbox, &["ca", "retire", "server-issuing"], 0, &["/result/generation"])
}

/// `serve`, which prints its result when a signal stops it.
fn serve(sandbox: &Sandbox) -> [String; 5] {
    let args = ["serve", "--cert=out/mqttserver.pem", "--key=out/mqttserver_key.pem", "--listen=127.0.0.1:0"];
    let command = sandbox.tbpki(args.iter().chain(&["--status=127.0.0.1:0", "--json"]));
    let mut command = command.env("TBPKI_SERVE_APPROVAL", "first").command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The service handles the signal once it has printed its address.
    // Its address is on stderr: stdout is for the result, which comes at the end.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    // The server's certificate is for localhost alone.
    let url = line.trim().trim_start_matches("EST: ").replace("127.0.0.1", "localhost");
    let password = sandbox.ok(["enroll", "password", "--device=host"]).stdout;
    let path = sandbox.write("host.password", password);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let fetch = ["enroll", "fetch", "--est", &url, "--device=host", "--password-file=host.password"];
    let files = ["--cert=host.pem", "--key=host.key", "--cafile=pki/ca/server-root/cert.pem"];
    sandbox.tbpki(fetch.iter().chain(&files)).run().ends(1);
    let fields: &[&str] = &["/result/requests/0/request", "/result/requests/0/state"];
    let listed = holds(sandbox, &["enroll", "list"], 0, fields);
    let waiting = sandbox.ok(["enroll", "list", "--json"]).json();
    let request = waiting["result"]["requests"][0]["request"].as_str().unwrap();
    let denied = holds(sandbox, &["enroll", "deny", request], 0, fields);
    let approved = holds(sandbox, &["enroll", "approve", request], 0, &["/result/requests/0/user"]);
    let fetched = holds(sandbox, &[&fetch[..], &files].concat(), 0, &["/result/serial", "/result/confirmed"]);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let status = output.status.code().unwrap();
    let outcome = Outcome { line: args.join(" "), status, stdout: output.stdout, stderr: line.into_bytes() };
    [listed, denied, approved, fetched, judge_outcome(&outcome.ends(0), &args, 0, &["/result/est", "/result/status"])]
}

/// The first text under this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match value {
        Value::Object(fields) => {
            fields.get(name).and_then(Value::as_str).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

#[test]
fn a_schema_refuses_what_it_does_not_describe() {
    let sandbox = Sandbox::new();
    let printed = sandbox.ok(["explain", "34", "--json"]).json();
    assert_eq!(faults("explain", &printed), Vec::<String>::new());
    // Other types, too little, and a field too many: each is a fault that a loose schema lets pass.
    let spoilt: &[(&str, Value)] = &[
        ("/version", json!("1")),
        ("/findings", json!({})),
        ("/result/codes/0/code", json!("34")),
        ("/result/codes/0", json!({"code": "TBPKI-0034"})),
        ("/result", json!({"codes": [], "new": 1})),
    ];
    for (field, value) in spoilt {
        let mut printed = printed.clone();
        *printed.pointer_mut(field).unwrap() = value.clone();
        assert!(!faults("explain", &printed).is_empty(), "{field} may be {value}");
    }
}

#[test]
fn what_people_read_is_no_json() {
    let sandbox = Sandbox::with_store();
    for args in [&["list"][..], &["explain", "34"], &["config", "show"], &["completions", "bash"]] {
        let outcome = sandbox.ok(args);
        assert!(serde_json::from_slice::<Value>(&outcome.stdout).is_err() && !outcome.stdout.is_empty(), "{outcome}");
    }
    let outcome = sandbox.tbpki(["list", "--kind", "token"]).run().ends(2);
    assert!(outcome.stdout.is_empty(), "{outcome}");
}
