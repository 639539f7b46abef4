//! ActorCloud: certificates that its server makes, saved, bound, and refused when they are disabled.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tb_sim::{Actorcloud, ActorcloudSettings, Fault, FaultKind};
use tbpki_tests::clients::{ApiLogin, Files, mosquitto_pub_as};
use tbpki_tests::wire::Wire;
use tbpki_tests::{Outcome, Sandbox};

use crate::{PASSWORD, private};

struct Cloud {
    sandbox: Sandbox,
    sim: Actorcloud,
}

impl Cloud {
    fn new() -> Self {
        let (sandbox, settings) = (Sandbox::with_store(), ActorcloudSettings::default());
        let sim = Actorcloud::start(ActorcloudSettings { password: PASSWORD.to_owned(), ..settings }).unwrap();
        sandbox.hides(PASSWORD);
        private(&sandbox, "password", PASSWORD);
        sandbox.write("ca.pem", sim.own_ca().unwrap());
        let url = sim.rest_url();
        let user = sim.user();
        sandbox.write(
            "keygen.toml",
            format!(
                "version = 1\n[platform]\nkind = \"actorcloud\"\nurl = \"{url}\"\nuser = \"{user}\"\npassword = {{ file = \"password\" }}\n"
            ),
        );
        Self { sandbox, sim }
    }

    #[track_caller]
    fn cert(&self, args: &[&str]) -> Outcome {
        self.sandbox.ok([&["actorcloud", "cert"], args].concat())
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: &str) -> Outcome {
        self.sandbox.fails([&["actorcloud", "cert"], args].concat(), 1, code)
    }

    /// The number of a certificate.
    #[track_caller]
    fn number(&self, name: &str) -> u64 {
        let list = self.cert(&["list", "--json"]).json();
        let all = list["result"]["certificates"].as_array().unwrap().clone();
        all.iter().find(|cert| cert["name"] == name).unwrap()["id"].as_u64().unwrap()
    }

    /// A call that tbpki has no verb for.
    #[track_caller]
    fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let port = self.sim.rest_url().rsplit(':').next().unwrap().parse().unwrap();
        let mut wire = Wire::tcp("127.0.0.1", port);
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        wire.send(format!("{head}{body}").as_bytes());
        let answer = String::from_utf8(wire.rest()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// A device that authenticates by certificate, this one to begin with.
    #[track_caller]
    fn device(&self, name: &str, cert: u64) -> Value {
        let login = json!({"email": self.sim.user(), "password": PASSWORD});
        let token = self.post("/api/v1/login", "", &login)["token"].as_str().unwrap().to_owned();
        let device = json!({
            // 2 is by certificate, and then at least one has to be named.
            "deviceName": name, "deviceType": 1, "productID": "abcdef", "authType": 2, "upLinkSystem": 1,
            "deviceID": format!("{name}-client-id"), "deviceUsername": format!("{name}-user-name"), "certs": [cert],
        });
        self.post("/api/v1/devices", &token, &device)
    }

    #[track_caller]
    fn connects(&self, device: &Value, cert: &str) -> ApiLogin {
        let file = |name: &str| self.sandbox.join(format!("out/{name}"));
        let (anchors, certificate, key) =
            (self.sandbox.join("ca.pem"), file(&format!("{cert}.crt")), file(&format!("{cert}.key")));
        let files = Files { anchors: &anchors, certificate: &certificate, key: Some(&key) };
        let text = |name: &str| device[name].as_str().unwrap();
        mosquitto_pub_as(self.sim.two_way_port(), &files, text("deviceID"), text("deviceUsername"))
    }
}

#[test]
fn a_certificate_is_made_bound_used_disabled_and_refused() {
    let cloud = Cloud::new();
    cloud.cert(&["create", "first"]);
    let device = cloud.device("pump", cloud.number("first"));
    let created = cloud.cert(&["create", "common", "--out", "out", "--json"]);
    let report = created.json();
    assert_eq!((&report["result"]["done"], &report["findings"][0]["code"]), (&"created".into(), &"TBPKI-0060".into()));
    let mode = |name: &str| fs::metadata(cloud.sandbox.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("out/common.key"), mode("out/common.crt"), mode("out/root_ca.crt")), (0o600, 0o644, 0o644));
    // The certificate is good, and the platform's own; it is bound to no device yet.
    cloud.connects(&device, "common").is_refused("");

