//! Figures of a store as Prometheus text, for hosts without `tbpki serve`: their number does not grow with the fleet.
//!
//! [`families`] has those that the service prints, too.

use base::Result;
use base::prometheus::{Family, MetricsText};
use ledger::{Filter, Kind, Role, State, View};
use store::Workspace;

use crate::lifecycle::list_hook;
use crate::lifecycle::published_lists::{Published, first_to_end, published};
use crate::lifecycle::renew::RenewalRule;
use crate::lifecycle::rollover::shortens_from;
use crate::profile_ca;

/// The families that a service has as well, for its own CA.
pub mod families {
    use base::prometheus::Family;

    /// The number of one-time passwords.
    pub const PASSWORDS: Family = Family::gauge("tbpki_enrolment_passwords", "One-time passwords that can be used.");
    /// Certificates on their way to the platform.
    pub const SWAPS: Family =
        Family::gauge("tbpki_platform_swaps_open", "Certificates that the platform has yet to take.");
    /// The end of a revocation list.
    pub const LIST_END: Family = Family::gauge(
        "tbpki_revocation_list_end_seconds",
        "End of the revocation list of a CA that ends first, in Unix seconds; 0 if a list is missing.",
    );
    /// The end of a CA.
    pub const CA_END: Family =
        Family::gauge("tbpki_ca_end_seconds", "End of the certificate with which a CA signs, in Unix seconds.");
}

const TIME: Family = Family::gauge("tbpki_metrics_time_seconds", "Time of these figures, in Unix seconds.");
const CURRENT: Family = Family::gauge("tbpki_certificates", "Certificates in use, by kind.");
const PENDING: Family = Family::gauge("tbpki_certificates_pending", "Renewals that wait for their use, by kind.");
const EXPIRED: Family = Family::gauge("tbpki_certificates_expired", "Certificates in use that have expired, by kind.");
const DUE: Family = Family::gauge(
    "tbpki_certificates_due",
    "Certificates in use that must be renewed now, without a renewal that waits, by kind.",
);
const REVOKED: Family = Family::gauge("tbpki_certificates_revoked", "Revoked certificates, by kind.");
const BELOW_REVOKED: Family = Family::gauge(
    "tbpki_certificates_below_revoked_ca",
    "Certificates in use whose CA was revoked, so that they must be renewed, by kind.",
);
const NEXT_END: Family = Family::gauge(
    "tbpki_certificate_next_end_seconds",
    "End of the certificate in use that ends next, by kind, in Unix seconds.",
);
const REGISTERED: Family = Family::gauge("tbpki_devices_registered", "Devices that the platform knows.");
const BUNDLED: Family = Family::gauge("tbpki_devices_bundled", "Devices that are in a flash image.");
const FAILED: Family = Family::gauge("tbpki_devices_failed", "Devices with a failure as their last event.");
const TOKENS: Family = Family::gauge("tbpki_devices_with_token", "Devices that log in with an access token.");
const LIST_BEGIN: Family = Family::gauge(
    "tbpki_revocation_list_begin_seconds",
    "Time at which the revocation list of a CA that ends first was made, in Unix seconds.",
);
const LIST_DUE: Family = Family::gauge(
    "tbpki_revocation_list_due_seconds",
    "Time from which `tbpki crl` must make the next revocation list of a CA, in Unix seconds; 0 if a list is missing.",
);
const SHORTENS: Family = Family::gauge(
    "tbpki_ca_shortens_from_seconds",
    "From this time on a CA issues certificates that end earlier than configured, in Unix seconds.",
);
const OPEN: Family = Family::gauge("tbpki_steps_open", "Steps that are begun and not done.");
const JOBS: Family = Family::gauge("tbpki_jobs", "Jobs of fleets, by state.");

/// The beginning of every text: a file that begins otherwise is not ours.
pub const FIRST_LINE: &str = "# HELP tbpki_metrics_time_seconds ";

/// The figures of a store.
///
/// # Errors
/// Those of the ledger and of the files with CAs and revocation lists.
pub fn of_store(workspace: &Workspace<'_>) -> Result<String> {
    let view = workspace.view()?;
    let mut text = MetricsText::new();
    text.single(&TIME, workspace.now.unix_timestamp());
    certificates(&mut text, workspace, &view)?;
    devices(&mut text, workspace, &view)?;
    cas(&mut text, workspace, &view)?;
    steps(&mut text, workspace, &view)?;
    Ok(text.into_string())
}

/// The kinds, as the label of samples.
fn by_kind(text: &mut MetricsText, family: &Family, view: &View, filter: impl Fn(Kind) -> Filter) -> Result<()> {
    text.family(family);
    for kind in Kind::ALL {
        text.sample(family, &[("kind", kind.as_str())], view.count(&filter(kind))?);
    }
    Ok(())
}

