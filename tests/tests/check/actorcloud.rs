//! ActorCloud: its own certificates, which are of version 1, and both of its listeners.

use serde_json::{Value, json};
use tb_sim::{Actorcloud, ActorcloudSettings, ServerKeys};

use crate::scene::{Checked, Scene, call};

const DEVICE_ID: &str = "the-device-1";
const USER: &str = "the-user-1";

/// An ActorCloud whose broker has the certificate of `conf`.
struct Cloud<'a> {
    scene: &'a Scene,
    sim: Actorcloud,
    token: String,
}

impl<'a> Cloud<'a> {
    fn start(scene: &'a Scene) -> Self {
        let keys = ServerKeys::Pem {
            certificate: scene.path("conf/mqttserver.pem"),
            key: Some(scene.path("conf/mqttserver_key.pem")),
            key_password: String::new(),
        };
        let settings = ActorcloudSettings { server: Some(keys), ..ActorcloudSettings::default() };
        let mut cloud = Self { scene, sim: Actorcloud::start(settings).unwrap(), token: String::new() };
        let login = json!({ "email": cloud.sim.user(), "password": cloud.sim.password() });
        cloud.token = cloud.call("POST", "/login", &login)["token"].as_str().unwrap().to_owned();
        cloud
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let header = format!("Authorization: Bearer {}", self.token);
        call(&self.sim.rest_url(), method, &format!("/api/v1{path}"), &header, body)
    }

    fn device(&self, device_id: &str, more: &Value) {
        let mut device = json!({
            "deviceName": device_id, "deviceType": 1, "productID": "abcdef", "upLinkSystem": 1,
            "deviceID": device_id, "deviceUsername": USER,
        });
        device.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("POST", "/devices", &device);
    }

    fn check(&self, port: u16, args: &[&str]) -> Checked {
        let mut all = vec![format!("localhost:{port}")];
        all.extend(["--kind", "actorcloud", "--cafile", "conf/cafile.pem", "--username", USER].map(str::to_owned));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        self.scene.check(&all)
    }
}

fn found(checked: &Checked) -> Vec<(String, String)> {
    checked.found()
}

#[test]
fn a_certificate_of_version_1_logs_in_until_it_is_disabled() {
    let scene = Scene::new();
    let cloud = Cloud::start(&scene);
    let made = cloud.call("POST", "/certs", &json!({ "certName": "x", "enable": 1 }));
    let content = |part: &str| made[part]["content"].as_str().unwrap().to_owned();
    scene.write("x.crt", content("cert"));
    scene.write("x.key", content("key"));
    cloud.device(DEVICE_ID, &json!({ "authType": 2, "certs": [made["id"]] }));
    let files = ["--cert", "x.crt", "--key", "x.key", "--client-id", DEVICE_ID, "--telemetry"];
    let two_way = cloud.sim.two_way_port();

    for version in ["3.1.1", "5"] {
        let checked = cloud.check(two_way, &[&files[..], &["--mqtt", version]].concat());
        assert_eq!(found(&checked), [], "{}", checked.outcome);
        assert_eq!(checked.outcome.status, 0);
        // Worth knowing, and no warning here: ActorCloud makes no others.
        assert!(checked.outcome.stdout_text().contains("TBPKI-0060"), "{}", checked.outcome);
    }
    assert_eq!(cloud.sim.published().len(), 2);

    // Only the port for tokens asks for no certificate.
    let checked = cloud.check(cloud.sim.one_way_port(), &files);
    assert_eq!(found(&checked), [("client-certificate".to_owned(), "TBPKI-0154".to_owned())], "{}", checked.outcome);

    let stranger = ["--cert", "x.crt", "--key", "x.key", "--client-id", "another-device"];
    let checked = cloud.check(two_way, &stranger);
    assert_eq!(found(&checked), [("login".to_owned(), "TBPKI-0156".to_owned())], "{}", checked.outcome);

    cloud.call("PUT", &format!("/certs/{}", made["id"]), &json!({ "certName": "x", "enable": 0 }));
    let checked = cloud.check(two_way, &files);
    assert_eq!(found(&checked), [("login".to_owned(), "TBPKI-0156".to_owned())], "{}", checked.outcome);
    checked.outcome.ends(3).prints("see that it is enabled");
}

#[test]
fn a_token_is_the_password_of_its_device() {
    let scene = Scene::new();
    let cloud = Cloud::start(&scene);
    cloud.device(DEVICE_ID, &json!({ "authType": 1, "token": "the-secret-token" }));
    scene.sandbox.hides("the-secret-token");
    scene.write("token", "the-secret-token\n");
    let one_way = cloud.sim.one_way_port();
    let args = ["--token-file", "token", "--client-id", DEVICE_ID];
    let checked = cloud.check(one_way, &args);
    assert_eq!(found(&checked), [], "{}", checked.outcome);
    scene.write("token", "another-token\n");
    let checked = cloud.check(one_way, &args);
    assert_eq!(found(&checked), [("login".to_owned(), "TBPKI-0158".to_owned())], "{}", checked.outcome);
    // The other listener insists on a certificate.
    let checked = cloud.check(cloud.sim.two_way_port(), &args);
    assert_eq!(found(&checked), [("client-certificate".to_owned(), "TBPKI-0164".to_owned())], "{}", checked.outcome);
}

#[test]
fn without_client_id_or_user_name_there_is_nothing_to_log_in_with() {
    let scene = Scene::new();
    scene.write("token", "the-secret-token\n");
    let args = ["check", "localhost", "--kind", "actorcloud", "--token-file", "token"];
    scene.sandbox.fails(args, 2, "--client-id");
    scene.sandbox.fails(args.iter().chain(&["--client-id", DEVICE_ID]), 2, "--username");
}

#[test]
fn a_servers_certificate_of_version_1_is_reported_and_nothing_is_sent_to_it() {
    let scene = Scene::new();
    let cloud = Cloud::start(&scene);
    // ActorCloud's operators take what its own CA made for their broker, too.
    let made = cloud.call("POST", "/certs", &json!({ "certName": "broker", "enable": 1 }));
    let content = |part: &str| made[part]["content"].as_str().unwrap().to_owned();
    let listener = tbpki_tests::Listener::new(
        &scene.write("broker.crt", content("cert")),
        &scene.write("broker.key", content("key")),
    );
    let broker = tbpki_tests::Mosquitto::start(&listener);
    scene.write("root_ca.crt", content("root"));
    scene.write("token", "the-secret-token\n");
    let args = ["--token-file", "token", "--client-id", DEVICE_ID, "--cafile", "root_ca.crt", "--kind", "actorcloud"];
    let host = format!("localhost:{}", broker.port());
    let args = [&host[..], "--username", USER].into_iter().chain(args);
    let checked = scene.check(&args.map(str::to_owned).collect::<Vec<_>>());
    let codes: Vec<String> = found(&checked).into_iter().map(|(layer, code)| format!("{layer} {code}")).collect();
    assert!(codes.contains(&"server-certificate TBPKI-0060".to_owned()), "{codes:?}");
    assert!(codes.contains(&"name TBPKI-0064".to_owned()), "{codes:?}");
    assert_eq!(checked.verdict("login"), Some("skipped"));
    assert!(!broker.log().contains("Received CONNECT"), "{}", broker.log());
}
