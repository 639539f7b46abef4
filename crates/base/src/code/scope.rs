//! Which failures concern one identity of a run, and which every other one as well.

use super::registry::{Class, Code, FailureScope};
use crate::error::Error;

/// Failures that every other identity would have as well, because they concern the store, its keys or the disk.
const OF_ALL: [Code; 21] = [
    Code::SecretUnavailable,
    Code::KeyEncrypted,
    Code::WrongPassphrase,
    Code::IssuerExpired,
    Code::DiskFull,
    Code::StoreLocked,
    Code::LedgerBusy,
    Code::StoreMissing,
    Code::LedgerUnreadable,
    Code::LedgerVersion,
    Code::LedgerOutdated,
    Code::LedgerUnreachable,
    Code::LedgerLost,
    Code::LedgerRefused,
    Code::LedgerInsecure,
    Code::LedgerOlder,
    Code::LedgerRestored,
    Code::CaNotInLedger,
    Code::CaUnavailable,
    Code::Pkcs11Pin,
    Code::Pkcs11Module,
];

impl Code {
    /// True if the other identities of a run can still be done after a failure with this code.
    pub fn is_of_one(self) -> bool {
        self.reach() == FailureScope::One && self.class() == Class::User && !OF_ALL.contains(&self)
    }
}

impl Error {
    /// True if the other identities of a run can still be done after this failure of one of them.
    pub fn is_of_one(&self) -> bool {
        // The class of an error can differ from that of its code.
        self.code().is_of_one() && self.class() == Class::User
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_passphrase_or_a_platform_that_is_away_ends_a_run_and_a_fault_of_one_device_does_not() {
        for code in [Code::WrongPassphrase, Code::DiskFull, Code::Unreachable, Code::LoginRefused, Code::Internal] {
            assert!(!code.is_of_one(), "{code}");
        }
        for code in [Code::RenewalTooShort, Code::NotRenewable, Code::Revoked, Code::OtherCredential] {
            assert!(code.is_of_one(), "{code}");
        }
        assert!(Code::Revoked.error("x").is_of_one());
        assert!(!Code::Revoked.error("x").argument("--device").is_of_one(), "a usage error");
    }
}
