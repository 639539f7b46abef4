//! Certificates that exist, and of which the ledger has nothing but a serial number.

use base::Result;
use ledger::{IssuedRecord, Kind, KnownIdentity, NewIdentity, Origin, Parameters, Role, SerialNumber, UNSEEN};
use time::OffsetDateTime;

/// The row of a device's certificate that the ledger has not issued: it keeps the serial number on the lists of the CA.
/// `since` is a time at which it existed. It is taken to be valid until `ca_ends`, the end of its CA: nothing that a CA
/// has issued is valid for longer.
///
/// # Errors
/// None that can happen: the parameters are empty.
pub(in crate::lifecycle) fn unseen(
    serial: &SerialNumber,
    issuer: &str,
    since: OffsetDateTime,
    ca_ends: OffsetDateTime,
) -> Result<KnownIdentity> {
    Ok(KnownIdentity {
        identity: NewIdentity {
            kind: Kind::Device,
            name: name_of(serial),
            serial: serial.clone(),
            profile: "unknown".to_owned(),
            algorithm: "unknown".to_owned(),
            parameters: Parameters::of(&serde_json::Map::new())?,
            issuer: issuer.to_owned(),
            not_before: since,
            not_after: ca_ends,
        },
        issued: IssuedRecord { fingerprint: UNSEEN, credentials_id: None },
        role: Role::Superseded,
        issuer_generation: None,
        issued_at: since,
        origin: Origin::Repaired,
        job: None,
        station: None,
        revocation: None,
    })
}

/// The name of such a row.
pub(in crate::lifecycle) fn name_of(serial: &SerialNumber) -> String {
    format!("revoked-{serial}")
}
