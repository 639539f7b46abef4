//! Revocation lists, rollovers, revoked certificates, and what is open.

use std::fmt::{Result, Write};

use identity::lifecycle::published_lists::{ListUrgency, PublishedList};

use super::super::life::SHOWN;
use super::super::{Overview, RolloverSummary};
use super::text::{date, date_and_time, grouped, text};

/// The text for a revocation without a reason.
const NO_REASON: &str = "no reason given";

/// Writes what is open. It comes first, because a person has to do something about it.
pub(super) fn open(overview: &Overview, out: &mut String) -> Result {
    let items = &overview.life.open;
    if items.is_empty() {
        return Ok(());
    }
    head("open", "What is open", &["What", "Step", "Last error", "To finish it"], out)?;
    for item in items {
        let step = match &item.platform {
            Some(url) => format!("{} {url}", item.step),
            None => item.step.clone(),
        };
        writeln!(
            out,
            "<tr><th scope=\"row\"><bdi class=\"name\">{}</bdi><span class=\"note\">{}</span></th>\
             <td data-label=\"Step\">{}</td><td data-label=\"Last error\"><span class=\"error\">{}</span></td>\
             <td data-label=\"To finish it\"><span>{}</span></td></tr>",
            text(&item.subject),
            item.of.as_str(),
            text(&step),
            item.error.as_deref().map_or_else(|| "–".to_owned(), |error| text(error).to_string()),
            text(&item.remedy())
        )?;
    }
    out.push_str("</tbody>\n</table>\n");
    writeln!(out, "<p>Of each sort, at most {SHOWN} are in this table. <code>tbpki list</code> shows them all.</p>")?;
    out.push_str("</section>\n");
    Ok(())
}

/// Writes the progress of rollovers.
pub(super) fn rollovers(overview: &Overview, out: &mut String) -> Result {
    let rollovers = &overview.life.rollovers;
    if rollovers.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"rollovers\">\n<h2 id=\"rollovers\">Rollovers</h2>\n<ul>\n");
    rollovers.iter().try_for_each(|rollover| writeln!(out, "<li>{}</li>", progress(rollover)))?;
    out.push_str("</ul>\n</section>\n");
    Ok(())
}

fn progress(rollover: &RolloverSummary) -> String {
    let RolloverSummary { ca, generation, kind, done, total, .. } = rollover;
    let have = if *total == 1 { " has" } else { "s have" };
    let (done, total, ca) = (grouped(*done), grouped(*total), text(ca));
    let what = if rollover.replaces { "a certificate of generation" } else { "generation" };
    let state = if rollover.prepared { "is prepared" } else { "signs" };
    format!("{done} of {total} {kind}{have} {what} {generation} of <bdi>{ca}</bdi>, which {state}.")
}

/// Writes the numbers and the dates of the published lists.
pub(super) fn lists(overview: &Overview, out: &mut String) -> Result {
    let lists = &overview.life.lists;
    if lists.is_empty() {
        return Ok(());
    }
    head("lists", "Revocation lists", &["CA", "Number", "Made", "Next one by", "Revoked"], out)?;
    for list in lists {
        let next = match list.urgency(overview.now) {
            ListUrgency::Current => format!("<span>{}</span>", date(list.next_update)),
            ListUrgency::Due => format!("<span class=\"warn\">{} (due)</span>", date(list.next_update)),
            ListUrgency::Expired => format!("<span class=\"bad\">{} (expired)</span>", date(list.next_update)),
            ListUrgency::NotYetValid => {
                format!("<span class=\"bad\">{} (not valid yet)</span>", date(list.next_update))
            }
        };
        writeln!(
            out,
            "<tr><th scope=\"row\"><bdi class=\"name\">{}</bdi><span class=\"note\">generation {}</span></th>\
             <td data-label=\"Number\">{}</td><td data-label=\"Made\">{}</td><td data-label=\"Next one by\">{next}</td>\
             <td data-label=\"Revoked\">{}</td></tr>",
            text(&list.ca),
            list.generation,
            text(list.number.as_deref().unwrap_or("–")),
            date_and_time(list.this_update),
            grouped(u64::try_from(list.revoked).unwrap_or(u64::MAX))
        )?;
    }
    out.push_str("</tbody>\n</table>\n");
    let is_urgent =
        |list: &PublishedList| matches!(list.urgency(overview.now), ListUrgency::Due | ListUrgency::Expired);
    if lists.iter().any(is_urgent) {
        out.push_str("<p class=\"warn\">Half of the life of a list has passed: run <code>tbpki crl</code>.</p>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

/// Writes what was revoked, and why.
pub(super) fn revoked(overview: &Overview, out: &mut String) -> Result {
    let life = &overview.life;
    if life.revoked.is_empty() {
        return Ok(());
    }
    head("revoked", "Revoked certificates", &["Name", "Reason", "Revoked"], out)?;
    for entry in &life.latest_revoked {
        let Some(revocation) = &entry.revocation else { continue };
        writeln!(
            out,
            "<tr><th scope=\"row\"><bdi class=\"name\">{}</bdi><span class=\"note\">{}, generation {}</span></th>\
             <td data-label=\"Reason\">{}</td><td data-label=\"Revoked\">{}</td></tr>",
            text(&entry.key.name),
            entry.key.kind,
            entry.generation(),
            text(revocation.reason.as_deref().unwrap_or(NO_REASON)),
            date_and_time(revocation.at)
        )?;
    }
    out.push_str("</tbody>\n</table>\n<ul>\n");
    for count in &life.revoked {
        let plural = if count.count == 1 { "" } else { "s" };
        writeln!(
            out,
            "<li>{} {}{plural}: {}</li>",
            grouped(count.count),
            count.kind,
            text(count.reason.as_deref().unwrap_or(NO_REASON))
        )?;
    }
    out.push_str("</ul>\n");
    let (shown, all) = (life.latest_revoked.len() as u64, life.revoked.iter().map(|count| count.count).sum());
    if shown < all {
        writeln!(out, "<p>These are the latest {} of {}.</p>", grouped(shown), grouped(all))?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// The beginning of a section with a table.
fn head(id: &str, title: &str, columns: &[&str], out: &mut String) -> Result {
    write!(
        out,
        "<section class=\"card\" aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n<table class=\"cards\">\n\
         <caption class=\"unseen\">{title}</caption>\n<thead><tr>"
    )?;
    columns.iter().try_for_each(|column| write!(out, "<th scope=\"col\">{column}</th>"))?;
    out.push_str("</tr></thead>\n<tbody>\n");
    Ok(())
}
