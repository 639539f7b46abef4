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

/// The access token of a device.
pub const TOKEN: &str = "token";

/// The private key of a server, in PEM, in a file with this prefix.
pub fn server_key(prefix: &str) -> String {
    format!("{prefix}_key.pem")
}

/// The chain of a server, leaf first, in PEM, in a file with this prefix.
pub fn server_chain(prefix: &str) -> String {
    format!("{prefix}.pem")
}