fn certificates(text: &mut MetricsText, workspace: &Workspace<'_>, view: &View) -> Result<()> {
    let of = |kind| Filter { kind: Some(kind), ..Filter::default() };
    let current = |kind| Filter { current_only: true, ..of(kind) };
    by_kind(text, &CURRENT, view, current)?;
    by_kind(text, &PENDING, view, |kind| Filter { pending_only: true, ..of(kind) })?;
    by_kind(text, &EXPIRED, view, |kind| Filter { expiring_before: Some(workspace.now), ..current(kind) })?;
    let within = match RenewalRule::of(workspace.config) {
        RenewalRule::LastThird => None,
        RenewalRule::Within(time) => Some(time),
    };
    text.family(&DUE);
    // A CA is not renewed like a leaf: `tbpki_ca_shortens_from_seconds` tells when it must be replaced.
    for kind in [Kind::Server, Kind::Device] {
        text.sample(&DUE, &[("kind", kind.as_str())], view.count_due(kind, within, workspace.now)?);
    }
    by_kind(text, &REVOKED, view, |kind| Filter { states: vec![State::Revoked], ..of(kind) })?;
    text.family(&BELOW_REVOKED);
    for kind in [Kind::Server, Kind::Device] {
        text.sample(&BELOW_REVOKED, &[("kind", kind.as_str())], view.count_below_revoked(kind)?);
    }
    text.family(&NEXT_END);
    for kind in Kind::ALL {
        // No sample instead of a made-up date if the store has none of a kind.
        if let Some(end) = view.next_end(kind, workspace.now)? {
            text.sample(&NEXT_END, &[("kind", kind.as_str())], end.unix_timestamp());
        }
    }
    Ok(())
}

fn devices(text: &mut MetricsText, workspace: &Workspace<'_>, view: &View) -> Result<()> {
    let current = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
    text.single(&REGISTERED, view.count(&Filter { states: vec![State::Registered], ..current.clone() })?);
    text.single(&BUNDLED, view.count(&Filter { states: vec![State::Bundled], ..current.clone() })?);
    text.single(&FAILED, view.count(&Filter { failed_only: true, ..current })?);
    text.single(&TOKENS, store::token_devices(&workspace.location, view)?.len());
    text.single(&families::PASSWORDS, view.open_passwords(workspace.now)?);
    Ok(())
}

fn cas(text: &mut MetricsText, workspace: &Workspace<'_>, view: &View) -> Result<()> {
    let all = profile_ca::all_cas(view)?;
    let mut signing = Vec::new();
    for ca in &all {
        signing.extend(
            view.current(Kind::Ca, &ca.name())?.filter(|entry| entry.role == Role::Current).map(|one| (ca, one)),
        );
    }
    text.family(&families::CA_END);
    for (ca, entry) in &signing {
        text.sample(&families::CA_END, &[("ca", &ca.name())], entry.not_after.unix_timestamp());
    }
    text.family(&SHORTENS);
    for (ca, entry) in &signing {
        text.sample(&SHORTENS, &[("ca", &ca.name())], shortens_from(workspace.config, ca, entry).unix_timestamp());
    }
    let Published { lists, mut missing } =
        published(workspace.config, workspace.store_dir(), view, &all, workspace.now)?;
    missing.dedup_by(|one, other| one.ca == other.ca);
    let mut lists = first_to_end(lists);
    // A CA that lacks a list of a generation is refused now, whatever the others are valid for.
    lists.retain(|list| missing.iter().all(|missing| missing.ca != list.ca));
    text.family(&LIST_BEGIN);
    for list in &lists {
        text.sample(&LIST_BEGIN, &[("ca", &list.ca)], list.this_update.unix_timestamp());
    }
    text.family(&LIST_DUE);
    for list in &lists {
        text.sample(&LIST_DUE, &[("ca", &list.ca)], list.due_from().unix_timestamp());
    }
    for list in &missing {
        text.sample(&LIST_DUE, &[("ca", &list.ca)], 0);
    }
    text.family(&families::LIST_END);
    for list in &lists {
        text.sample(&families::LIST_END, &[("ca", &list.ca)], list.next_update.unix_timestamp());
    }
    for list in &missing {
        text.sample(&families::LIST_END, &[("ca", &list.ca)], 0);
    }
    Ok(())
}

fn steps(text: &mut MetricsText, workspace: &Workspace<'_>, view: &View) -> Result<()> {
    text.family(&OPEN);
    text.sample(&OPEN, &[("of", "renewal")], view.open_renewals()?.len());
    text.sample(&OPEN, &[("of", "revocation")], view.count_open_revocations()?);
    text.sample(&OPEN, &[("of", "registration")], view.count_outdated_devices()?);
    text.sample(&OPEN, &[("of", "crl-after")], u8::from(list_hook::is_open(workspace.store_dir())));
    text.single(&families::SWAPS, view.count_open_swaps()?);
    let jobs = view.jobs()?;
    let canceled = jobs.iter().filter(|job| job.canceled_at.is_some()).count();
    let done = jobs.iter().filter(|job| job.done && job.canceled_at.is_none()).count();
    text.family(&JOBS);
    for (state, count) in [("open", jobs.len().saturating_sub(canceled + done)), ("done", done), ("canceled", canceled)]
    {
        text.sample(&JOBS, &[("state", state)], count);
    }
    Ok(())
}
