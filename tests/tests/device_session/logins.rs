//! Devices that are let in, and those that the broker does not want.

use device::record::Parts;
use tbpki_tests::Mosquitto;

use crate::station::{Station, TOKEN, record};
use crate::world::{Device, Options};

/// The last of three readings, acknowledged.
const LAST: &str = r#"telemetry: {"temperature":2,"humidity":50}"#;

/// One-way with a token and mutual, TLS 1.2 and 1.3, by name and by address.
#[track_caller]
fn every_way_in(algorithm: &str) {
    let station = Station::new(algorithm);
    let (open, strict) = (Mosquitto::start(&station.listener()), station.strict_broker());
    for at_most_tls_1_2 in [false, true] {
        for host in ["localhost", "127.0.0.1"] {
            let logins = [
                (station.with_token(host, open.port()), &open, TOKEN),
                (station.with_certificate(host, strict.port()), &strict, "pump-1"),
            ];
            for (parts, broker, user) in logins {
                let mut device = Device::new(record(parts), Options { at_most_tls_1_2, ..Options::default() });
                device.logs(LAST);
                let version = if at_most_tls_1_2 { "tls: TLS 1.2, " } else { "tls: TLS 1.3, " };
                assert!(device.log().contains(version), "{}", device.log());
                // mosquitto logs the user name last: the token, or the common name of the certificate that it has
                // verified.
                broker.logs(&format!("as pump-1 (p2, c1, k60, u'{user}')"));
            }
        }
    }
}

#[test]
fn devices_with_ec_keys_get_in() {
    every_way_in("ec-p256");
}

#[test]
fn devices_with_rsa_keys_get_in() {
    every_way_in("rsa-2048");
}

#[test]
fn a_long_chain_of_rsa_4096_gets_in() {
    let station = Station::new("rsa-4096");
    let broker = station.strict_broker();
    let mut device = Device::new(record(station.with_certificate("localhost", broker.port())), Options::default());
    device.logs(LAST);
}

/// TLS 1.3 tells a client of it when the handshake is over for the client, TLS 1.2 within it.
#[test]
fn a_device_of_another_station_is_told_why_it_is_not_let_in() {
    let (station, other) = (Station::new("ec-p256"), Station::new("ec-p256"));
    let broker = station.strict_broker();
    let stranger = Parts {
        ca_chain: station.sandbox.text("conf/cafile.pem"),
        ..other.with_certificate("localhost", broker.port())
    };
    for (at_most_tls_1_2, why) in [
        (
            false,
            "login: the broker closed the connection: it probably does not trust the CA of this device's certificate",
        ),
        (true, "tls: the broker ended the handshake with the alert \"unknown CA\": see the broker's log"),
    ] {
        let mut device = Device::new(record(stranger.clone()), Options { at_most_tls_1_2, ..Options::default() });
        device.logs(why);
        device.logs("retrying in 0.");
    }
}

#[test]
fn a_token_where_a_certificate_is_asked_for_is_told_so() {
    let station = Station::new("ec-p256");
    let broker = station.strict_broker();
    let mut device = Device::new(record(station.with_token("localhost", broker.port())), Options::default());
    device.logs("login: the broker closed the connection: it may require a certificate");
}

#[test]
fn hosts_that_are_not_there_are_told_apart() {
    let station = Station::new("ec-p256");
    let port = Mosquitto::start(&station.listener()).port();
    let mut device = Device::new(record(station.with_token("localhost", port)), Options::default());
    device.logs("network: the broker's host refuses connections to this port");
    drop(device);
    let mut device = Device::new(record(station.with_token("nowhere.invalid", port)), Options::default());
    device.logs("network: the broker's name is unknown");
}

#[test]
fn a_quiet_device_shows_that_it_is_alive() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let mut options = Options { readings: 1, ..Options::default() };
    options.settings.keep_alive_seconds = 1;
    let mut device = Device::new(record(station.with_token("localhost", broker.port())), options);
    device.runs_until("pinged", |_| broker.log().matches("Sending PINGRESP to pump-1").count() >= 3);
    assert_eq!(device.log().matches("network: connecting").count(), 1, "{}", device.log());
}
