//! One program for all targets: `TBPKI_FUZZ_TARGET` names the parser that libFuzzer feeds.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tbpki_fuzz::{Target, target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TBPKI_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("TBPKI_FUZZ_TARGET names no target: {name:?}"))
});

fuzz_target!(|input: &[u8]| TARGET(input));
