//! The device and dates.

use device::mbedtls::CHECKS_DATES;
use device::record::Parts;
use tbpki_tests::Mosquitto;

use crate::station::{Station, record};
use crate::time_server::TimeServer;
use crate::world::{Device, Options, today};

const DAY: u64 = 86_400;
const REFUSED: &str = "tls: the broker's certificate is rejected: ";

fn with_time_server(station: &Station, broker: &Mosquitto) -> Parts {
    Parts { ntp_server: "time.example".to_owned(), ..station.with_token("localhost", broker.port()) }
}

#[test]
fn these_tests_are_about_a_build_that_checks_dates() {
    const { assert!(CHECKS_DATES) }
}

#[test]
fn an_expired_certificate_is_refused_once_the_date_is_known() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    // Three years: a server's certificate is valid for 825 days.
    for (days, said) in [(1, "login: pump-1 logged in"), (3 * 365, &*format!("{REFUSED}it has expired"))] {
        let server = TimeServer::saying(today() + days * DAY);
        let mut options = Options::default();
        options.settings.time_port = server.port();
        options.settings.date = 30_000;
        let mut device = Device::new(record(with_time_server(&station, &broker)), options);
        device.logs("UTC from time.example");
        device.logs(said);
    }
}

/// A wrong answer once, for example of a server that was just switched on.
#[test]
fn a_wrong_date_is_asked_for_again_after_the_refusal() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let server = TimeServer::saying(today() + 3 * 365 * DAY);
    let mut options = Options::default();
    options.settings.time_port = server.port();
    options.settings.date = 30_000;
    let mut device = Device::new(record(with_time_server(&station, &broker)), options);
    device.logs(&format!("{REFUSED}it has expired"));
    device.logs("date: it may be wrong: asking time.example again");
    server.sets(today());
    device.logs("login: pump-1 logged in");
    device.logs(r#"telemetry: {"ts":"#);
}

#[test]
fn the_date_is_refreshed_now_and_then() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let server = TimeServer::saying(today());
    let mut options = Options { readings: 1_000_000, ..Options::asking(&server) };
    options.settings.date = 30_000;
    options.settings.date_refresh = 100;
    let mut device = Device::new(record(with_time_server(&station, &broker)), options);
    device.runs_until("five requests", |_| server.requests() >= 5);
    assert_eq!(device.log().matches("date: ").count(), 1, "{}", device.log());
    assert_eq!(device.log().matches("network: connecting").count(), 1, "{}", device.log());
}

#[test]
fn one_missing_time_server_is_one_line() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let silent = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut options = Options::default();
    options.settings.time_port = silent.local_addr().unwrap().port();
    options.settings.date = 1_000;
    options.settings.date_answer = 20;
    let mut device = Device::new(record(with_time_server(&station, &broker)), options);
    device.logs("login: pump-1 logged in with its token");
    assert_eq!(device.log().matches("date: no date from time.example").count(), 1, "{}", device.log());
}

/// A build from before the certificate, and no time server: the device cannot know better, and logs that.
#[test]
fn a_certificate_from_after_the_build_waits_for_the_date() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let mut options = Options::default();
    options.settings.build = today() - 400 * DAY;
    let mut device = Device::new(record(station.with_token("localhost", broker.port())), options);
    device.logs("date: the record has no time server: using the build date, ");
    device.logs(&format!("{REFUSED}it is not valid yet at this device's date"));
}

#[test]
fn without_an_answer_the_device_connects_after_a_while_and_logs_it() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let silent = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut options = Options::default();
    options.settings.time_port = silent.local_addr().unwrap().port();
    options.settings.date = 1_000;
    let mut device = Device::new(record(with_time_server(&station, &broker)), options);
    device.logs("date: no date from time.example: it does not answer");
    device.logs("date: still unknown after 1 s: connecting with the build date, ");
    device.logs("login: pump-1 logged in with its token");
}

/// A server that lies, or whose battery is empty, does not bring back what has expired.
#[test]
fn a_date_before_the_build_is_not_taken() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let server = TimeServer::saying(today() - 400 * DAY);
    let mut options = Options::default();
    options.settings.time_port = server.port();
    let mut device = Device::new(record(with_time_server(&station, &broker)), options);
    device.logs("date: no date from time.example: its date is before the build date of this firmware");
    device.logs("login: pump-1 logged in with its token");
}
