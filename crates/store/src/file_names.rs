//! The names of files that more than one part of tbpki writes or reads.

use ledger::Kind;

/// A private key, in PEM.
pub const KEY: &str = "key.pem";
/// A leaf, in PEM.
pub const CERT: &str = "cert.pem";
/// A chain, leaf first, in PEM.
pub const CHAIN: &str = "chain.pem";
/// The file with the trust anchors of a device, in PEM.
pub const ANCHORS: &str = "tb-server-chain.pem";
/// The file with the trust anchors of a server's clients, in PEM.
pub const CA_FILE: &str = "cafile.pem";
/// The CAs of the devices, for brokers that verify clients themselves, in PEM.
pub const CLIENTS_CA: &str = "clients-ca.pem";

/// The directory with the files of a renewal that is not used yet, in the directory of its identity.
pub const PENDING: &str = "pending";

/// The directory with the generations of CAs that are out of service, in the directory of the CAs.
pub const RETIRED: &str = "retired";

/// The file in a store with the revocation lists of the devices' CAs, in PEM, unless the configuration names another one.
pub const DEVICES_LISTS: &str = "devices-crl.pem";
/// The file in a store with the revocation lists of the servers' CAs, in PEM.
pub const SERVERS_LISTS: &str = "servers-crl.pem";

/// The directory in a store with the files of the enrolment service.
pub const SERVICE: &str = "serve";
/// The audit log of the enrolment service in [`SERVICE`], unless an option names another one.
pub const AUDIT_LOG: &str = "audit.jsonl";

/// The access token of a device.
pub const TOKEN: &str = "token";

/// Whether a file in the directory of a device is one that tbpki writes there, by its name.
pub fn is_of_identity(file: &str) -> bool {
    // Stricter than what `store check` reads, because `forget` removes what this accepts: `notes.pem.20` is a file of the user.
    let name = match without_count(file).rsplit_once('.') {
        Some((name, serial)) if serial.len() >= 8 && serial.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => file,
    };
    is_token(file) || [".pem", ".cer", ".p12", ".jks"].iter().any(|end| name.ends_with(end))
}

/// Whether a file in the directory of a device has an access token, by its name: the present one, or one that was set aside
/// as `token.old`, `token.old-2` and so on. Earlier versions have written `token.old.2`.
pub fn is_token(file: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_count = |end: &str| end.is_empty() || end.strip_prefix(['-', '.']).is_some_and(is_number);
    file.strip_prefix(TOKEN).is_some_and(|end| end.is_empty() || end.strip_prefix(".old").is_some_and(is_count))
}

/// The file among the secrets of a store with the password of an identity's keystores.
pub fn keystore_password(kind: Kind, name: &str) -> String {
    format!("{kind}-{name}.keystore-password")
}

/// The file among the secrets of a store with the password of all keystores of a job.
pub fn keystore_password_of_job(job: u64) -> String {
    format!("fleet-{job}.keystore-password")
}

/// Whether a file is an earlier version of another one that is kept under its name with this suffix: `key.pem.SUFFIX`, or
/// `key.pem.SUFFIX-2` and so on if there are several.
pub fn is_kept_as(file: &str, suffix: &str) -> bool {
    file.ends_with(suffix) || without_count(file).ends_with(suffix)
}

/// The name of a kept version without its count: `key.pem.SUFFIX` for `key.pem.SUFFIX-2`.
fn without_count(file: &str) -> &str {
    match file.rsplit_once('-') {
        // As many versions of one file as are kept (`base::file`).
        Some((name, count)) if matches!(count.len(), 1 | 2) && count.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => file,
    }
}

/// The private key of a server, in PEM, in a file with this prefix.
pub fn server_key(prefix: &str) -> String {
    format!("{prefix}_key.pem")
}

/// The chain of a server, leaf first, in PEM, in a file with this prefix.
pub fn server_chain(prefix: &str) -> String {
    format!("{prefix}.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_set_aside_is_told_by_both_forms_of_its_name() {
        for own in ["token", "token.old", "token.old-2", "token.old-12", "token.old.2"] {
            assert!(is_token(own) && is_of_identity(own), "{own}");
        }
        for other in ["token.older", "token.old-", "token.old.", "token.old.bak", "token.txt", "tokens", "token-2"] {
            assert!(!is_token(other) && !is_of_identity(other), "{other}");
        }
    }

    #[test]
    fn every_kept_version_of_a_file_is_ours_and_others_are_not() {
        for own in ["key.pem", "chain.pem.5A51B2C3", "mqttserver.p12.5A51B2C3-2", "a-1.p12.5A51B2C3-99", "b-2.jks"] {
            assert!(is_of_identity(own), "{own}");
        }
        for other in ["notes.pem.20", "key.pem.bak", "key.pem.5A51B2C3-", "key.pem.5A51B2C3-100", "key.pem.5A51B2C3-x"]
        {
            assert!(!is_of_identity(other), "{other}");
        }
        assert!(is_kept_as("key.pem.5A51B2C3-2", ".5A51B2C3") && is_kept_as("key.pem.5A51B2C3", ".5A51B2C3"));
        assert!(!is_kept_as("key.pem.5A51B2C4-2", ".5A51B2C3") && !is_kept_as("key.pem", ".5A51B2C3"));
    }
}
