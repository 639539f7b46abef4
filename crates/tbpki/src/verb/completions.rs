//! `tbpki completions`.

use base::Result;

use crate::completion;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn run(shell: clap_complete::Shell, context: &mut Context) -> Result<Exit> {
    context.output.text(&completion::script(shell)?)?;
    Ok(Exit::Done)
}
