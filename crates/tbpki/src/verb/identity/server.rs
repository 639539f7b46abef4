//! `tbpki server`.

use base::Result;
use base::settings_file::ENV_FILE;
use base::text::printable;
use config::key;
use identity::report::{IdentityOutcome, IdentityReport};
use identity::server::{ServerRequest, make_server};

use super::client::{check_owner, request};
use crate::args::ServerArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &ServerArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.identity(&args.identity, key::server::alg, key::server::days, key::server::san);
    overrides.set_all(key::server::formats, "--format", &args.format);
    overrides.set_if(key::server::name, "--name", args.name.as_deref());
    overrides.set_if(key::server::credentials, "--credentials", args.credentials);
    overrides.set_if(key::server::single_file, "--single-file", args.single_file.then_some("true"));
    let config = context.config(&overrides)?;
    let has_copies = args.out.is_some() || args.identity.force || config.server.out.value.is_some();
    check_owner(&args.owner, has_copies)?;
    let server_request = ServerRequest {
        request: request(&args.identity, args.out.as_ref(), &args.owner),
        only_given_names: args.only_given_names,
        include_root: args.include_root,
        services: args.service.clone(),
        forms: args.environment.clone(),
    };
    let mut report = context.in_workspace(&config, |workspace| make_server(workspace, &server_request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    if let Some(next) = next(&report) {
        // On standard error and after the result, so that JSON on standard output stays one document.
        context.output.say(next);
    }
    Ok(Exit::Done)
}

/// The step that is left to the user: the settings of ThingsBoard, and the name for clients.
fn next(report: &IdentityReport) -> Option<String> {
    if report.done == IdentityOutcome::Planned || report.done == IdentityOutcome::Unchanged {
        return None;
    }
    let settings = report.files.iter().rfind(|file| file.path.file_name().is_some_and(|name| name == ENV_FILE))?;
    Some(format!(
        "next: if this is the server of ThingsBoard, add the lines of {} to thingsboard.conf and restart it; clients must \
         connect to {} or another name above",
        printable(&settings.path.to_string_lossy()),
        printable(&report.name)
    ))
}
