//! The overview as one HTML page that needs nothing else: no server, no network, no other file.
//!
//! Every value of the ledger is data here. It reaches the page through [`text()`] alone, or through the JSON of
//! [`devices`], and the content security policy lets run nothing but the script that comes with it, known by its hash.

mod chart;
mod devices;
mod life;
mod sections;
mod text;

use std::fmt::Write as _;

use base::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Overview;
use text::{date_and_time, text};

/// The style sheet of the page.
const STYLE: &str = include_str!("page/style.css");

/// The script that makes the table searchable.
const SCRIPT: &str = include_str!("page/script.js");

impl Overview {
    /// The page, under this title.
    pub fn page(&self, title: &str) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail, here and in everything that is called.
        let _ = self.write_page(title, &mut page);
        page
    }

    fn write_page(&self, title: &str, page: &mut String) -> std::fmt::Result {
        let title = text(title);
        write!(
            page,
            "<!doctype html>\n\
             <html lang=\"en\">\n\
             <head>\n\
             <meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta name=\"generator\" content=\"tbpki {}\">\n\
             <title>{title}</title>\n\
             <style>{STYLE}</style>\n\
             </head>\n\
             <body>\n\
             <a class=\"skip\" href=\"#devices\">To the table of devices</a>\n\
             <header>\n\
             <h1>{title}</h1>\n\
             <p>As of <time datetime=\"{}\">{}</time></p>\n\
             </header>\n\
             <main>\n",
            policy(),
            env!("CARGO_PKG_VERSION"),
            base::timestamp::rfc3339(self.now),
            date_and_time(self.now),
        )?;
        sections::write(self, page)?;
        devices::write(self, page)?;
        write!(
            page,
            "</main>\n\
             <footer>\n\
             <p>Made by tbpki {} from the ledger of the store. Every device counts once, by its latest certificate that \
             was not given up. The page names devices and holds no secret.</p>\n\
             </footer>\n\
             <script>{SCRIPT}</script>\n\
             </body>\n\
             </html>\n",
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// The content security policy (W3C CSP Level 3): nothing is fetched, and nothing runs or styles but what was written
/// here. Scripts cannot turn text into markup either.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_script_nor_style_could_end_its_element() {
        assert!(!SCRIPT.to_ascii_lowercase().contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.to_ascii_lowercase().contains("</style"));
    }

    #[test]
    fn the_policy_knows_script_and_style_by_their_hashes() {
        let policy = policy();
        assert_eq!(policy.matches("'sha256-").count(), 2);
        assert!(!policy.contains("unsafe") && !policy.contains('"'), "{policy}");
    }
}
