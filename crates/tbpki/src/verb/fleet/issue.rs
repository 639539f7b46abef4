//! `tbpki fleet issue`.

use base::Result;
use fleet::mass::issue;

use crate::args::FleetIssueArgs;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn run(args: &FleetIssueArgs, context: &mut Context) -> Result<Exit> {
    let request = super::request(args)?;
    super::run(context, &super::overrides(&args.make), &args.names, |workspace, control| {
        issue(workspace, &request, control)
    })
}
