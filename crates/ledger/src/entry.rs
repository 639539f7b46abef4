//! A row of the ledger.

use time::OffsetDateTime;

use crate::job::JobId;
use crate::key::{Generation, Key, Kind, SerialNumber};
use crate::lifecycle::origin::Origin;
use crate::lifecycle::revocation::Revocation;
use crate::lifecycle::role::Role;
use crate::parameters::Parameters;
use crate::state::State;

/// A certificate that is about to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The kind of the identity.
    pub kind: Kind,
    /// The name, unique within its kind.
    pub name: String,
    /// The serial number that the certificate will have; unique among those of its issuer.
    pub serial: SerialNumber,
    /// The profile that decides its extensions.
    pub profile: String,
    /// The algorithm of its key.
    pub algorithm: String,
    /// The requested properties.
    pub parameters: Parameters,
    /// The CA that signs: its name in the ledger, a root's own name for a root.
    pub issuer: String,
    /// The beginning of its validity.
    pub not_before: OffsetDateTime,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
}

/// The next generation of a name, before it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextIdentity {
    pub(crate) identity: NewIdentity,
    pub(crate) generation: Generation,
    /// The generation of the CA that signs.
    pub(crate) issuer: Option<Generation>,
    /// As [`IntendedIdentity`] has it.
    pub(crate) revoked: u64,
    /// The time at which the name was taken from the first platform, in seconds since 1970 (UTC).
    pub(crate) unregistered_at: Option<i64>,
}

impl NextIdentity {
    /// What is about to be signed.
    pub fn identity(&self) -> &NewIdentity {
        &self.identity
    }
}

/// An identity that is recorded and not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntendedIdentity {
    /// Its key.
    pub key: Key,
    pub(crate) row: i64,
    /// How many generations of the name were revoked by then, for a reason that concerns the key or its holder.
    pub(crate) revoked: u64,
}

/// The properties of an identity that is signed and delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedRecord {
    /// SHA-256 over the DER of the leaf.
    pub fingerprint: [u8; 32],
    /// By what the platform knows the credential; `None` for what no platform will see.
    pub credentials_id: Option<String>,
}

/// A row: an identity, and how far it has come. Its state, the time of its registration and
/// [`unregistered_at`](Self::unregistered_at) are about the platform in focus.
///
/// All times are in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub key: Key,
    /// The serial number of its certificate.
    pub serial: SerialNumber,
    /// The profile that decided its extensions.
    pub profile: String,
    /// The algorithm of its key.
    pub algorithm: String,
    /// The requested properties.
    pub parameters: Parameters,
    /// The CA that signed.
    pub issuer: String,
    /// The beginning of its validity.
    pub not_before: OffsetDateTime,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
    /// SHA-256 over the DER of the leaf; known once issued.
    pub fingerprint: Option<[u8; 32]>,
    /// By what the platform knows the credential; known once issued.
    pub credentials_id: Option<String>,
    /// The job that it was issued by, and the number of its name there; `None` for what was issued by itself.
    pub job: Option<(JobId, u64)>,
    /// The last step that was taken.
    pub state: State,
    /// The role among the generations of its name.
    pub role: Role,
    /// The generation of the CA that signed; `None` if it is unknown, and for self-signed certificates.
    pub issuer_generation: Option<Generation>,
    /// The revocation, if it was revoked.
    pub revocation: Option<Revocation>,
    /// Why it was voided or revoked, or what went wrong last; cleared by the next step that succeeds.
    pub last_error: Option<String>,
    /// The time at which it was taken from the platform; `None` if it was not, or was registered again since.
    pub unregistered_at: Option<OffsetDateTime>,
    /// The directory outside of the store that got copies of its files; `None` if none did.
    pub copies: Option<String>,
    /// Where the row comes from if tbpki did not record it before it was signed; `None` for all others.
    pub origin: Option<Origin>,
    /// The time at which the name was forgotten: its files are gone, and it may be used again.
    pub forgotten_at: Option<OffsetDateTime>,
    pub(crate) is_elsewhere: bool,
    pub(crate) times: [Option<OffsetDateTime>; State::ALL.len()],
}

impl Entry {
    /// True if it is registered at a platform that is not in focus.
    pub fn is_registered_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// True if it is registered at a platform, in focus or not.
    pub fn is_registered(&self) -> bool {
        self.is_elsewhere || self.reached(State::Registered).is_some()
    }

    /// Which issue of the name it is.
    pub fn generation(&self) -> Generation {
        self.key.generation
    }

    /// True if it is the certificate that its device or server uses: [`Role::Current`].
    pub fn is_current(&self) -> bool {
        self.role == Role::Current
    }

    /// True if bulk operations take it: it is the current generation of its name, and was not unregistered.
    pub fn is_for_bulk(&self) -> bool {
        self.is_current() && self.unregistered_at.is_none()
    }

    /// Whether the phases of its job take it: it is in use, now or after a renewal by the job, and was not unregistered.
    pub fn is_for_job(&self) -> bool {
        self.role.is_in_use() && self.unregistered_at.is_none()
    }

    /// When it came to `state`, last if more than once; `None` if it never did.
    pub fn reached(&self, state: State) -> Option<OffsetDateTime> {
        State::ALL.iter().zip(&self.times).find(|(of, _)| **of == state).and_then(|(_, time)| *time)
    }
}
