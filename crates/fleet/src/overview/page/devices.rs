//! The table of devices: as markup for those who run no scripts, and as data for the script that searches in it.

use std::fmt::{Result, Write};

use base::text::printable;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::super::Overview;
use super::super::rows::DeviceRow;
use super::text::{date, embedded, end_class, end_words, grouped, text};
use crate::lifecycle::renew::Urgency;

/// Writes the section.
pub(super) fn write(overview: &Overview, out: &mut String) -> Result {
    let rows = overview.rows.sorted();
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"devices\">\n<h2 id=\"devices\" tabindex=\"-1\">Devices</h2>\n",
    );
    if rows.is_empty() {
        out.push_str("<p>There are no devices yet. <code>tbpki client --device NAME</code> makes the first one.</p>\n");
        out.push_str("</section>\n");
        return Ok(());
    }
    scope(overview, out)?;
    controls(out);
    // With scripts the browser takes this as text and builds no rows of it, so the table does not cost twice.
    out.push_str("<noscript>\n<table class=\"devices cards\">\n");
    head(out);
    out.push_str("<tbody>\n");
    rows.iter().try_for_each(|row| line(row, overview.now, out))?;
    out.push_str("</tbody>\n</table>\n</noscript>\n</section>\n");
    let data = json!({
        "now": overview.now.unix_timestamp(),
        "rows": rows.into_iter().map(data).collect::<Vec<Value>>(),
    });
    // JSON in a script element is not run; `embedded` takes care of `</script>` in a name.
    writeln!(out, "<script type=\"application/json\" id=\"data\">{}</script>", embedded(&data.to_string()))
}

/// The title of these devices.
fn scope(overview: &Overview, out: &mut String) -> Result {
    let (shown, all) = (u64::try_from(overview.rows.len()).unwrap_or(u64::MAX), overview.totals.devices);
    if shown == all {
        return writeln!(
            out,
            "<p id=\"scope\">All {}. Those that failed come first, then those that have expired or must be renewed, then \
             the rest by name.</p>",
            grouped(all)
        );
    }
    writeln!(
        out,
        "<p id=\"scope\"><strong>{} of {} devices</strong> are in this table: those that failed, then those that have \
         expired or must be renewed, then the rest by name, up to that number. The figures above count every device; <code>tbpki \
         list</code> shows them all.</p>",
        grouped(shown),
        grouped(all)
    )
}

/// The controls that need the script, which shows them.
fn controls(out: &mut String) {
    out.push_str(
        "<p id=\"blocked\" class=\"scripted\">Searching and sorting need this page's own script, which something here \
         does not let run. Open the file with a browser.</p>\n\
         <div id=\"explorer\" hidden>\n\
         <div class=\"controls\" role=\"search\" aria-label=\"Devices\">\n\
         <label>Search <input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" \
         placeholder=\"name, serial number, error\" aria-controls=\"found\"></label>\n\
         <label>Show <select id=\"filter\" aria-controls=\"found\"></select></label>\n\
         <label>Order <select id=\"order\" aria-controls=\"found\"></select></label>\n\
         </div>\n\
         <p id=\"status\" role=\"status\"></p>\n\
         <table class=\"devices cards\" id=\"found\" role=\"table\">\n",
    );
    head(out);
    out.push_str(
        "<tbody role=\"rowgroup\"></tbody>\n</table>\n\
         <nav class=\"pages\" aria-label=\"Pages of the table\">\
         <button type=\"button\" id=\"previous\">Previous</button>\
         <span id=\"page\"></span>\
         <button type=\"button\" id=\"next\">Next</button></nav>\n\
         </div>\n",
    );
}

fn head(out: &mut String) {
    out.push_str(
        "<caption class=\"unseen\">Devices</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">\
         <th role=\"columnheader\" scope=\"col\" data-order=\"name\">Device</th>\
         <th role=\"columnheader\" scope=\"col\" data-order=\"state\">State</th>\
         <th role=\"columnheader\" scope=\"col\" data-order=\"expires\">Expires</th>\
         <th role=\"columnheader\" scope=\"col\" data-order=\"registered\">Registered</th>\
         <th role=\"columnheader\" scope=\"col\" data-order=\"bundled\">In an image</th></tr></thead>\n",
    );
}

/// A row as markup, in the form that the script makes too.
fn line(row: &DeviceRow, now: OffsetDateTime, out: &mut String) -> Result {
    let when = |at: Option<OffsetDateTime>| at.map_or_else(|| "–".to_owned(), date);
    let days = (row.not_after - now).whole_days();
    let words = row.is_current.then(|| format!("<span class=\"note\">{}</span>", end_words(row.urgency, days)));
    write!(
        out,
        "<tr><th scope=\"row\"><bdi class=\"name\">{}</bdi><span class=\"serial\">{}</span>",
        text(&row.name),
        row.serial
    )?;
    if let Some(error) = &row.error {
        write!(out, "<span class=\"error\">{}</span>", text(error))?;
    }
    writeln!(
        out,
        "</th><td data-label=\"State\"><span class=\"state state-{0}\">{0}</span></td>\
         <td data-label=\"Expires\"><div><span{4}>{1}</span>{5}</div></td><td data-label=\"Registered\">{2}</td>\
         <td data-label=\"In an image\">{3}</td></tr>",
        row.state,
        date(row.not_after),
        when(row.registered),
        when(row.bundled),
        end_class(row.urgency),
        words.unwrap_or_default(),
    )
}

/// A row as data: name, state, serial, end, registered, bundled, error, cause, generation, algorithm, urgency. Times are
/// seconds since 1970, causes the numbers of the table of failures, -1 for other causes.
fn data(row: &DeviceRow) -> Value {
    let seconds = |at: Option<OffsetDateTime>| at.map(OffsetDateTime::unix_timestamp);
    let cause = row.cause.map(|cause| cause.map_or(json!(-1), |number| json!(number)));
    json!([
        printable(&row.name).to_string(),
        row.state.as_str(),
        row.serial,
        row.not_after.unix_timestamp(),
        seconds(row.registered),
        seconds(row.bundled),
        row.error.as_deref().map(|error| printable(error).to_string()),
        cause,
        row.generation,
        printable(&row.algorithm).to_string(),
        row.urgency.map(Urgency::as_str),
    ])
}
