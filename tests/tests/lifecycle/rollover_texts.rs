//! What the steps of a rollover print, and the dates that lists of CAs show.

use tbpki_tests::Sandbox;

use crate::scene::json;

#[test]
fn texts_count_names_and_name_the_step() {
    let sandbox = Sandbox::with_store();
    let step = |step: &str| {
        sandbox.ok(["ca", "prepare", "devices-issuing"]);
        if step == "activate" {
            sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
        }
    };
    sandbox.ok(["ca", "prepare", "devices-issuing", "--dry-run"]).prints("a next generation would be prepared");
    step("activate");
    step("prepare");
    let retired = sandbox.ok(["ca", "retire", "devices-issuing"]);
    retired.prints("generation 2: signs, and generation 3 is prepared; the earlier ones are out of service");

    // The date from which on leaves are shortened.
    let report = json(&sandbox.ok(["ca", "list", "--json"]));
    let of = |name: &str| {
        let row = report["cas"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
        row["shortens_from"].as_str().unwrap().to_owned()
    };
    let day = of("server-issuing")[..10].to_owned();
    sandbox.ok(["ca", "list"]).prints("SHORTENS").prints(&day);
    sandbox.ok(["list", "--kind", "ca"]).prints("SHORTENS").prints(&day);
    let listed = json(&sandbox.ok(["list", "--kind", "ca", "--name", "server-issuing", "--json"]));
    assert_eq!(listed["identities"][0]["shortens_from"], of("server-issuing"));
    assert!(sandbox.ok(["list", "--kind", "ca", "--csv"]).stdout_text().contains(&of("server-issuing")));
    sandbox.ok(["report", "--out", "report.html"]);
    assert!(sandbox.text("report.html").contains(&format!("end early from {day} on")));
    sandbox.ok(["client", "d1"]);
    assert!(!sandbox.ok(["list", "--kind", "device"]).stdout_text().contains("SHORTENS"));

    sandbox.ok(["revoke", "--ca", "server-issuing"]);
    let prepared = sandbox.ok(["ca", "prepare", "server-issuing"]);
    prepared.prints("prepared: peers trust it, and no generation signs until it is activated");
}
