//! `tbpki flash`.

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Result};
use config::key;
use devkit::chip::Chip;
use devkit::flash::monitor;
use fleet::bundle::{FlashReport, FlashRequest, flash, flash_directory};

use crate::args::FlashArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::{Report, StreamResult};

pub(crate) fn run(args: &FlashArgs, context: &mut Context) -> Result<Exit> {
    if args.monitor && context.output.is_json() {
        return Err(Code::Usage
            .error("the output of a board is not JSON")
            .argument("--monitor")
            .fix("leave out --json or --monitor"));
    }
    let request = FlashRequest {
        device: args.name.as_ref().or(args.device.as_ref()).cloned(),
        port: args.port.clone(),
        baud: args.baud,
        credentials_only: args.credentials_only,
    };
    let messages = context.output.messages();
    let report = match &args.from {
        // A bench with the directory of an image needs neither a configuration nor a store.
        Some(directory) => flash_directory(directory, &request, &mut |line| messages.say(line))?,
        None => {
            let mut overrides = Overrides::default();
            overrides.set_if(key::firmware::chip, "--chip", args.chip.map(Chip::name));
            let config = context.config(&overrides)?;
            context.in_workspace(&config, |workspace| flash(workspace, &request, &mut |line| messages.say(line)))?
        }
    };
    // Before the monitor, which runs until Ctrl-C: the result must not be lost with it.
    context.output.result(&report)?;
    if args.monitor {
        context.output.stream(|out| monitor_to(&report.port, out))?;
    }
    Ok(Exit::Done)
}

/// Prints the lines of a board. Control characters, which would command the terminal, are shown as such.
fn monitor_to(port: &str, out: &mut dyn Write) -> StreamResult {
    let mut fault = None;
    let monitored = monitor(port, &mut |line| {
        fault = writeln!(out, "{}", printable(line)).and_then(|()| out.flush()).err();
        // A closed pipe ends the monitor, as in `tbpki flash --monitor | head`.
        Ok(fault.is_none())
    });
    match fault {
        Some(error) => Err(error.into()),
        None => Ok(monitored?),
    }
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
