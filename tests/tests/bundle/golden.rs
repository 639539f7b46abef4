//! Images without `--enroll` have the bytes that they had before there was one.

use base::digest::{hex, sha256};
use devkit::chip::Chip;

use crate::{args, sandbox};

/// SHA-256 of the images of a device with a token, made by the version before `--enroll`.
const BEFORE: [(&str, &str); 6] = [
    ("esp32", "225af2a61f39cf431147e5d682b06e955658c38921f4200afaa29924a0c49098"),
    ("esp32s3", "a5883cc13f8cb13d4bb521e99ddf8d29fe39649effd324fa67d40c153f6eeba0"),
    ("esp32c2", "4182561c481cec5fe4356398cbd3603aebb76230767bd3157cefc7e5f53776f6"),
    ("esp32c3", "994e5a03bd214f841097e529183bcce6be9d61e9a7ab36dfcdf98550164301b3"),
    ("esp32c6", "7c031e06406ebacb4411a101592fb5aeca40ce0dd1c08a96066a4b7564568369"),
    ("esp32h2", "0485932f669d6119e9825f07336bd7b1069eade1d3ea6e70e67a33598e0df8e0"),
];

#[test]
fn images_without_enrolment_are_byte_for_byte_those_of_before() {
    let sandbox = sandbox();
    sandbox.write("pki/devices/pump-1/token", "A1_TEST_TOKEN\n");
    let anchor = std::fs::read(tbpki_tests::binary::workspace().join("crates/tb-sim/tests/data/isrg-root-x1.pem"));
    sandbox.write("pki/devices/pump-1/tb-server-chain.pem", anchor.unwrap());
    let mut found = Vec::new();
    for chip in Chip::ALL {
        let app = format!("{}.elf", chip.name());
        let more = ["--auth", "token", "--skip-host-name-check", "--whole-flash", "--out", chip.name()];
        sandbox.ok(args(chip.name(), &app, &more));
        found.push((chip.name(), hex(&sha256(&sandbox.read(format!("{}/pump-1/flash.bin", chip.name()))))));
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(chip, hash)| (*chip, hash.as_str())).collect();
    assert_eq!(found, BEFORE);
}
