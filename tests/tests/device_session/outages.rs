//! Brokers and networks that fail: the device comes back by itself, and each of its last hundred readings arrives.

use device::record::Parts;
use tbpki_tests::Mosquitto;

use crate::proxy::{Mode, Proxy};
use crate::station::{Station, record};
use crate::subscriber::{Subscriber, temperature};
use crate::time_server::TimeServer;
use crate::world::{Device, Options, today};

const READINGS: i32 = 60;

/// A device behind a proxy that takes a reading every twenty milliseconds, sixty in all.
fn device(station: &Station, proxy: &Proxy, answer: u64) -> Device {
    let mut options = Options { readings: READINGS, ..Options::default() };
    options.settings.answer = answer;
    Device::new(record(station.with_token("localhost", proxy.port())), options)
}

/// Stops the test unless each reading is there, the first time behind the one before it.
#[track_caller]
fn complete_and_in_order(temperatures: &[i32]) {
    let mut next = 0;
    for &temperature in temperatures {
        // Repeated readings are allowed (QoS 1 is "at least once"), and gaps are not.
        assert!(temperature <= next, "{temperature} came before {next}: {temperatures:?}");
        next = next.max(temperature + 1);
    }
    assert_eq!(next, READINGS, "{temperatures:?}");
}

#[test]
fn a_broker_that_restarts_gets_every_reading() {
    let station = Station::new("ec-p256");
    let first = Mosquitto::start(&station.listener());
    let at_first = Subscriber::of(&first, &station);
    let proxy = Proxy::new(Mode::To(first.port()));
    let mut device = device(&station, &proxy, 5_000);
    device.runs_until("ten readings", |_| at_first.temperatures().len() >= 10);

    // Killed in the middle of its work, and the next one is there only some failed attempts later.
    drop(first);
    device.logs("connection: ");
    device.runs_until("three failures", |log| log.matches("retrying in").count() >= 3);
    let acknowledged: Vec<i32> =
        device.log().lines().filter_map(|line| temperature(line.strip_prefix("telemetry: ")?)).collect();
    let second = Mosquitto::start(&station.listener());
    let then = Subscriber::of(&second, &station);
    proxy.set(Mode::To(second.port()));
    device.runs_until("the last reading", |_| then.temperatures().contains(&(READINGS - 1)));

    // What the first broker acknowledged has reached it, whether or not it lived to tell the subscriber.
    complete_and_in_order(&[acknowledged, then.temperatures()].concat());
}

#[test]
fn packets_that_are_lost_are_sent_again() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let subscriber = Subscriber::of(&broker, &station);
    let proxy = Proxy::new(Mode::To(broker.port()));
    // Patience for an answer: short, because waiting for it is what this test does.
    let mut device = device(&station, &proxy, 1_000);
    for round in 1..=3 {
        device.runs_until("some readings", |_| subscriber.temperatures().len() >= 10 * round);
        proxy.set(Mode::Lose);
        device.runs_until("a time-out", |log| log.matches("connection: the broker stopped answering").count() >= round);
        proxy.set(Mode::To(broker.port()));
    }
    device.runs_until("the last reading", |_| subscriber.temperatures().contains(&(READINGS - 1)));
    complete_and_in_order(&subscriber.temperatures());
}

#[test]
fn connections_that_end_in_the_handshake_are_tried_again() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let subscriber = Subscriber::of(&broker, &station);
    let proxy = Proxy::new(Mode::Close);
    let mut device = device(&station, &proxy, 5_000);
    device.logs("tls: the broker closed the connection during the handshake");
    // In its first flight, between its certificate and its end, and behind it.
    for (round, bytes) in [20, 400, 900].into_iter().enumerate() {
        proxy.set(Mode::CloseAfter(broker.port(), bytes));
        device.runs_until("failures", |log| log.matches("retrying in").count() >= 3 * (round + 2));
    }
    proxy.set(Mode::To(broker.port()));
    device.runs_until("the last reading", |_| subscriber.temperatures().contains(&(READINGS - 1)));
    complete_and_in_order(&subscriber.temperatures());
}

#[test]
fn of_more_than_a_hundred_readings_the_last_hundred_arrive() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let subscriber = Subscriber::of(&broker, &station);
    let proxy = Proxy::new(Mode::Close);
    let mut options = Options { readings: 130, ..Options::default() };
    options.settings.interval = 2;
    let mut device = Device::new(record(station.with_token("localhost", proxy.port())), options);
    device.logs("sensor: no reading: that was all");
    assert_eq!(device.log().matches("sensor: the queue is full").count(), 30);
    proxy.set(Mode::To(broker.port()));
    device.runs_until("the last reading", |_| subscriber.temperatures().contains(&129));
    assert_eq!(subscriber.temperatures(), (30..130).collect::<Vec<_>>());
}

/// Readings from an outage have the times at which they were taken, not those of their arrival.
#[test]
fn readings_of_an_outage_keep_their_times() {
    let station = Station::new("ec-p256");
    let broker = Mosquitto::start(&station.listener());
    let subscriber = Subscriber::of(&broker, &station);
    let server = TimeServer::saying(today());
    let proxy = Proxy::new(Mode::Close);
    let mut options = Options { readings: 20, ..Options::asking(&server) };
    options.settings.interval = 50;
    options.settings.date = 30_000;
    let parts = station.with_token("localhost", proxy.port());
    let parts = Parts { ntp_server: "time.example".to_owned(), ..parts };
    let mut device = Device::new(record(parts), options);
    device.logs("sensor: no reading: that was all");
    proxy.set(Mode::To(broker.port()));
    device.runs_until("the last reading", |_| subscriber.timed().iter().any(|(_, temperature)| *temperature == 19));
    let mut timed = subscriber.timed();
    // One that was sent twice has the same time twice.
    timed.dedup();
    assert_eq!(timed.iter().map(|(_, temperature)| *temperature).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    assert!(timed.is_sorted_by_key(|(time, _)| *time), "{timed:?}");
    // Nineteen intervals of 50 ms: the sampler is never ahead of its schedule.
    let (first, last) = (timed[0].0, timed[19].0);
    assert!(last - first >= 900, "{timed:?}");
    assert!(first.abs_diff(today() * 1_000) < 3_600_000, "{timed:?}");
}

/// The log names a broker that accepts connections and never answers long before the time limit.
#[test]
fn a_silent_broker_is_named_before_the_time_limit() {
    let station = Station::new("ec-p256");
    let proxy = Proxy::new(Mode::Lose);
    let mut options = Options::default();
    options.settings.handshake_notice = 50;
    let mut device = Device::new(record(station.with_token("localhost", proxy.port())), options);
    device.logs("tls: the handshake is not complete after 0 s: waiting for the broker");
    assert!(!device.log().contains("timed out"), "{}", device.log());
}
