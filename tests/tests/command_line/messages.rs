//! Small things that a person meets: what a verb prints, and with which status it ends.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;
use tbpki_tests::Sandbox;
use testkit::application::Sample;

const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

/// The files in the report of a dry run, with what would be done.
#[track_caller]
fn files(report: &Value) -> Vec<(String, String, bool)> {
    let row = |file: &Value| {
        let text = |key: &str| file[key].as_str().unwrap().to_owned();
        (text("path"), text("done"), file["kept"].is_string())
    };
    report["result"]["files"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_dry_run_tells_what_is_up_to_date_and_what_would_be_added() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER);
    let text = sandbox.ok([SERVER, &["--dry-run"]].concat()).stdout_text();
    assert!(text.starts_with("server tb.example is up to date\n"), "{text}");
    let text = sandbox.ok([SERVER, &["--dry-run", "--format", "jks"]].concat()).stdout_text();
    assert!(text.starts_with("server tb.example exists; the planned files would be added\n"), "{text}");
    let planned: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("planned ")).collect();
    // The settings name the keystore, so they are written again.
    let [keystore, settings] = planned.as_slice() else { panic!("{text}") };
    assert!(keystore.ends_with("pki/servers/tb.example/mqttserver.jks"), "{text}");
    assert!(settings.contains("pki/servers/tb.example/thingsboard.env (replaces the file there"), "{text}");
}

#[test]
fn a_forced_dry_run_names_the_files_that_would_be_replaced_and_kept() {
    let sandbox = Sandbox::with_store();
    let client = ["client", "--device", "pump-1", "--json"];
    let serial = sandbox.ok(client).json()["result"]["certificate"]["serial"].as_str().unwrap().to_owned();
    let dry = [&client[..4], &["--force", "--dry-run"]].concat();
    let report = sandbox.ok(&dry).json();
    let found = files(&report);
    for file in ["key.pem", "cert.pem", "chain.pem"] {
        let path = format!("pki/devices/pump-1/{file}");
        assert!(found.contains(&(path.clone(), "planned".to_owned(), true)), "{path} in {report:#}");
    }
    // What does not change is not replaced, and nothing but files is listed.
    let anchors = "pki/devices/pump-1/tb-server-chain.pem".to_owned();
    assert!(found.contains(&(anchors, "unchanged".to_owned(), false)), "{report:#}");
    assert_eq!(found.len(), 4, "{report:#}");
    let text = sandbox.ok(["client", "--device", "pump-1", "--force", "--dry-run"]).stdout_text();
    let kept = format!("(replaces the file there, to be kept as pki/devices/pump-1/key.pem.{serial})");
    assert!(text.contains(&kept), "{text}");
    // And this is what happens.
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    assert!(sandbox.join(format!("pki/devices/pump-1/key.pem.{serial}")).exists());
}

#[test]
fn check_of_a_fleet_member_tells_how_to_take_it_out() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "fleet"]);
    let outcome = sandbox.fails(["check", "--device", "f-1", "--offline"], 1, "TBPKI-0118");
    let text = outcome.prints("tbpki client --device f-1").stderr_text();
    assert_eq!(text.matches("TBPKI-").count(), 1, "{text}");
    sandbox.ok(["client", "--device", "f-1"]);
    sandbox.ok(["check", "--device", "f-1", "--offline"]);
    sandbox.fails(["check", "--device", "f-9", "--offline"], 1, "TBPKI-0096").prints("f-9");
}

#[test]
fn check_of_a_host_uses_the_configured_port() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let server = |args: &[&str]| {
        let args = [&["check", "--device", "pump-1", "--no-connect", "--timeout", "1", "--json"], args].concat();
        let tool = sandbox.tbpki(args).env("TBPKI_FIRMWARE_MQTT_PORT", "4711").run();
        tool.json()["result"]["server"].as_str().unwrap().to_owned()
    };
    assert_eq!(server(&["localhost"]), "localhost:4711");
    assert_eq!(server(&["localhost:4712"]), "localhost:4712");
}

