//! A certificate that the ledger does not have.

use std::collections::BTreeSet;

use base::Result;
use identity::parameters::of_certificate;
use ledger::{Generation, IssuedRecord, JobId, Kind, KnownIdentity, NewIdentity, Origin, Role, SerialNumber};
use pki::profile::Profile;
use store::issued_record;
use time::OffsetDateTime;

use super::issuers::IssuedBy;
use super::jobs::{JobIds, Jobs};
use super::own_files::OwnFiles;
use crate::lifecycle::upkeep::scan::{FilesOf, Found, InShard};

/// A certificate that the ledger does not have, as its row will have it.
pub(in crate::lifecycle::upkeep) struct Candidate {
    pub(in crate::lifecycle::upkeep) kind: Kind,
    pub(in crate::lifecycle::upkeep) identity: NewIdentity,
    pub(in crate::lifecycle::upkeep) issued: IssuedRecord,
    pub(in crate::lifecycle::upkeep) issuer_generation: Option<Generation>,
    pub(in crate::lifecycle::upkeep) files_of: FilesOf,
    pub(in crate::lifecycle::upkeep) shard: Option<InShard>,
    /// True if no file next to the certificate has its private key.
    pub(super) is_key_elsewhere: bool,
    /// The host name of the station that issued it, if it is known.
    station: Option<String>,
    /// Whether the name is that in the certificate. A copy of its files can be in a directory with another name.
    is_own_name: bool,
}

impl Candidate {
    pub(in crate::lifecycle::upkeep) fn of(found: &Found, issuer: IssuedBy, jobs: &mut Jobs) -> Result<Self> {
        let leaf = &found.leaf;
        let mut is_key_elsewhere = false;
        let parameters = match &found.shard {
            Some(shard) => jobs.wanted(&shard.place, leaf, &issuer)?,
            None => {
                let files = OwnFiles::of(found, jobs.device_prefix())?;
                is_key_elsewhere = files.traits().is_key_elsewhere;
                of_certificate(leaf, &issuer.fingerprint, files.traits())?
            }
        };
        let profile = if found.kind == Kind::Server { Profile::Server } else { Profile::Device };
        Ok(Self {
            kind: found.kind,
            identity: NewIdentity {
                kind: found.kind,
                name: found.name.clone(),
                serial: SerialNumber::new(leaf.serial())?,
                profile: profile.name().to_owned(),
                algorithm: leaf.algorithm_name(),
                parameters,
                issuer: issuer.name,
                not_before: leaf.not_before(),
                not_after: leaf.not_after(),
            },
            issued: issued_record(leaf),
            issuer_generation: issuer.generation,
            files_of: found.files_of,
            shard: found.shard.clone(),
            is_key_elsewhere,
            station: jobs.station().map(str::to_owned),
            is_own_name: leaf.common_name().is_some_and(|name| name == found.name),
        })
    }

    /// Whether another candidate is the same certificate; then this one represents both.
    fn absorbs(&mut self, other: &mut Self) -> bool {
        if self.certificate() != other.certificate() || self.issued.fingerprint != other.issued.fingerprint {
            return false;
        }
        // The files of a copy elsewhere tell nothing of the generation.
        if self.is_of_same_name(other) {
            // Kept files of an earlier generation can have the present certificate, too, and other names.
            let is_present = self.files_of != FilesOf::Present && other.files_of == FilesOf::Present;
            if is_present && self.shard.is_none() && other.shard.is_none() {
                self.identity.parameters = other.identity.parameters.clone();
                self.is_key_elsewhere = other.is_key_elsewhere;
            }
            self.files_of = present(self.files_of, other.files_of);
        }
        if let (None, Some(shard)) = (&self.shard, other.shard.take()) {
            self.shard = Some(shard);
            self.identity.parameters = other.identity.parameters.clone();
        }
        true
    }

    /// Sorts candidates as they are recorded, by name and the earliest first, with one for each certificate: a device of a
    /// shard can have a directory too, copies can be in directories with other names, and earlier files are kept under
    /// several names.
    pub(in crate::lifecycle::upkeep) fn sort(candidates: &mut Vec<Self>) {
        // By serial number first, because `dedup_by` compares neighbors only, and copies of a certificate must meet
        // there. The one with its own name comes first and represents the others.
        candidates.sort_by(|a, b| {
            (a.certificate(), !a.is_own_name, a.name()).cmp(&(b.certificate(), !b.is_own_name, b.name()))
        });
        candidates.dedup_by(|later, first| first.absorbs(later));
        // Certificates begin at whole seconds. Of two with the same, the one whose files were replaced is the earlier.
        candidates.sort_by(|a, b| a.order().cmp(&b.order()));
    }

    /// What identifies the certificate (RFC 5280, section 4.1.2.2).
    fn certificate(&self) -> (Kind, &[u8], &str) {
        (self.kind, self.identity.serial.octets(), &self.identity.issuer)
    }

    fn order(&self) -> ((Kind, &str), OffsetDateTime, FilesOf, Option<u64>) {
        let job = self.shard.as_ref().and_then(|shard| shard.job);
        (self.name(), self.identity.not_before, self.files_of, job)
    }

    /// The place of the shard that it is in.
    pub(super) fn place(&self) -> Option<&str> {
        self.shard.as_ref().map(|shard| shard.place.as_str())
    }

    fn name(&self) -> (Kind, &str) {
        (self.kind, &self.identity.name)
    }

    pub(in crate::lifecycle::upkeep) fn is_of_same_name(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    /// Whether its name has another certificate in the same job: it was issued a second time.
    pub(super) fn is_second(&self, jobs: &JobIds) -> bool {
        self.shard.as_ref().is_some_and(|shard| jobs.is_second(&shard.place, shard.attempt))
    }

    /// The row of the certificate.
    pub(super) fn known(&self, role: Role, jobs: &JobIds, origin: Origin) -> KnownIdentity {
        let job = self.in_job(jobs);
        KnownIdentity {
            identity: self.identity.clone(),
            issued: self.issued.clone(),
            role,
            issuer_generation: self.issuer_generation,
            // The only time that a certificate shows. It lies about an hour before the signature.
            issued_at: self.identity.not_before,
            origin,
            // The station of what a job has issued is that of its shard.
            station: self.station.clone().filter(|_| job.is_none()),
            job,
            revocation: None,
        }
    }

    /// Whether it is one of these certificates.
    pub(in crate::lifecycle::upkeep) fn is_among(&self, certificates: &BTreeSet<(SerialNumber, String)>) -> bool {
        !certificates.is_empty() && certificates.contains(&(self.identity.serial.clone(), self.identity.issuer.clone()))
    }

    /// The job and the number of its name there.
    pub(in crate::lifecycle::upkeep) fn in_job(&self, jobs: &JobIds) -> Option<(JobId, u64)> {
        let shard = self.shard.as_ref()?;
        jobs.number(&shard.place, shard.attempt, &self.identity.name)
    }
}

/// The generation of a certificate that is among the files of two: a copy in the present files decides.
fn present(one: FilesOf, other: FilesOf) -> FilesOf {
    if [one, other].contains(&FilesOf::Present) { FilesOf::Present } else { one.max(other) }
}
