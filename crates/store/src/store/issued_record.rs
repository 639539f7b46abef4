//! What the ledger records of a certificate once it is signed.

use ledger::IssuedRecord;
use pki::Certificate;

/// The record of a certificate: its fingerprint, and the id by which a platform knows it.
pub fn issued_record(certificate: &Certificate) -> IssuedRecord {
    IssuedRecord { fingerprint: certificate.fingerprint(), credentials_id: Some(certificate.credentials_id()) }
}