/// The status of a verb whose standard output is full.
#[track_caller]
fn to_full(sandbox: &Sandbox, args: &[&str]) -> (i32, String) {
    // Every write to this device fails with ENOSPC, as on a full disk.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.tbpki(args).command();
    let output = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_result_that_is_lost_is_an_error_and_work_that_is_done_has_status_4() {
    let sandbox = Sandbox::with_store();
    for json in [&[][..], &["--json"]] {
        for (args, status) in [
            (&["client", "--device", "pump-1"][..], 4),
            (&["client", "--device", "pump-1", "--force"], 4),
            (&["fleet", "issue", "--count", "1", "--name-pattern", "f{}-a", "--out", "a"], 4),
            // Nothing was done that a script would have to know of: 1, and not 4.
            (&["client", "--device", "pump-2", "--dry-run"], 1),
            (&["list"], 1),
            (&["config", "show"], 1),
        ] {
            let (found, stderr) = to_full(&sandbox, &[args, json].concat());
            assert!(found == status && stderr.contains("TBPKI-0079"), "{args:?} ends with {found}: {stderr}");
        }
        // The devices of the first round would be there in the second.
        fs::remove_dir_all(sandbox.path()).unwrap();
        fs::create_dir(sandbox.path()).unwrap();
        sandbox.ok(["init", "--no-input", "--insecure-no-passphrase"]);
    }
}

#[test]
fn a_report_that_is_there_is_replaced_with_force() {
    let sandbox = Sandbox::with_store();
    sandbox.write("fleet.html", "somebody's");
    sandbox.fails(["report", "--out", "fleet.html"], 1, "TBPKI-0082").prints("--force");
    assert_eq!(sandbox.text("fleet.html"), "somebody's");
    sandbox.ok(["report", "--out", "fleet.html", "--force"]);
    assert_eq!(sandbox.text("fleet.html.old"), "somebody's");
}

#[test]
fn a_report_shows_only_phases_that_were_asked_for() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "fleet"]);
    sandbox.ok(["report", "--out", "fleet.html"]);
    let page = sandbox.text("fleet.html");
    assert!(page.contains("1 of 1 shard"), "{page}");
    for label in ["Registered", "In images"] {
        assert!(page.contains(&format!("<td data-label=\"{label}\">–</td>")), "{label}");
    }
    assert!(!page.contains("was told last"));
}

#[test]
fn check_server_uses_the_directory_that_server_wrote() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([SERVER, &["--out", "conf"]].concat());
    let outcome = sandbox.ok(["check", "--server", "--offline"]);
    assert!(outcome.stdout_text().contains(sandbox.join("conf/thingsboard.env").to_str().unwrap()), "{outcome}");
    // Without it, the store has the files.
    fs::rename(sandbox.join("conf"), sandbox.join("elsewhere")).unwrap();
    sandbox.tbpki(["check", "--server", "--offline"]).run().ends(3).prints("pki/servers/tb.example");
    // The last directory that was written counts.
    sandbox.ok([SERVER, &["--out", "again"]].concat());
    let outcome = sandbox.ok(["check", "--server", "--offline"]);
    assert!(outcome.stdout_text().contains(sandbox.join("again/thingsboard.env").to_str().unwrap()), "{outcome}");
}

#[test]
fn settings_that_work_are_no_fault_and_a_file_that_only_sources_ours_is_fine() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([SERVER, &["--out", "conf"]].concat());
    let conf = sandbox.join("conf/thingsboard.conf");
    let check = ["check", "--server", "conf", "--offline"];
    fs::write(&conf, format!(". {}\n", sandbox.join("conf/thingsboard.env").display())).unwrap();
    fs::set_permissions(&conf, Permissions::from_mode(0o644)).unwrap();
    let text = sandbox.ok(check).stdout_text();
    assert!(text.ends_with("\nall checks passed\n"), "{text}");
    // Old lines that work, next to a thingsboard.env that is not used.
    let old = sandbox.text("conf/thingsboard.env").replace("mqttserver.p12", "old.p12");
    fs::copy(sandbox.join("conf/mqttserver.p12"), sandbox.join("conf/old.p12")).unwrap();
    fs::write(&conf, &old).unwrap();
    fs::set_permissions(&conf, Permissions::from_mode(0o600)).unwrap();
    let text = sandbox.ok(check).prints("TBPKI-0181").stdout_text();
    assert!(!text.contains("FAULT") && text.contains("old.p12"), "{text}");
    // A password in the file itself is one that others can read.
    fs::set_permissions(&conf, Permissions::from_mode(0o644)).unwrap();
    sandbox.tbpki(check).run().prints("TBPKI-0085");
    // Lines that are in no file that ThingsBoard reads are a fault.
    fs::write(&conf, "export JAVA_OPTS=-Xmx1g\n").unwrap();
    sandbox.tbpki(check).run().ends(3).prints("FAULT");
}

