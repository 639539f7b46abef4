//! The compression and encryption of archives.

use std::path::PathBuf;

use clap::Args;
use pki::age::Recipient;

use crate::args::value::parsed;

/// The compression and encryption of an archive.
#[derive(Debug, Clone, Args)]
pub struct SealArgs {
    /// Compress the archive with zstd
    #[arg(long, requires = "archive")]
    pub zstd: bool,
    /// Seal the archive for this age recipient: age1.. (repeat or separate by commas)
    #[arg(long, value_name = "RECIPIENT", value_parser = parsed::<Recipient>(), value_delimiter = ',')]
    #[arg(requires = "archive")]
    pub recipient: Vec<Recipient>,
    /// Seal the archive for the age recipients in FILE, one on each line
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub recipients_file: Option<PathBuf>,
}
