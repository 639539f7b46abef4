//! Which station does what: shards are claimed under a lease, and a fencing number tells a late station off.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base::{Result, random};
use time::OffsetDateTime;

use crate::job::{JobId, Phase};
use crate::key::SerialNumber;
use crate::parameters::Parameters;

/// A station's request for a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest<'a> {
    /// Of this job.
    pub job: JobId,
    /// A shard for this phase.
    pub phase: Phase,
    /// Who asks: unique among all processes that work on this ledger.
    pub station: &'a str,
    /// The place that the station sees. Registering and bundling with a place take only shards that lie there.
    pub place: Option<&'a str>,
    /// For how long the shard is the station's, unless it renews.
    pub lease: Duration,
}

/// A shard that is this station's until its lease ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job to which the shard belongs.
    pub job: JobId,
    /// The step to do with the shard.
    pub phase: Phase,
    /// The shard, from 0.
    pub shard: u32,
    /// The fencing number: larger with each claim of this shard for this phase.
    pub fence: u32,
    /// The seed of the serial numbers of this attempt ([`serial_of`]); zeros for phases that sign nothing.
    pub seed: [u8; 32],
    /// The number of its first name in the job, from 0.
    pub first: u64,
    /// The number of its names.
    pub count: u32,
    /// The place of the shard: for registering and bundling, the place of the station that issued it.
    pub place: Option<String>,
}

/// An identity of a claimed shard, signed and on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetIdentity {
    /// The number of its name in the job, from 0.
    pub number: u64,
    /// The device's name.
    pub name: String,
    /// The serial number of the leaf.
    pub serial: SerialNumber,
    /// SHA-256 over the DER of the leaf.
    pub fingerprint: [u8; 32],
    /// By what the platform knows the credential.
    pub credentials_id: String,
    /// The beginning of its validity.
    pub not_before: OffsetDateTime,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
    /// The properties that many identities share.
    pub common: Arc<ShardParameters>,
}

/// The properties that most identities of a shard share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardParameters {
    /// The profile that decided the extensions.
    pub profile: String,
    /// The algorithm of the keys.
    pub algorithm: String,
    /// The CA that signed: its name in the ledger.
    pub issuer: String,
    /// The requested properties, as for a single device.
    pub parameters: Parameters,
}

/// The serial number of a name in an attempt: 16 octets, positive, the same length for all (RFC 5280, section 4.1.2.2).
///
/// `index` counts from 0 in the shard. The first four octets are common to the attempt and the other twelve, 96 bits,
/// are the name's own, all of them from SHA-256 over the random seed, so that they cannot be predicted. What is common
/// keeps the rows of a shard together in the ledger's index of serial numbers: spread at random over a million, each
/// would cost a page to write.
///
/// # Errors
/// None that can be provoked: the octets are a serial number by construction.
pub fn serial_of(seed: &[u8; 32], fence: u32, index: u32) -> Result<SerialNumber> {
    let hash = |last: &[u8]| {
        let mut context = Context::new(&SHA256);
        // The text separates these hashes from any other use of the seed.
        for part in [b"tbpki serial", &seed[..], &fence.to_be_bytes(), last] {
            context.update(part);
        }
        context.finish()
    };
    // The parts before have fixed lengths, so nothing and the four octets of an index are never the same input.
    let (common, own) = (hash(&[]), hash(&index.to_be_bytes()));
    let mut octets = [0; 16];
    // Four common octets keep the index on serial numbers local: a shard's rows lie next to each other.
    let (head, tail) = octets.split_at_mut(4);
    head.iter_mut().zip(common.as_ref()).for_each(|(octet, from)| *octet = *from);
    tail.iter_mut().zip(own.as_ref()).for_each(|(octet, from)| *octet = *from);
    let [first, ..] = &mut octets;
    // A positive number without a leading zero octet: 16 octets in DER, always.
    *first = *first & 0x7f | 0x40;
    SerialNumber::new(&octets)
}

/// A random seed for an attempt.
pub(crate) fn seed() -> Result<[u8; 32]> {
    Ok(*random::bytes()?)
}

impl std::fmt::Debug for Claim {
    /// Without the seed: a reader of the seed could predict the next serial numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The seed is left out: it goes to no log.
        let Self { job, phase, shard, fence, .. } = self;
        write!(f, "Claim({phase} shard {shard} of job {job}, fence {fence})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn serials_of_an_attempt_differ_and_stand_together() {
        let serials: BTreeSet<SerialNumber> = (0..1000).map(|index| serial_of(&[7; 32], 1, index).unwrap()).collect();
        assert_eq!(serials.len(), 1000);
        // One head for an attempt: neighbors in the index, so that a shard touches few of its pages.
        let heads: BTreeSet<&[u8]> = serials.iter().map(|serial| &serial.octets()[..4]).collect();
        assert_eq!(heads.len(), 1);
        for serial in &serials {
            assert_eq!(serial.octets().len(), 16);
            assert_eq!(serial.octets()[0] & 0xC0, 0x40, "positive, and never shorter");
        }
    }

    #[test]
    fn another_attempt_has_other_serials() {
        let first = serial_of(&[7; 32], 1, 0).unwrap();
        assert_eq!(first, serial_of(&[7; 32], 1, 0).unwrap());
        for other in [serial_of(&[7; 32], 2, 0), serial_of(&[8; 32], 1, 0), serial_of(&[7; 32], 1, 1)] {
            assert_ne!(first, other.unwrap());
        }
    }
}