#[test]
fn states_have_a_color_where_it_is_asked_for() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let check = ["check", "--device", "pump-1", "--offline"];
    assert!(!sandbox.ok(check).stdout_text().contains('\u{1b}'));
    let colored = sandbox.ok([&check[..], &["--color", "always"]].concat()).stdout_text();
    assert!(colored.contains("\u{1b}[32mok\u{1b}[0m"), "{colored}");
    fs::remove_file(sandbox.join("pki/devices/pump-1/key.pem")).unwrap();
    let fault = sandbox.tbpki([&check[..], &["--color", "always"]].concat()).run().ends(3).stdout_text();
    assert!(fault.contains("\u{1b}[31mFAULT\u{1b}[0m"), "{fault}");
    let plain = sandbox.ok(["list"]).stdout_text();
    assert!(plain.lines().all(|line| line.trim_end() == line), "spaces at the end of a line: {plain}");
}

const BUNDLE: &[&str] = &[
    "bundle-firmware",
    "--all",
    "--chip",
    "esp32c3",
    "--app",
    "app.elf",
    "--broker",
    "tb.example",
    "--wifi-ssid",
    "w",
    "--wifi-password-file",
    "wifi",
];

#[test]
fn images_of_all_go_on_without_a_device_whose_directory_was_removed() {
    let sandbox = Sandbox::with_store();
    sandbox.write("app.elf", Sample::new("esp32c3").elf());
    sandbox.write("wifi", "a password\n");
    for name in ["pump-1", "pump-2", "pump-3"] {
        sandbox.ok(["client", "--device", name]);
    }
    fs::remove_dir_all(sandbox.join("pki/devices/pump-2")).unwrap();
    for extra in [&["--dry-run"][..], &[]] {
        let outcome = sandbox.tbpki([BUNDLE, extra, &["--json"]].concat()).run().ends(4);
        let text = outcome.stderr_text();
        assert!(text.contains("the files of the device \"pump-2\" are gone"), "{text}");
        assert!(text.contains("tbpki forget --device pump-2"), "{text}");
        let devices = outcome.json()["result"]["devices"].clone();
        let done: Vec<(&str, &str)> = devices
            .as_array()
            .unwrap()
            .iter()
            .map(|device| (device["name"].as_str().unwrap(), device["done"].as_str().unwrap()))
            .collect();
        let good = if extra.is_empty() { "written" } else { "planned" };
        assert_eq!(done, [("pump-1", good), ("pump-2", "failed"), ("pump-3", good)]);
    }
    assert!(sandbox.join("pki/devices/pump-3/esp32c3/flash.bin").exists());
    assert!(!sandbox.join("pki/devices/pump-2").exists());
    // Named, it is the error of the run.
    let named = [&["bundle-firmware", "--device", "pump-2"], &BUNDLE[2..]].concat();
    sandbox.fails(named, 1, "TBPKI-0080").prints("pump-2");
}

#[test]
fn numbers_agree_with_their_nouns() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", "f-{}", "--out", "fleet"]);
    let inspected = sandbox.ok(["inspect", "pki/ca/devices-root/cert.pem"]).stdout_text();
    assert!(inspected.contains("CA, at most 1 CA below it"), "{inspected}");
    let again =
        sandbox.fails(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "b"], 1, "TBPKI-0251");
    assert!(again.stderr_text().contains("1 of the 2 names of the pattern exists already"), "{again}");
}

#[test]
fn dates_are_in_iso_8601_and_utc() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let text = sandbox.ok(["inspect", "pki/devices/pump-1/cert.pem"]).stdout_text();
    let line = text.lines().find(|line| line.contains("valid from")).unwrap();
    let date = line.split_whitespace().nth(2).unwrap();
    let form: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00Z", "{line}");
}

#[test]
fn an_unknown_chip_is_refused_when_keygen_toml_is_read() {
    let sandbox = Sandbox::with_store();
    sandbox.write("keygen.toml", "version = 1\n[firmware]\nchip = \"esp8266\"\n");
    for args in [&["list"][..], &["config", "show"], &["client", "--device", "pump-1"]] {
        let outcome = sandbox.tbpki(args).run().ends(1).prints("keygen.toml:3").prints("esp8266");
        assert!(outcome.stderr_text().contains("esp32, esp32s3"), "{outcome}");
    }
}

#[test]
fn small_mistakes_get_advice_that_works() {
    let sandbox = Sandbox::new();
    let helped = sandbox.tbpki(["help", "fleet", "nosuch"]).run().ends(2);
    assert!(helped.stderr_text().contains("`tbpki help fleet` lists its arguments"), "{helped}");
    let directory = sandbox.tbpki(["list"]).env("TBPKI_CONFIG", "/tmp").run().ends(1);
    directory.prints("TBPKI-0080").prints("this is a directory");
    let mut full = std::process::Command::new(tbpki_tests::binary::tbpki());
    let full = full
        .arg("--version")
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .status()
        .unwrap();
    assert_eq!(full.code(), Some(1));
}
