//! What a device reads: the answers of an enrolment service, and its own flash.

use std::convert::Infallible;
use std::sync::LazyLock;

use device::Secret;
use device::enrolment::{
    Authentication, CertificateRequest, EnrolmentServer, PUBLIC_KEY, RequestedNames, SignError, Signer, enroll,
    fetch_anchors, fetch_ca_certificates,
};
use device::slots::{Generation, Owner, PARTITION, Slots, StoredCertificate};
use embassy_futures::block_on;
use embedded_io_async::{ErrorType, Read, Write};

/// The date in the answers of the corpus: 2026-12-01.
const NOW: u64 = 1_796_083_200;

/// The key of the certificate in the corpus.
const POINT: [u8; PUBLIC_KEY] = *include_bytes!("devices/point.bin");

/// A connection on which these bytes come, a few at a time.
struct Answer<'a>(&'a [u8]);

impl ErrorType for Answer<'_> {
    type Error = Infallible;
}

impl Read for Answer<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        // At most 100 bytes at a time: a head or a line then comes in several reads, as over a network.
        let (now, later) = self.0.split_at(self.0.len().min(bytes.len()).min(100));
        bytes[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

impl Write for Answer<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Key;

impl Signer for Key {
    fn public_key(&self) -> [u8; PUBLIC_KEY] {
        POINT
    }

    fn sign(&mut self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
        // An empty SEQUENCE in place of a signature: the device sends it and never looks at it.
        Ok(vec![0x30, 0])
    }
}

/// An answer to each request of a device. What it accepts is valid now, and ends in the NUL that Mbed TLS needs.
pub(crate) fn answer(input: &[u8]) {
    let server = EnrolmentServer { host: "est.example", port: 8443, label: "" };
    let request = CertificateRequest::new(RequestedNames::of_device("a"), &mut Key).expect("the key signs");
    let issued = block_on(enroll(&mut Answer(input), &server, Authentication::Certificate, &request, NOW));
    if let Ok(issued) = issued {
        assert!(issued.not_after > NOW);
    }
    drop(block_on(fetch_ca_certificates(&mut Answer(input), &server)));
    if let Ok(anchors) = block_on(fetch_anchors(&mut Answer(input), &server)) {
        // Mbed TLS reads PEM up to the first NUL: one in the middle would hide the anchors behind it.
        assert_eq!(anchors.find('\0'), Some(anchors.len() - 1));
    }
}

fn open(flash: Vec<u8>) -> Slots<Vec<u8>> {
    Slots::open(flash, Owner::new("pump-1", &[7; 16])).expect("the partition has the right size")
}

fn identities(flash: Vec<u8>) -> Vec<Generation> {
    let mut slots = open(flash);
    let found = slots.identities().expect("the flash responds");
    // What is undamaged was written by this code, so that it can be read.
    found.iter().map(|identity| slots.load(identity).expect("an undamaged slot is readable")).collect()
}

/// A partition with two identities.
static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut slots = open(vec![0xFF; PARTITION as usize]);
    for number in 1..=2 {
        let pending = slots.store_key(&Secret::from(format!("key {number}\0"))).expect("the key fits");
        let (chain, anchors) = (format!("chain {number}\0"), format!("anchors {number}\0"));
        let certificate = StoredCertificate { chain, anchors, not_before: 1, not_after: 2, stored: 1 };
        slots.store_certificate(&pending, &certificate).expect("the certificate fits");
    }
    slots.into_flash()
});

/// Changes of the flash of a device: an offset of two bytes and a mask of one for each. What is still listed was written.
pub(crate) fn slots(input: &[u8]) {
    let mut flash = WRITTEN.clone();
    for change in input.chunks_exact(3) {
        if let [low, high, mask] = *change {
            flash[usize::from(u16::from_le_bytes([low, high]))] ^= mask;
        }
    }
    let written = identities(WRITTEN.clone());
    assert!(identities(flash.clone()).iter().all(|found| written.contains(found)), "a changed slot is believed");
    // A renewal finds a place, whatever the flash holds.
    drop(open(flash.clone()).pending_key());
    open(flash).store_key(&Secret::from("key 3\0")).expect("a key is stored");
}
