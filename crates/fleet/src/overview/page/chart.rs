//! Bars, drawn as SVG inside the page. Each chart has a table with the same numbers, for people who
//! do not see the chart read.

use std::fmt::{Result, Write};

use super::super::expiry::Bar;
use super::text::{grouped, text};

/// The size of a chart in its own units; the page scales it.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 200.0;

/// Room for numbers above the bars, and for names below.
const TOP: f64 = 24.0;
const BOTTOM: f64 = 24.0;

/// Writes a chart of upright bars, and its table.
pub(super) fn bars(out: &mut String, id: &str, name: &str, head: &str, bars: &[Bar]) -> Result {
    write!(out, "<div class=\"chart\">\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}\">")?;
    writeln!(out, "<title id=\"{id}\">{}; the numbers are in the table</title>", text(name))?;
    let floor = HEIGHT - BOTTOM;
    writeln!(out, "<line class=\"axis\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{floor}\" y2=\"{floor}\"/>")?;
    // At least 1, as the divisor of what follows.
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
    let step = WIDTH / units(bars.len()).max(1.0);
    let width = (step * 0.7).min(48.0);
    // Names have room for about five letters; where bars are narrow, some go without.
    let every = (30.0 / step).ceil().max(1.0);
    for (index, bar) in bars.iter().enumerate() {
        let middle = step * (units(index) + 0.5);
        if bar.count > 0 {
            // A single one among a million is still to be seen.
            let height = (share(bar.count, most) * (floor - TOP)).max(2.0);
            let class = if bar.is_past { "bar past" } else { "bar" };
            writeln!(
                out,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>\
                 <text x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
                middle - width / 2.0,
                floor - height,
                floor - height - 6.0,
                short(bar.count),
            )?;
        }
        if units(index) % every == 0.0 {
            writeln!(out, "<text class=\"name\" x=\"{middle:.1}\" y=\"{}\">{}</text>", HEIGHT - 6.0, text(&bar.short))?;
        }
    }
    out.push_str("</svg>\n");
    table(out, name, head, bars)?;
    out.push_str("</div>\n");
    Ok(())
}

fn table(out: &mut String, name: &str, head: &str, bars: &[Bar]) -> Result {
    write!(
        out,
        "<table class=\"figures\">\n<caption class=\"unseen\">{}</caption>\n\
         <thead><tr><th scope=\"col\">{head}</th><th scope=\"col\" class=\"number\">Certificates</th></tr></thead>\n<tbody>\n",
        text(name)
    )?;
    for bar in bars {
        let class = if bar.count == 0 { " class=\"none\"" } else { "" };
        writeln!(
            out,
            "<tr{class}><th scope=\"row\">{}</th><td class=\"number\">{}</td></tr>",
            text(&bar.label),
            grouped(bar.count)
        )?;
    }
    out.push_str("</tbody>\n</table>\n");
    Ok(())
}

/// One bar that lies, cut into parts: each with its class and its number.
pub(super) fn stack(out: &mut String, id: &str, name: &str, parts: &[(&str, u64)]) -> Result {
    writeln!(
        out,
        "<svg class=\"stack\" viewBox=\"0 0 1000 28\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"{id}\">\
         <title id=\"{id}\">{}; the numbers are in the table</title>",
        text(name)
    )?;
    let whole = parts.iter().map(|(_, count)| count).sum::<u64>().max(1);
    let mut from = 0.0;
    for (class, count) in parts.iter().filter(|(_, count)| *count > 0) {
        let width = share(*count, whole) * 1000.0;
        writeln!(out, "<rect class=\"{class}\" x=\"{from:.2}\" y=\"0\" width=\"{width:.2}\" height=\"28\"/>")?;
        from += width;
    }
    out.push_str("</svg>\n");
    Ok(())
}

/// A thin bar that shows how much of a whole is done. The text next to it has the same value in words.
pub(super) fn meter(out: &mut String, parts: &[(&str, u64)], whole: u64) -> Result {
    out.push_str(
        "<svg class=\"meter\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100\" height=\"6\"/>",
    );
    let mut from = 0.0;
    for (class, count) in parts.iter().filter(|(_, count)| *count > 0) {
        let width = share(*count, whole.max(1)) * 100.0;
        write!(out, "<rect class=\"{class}\" x=\"{from:.2}\" width=\"{width:.2}\" height=\"6\"/>")?;
        from += width;
    }
    out.push_str("</svg>");
    Ok(())
}

/// A number that has to fit above a bar: to two digits or three.
fn short(number: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        // Rounded with integers: a float would print 9.96 as 10.0, where the form without a decimal is wanted.
        let tenths = number.saturating_add(unit / 20) / (unit / 10);
        if tenths < 100 && !tenths.is_multiple_of(10) {
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        } else {
            format!("{}{name}", number.saturating_add(unit / 2) / unit)
        }
    };
    match number {
        ..1_000 => number.to_string(),
        // From 999,500 on, the thousands would be rounded to 1000k.
        1_000..999_500 => scaled(1_000, "k"),
        999_500.. => scaled(1_000_000, "M"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "lengths on a screen")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[allow(clippy::cast_precision_loss, reason = "a few dozen bars")]
fn units(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_above_bars_stay_short() {
        for (number, text) in [
            (7, "7"),
            (999, "999"),
            (1_000, "1k"),
            (1_249, "1.2k"),
            (8_963, "9k"),
            (9_960, "10k"),
            (98_765, "99k"),
            (999_499, "999k"),
            (999_500, "1M"),
            (1_250_000, "1.3M"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn parts_fill_the_bar() {
        let mut out = String::new();
        stack(&mut out, "x", "a & b", &[("one", 1), ("none", 0), ("three", 3)]).unwrap();
        assert!(
            out.contains("x=\"0.00\" y=\"0\" width=\"250.00\"")
                && out.contains("x=\"250.00\" y=\"0\" width=\"750.00\"")
        );
        assert!(!out.contains("none\" x=") && out.contains("a &amp; b"), "{out}");
    }
}
