//! Clients of platforms against servers that answer what they are told to.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at what they did not expect"
)]

mod devices;
mod errors;
mod http;
mod server;
mod session;

use std::time::Duration;

use base::Secret;
use pki::issuer::{Issuer, KeySource, Order, SelfSigned};
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Algorithm, Certificate, Subject};
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};
use provision::thingsboard::ApiLogin;
use provision::{ApiClientConfig, Runtime, ThingsBoard};

use server::{CheckedServer, json};

/// A way that does not wait for long.
fn reach(server: &CheckedServer) -> ApiClientConfig {
    ApiClientConfig {
        timeout: Duration::from_secs(20),
        pause: Duration::from_millis(2),
        ..ApiClientConfig::to(server.url())
    }
}

fn thingsboard(server: &CheckedServer) -> ThingsBoard {
    let login = ApiLogin::Password { user: "tenant@thingsboard.org".to_owned(), password: Secret::from("hunter2") };
    ThingsBoard::new(&reach(server), login).unwrap()
}

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

/// A self-signed certificate.
fn certificate(name: &str) -> Certificate {
    let contents = Contents {
        profile: Profile::Device,
        serial: Serial::random().unwrap(),
        validity: Validity::starting(time::OffsetDateTime::now_utc(), Lifetime { days: 9, explicit: false }, None)
            .unwrap()
            .0,
        subject: Subject::default().with_common_name(name).unwrap(),
        sans: Vec::new(),
        permitted_dns: Vec::new(),
        crl_url: None,
    };
    let order = Order { contents, key: KeySource::Generate(Algorithm::EcP256) };
    SelfSigned.issue(order).unwrap().chain.remove(0)
}

fn wanted(name: &str, certificate: &Certificate) -> DesiredDevice {
    DesiredDevice {
        name: name.to_owned(),
        credential: DeviceCredential::X509(Box::new(certificate.clone())),
        replace: Replace::Nothing,
        create: Some(NewDevice::default()),
    }
}

/// The answer of ThingsBoard when it refuses.
fn fault(status: u16, code: u32, message: &str) -> server::Reply {
    json(status, &serde_json::json!({"status": status, "message": message, "errorCode": code, "timestamp": 1}))
}

/// A JWT that is good for 9,000 seconds.
const TOKEN: &str = "eyJhbGciOiJIUzUxMiJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwOTAwMH0.c2VjcmV0LXNpZ25hdHVyZQ";

fn logged_in() -> server::Reply {
    json(200, &serde_json::json!({"token": TOKEN, "refreshToken": "refresh-me"}))
}
