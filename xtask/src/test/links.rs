//! Links between the Markdown pages of the repository.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

/// The folder of the book's pages. Only they are published with it.
const BOOK: &str = "docs/src/";

/// The book's table of contents, which names its pages.
const SUMMARY: &str = "docs/src/SUMMARY.md";

/// All files of the repository, with the headings and links of the pages.
#[derive(Default)]
pub(super) struct Pages {
    files: BTreeSet<String>,
    pages: BTreeMap<String, Page>,
}

#[derive(Default)]
struct Page {
    /// The ids of headings and of HTML anchors.
    anchors: BTreeSet<String>,
    links: Vec<Link>,
}

struct Link {
    line: usize,
    target: String,
    /// False for `[text][label]` with a label that is not defined.
    defined: bool,
}

impl Pages {
    /// Adds a file by its path from the root, with its text if it is a page.
    pub(super) fn add(&mut self, file: &str, text: Option<&str>) {
        self.files.insert(file.to_owned());
        if let Some(text) = text {
            self.pages.insert(file.to_owned(), parse(text));
        }
    }

    /// A message for each link that leads nowhere, and for each page of the book that its table of contents lacks.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (file, page) in &self.pages {
            for link in &page.links {
                if let Some(fault) = self.fault(file, link) {
                    faults.push(format!("{file}:{}: {}: {fault}", link.line, link.target));
                }
            }
        }
        let listed: BTreeSet<String> = self
            .pages
            .get(SUMMARY)
            .into_iter()
            .flat_map(|page| &page.links)
            .filter_map(|link| resolve(SUMMARY, &link.target))
            .collect();
        let of_book = self.pages.keys().filter(|file| file.starts_with(BOOK) && *file != SUMMARY);
        faults.extend(
            of_book
                .filter(|file| !listed.contains(*file))
                .map(|file| format!("{file}: not in {SUMMARY}, so it is not built")),
        );
        faults
    }

    fn fault(&self, file: &str, link: &Link) -> Option<String> {
        if !link.defined {
            return Some("the label is not defined".to_owned());
        }
        // The web, and mail.
        if link
            .target
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.chars().all(|letter| letter.is_ascii_alphabetic()))
        {
            return None;
        }
        let (path, anchor) =
            link.target.split_once('#').map_or((link.target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let Some(target) = (if path.is_empty() { Some(file.to_owned()) } else { resolve(file, path) }) else {
            return Some("outside of the repository".to_owned());
        };
        if file.starts_with(BOOK) && !target.starts_with(BOOK) {
            return Some("outside of the book, which is published without it".to_owned());
        }
        let is_folder =
            || self.files.iter().any(|file| file.strip_prefix(&target).is_some_and(|rest| rest.starts_with('/')));
        if !self.files.contains(&target) && !is_folder() {
            return Some("no such file".to_owned());
        }
        // In other files an anchor is a line number, or an id that only a browser knows.
        let anchor = anchor.filter(|_| target.ends_with(".md"))?;
        let known = self.pages.get(&target).is_some_and(|page| page.anchors.contains(anchor));
        (!known).then(|| format!("no heading #{anchor} in {target}"))
    }
}

/// The path from the root that a path in a file leads to; nothing above the root.
fn resolve(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // None above the root: a link out of the repository works on one machine only.
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn parse(text: &str) -> Page {
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let mut page = Page::default();
    let mut undefined = Vec::new();
    let callback = |broken: BrokenLink<'_>| {
        // `[text]` alone is more often text than a link.
        if matches!(broken.link_type, LinkType::Reference | LinkType::Collapsed) {
            undefined.push(Link {
                line: line(broken.span.start),
                target: broken.reference.to_string(),
                defined: false,
            });
        }
        None
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES | Options::ENABLE_FOOTNOTES;
    let mut heading: Option<String> = None;
    for (event, range) in Parser::new_with_broken_link_callback(text, options, Some(callback)).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { id, .. }) => {
                heading = Some(String::new());
                page.anchors.extend(id.map(|id| id.to_string()));
            }
            Event::End(TagEnd::Heading(_)) => {
                let id = slug(&heading.take().unwrap_or_default());
                let mut unique = id.clone();
                let mut number = 1;
                // A repeated heading gets `-1`, `-2` and so on, in mdBook as on GitHub.
                while !page.anchors.insert(unique.clone()) {
                    unique = format!("{id}-{number}");
                    number += 1;
                }
            }
            Event::Text(text) | Event::Code(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
            Event::Html(html) | Event::InlineHtml(html) => page.anchors.extend(html_ids(&html)),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(Link { line: line(range.start), target: dest_url.to_string(), defined: true });
            }
            _ => {}
        }
    }
    // The callback borrows the list until the parser is gone.
    page.links.extend(undefined);
    page
}

/// The id that mdBook and GitHub give to a heading.
fn slug(heading: &str) -> String {
    let letters = heading.trim().chars().filter_map(|letter| match letter {
        '-' | '_' => Some(letter),
        // ASCII alone becomes lower case, as in mdBook; our headings have no other capitals.
        _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ if letter.is_whitespace() => Some('-'),
        _ => None,
    });
    letters.collect()
}

/// The values of `id="..."`.
fn html_ids(html: &str) -> Vec<String> {
    html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let mut pages = Pages::default();
        for (file, text) in files {
            pages.add(file, file.ends_with(".md").then_some(text));
        }
        pages.faults()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let readme = "[a](docs/src/a.md#the-first-of-two), [b](src), [c](https://example.org/x#y), [d](#here)\n\n# Here\n\n\
                      [e]: src/lib.rs\n[f][e] [no link]";
        let a = "# The *first* of `two`!\n\n# Same\n\n# Same\n\n[x](../src/a.md#same-1) <a id=\"own\"></a> [y](#own)";
        let summary = "[A](a.md)";
        assert_eq!(
            faults(&[
                ("README.md", readme),
                ("docs/src/a.md", a),
                ("docs/src/SUMMARY.md", summary),
                ("src/lib.rs", "")
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_lines() {
        let readme = "# A\n\n[a](b.md) [c](#d)\n[e](../f.md) ![g](h.png)\n[i][j]";
        let expected = [
            "README.md:3: b.md: no such file",
            "README.md:3: #d: no heading #d in README.md",
            "README.md:4: ../f.md: outside of the repository",
            "README.md:4: h.png: no such file",
            "README.md:5: j: the label is not defined",
        ];
        assert_eq!(faults(&[("README.md", readme)]), expected);
    }

    #[test]
    fn the_book_is_whole() {
        let found = faults(&[
            ("docs/src/SUMMARY.md", "[A](a.md)"),
            ("docs/src/a.md", "[b](../../README.md)"),
            ("docs/src/c.md", ""),
            ("README.md", ""),
        ]);
        assert_eq!(
            found,
            [
                "docs/src/a.md:1: ../../README.md: outside of the book, which is published without it",
                "docs/src/c.md: not in docs/src/SUMMARY.md, so it is not built",
            ]
        );
    }
}
