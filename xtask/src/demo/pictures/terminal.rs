//! A terminal's text as an SVG picture.

/// The width of a character and the height of a line, in hundredths of a pixel.
const CHARACTER: usize = 843;
const LINE: usize = 1_950;
/// The space around the text, in hundredths of a pixel.
const BORDER: usize = 1_600;

/// A run of characters in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    text: String,
    style: Style,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    color: Option<&'static str>,
}

/// The picture of a command and its output, which can contain the escape sequences of colors.
pub(super) fn svg(command: &str, output: &str) -> String {
    let mut lines = vec![vec![Span { text: format!("$ {command}"), style: Style { bold: true, color: None } }]];
    lines.extend(output.trim_end().lines().scan(Style::default(), |style, line| Some(spans(line, style))));
    let length = |line: &Vec<Span>| line.iter().map(|span| span.text.chars().count()).sum::<usize>();
    let width = lines.iter().map(length).max().unwrap_or_default() * CHARACTER + 2 * BORDER;
    let height = lines.len() * LINE + 2 * BORDER;
    let (w, h) = (pixels(width), pixels(height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
         <title>{}</title>\n\
         <rect width=\"{w}\" height=\"{h}\" rx=\"8\" fill=\"#1e1f29\"/>\n\
         <g font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" \
         fill=\"#e6e6e6\" xml:space=\"preserve\">\n",
        escaped(command)
    );
    for (row, line) in lines.iter().enumerate() {
        let y = BORDER + row * LINE + LINE * 3 / 4;
        svg.push_str(&format!("<text x=\"{}\" y=\"{}\">", pixels(BORDER), pixels(y)));
        for Span { text, style } in line {
            let bold = if style.bold { " font-weight=\"bold\"" } else { "" };
            let color = style.color.map(|color| format!(" fill=\"{color}\"")).unwrap_or_default();
            svg.push_str(&format!("<tspan{bold}{color}>{}</tspan>", escaped(text)));
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn pixels(hundredths: usize) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The runs of a line. The style at its end is that of the next line's beginning.
fn spans(line: &str, style: &mut Style) -> Vec<Span> {
    let mut spans = Vec::new();
    for (index, part) in line.split("\x1b[").enumerate() {
        let text = if index == 0 { part } else { after_sequence(part, style) };
        if !text.is_empty() {
            spans.push(Span { text: text.to_owned(), style: *style });
        }
    }
    spans
}

/// Applies the sequence at the beginning of `part` (`1;31m`), and returns the text behind it.
fn after_sequence<'a>(part: &'a str, style: &mut Style) -> &'a str {
    let Some((codes, text)) = part.split_once('m') else { return "" };
    for code in codes.split(';') {
        match code {
            "" | "0" => *style = Style::default(),
            "1" => style.bold = true,
            "22" => style.bold = false,
            "31" | "91" => style.color = Some("#ff6b6b"),
            "32" | "92" => style.color = Some("#69db7c"),
            "33" | "93" => style.color = Some("#ffd43b"),
            "34" | "94" => style.color = Some("#74c0fc"),
            "36" | "96" => style.color = Some("#66d9e8"),
            "39" => style.color = None,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_become_styles_and_are_not_shown() {
        let mut style = Style::default();
        let line = spans("a \x1b[1m\x1b[31mb\x1b[0m c", &mut style);
        let texts: Vec<&str> = line.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(texts, ["a ", "b", " c"]);
        assert_eq!(line.get(1).map(|span| span.style), Some(Style { bold: true, color: Some("#ff6b6b") }));
        assert_eq!(style, Style::default());
    }

    #[test]
    fn the_picture_contains_the_text_escaped() {
        let picture = svg("tbpki", "a < b & c\nsecond");
        assert!(picture.contains("<tspan>a &lt; b &amp; c</tspan>") && picture.contains("second"), "{picture}");
        assert!(!picture.contains('\x1b') && picture.ends_with("</svg>\n"), "{picture}");
    }
}
