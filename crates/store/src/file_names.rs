//! The names of files that more than one part of tbpki writes or reads.

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

/// The directory with the files of a renewal that is not used yet, in the directory of its identity.
pub const PENDING: &str = "pending";

/// The directory with the generations of CAs that are out of service, in the directory of the CAs.
pub const RETIRED: &str = "retired";

/// The access token of a device.
pub const TOKEN: &str = "token";

/// Whether a file in the directory of a device is one that tbpki writes there, by its name.
pub fn is_of_identity(file: &str) -> bool {
    // Stricter than what `store check` reads, because `forget` removes what this accepts: `notes.pem.20` is a file of the user.
    let name = match file.rsplit_once('.') {
        Some((name, serial)) if serial.len() >= 8 && serial.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => file,
    };
    name == TOKEN || [".pem", ".cer", ".p12", ".jks"].iter().any(|end| name.ends_with(end))
}

/// The private key of a server, in PEM, in a file with this prefix.
pub fn server_key(prefix: &str) -> String {
    format!("{prefix}_key.pem")
}

/// The chain of a server, leaf first, in PEM, in a file with this prefix.
pub fn server_chain(prefix: &str) -> String {
    format!("{prefix}.pem")
}
