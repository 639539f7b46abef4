//! `tbpki fleet renew`.

use base::Result;
use fleet::mass::{FleetRenewRequest, renew};
use identity::lifecycle::renew::RenewalRule;
use time::OffsetDateTime;

use crate::args::FleetRenewArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;

pub(crate) fn run(args: &FleetRenewArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    let config = context.config(&overrides)?;
    let now = OffsetDateTime::now_utc();
    let due = match args.within {
        Some(horizon) => Some(RenewalRule::Within(horizon.after(now) - now)),
        None => args.due.then(|| RenewalRule::of(&config)),
    };
    let request = FleetRenewRequest {
        job: args.job,
        due,
        destination: super::destination(&args.layout)?,
        threads: args.work.jobs.map(usize::from),
        results: args.work.results.clone(),
        dry_run: args.work.dry_run,
    };
    super::run_job(context, &overrides, |workspace, control| renew(workspace, &request, control))
}
