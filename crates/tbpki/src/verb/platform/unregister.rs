//! `tbpki unregister`.

use base::Result;
use fleet::lifecycle::unregister::{UnregisterRequest, unregister};

use crate::args::UnregisterArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::verb::platform::declined;

pub(crate) fn run(args: &UnregisterArgs, context: &mut Context) -> Result<Exit> {
    let request = UnregisterRequest {
        device: args.device.name()?.clone(),
        delete_device: args.delete_device,
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    if args.delete_device && !args.yes && !args.dry_run {
        let question = format!("Delete the device {} and all its data?", args.device.name()?);
        if !context.prompter.confirm(&question, "--yes")? {
            return Err(declined("the device was not deleted"));
        }
    }
    let report = context.in_workspace(&config, |workspace| unregister(workspace, &request))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}
