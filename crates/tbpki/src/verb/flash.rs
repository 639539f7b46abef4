//! `tbpki flash`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use devkit::chip::Chip;
use fleet::bundle::{FlashReport, FlashRequest, flash};

use super::bundle_firmware::chip_flag;
use crate::args::FlashArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &FlashArgs, context: &mut Context) -> Result<Exit> {
    let parse = |name: &String| name.parse().map_err(|error: base::Error| error.item("--device"));
    let request = FlashRequest {
        device: args.device.as_ref().map(parse).transpose()?,
        from: args.from.clone(),
        port: args.port.clone(),
        baud: args.baud,
        credentials_only: args.credentials_only,
    };
    let mut overrides = Overrides::default();
    overrides.set_if("firmware.chip", "--chip", chip_flag(args.chip.as_ref())?.map(Chip::name));
    let config = context.config(&overrides)?;
    let talk = context.output.talker();
    let report = context.at_station(&config, |station| flash(station, &request, &mut |line| talk.say(line)))?;
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
