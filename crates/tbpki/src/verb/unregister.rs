//! `tbpki unregister`.

use base::{Code, Result};
use fleet::unregister::{UnregisterRequest, unregister};

use crate::args::UnregisterArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &UnregisterArgs, context: &mut Context) -> Result<Exit> {
    let request = UnregisterRequest {
        device: args.device.parse()?,
        delete_device: args.delete_device,
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    if args.delete_device && !args.yes && !args.dry_run {
        let question = format!("Delete the device {} with all that it has ever reported?", args.device);
        if !context.asker.confirm(&question, "--yes")? {
            return Err(Code::NeedsAnswer.error("the device was not deleted").because("the answer was no"));
        }
    }
    let report = context.at_station(&config, |station| unregister(station, &request))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}
