//! Everything above the table of devices: figures, states, expiry, failures, CAs and servers.

use std::fmt::{Result, Write};

use identity::lifecycle::renew::RenewalRule;
use ledger::{Kind, Phase, PhaseProgress, State};
use time::OffsetDateTime;

use super::super::jobs::JobAndProgress;
use super::super::{CaOrServer, Overview};
use super::chart;
use super::life;
use super::text::{date, date_and_time, end_class, end_words, grouped, percent, text};
use crate::lifecycle::renew::Urgency;

/// The meaning of a state, and the class of its color.
const STATES: [(State, &str); 6] = [
    (State::Bundled, "is in a flash image, which was made last"),
    (State::Registered, "is registered with the platform, which was done last"),
    (State::Issued, "has its certificate, and nothing was done with it yet"),
    (State::Intended, "was interrupted before it was issued"),
    (State::Revoked, "was withdrawn"),
    (State::Void, "was given up"),
];

/// Writes them.
pub(super) fn write(overview: &Overview, out: &mut String) -> Result {
    figures(overview, out)?;
    life::open(overview, out)?;
    life::rollovers(overview, out)?;
    if overview.totals.devices > 0 {
        states(overview, out)?;
        expiry(overview, out)?;
        failures(overview, out)?;
    }
    jobs(overview, out)?;
    tokens(overview, out)?;
    life::lists(overview, out)?;
    life::revoked(overview, out)?;
    others(overview, out)
}

fn figures(overview: &Overview, out: &mut String) -> Result {
    let totals = &overview.totals;
    out.push_str("<section aria-labelledby=\"figures\">\n<h2 id=\"figures\" class=\"unseen\">In figures</h2>\n<dl class=\"tiles\">\n");
    let mut tile = |id: &str, name: &str, count: u64, note: &str, class: &str| {
        writeln!(
            out,
            "<div class=\"tile {class}\"><dt>{name}</dt><dd><span id=\"total-{id}\" class=\"count\">{}</span>\
             <span class=\"note\">{note}</span></dd></div>",
            grouped(count)
        )
    };
    let of_usable = |count| format!("{} of {}", percent(count, totals.usable), grouped(totals.usable));
    let alarm = |count: u64, class: &'static str| if count > 0 { class } else { "" };
    tile("devices", "Devices", totals.devices, "in the ledger", "")?;
    tile("registered", "Registered", totals.registered, &of_usable(totals.registered), "")?;
    tile("bundled", "In a flash image", totals.bundled, &of_usable(totals.bundled), "")?;
    tile("failed", "Failed", totals.failed, "with their last step", alarm(totals.failed, "bad"))?;
    // Servers and CAs count here too: an expired server locks every device out.
    let (due, expired) = (totals.due + totals.others_due, totals.expired + totals.others_expired);
    let note = |when: &str, others: u64| match others {
        0 => when.to_owned(),
        others => format!("{when}, {} of them servers or CAs", grouped(others)),
    };
    let rule = match overview.rule {
        RenewalRule::LastThird => "in the last third of their lifetime".to_owned(),
        RenewalRule::Within(time) => format!("end within {} days", time.whole_days()),
    };
    tile("due", "Renew now", due, &note(&rule, totals.others_due), alarm(due, "warn"))?;
    tile("expired", "Expired", expired, &note("already", totals.others_expired), alarm(expired, "bad"))?;
    // Only where there is something to see: most stores never have any, and the row of tiles is short.
    if totals.pending > 0 {
        tile("pending", "Renewed, not in use", totals.pending, "wait for the platform or for reflashing", "")?;
    }
    let open_steps = overview.life.open_steps;
    if open_steps > 0 {
        tile("open", "Open steps", open_steps, "run the interrupted command again", "bad")?;
    }
    out.push_str("</dl>\n</section>\n");
    Ok(())
}

