//! `tbpki unregister`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::lifecycle::unregister::{UnregisterRequest, Unregistered, unregister};
use fleet::register::{DeviceRegistration, PlatformOutcome};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::UnregisterArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::each_device::each_device_of_platform;
use crate::verb::platform::declined;

pub(crate) fn run(args: &UnregisterArgs, context: &mut Context) -> Result<Exit> {
    let names = args.devices.names();
    let request = UnregisterRequest { delete_device: args.delete_device, replace: args.replace, dry_run: args.dry_run };
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    // Asked before the work begins: its lock would keep other verbs out while a person thinks.
    if args.delete_device && !args.yes && !args.dry_run {
        let question = match names.as_slice() {
            [name] => format!("Delete the device {name} and all its data?"),
            names => format!("Delete the {} devices {} and all their data?", names.len(), list(names)),
        };
        if !context.prompter.confirm(&question, "--yes")? {
            return Err(declined("nothing was deleted"));
        }
    }
    let done = each_device_of_platform(&names, &config, context, |workspace, connection, name| {
        let Unregistered { registration, undo } = unregister(workspace, connection, name, &request)?;
        Ok(UnregisterReport { registration, undo, deletes: args.delete_device })
    })?;
    done.finish(context)
}

/// The names in one line.
fn list(names: &[&DeviceName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A device that was taken from the platform.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UnregisterReport {
    /// The result in the platform.
    #[serde(flatten)]
    registration: DeviceRegistration,
    /// The command that registers its certificate again, if it can come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<String>,
    /// Whether the device itself was to be deleted.
    #[serde(skip)]
    deletes: bool,
}

impl Report for UnregisterReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = printable(&self.registration.name);
        match (self.registration.done, self.deletes) {
            (PlatformOutcome::Planned, true) => writeln!(out, "{name} would be deleted from ThingsBoard with its data"),
            (PlatformOutcome::Planned, false) => {
                writeln!(out, "would unregister {name}: its credential in ThingsBoard would become a random token")
            }
            (PlatformOutcome::Absent, _) => writeln!(out, "ThingsBoard has no device {name}"),
            (PlatformOutcome::Deleted, _) => writeln!(out, "deleted {name} from ThingsBoard with its data"),
            (PlatformOutcome::Unchanged, _) if self.registration.dry_run => {
                writeln!(out, "would unregister {name}: ThingsBoard has no certificate of it")
            }
            (PlatformOutcome::Unchanged, _) => {
                writeln!(out, "unregistered {name}: ThingsBoard had no certificate of it")
            }
            _ => {
                writeln!(out, "unregistered {name}: its credential in ThingsBoard is now a random token")?;
                match &self.undo {
                    Some(command) => writeln!(out, "  to undo it      {}", printable(command)),
                    None => Ok(()),
                }
            }
        }
    }
}
