//! `tbpki completions` and `tbpki man`, and the texts that they and `tbpki --help` print.

pub mod help;
pub mod man;

use clap::Args;
use clap_complete::Shell;

/// The arguments of `tbpki completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell [default with `--install`: the one that SHELL names]
    #[arg(required_unless_present = "install")]
    pub shell: Option<Shell>,
    /// Write the script to the directory where the shell looks for it, and print the path
    #[arg(long)]
    pub install: bool,
}

/// The arguments of `tbpki man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The verb of the page to print, for example `config show` [default: the page of tbpki]
    #[arg(value_name = "VERB", conflicts_with = "install", value_parser = crate::args::value::text())]
    pub verb: Vec<String>,
    /// Write all pages to the user's directory of man pages, and print the path
    #[arg(long)]
    pub install: bool,
}
