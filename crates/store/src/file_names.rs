//! The names of files that more than one part of tbpki writes or reads.

/// A private key, in PEM.
pub const KEY: &str = "key.pem";
/// A leaf, in PEM.
pub const CERT: &str = "cert.pem";
/// A chain, leaf first, in PEM.
pub const CHAIN: &str = "chain.pem";
/// What a device trusts, in PEM.
pub const ANCHORS: &str = "tb-server-chain.pem";
/// What the clients of a server trust, in PEM.
pub const CA_FILE: &str = "cafile.pem";