fn states(overview: &Overview, out: &mut String) -> Result {
    let totals = &overview.totals;
    let count = |state| totals.states.get(&state).copied().unwrap_or_default();
    let found: Vec<_> = STATES.into_iter().filter(|(state, _)| count(*state) > 0).collect();
    out.push_str("<section class=\"card\" aria-labelledby=\"states\">\n<h2 id=\"states\">Devices by state</h2>\n");
    let classes: Vec<(String, u64)> =
        found.iter().map(|(state, _)| (format!("state-{state}"), count(*state))).collect();
    let parts: Vec<(&str, u64)> = classes.iter().map(|(class, count)| (class.as_str(), *count)).collect();
    chart::stack(out, "states-chart", "Devices by state", &parts)?;
    out.push_str(
        "<table class=\"figures wide\">\n<caption class=\"unseen\">Devices by state</caption>\n<thead><tr>\
         <th scope=\"col\">State</th><th scope=\"col\" class=\"words\">The device</th>\
         <th scope=\"col\" class=\"number\">Devices</th><th scope=\"col\" class=\"number\">Share</th></tr></thead>\n<tbody>\n",
    );
    for (state, meaning) in found {
        writeln!(
            out,
            "<tr><th scope=\"row\"><span class=\"state state-{state}\">{state}</span></th>\
             <td class=\"words\">{meaning}</td><td class=\"number\" id=\"state-{state}\">{}</td>\
             <td class=\"number\">{}</td></tr>",
            grouped(count(state)),
            percent(count(state), totals.devices)
        )?;
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
    Ok(())
}

fn expiry(overview: &Overview, out: &mut String) -> Result {
    let expiry = &overview.expiry;
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"expiry\">\n<h2 id=\"expiry\">When certificates expire</h2>\n",
    );
    let months = expiry.months();
    let next = expiry.next.map(|next| format!("The next one ends on {}.", date(next)));
    out.push_str("<h3>The next twelve months</h3>\n");
    if months.iter().all(|bar| bar.count == 0) {
        writeln!(out, "<p>No certificate of a device expires. {}</p>", next.unwrap_or_default())?;
    } else {
        writeln!(out, "<p>{}</p>", next.unwrap_or_default())?;
        chart::bars(out, "months-chart", "Certificates by the month in which they expire", "Month", &months)?;
    }
    let years = expiry.years();
    if !years.is_empty() {
        out.push_str("<h3>By year</h3>\n");
        chart::bars(out, "years-chart", "Certificates by the year in which they expire", "Year", &years)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn failures(overview: &Overview, out: &mut String) -> Result {
    out.push_str("<section class=\"card\" aria-labelledby=\"failures\">\n<h2 id=\"failures\">Failures by cause</h2>\n");
    if overview.totals.failed == 0 {
        out.push_str("<p class=\"good\">No device failed with its last step.</p>\n</section>\n");
        return Ok(());
    }
    out.push_str(
        "<table class=\"figures wide\" id=\"causes\">\n<caption class=\"unseen\">Failures by cause</caption>\n<thead><tr>\
         <th scope=\"col\">Cause</th><th scope=\"col\" class=\"number\">Devices</th></tr></thead>\n<tbody>\n",
    );
    for (number, cause) in overview.causes.by_frequency() {
        writeln!(
            out,
            "<tr data-cause=\"{number}\"><th scope=\"row\"><span class=\"cause\">{}</span>\
             <span class=\"note\">such as <bdi>{}</bdi></span></th><td class=\"number\">{}</td></tr>",
            text(&cause.text),
            text(&cause.example),
            grouped(cause.devices)
        )?;
    }
    if overview.causes.others > 0 {
        writeln!(
            out,
            "<tr><th scope=\"row\">Other causes</th><td class=\"number\">{}</td></tr>",
            grouped(overview.causes.others)
        )?;
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
    Ok(())
}

fn jobs(overview: &Overview, out: &mut String) -> Result {
    let jobs = &overview.jobs;
    if jobs.latest.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"jobs\">\n<h2 id=\"jobs\">Jobs</h2>\n\
         <table class=\"cards\">\n<caption class=\"unseen\">Jobs</caption>\n<thead><tr>\
         <th scope=\"col\">Job</th><th scope=\"col\">Devices</th><th scope=\"col\">Issued</th>\
         <th scope=\"col\">Registered</th><th scope=\"col\">In images</th><th scope=\"col\">Failed</th></tr></thead>\n<tbody>\n",
    );
    for JobAndProgress { job, progress } in &jobs.latest {
        write!(
            out,
            "<tr><th scope=\"row\"><span class=\"name\">Job {}</span><span class=\"note\">{}</span></th>\
             <td data-label=\"Devices\">{}</td>",
            job.id,
            date_and_time(job.made_at),
            grouped(job.size)
        )?;
        for (phase, label) in Phase::ALL.into_iter().zip(["Issued", "Registered", "In images"]) {
            let shards_of = progress.phase(phase);
            if phase != Phase::Issue && !is_begun(shards_of) {
                // A bar without anything in it looks like work that is overdue.
                write!(out, "<td data-label=\"{label}\">–</td>")?;
                continue;
            }
            write!(out, "<td data-label=\"{label}\"><div>")?;
            shards(shards_of, u64::from(job.shards), out)?;
            out.push_str("</div></td>");
        }
        let class = if progress.failed > 0 { " class=\"bad\"" } else { "" };
        writeln!(out, "<td data-label=\"Failed\"><span{class}>{}</span></td></tr>", grouped(progress.failed))?;
    }
    out.push_str("</tbody>\n</table>\n");
    if jobs.latest.len() < jobs.total {
        writeln!(out, "<p>These are the latest {} of {} jobs.</p>", jobs.latest.len(), jobs.total)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// True if a phase was asked for: a shard of it is done, failed in part, or in work.
const fn is_begun(shards: PhaseProgress) -> bool {
    shards.done + shards.partly + shards.claimed > 0
}

/// The numbers of a job's shards by their progress in one phase.
fn shards(progress: PhaseProgress, all: u64, out: &mut String) -> Result {
    chart::meter(out, &[("done", progress.done), ("partly", progress.partly)], all)?;
    write!(out, "<span>{} of {}</span>", grouped(progress.done), shards_named(all))?;
    let others = [(progress.partly, "partly done"), (progress.claimed, "in work")];
    let others: Vec<String> = others
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    if !others.is_empty() {
        write!(out, "<span class=\"note\">{}</span>", others.join(", "))?;
    }
    Ok(())
}

fn shards_named(count: u64) -> String {
    format!("{} shard{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// How many names of devices with tokens the page lists.
const TOKENS: usize = 1000;

fn tokens(overview: &Overview, out: &mut String) -> Result {
    let names = &overview.tokens;
    if names.is_empty() {
        return Ok(());
    }
    let all = u64::try_from(names.len()).unwrap_or(u64::MAX);
    writeln!(
        out,
        "<section class=\"card\" aria-labelledby=\"tokens\">\n<h2 id=\"tokens\">Devices with an access token</h2>\n\
         <p>{} {} no certificate, and {} not in the figures above.</p>\n<ul>",
        grouped(all),
        if all == 1 { "device has" } else { "devices have" },
        if all == 1 { "is" } else { "are" },
    )?;
    // `bdi`, since a name in Arabic or Hebrew would turn the order of what is next to it.
    names.iter().take(TOKENS).try_for_each(|name| writeln!(out, "<li><bdi>{}</bdi></li>", text(name)))?;
    out.push_str("</ul>\n");
    if names.len() > TOKENS {
        writeln!(out, "<p>These are the first {TOKENS}.</p>")?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn others(overview: &Overview, out: &mut String) -> Result {
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"others\">\n<h2 id=\"others\">CAs and servers</h2>\n\
         <table class=\"figures wide\">\n<caption class=\"unseen\">CAs and servers</caption>\n<thead><tr>\
         <th scope=\"col\">Name</th><th scope=\"col\">Kind</th><th scope=\"col\" class=\"words\">Issued by</th>\
         <th scope=\"col\">Expires</th></tr></thead>\n<tbody>\n",
    );
    for other in &overview.others {
        let entry = &other.entry;
        writeln!(
            out,
            "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{}</td><td class=\"words\"><bdi>{}</bdi></td><td>{}</td></tr>",
            text(&entry.key.name),
            if entry.key.kind == Kind::Ca { "CA" } else { "server" },
            text(&entry.issuer),
            end(other, overview.now)
        )?;
    }
    out.push_str("</tbody>\n</table>\n");
    let shown = u64::try_from(overview.others.len()).unwrap_or(u64::MAX);
    if shown < overview.others_total {
        writeln!(out, "<p>These are {} of {}.</p>", grouped(shown), grouped(overview.others_total))?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// When it ends, with the days that are left; for a CA also from when on its leaves end earlier than configured.
fn end(other: &CaOrServer, now: OffsetDateTime) -> String {
    let CaOrServer { entry, urgency, shortens_from } = other;
    let day = date(entry.not_after);
    // A revoked or replaced certificate needs no alarm, whenever it ends.
    if !entry.is_current() {
        return format!("{day} ({})", entry.state);
    }
    let (class, days) = (end_class(*urgency), (entry.not_after - now).whole_days());
    match shortens_from {
        // A CA is not renewed like a leaf.
        Some(from) if *urgency == Some(Urgency::Due) => format!(
            "<span{class}>{day} (replace it: certificates that it issues end early since {})</span>",
            date(*from)
        ),
        Some(from) if *urgency != Some(Urgency::Expired) => format!(
            "<span{class}>{day} ({})</span><span class=\"note\">certificates that it issues end early from {} on</span>",
            end_words(*urgency, days),
            date(*from)
        ),
        _ => format!("<span{class}>{day} ({})</span>", end_words(*urgency, days)),
    }
}
