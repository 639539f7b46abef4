//! Text, numbers and times as they stand in the page.

use std::fmt;

use base::text::{counted, printable};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::lifecycle::renew::Urgency;

/// Text from anywhere as content or attribute of an element: markup is escaped, and so is what cannot be seen or turns
/// the direction of writing.
pub(super) fn text(text: &str) -> PageText<'_> {
    PageText(text)
}

/// See [`text`].
#[derive(Debug, Clone, Copy)]
pub(super) struct PageText<'a>(&'a str);

impl fmt::Display for PageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Made printable first: its escapes consist of ordinary letters, which the escapes of HTML leave as they are.
        printable(self.0).to_string().chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => write!(f, "{c}"),
        })
    }
}

/// JSON as the content of a script element: no character in it means anything to HTML, nor ends a line to an old
/// JavaScript.
pub(super) fn embedded(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
        out
    })
}

/// A number with a comma between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A part of a whole in per cent. What is not nothing is never shown as nothing, nor what is not all as all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    match (part, tenths) {
        (0, _) => "0 %".to_owned(),
        (_, 0) => "< 0.1 %".to_owned(),
        (part, 1000) if part < whole => "> 99.9 %".to_owned(),
        (_, 1000) => "100 %".to_owned(),
        (_, tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// A day (UTC).
pub(super) fn date(at: OffsetDateTime) -> String {
    at.date().to_string()
}

/// A minute (UTC).
pub(super) fn date_and_time(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_else(|_| at.to_string())
}

/// The class attribute of the end of a certificate. The color only repeats what [`end_words`] has.
pub(super) fn end_class(urgency: Option<Urgency>) -> &'static str {
    match urgency {
        Some(Urgency::Expired) => " class=\"bad\"",
        Some(Urgency::Due) => " class=\"warn\"",
        Some(Urgency::Pending) | None => "",
    }
}

/// The urgency of a renewal in words, with the days that are left, for a certificate in use.
pub(super) fn end_words(urgency: Option<Urgency>, days: i64) -> String {
    let left = counted(days, "day", "days");
    match urgency {
        Some(Urgency::Expired) => "expired".to_owned(),
        Some(Urgency::Due) => format!("renew now, {left} left"),
        Some(Urgency::Pending) => format!("{left} left, renewal pending"),
        None => format!("{left} left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let said = text("<img src=x onerror='alert(1)'> & \"\u{202e}\0").to_string();
        assert_eq!(said, "&lt;img src=x onerror=&#39;alert(1)&#39;&gt; &amp; &quot;\\u{202e}\\u{0}");
    }

    #[test]
    fn embedded_json_ends_no_element() {
        let json = serde_json::to_string("</script><!--\u{2028}\u{2029}&").unwrap();
        let embedded = embedded(&json);
        assert_eq!(embedded, r#""\u003c/script\u003e\u003c!--\u2028\u2029\u0026""#);
        assert_eq!(serde_json::from_str::<String>(&embedded).unwrap(), "</script><!--\u{2028}\u{2029}&");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_little_is_not_nothing_and_nearly_all_not_all() {
        for (part, whole, text) in [
            (0, 0, "–"),
            (0, 5, "0 %"),
            (1, 3, "33.3 %"),
            (1, 1_000_000, "< 0.1 %"),
            (999_999, 1_000_000, "> 99.9 %"),
            (5, 5, "100 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }
}
