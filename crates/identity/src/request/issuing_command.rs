//! The commands that issue and renew an identity, for messages.

use base::text::{device_option, device_words, shell_word};
use ledger::Kind;

/// The command that has issued an identity, without its further options. Repeated, it writes the files again that follow from
/// the key and the chain; with `--force`, it issues a new generation.
pub(crate) fn issuing_command(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Server => format!("tbpki server --name {}", shell_word(name)),
        _ => format!("tbpki client {}", device_words(name)),
    }
}

/// The command that issues an identity with its copies in the directory `dir`, which is a word of a shell.
pub(crate) fn issuing_command_to(kind: Kind, name: &str, dir: &str) -> String {
    format!("{} --out {dir}", issuing_command(kind, name))
}

/// The command that renews an identity.
pub(crate) fn renewing_command(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Device => format!("tbpki renew {}", device_option(name)),
        _ => format!("tbpki renew --{kind} {}", shell_word(name)),
    }
}
