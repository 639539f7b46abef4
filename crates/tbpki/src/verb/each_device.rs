//! Verbs that take several devices and do the same to one after the other.

use std::io::{self, Write};

use base::text::printable;
use base::{Finding, Result};
use config::Config;
use fleet::platform::{Connection, new_platform};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;

/// The result of a verb: one device as it is, several as a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "OneOrSeveral{T}")]
pub(crate) enum OneOrSeveral<T> {
    /// The only device.
    One(Box<T>),
    /// Several devices, in the order of the command line.
    Several {
        /// The devices that were done.
        devices: Vec<T>,
        /// The names of the devices that failed or were not tried.
        left: Vec<String>,
    },
}

/// The devices of a run.
pub(crate) struct DoneDevices<T> {
    /// What was done, in the order of the command line.
    pub devices: Vec<T>,
    /// The failures, in the order of the command line.
    pub failures: Vec<Finding>,
    /// The names that failed, and those that were not tried.
    pub left: Vec<String>,
}

/// Works on the devices in their order. A device that fails does not keep the later ones from being done; a failure that
/// every device would have ends the run. What was done is reported, because it exists.
///
/// # Errors
/// That of the only device, and one that ends the run before any other device was tried.
pub(crate) fn each_device<T>(
    names: &[&DeviceName],
    mut work: impl FnMut(&DeviceName) -> Result<T>,
) -> Result<DoneDevices<T>> {
    let mut done = DoneDevices { devices: Vec::new(), failures: Vec::new(), left: Vec::new() };
    for (index, name) in names.iter().enumerate() {
        let error = match work(name) {
            Ok(device) => {
                done.devices.push(device);
                continue;
            }
            Err(error) => error,
        };
        let ends = !error.is_of_one();
        if names.len() == 1 || (ends && index == 0) {
            return Err(error);
        }
        done.failures.push(error.item(name.as_str()).into_finding());
        if ends {
            done.left.extend(names.iter().skip(index).map(ToString::to_string));
            break;
        }
        done.left.push(name.to_string());
    }
    Ok(done)
}

/// As [`each_device`], for work with the platform of the store.
///
/// # Errors
/// As [`each_device`], and those of a store or of settings that are missing.
pub(crate) fn each_device_of_platform<T>(
    names: &[&DeviceName],
    config: &Config,
    context: &mut Context,
    mut work: impl FnMut(&mut Workspace<'_>, &Connection, &DeviceName) -> Result<T>,
) -> Result<DoneDevices<T>> {
    let (done, hint) = context.in_workspace(config, |workspace| {
        store::check_exists(workspace.store_dir())?;
        // One login for all.
        let connection = Connection::of(workspace)?;
        // Before the work, which records the platform.
        let hint = workspace.view().and_then(|view| new_platform(workspace, &view)).ok().flatten();
        Ok((each_device(names, |name| work(workspace, &connection, name)), hint))
    })?;
    context.output.findings(hint);
    done
}

impl<T> DoneDevices<T> {
    /// The result. A list if the run was about several devices, even if only one of them was done.
    pub(crate) fn into_result(mut self) -> OneOrSeveral<T> {
        match self.devices.pop() {
            Some(only) if self.devices.is_empty() && self.left.is_empty() => OneOrSeveral::One(Box::new(only)),
            last => {
                self.devices.extend(last);
                OneOrSeveral::Several { devices: self.devices, left: self.left }
            }
        }
    }
}

impl<T: Report + Serialize> DoneDevices<T> {
    /// Prints the failures and the result.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn finish(mut self, context: &mut Context) -> Result<Exit> {
        let exit = if self.left.is_empty() { Exit::Done } else { Exit::Partly };
        context.output.findings(std::mem::take(&mut self.failures));
        context.output.result(&self.into_result())?;
        Ok(exit)
    }
}

impl<T: Report> Report for OneOrSeveral<T> {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::One(device) => device.render(out),
            Self::Several { devices, left } => {
                devices.iter().try_for_each(|device| device.render(out))?;
                match left.as_slice() {
                    [] => Ok(()),
                    left => {
                        let names = left.join(", ");
                        writeln!(out, "{} not done: {}; run the same command again", left.len(), printable(&names))
                    }
                }
            }
        }
    }
}
