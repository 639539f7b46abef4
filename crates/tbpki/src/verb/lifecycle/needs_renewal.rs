//! `tbpki needs-renewal`, for timers: the exit status is the answer.

use std::io::{self, Write};
use std::path::Path;

use base::text::counted;
use base::timestamp::rfc3339;
use base::{Code, Result, file};
use fleet::lifecycle::renew::{named, only_server};
use identity::lifecycle::renew::{RenewalRule, due_from};
use ledger::{Key, Kind};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::NeedsRenewalArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The largest file that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The report about the need for a renewal.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NeedsRenewalReport {
    /// True if it does, if a step of the last renewal is open, or if its CA is revoked.
    needed: bool,
    /// Whether a step of the last renewal is open: `tbpki renew` finishes it.
    open: bool,
    /// Whether the generation of the CA that issued it is revoked: peers refuse it, whatever its dates are.
    ca_revoked: bool,
    /// The time from which it does (RFC 3339, UTC).
    due_from: String,
    /// The last second of its validity (RFC 3339, UTC).
    not_after: String,
    /// Days until it expires; negative if it has expired.
    days_left: i64,
    /// Whether it has expired.
    #[serde(skip)]
    expired: bool,
}

pub(crate) fn run(args: &NeedsRenewalArgs, context: &mut Context) -> Result<Exit> {
    let now = OffsetDateTime::now_utc();
    let dates = match dates(args, context) {
        // A status of its own: a timer that runs for a certificate which is gone or revoked must not renew it, nor
        // fail.
        Err(error) if matches!(error.code(), Code::UnknownIdentity | Code::Revoked) => {
            context.output.error(error);
            return Ok(Exit::NoSuchCertificate);
        }
        other => other?,
    };
    let Dates { not_before, not_after, open, ca_revoked, configured } = dates;
    let rule = args
        .within
        .map(|horizon| RenewalRule::Within(horizon.after(now) - now))
        .or(configured)
        .unwrap_or(RenewalRule::LastThird);
    let needed = open || ca_revoked || rule.is_due(not_before, not_after, now);
    context.output.result(&NeedsRenewalReport {
        needed,
        open,
        ca_revoked,
        due_from: rfc3339(due_from(rule, not_before, not_after)),
        not_after: rfc3339(not_after),
        days_left: (not_after - now).whole_days(),
        expired: not_after < now,
    })?;
    // 0 is "needed", since systemd goes on with a unit whose ExecCondition ends with 0.
    Ok(if needed { Exit::Done } else { Exit::NotNeeded })
}

struct Dates {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    /// Whether a step of the last renewal is open.
    open: bool,
    /// Whether the generation of its CA is revoked.
    ca_revoked: bool,
    /// The rule of the configuration, if one was read.
    configured: Option<RenewalRule>,
}

fn dates(args: &NeedsRenewalArgs, context: &mut Context) -> Result<Dates> {
    if let Some(path) = &args.file {
        let leaf = leaf(path)?;
        // A certificate that was fetched and not confirmed yet: the timer has to come again, whatever its dates are.
        let open = enroll::client::is_open(path);
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        // A file alone does not tell what became of its CA.
        return Ok(Dates { not_before, not_after, open, ca_revoked: false, configured: None });
    }
    let config = context.config(&Overrides::default())?;
    let (entry, open, ca_revoked) = context.in_workspace(&config, |workspace| {
        let view = workspace.view()?;
        // A clock that is years behind would answer "not needed" to the timer until the certificate has expired.
        workspace.check_clock(&view)?;
        let entry = match (&args.device, &args.server) {
            // Its dates count: it needs no renewal only because it waits for its first use.
            (Some(device), _) => named(&view, Kind::Device, device.as_str()).or_else(|error| {
                let pending = match error.code() {
                    Code::EnrolmentUnconfirmed => view.pending(Kind::Device, device.as_str())?,
                    _ => None,
                };
                pending.ok_or(error)
            }),
            (None, Some(Some(server))) => named(&view, Kind::Server, server),
            _ => only_server(&view),
        }?;
        let open = view.open_renewals()?;
        let is_of = |key: &Key| key.kind == entry.key.kind && key.name == entry.key.name;
        let is_open = open.iter().any(|open| is_of(&open.key));
        let is_refused = view.revoked_cas()?.have_issued(&entry);
        Ok((entry, is_open, is_refused))
    })?;
    let configured = Some(RenewalRule::of(&config));
    Ok(Dates { not_before: entry.not_before, not_after: entry.not_after, open, ca_revoked, configured })
}

/// The first certificate of a file.
fn leaf(path: &Path) -> Result<Certificate> {
    let missing = || Code::UnknownIdentity.error("there is no such file").at(path);
    let bytes = file::read_optional(path, LIMIT)?.ok_or_else(missing)?;
    let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(path))?;
    let none = || {
        Code::CertificateUnreadable.error("the file has no certificate").at(path).fix("name a file with a certificate")
    };
    bundle.certificates.into_iter().next().ok_or_else(none)
}

impl Report for NeedsRenewalReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let needed = if self.needed { "renewal is needed" } else { "no renewal is needed" };
        let why = if self.ca_revoked { "its CA is revoked, " } else { "" };
        let end = match self.expired {
            true => format!("expired on {}", self.not_after),
            false => format!("{} left", counted(self.days_left, "day", "days")),
        };
        writeln!(out, "{needed}: {why}{end}, due from {}", self.due_from)?;
        if self.open {
            writeln!(out, "  the last renewal is not finished: a step of it, or its program (--after), has failed")?;
        }
        Ok(())
    }
}
