//! Whatever tbpki writes is read by parties that did not write it.
//!
//! Every file of every kind of identity is given to every reader that has a use for it. What a reader does not read is a
//! line with its reason in `tests/oracles/readers-exceptions.txt`; two parties have to read every file all the same. CI
//! does this for the default algorithm and for RSA, `cargo xtask interop` for all.

mod gnutls;
mod java;
mod named_issuers;
mod openssl;
mod outputs;
mod passwords;
mod pkilint;
mod python;
mod reader;
mod seeds;
mod settings;
mod truststores;
mod webpki;

use std::collections::{BTreeMap, BTreeSet};

use tbpki_tests::exceptions::Exceptions;

use outputs::{Output, Station};
use reader::Reader;

const READERS: &[Reader] = &[
    openssl::OPENSSL,
    gnutls::CERTTOOL,
    java::KEYTOOL,
    java::JVM,
    java::BOUNCY_CASTLE,
    python::CRYPTOGRAPHY,
    python::CRYPTOGRAPHY_VERIFIER,
    python::PYJKS,
    webpki::WEBPKI,
];

#[test]
fn ec_p256() {
    everything_is_read("ec-p256");
}

#[test]
fn rsa_2048() {
    everything_is_read("rsa-2048");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn ec_p384() {
    everything_is_read("ec-p384");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn ed25519() {
    everything_is_read("ed25519");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn rsa_3072() {
    everything_is_read("rsa-3072");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn rsa_4096() {
    everything_is_read("rsa-4096");
}

/// The number of characters shown of a reader's output.
const LONGEST: usize = 1200;

/// Gives every file to every reader.
#[track_caller]
fn everything_is_read(algorithm: &'static str) {
    let station = Station::new(algorithm);
    let exceptions = Exceptions::read("readers-exceptions.txt");
    let mut faults = Vec::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for output in &station.outputs {
        let mut parties = BTreeSet::new();
        for reader in READERS {
            match (reader.read)(output) {
                None => {}
                Some(Ok(())) => {
                    parties.insert(reader.party);
                    *counts.entry(reader.name).or_default() += 1;
                }
                Some(Err(why)) if !is_known(&exceptions, reader, output, algorithm) => {
                    // Some readers print all that they see, keys included.
                    let why: String = why.chars().take(LONGEST).collect();
                    faults.push(format!("{} does not read {}: {why}", reader.name, output.name));
                }
                Some(Err(_)) => {}
            }
        }
        // One reader might share our misunderstanding of a format.
        if parties.len() < 2 {
            faults.push(format!("{} is read by {parties:?} alone", output.name));
        }
    }
    println!("{algorithm}: {} files, read by {counts:?}", station.outputs.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    // An exception that a newer reader no longer needs must not hide a new fault. Those of other algorithms are not
    // used here.
    exceptions.assert_used(|key| key.ends_with(" *") || key.ends_with(&format!(" {algorithm}")));
}

fn is_known(exceptions: &Exceptions, reader: &Reader, output: &Output, algorithm: &str) -> bool {
    let allows = |file: &str, algorithm: &str| exceptions.allows(&format!("{} {file} {algorithm}", reader.name));
    allows(&output.name, algorithm) || allows(&output.name, "*") || allows("*", algorithm)
}
