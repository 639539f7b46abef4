//! `tbpki completions`.

use base::{Code, Result};
use clap::CommandFactory;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn run(shell: clap_complete::Shell, context: &mut Context) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tbpki", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Code::Internal.error("the completions are not text").because(error))?;
    context.output.text(&script)?;
    Ok(Exit::Done)
}
