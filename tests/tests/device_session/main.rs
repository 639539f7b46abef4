//! The device's session over Mbed TLS, as chips run it, before a real mosquitto.
//!
//! Run by `cargo test -p tbpki-tests --features mbedtls --test device_session`. Devices that enrol do it at a real `tbpki serve`.

mod certificates;
mod dates;
mod enrolment;
mod logins;
mod outages;
mod proxy;
mod station;
mod subscriber;
mod time_server;
mod world;