    cloud.cert(&["bind", "common", "--device", "pump"]).prints("bound");
    cloud.connects(&device, "common").succeeds();
    cloud.cert(&["bind", "common", "--device", &device["id"].to_string()]).prints("unchanged");
    cloud.cert(&["disable", "common"]).prints("disabled");
    cloud.connects(&device, "common").is_refused("");
    cloud.cert(&["disable", "common"]).prints("unchanged");
    cloud.cert(&["enable", "common"]).prints("enabled");
    cloud.connects(&device, "common").succeeds();

    // ActorCloud refuses this while a device has the certificate.
    cloud.fails(&["remove", "common"], "TBPKI-0142").prints("unbind");
    cloud.cert(&["unbind", "common", "--device", "pump"]).prints("unbound");
    cloud.connects(&device, "common").is_refused("");
    cloud.cert(&["remove", "common"]).prints("removed");
    cloud.fails(&["save", "common", "--out", "again"], "TBPKI-0134");
}

#[test]
fn a_name_that_is_a_number_is_a_name_first() {
    let cloud = Cloud::new();
    cloud.cert(&["create", "first"]);
    cloud.cert(&["create", "common", "--out", "out"]);
    let first = cloud.number("first");
    let other = cloud.device("pump", first);
    // Its name is the number of the other one.
    let device = cloud.device(&other["id"].to_string(), first);
    cloud.cert(&["bind", "common", "--device", &other["id"].to_string()]).prints("bound");
    cloud.connects(&device, "common").succeeds();
    cloud.connects(&other, "common").is_refused("");
    cloud.cert(&["unbind", "common", "--device", &device["id"].to_string()]).prints("unbound");
    cloud.connects(&device, "common").is_refused("");
}

#[test]
fn what_is_saved_is_what_was_made_and_nothing_is_overwritten() {
    let cloud = Cloud::new();
    cloud.cert(&["create", "common", "--disabled", "--out", "out"]).prints("disabled");
    cloud.cert(&["save", "common", "--out", "other"]).prints("saved");
    for file in ["common.crt", "common.key", "root_ca.crt"] {
        assert_eq!(cloud.sandbox.read(format!("out/{file}")), cloud.sandbox.read(format!("other/{file}")), "{file}");
    }
    cloud.cert(&["save", "common", "--out", "other"]).prints("unchanged");
    cloud.cert(&["create", "more"]);
    fs::write(cloud.sandbox.join("other/more.crt"), "mine").unwrap();
    cloud.fails(&["save", "more", "--out", "other"], "TBPKI-0082");
    // Certificates of ActorCloud are of version 1: without extensions they serve every purpose.
    cloud.sandbox.ok(["inspect", "out/common.crt"]).prints("CN=ActorCloud").prints("TBPKI-0060");
}

#[test]
fn what_goes_wrong_is_told() {
    let cloud = Cloud::new();
    cloud.cert(&["create", "common"]);
    cloud.fails(&["create", "common"], "TBPKI-0135").prints("already");
    // ActorCloud takes names of 50 characters.
    cloud.fails(&["create", &"x".repeat(51)], "TBPKI-0142");
    cloud.fails(&["create", "a/b", "--out", "out"], "TBPKI-0003");
    cloud.fails(&["bind", "common", "--device", "4711"], "TBPKI-0134").prints("auth type");
    cloud.fails(&["bind", "common", "--device", "nobody"], "TBPKI-0134").prints("nobody");
    cloud.sandbox.write("password", "wrong-password");
    cloud.fails(&["list"], "TBPKI-0126").prints("password");
    cloud.sandbox.write("password", PASSWORD);
    // Our own certificates have no place there.
    cloud.sandbox.fails(["client", "--device", "pump", "--register"], 1, "TBPKI-0149").prints("common name");
    // The certificate is made, and its answer lost: asked again, the platform would refuse the name as taken.
    for kind in [FaultKind::DropAfter, FaultKind::HalfAnswer, FaultKind::Html] {
        let name = format!("after-{kind:?}").to_lowercase();
        cloud.sim.inject(Fault::new(kind).on("POST", "/api/v1/certs"));
        cloud.cert(&["create", &name]).prints("created");
    }
}
