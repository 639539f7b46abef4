//! Checks the features, and passes the build date to the firmware.

use std::env;
use std::time::SystemTime;

const CHIPS: &[&str] = &["ESP32", "ESP32S3", "ESP32C2", "ESP32C3", "ESP32C6", "ESP32H2"];

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let chips: Vec<&str> = CHIPS.iter().copied().filter(|chip| feature(chip)).collect();
    assert!(chips.len() == 1, "choose one chip with --features, not {chips:?}: {CHIPS:?} in lower case");
    if feature("WIFI") {
        assert!(
            feature("DATES") != feature("PREBUILT"),
            "choose one of the features dates (Mbed TLS compiled here) and prebuilt (as it comes with its crate)"
        );
        if feature("PREBUILT") {
            println!("cargo::warning=dates not checked: the prebuilt Mbed TLS has no clock");
        }
    }
    println!("cargo::rustc-env=TBPKI_BUILD_DATE={}", build_date());
}

/// The build date in seconds since 1970. `SOURCE_DATE_EPOCH` overrides it for reproducible builds.
fn build_date() -> u64 {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(date) => date.parse().expect("SOURCE_DATE_EPOCH must be seconds since 1970"),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().expect("this machine's clock is before 1970").as_secs(),
    }
}
