//! Faults between a device and its broker, and rejections by brokers.

use std::net::TcpListener;

use serde_json::json;
use tb_sim::{Fault, FaultKind, Settings};
use tbpki_tests::{Listener, Mosquitto};
use time::{Duration, OffsetDateTime};

use crate::breakages::{Broken, Row};
use crate::scene::{Board, DEVICE, Scene, web_server};

pub(crate) const TABLE: &[Row] = &[
    ("the host has no address", unknown_host, &[("lookup", 150)]),
    ("nothing listens", closed, &[("tcp", 100)]),
    ("plain MQTT listens", plain_mqtt, &[("tls", 151)]),
    ("a web server listens, behind TLS", web_behind_tls, &[("login", 166)]),
    ("the clock is off", clock, &[("clock", 153)]),
    ("the server does not ask for the certificate", balancer, &[("client-certificate", 154)]),
    ("the issuers that are named are others", pem_mode, &[("client-certificate", 155)]),
    ("the broker trusts another CA", stranger, &[("client-certificate", 163)]),
    ("the broker insists on a certificate", insisting, &[("client-certificate", 164)]),
    ("the device's profile is for another transport", other_transport, &[("login", 160)]),
    ("the connection ends before the answer", cut, &[("login", 161)]),
    ("the message is not acknowledged", unacknowledged, &[("telemetry", 167)]),
];

fn unknown_host(_: &Scene) -> Broken {
    // RFC 6761: no resolver knows it.
    Broken::new(["broker.invalid"])
}

fn closed(_: &Scene) -> Broken {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Broken::new([format!("localhost:{port}")])
}

fn plain_mqtt(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    Broken::new([format!("localhost:{}", board.sim.mqtt_port().unwrap())]).while_alive(board)
}

fn web_behind_tls(scene: &Scene) -> Broken {
    let keys = tb_sim::ServerKeys::Pem {
        certificate: scene.path("conf/mqttserver.pem"),
        key: Some(scene.path("conf/mqttserver_key.pem")),
        key_password: String::new(),
    };
    let sim = tb_sim::Thingsboard::start(Settings { https: Some(keys), ..Settings::default() }).unwrap();
    let port = sim.rest_url().rsplit_once(':').unwrap().1.to_owned();
    scene.write("token", "A1_TEST_TOKEN");
    Broken::new([format!("localhost:{port}"), "--token-file".to_owned(), "token".to_owned()]).while_alive(sim)
}

fn clock(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    let url = web_server(OffsetDateTime::now_utc() + Duration::days(3));
    Broken::new([board.host(), "--platform-url".to_owned(), url]).while_alive(board)
}

fn server(scene: &Scene) -> Listener {
    Listener::new(&scene.path("conf/mqttserver.pem"), &scene.path("conf/mqttserver_key.pem"))
}

fn balancer(scene: &Scene) -> Broken {
    let broker = Mosquitto::start(&server(scene));
    Broken::new([format!("localhost:{}", broker.port())]).while_alive(broker)
}

fn pem_mode(scene: &Scene) -> Broken {
    let text = |name: &str| scene.sandbox.text(format!("conf/{name}"));
    let board = scene.thingsboard_with(&text("mqttserver.pem"), &text("mqttserver_key.pem"));
    board.register(DEVICE, &std::fs::read_to_string(scene.device("cert.pem")).unwrap());
    Broken::new([board.host()]).while_alive(board)
}

fn stranger(scene: &Scene) -> Broken {
    // The root of the servers instead of that of the devices: a frequent mistake of configurations.
    let broker = Mosquitto::start(&server(scene).requiring_clients_of(&scene.path("conf/cafile.pem")));
    Broken::new([format!("localhost:{}", broker.port()), "--kind".to_owned(), "mqtt".to_owned()]).while_alive(broker)
}

fn insisting(scene: &Scene) -> Broken {
    let broker = Mosquitto::start(&server(scene).requiring_clients_of(&scene.path("conf/clients-ca.pem")));
    scene.write("token", "A1_TEST_TOKEN");
    let args = [format!("localhost:{}", broker.port()), "--token-file".to_owned(), "token".to_owned()];
    Broken::new(args).while_alive(broker)
}

fn other_transport(scene: &Scene) -> Broken {
    let board = scene.thingsboard();
    let profile = board.post("/api/deviceProfile", &json!({
        "name": "snmp", "type": "DEFAULT", "transportType": "SNMP", "provisionType": "DISABLED",
        "profileData": {
            "configuration": { "type": "DEFAULT" },
            "transportConfiguration": { "type": "SNMP", "timeoutMs": 500, "retries": 0, "communicationConfigs": [] },
            "provisionConfiguration": { "type": "DISABLED", "provisionDeviceSecret": null },
            "alarms": null,
        },
    }));
    let device = json!({ "name": "Snmp", "deviceProfileId": profile["id"] });
    board.post("/api/device?accessToken=A1_TEST_TOKEN", &device);
    scene.write("token", "A1_TEST_TOKEN");
    Broken::new([board.host(), "--token-file".to_owned(), "token".to_owned()]).while_alive(board)
}

fn spoiled(scene: &Scene, path: &str) -> Board {
    let board = scene.thingsboard();
    board.sim.inject(Fault::new(FaultKind::DropBefore).on("MQTT", path));
    board
}

fn cut(scene: &Scene) -> Broken {
    let board = spoiled(scene, "connect");
    Broken::new([board.host()]).while_alive(board)
}

fn unacknowledged(scene: &Scene) -> Broken {
    let board = spoiled(scene, "publish");
    Broken::new([board.host(), "--telemetry".to_owned()]).while_alive(board)
}
