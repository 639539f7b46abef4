//! The command that has issued an identity, for messages.

use ledger::Kind;

/// The command that has issued an identity, without its further options. Repeated, it writes the files again that follow from
/// the key and the chain; with `--force`, it issues a new generation.
pub(crate) fn issuing_command(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Server => format!("tbpki server --name {name}"),
        _ => format!("tbpki client {name}"),
    }
}
