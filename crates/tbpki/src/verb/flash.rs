//! `tbpki flash`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use config::key;
use devkit::chip::Chip;
use fleet::bundle::{FlashReport, FlashRequest, flash};

use crate::args::FlashArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &FlashArgs, context: &mut Context) -> Result<Exit> {
    let request = FlashRequest {
        device: args.device.clone(),
        from: args.from.clone(),
        port: args.port.clone(),
        baud: args.baud,
        credentials_only: args.credentials_only,
    };
    let mut overrides = Overrides::default();
    overrides.set_if(key::firmware::chip, "--chip", args.chip.map(Chip::name));
    let config = context.config(&overrides)?;
    let messages = context.output.messages();
    let report =
        context.in_workspace(&config, |workspace| flash(workspace, &request, &mut |line| messages.say(line)))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for FlashReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} at {}", self.chip, printable(&self.port))?;
        for part in &self.parts {
            writeln!(out, "  {:#010x}      {} ({} bytes)", part.offset, printable(&part.file), part.bytes)?;
        }
        Ok(())
    }
}
