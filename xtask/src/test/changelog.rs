//! CHANGELOG.md has the format of Keep a Changelog, and its first section is for the version of this workspace.

use std::fs;

use crate::error::{Doing, Error, Result};
use crate::workspace::root;

/// The kinds of changes.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// Checks the file against the version of this workspace.
pub(crate) fn check() -> Result<()> {
    report(&faults(&text()?, env!("CARGO_PKG_VERSION")))
}

/// Checks that the file and the workspace are ready for a tag, for example `v0.1.0`, and returns the text of the release: the
/// section of the version, without its title.
pub(crate) fn release_notes(tag: &str) -> Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    if tag != format!("v{version}") {
        return Err(Error::new(format!("the tag {tag} is not that of version {version}"))
            .fix(format!("tag v{version}, or change the version in Cargo.toml")));
    }
    let text = text()?;
    report(&faults(&text, version))?;
    match sections(&text).first() {
        Some((title, lines)) if date(title, version).is_some() => Ok(notes(lines)),
        _ => Err(Error::new(format!("CHANGELOG.md does not begin with version {version} and its date"))
            .fix(format!("change the title of the first section to `## {version} - YYYY-MM-DD`"))),
    }
}

/// Lines as one text that ends with a line break.
fn notes(lines: &[&str]) -> String {
    format!("{}\n", lines.join("\n").trim())
}

fn text() -> Result<String> {
    fs::read_to_string(root().join("CHANGELOG.md")).doing("read CHANGELOG.md")
}

fn report(faults: &[String]) -> Result<()> {
    match faults {
        [] => Ok(()),
        faults => Err(Error::new(format!("CHANGELOG.md: {}", faults.join("; ")))
            .fix("see https://keepachangelog.com for the format")),
    }
}

/// The titles of the sections and their lines.
fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("## "), sections.last_mut()) {
            (Some(title), _) => sections.push((title, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    sections
}

fn faults(text: &str, version: &str) -> Vec<String> {
    let sections = sections(text);
    let mut faults = Vec::new();
    let is_current = |title: &str| title == format!("Unreleased: {version}") || date(title, version).is_some();
    match sections.first() {
        Some((title, _)) if *title == "Unreleased" || is_current(title) => {}
        _ => faults.push(format!("the first section is neither `Unreleased` nor that of version {version}")),
    }
    for (position, (title, lines)) in sections.iter().enumerate() {
        if position > 0 && title.split(' ').next().is_none_or(|version| date(title, version).is_none()) {
            faults.push(format!("the section {title:?} has no version and date"));
        }
        for kind in lines.iter().filter_map(|line| line.strip_prefix("### ")) {
            if !KINDS.contains(&kind) {
                faults.push(format!("{kind:?} in {title:?} is not one of {}", KINDS.join(", ")));
            }
        }
        if !lines.iter().any(|line| line.starts_with("- ")) && *title != "Unreleased" {
            faults.push(format!("the section {title:?} lists no changes"));
        }
    }
    faults
}

/// The date of a title such as `0.1.0 - 2026-11-28`.
fn date<'a>(title: &'a str, version: &str) -> Option<&'a str> {
    let date = title.strip_prefix(version)?.strip_prefix(" - ")?;
    let parts: Vec<&str> = date.split('-').collect();
    let has_lengths = parts.iter().map(|part| part.len()).eq([4, 2, 2]);
    let has_digits = parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()));
    (has_lengths && has_digits).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_versions_dates_and_known_kinds() {
        let good =
            "# Changelog\n\n## Unreleased\n\n## 1.1.0 - 2026-11-28\n### Added\n- a\n## 1.0.0 - 2026-01-01\n- b\n";
        assert!(faults(good, "1.1.0").is_empty(), "{:?}", faults(good, "1.1.0"));
        assert!(faults("## Unreleased: 1.1.0\n- a\n", "1.1.0").is_empty());
        for (text, fault) in [
            ("", "neither"),
            ("## 1.0.0 - 2026-01-01\n- a\n", "version 1.1.0"),
            ("## 1.1.0 - soon\n- a\n", "version 1.1.0"),
            ("## 1.1.0 - 2026-01-01\n### Improved\n- a\n", "\"Improved\""),
            ("## 1.1.0 - 2026-01-01\n", "lists no changes"),
            ("## Unreleased\n## 1.0.0\n- a\n", "no version and date"),
        ] {
            let faults = faults(text, "1.1.0").join("; ");
            assert!(faults.contains(fault), "{text}: {faults}");
        }
    }

    #[test]
    fn the_text_of_a_release_is_its_section_alone() {
        let text = "# Changelog\n\nAbout.\n\n## 1.1.0 - 2026-11-28\n\nNew.\n\n### Added\n\n- a\n\n## 1.0.0 - 2026-01-01\n- b\n";
        let lines = sections(text).into_iter().next().map(|(_, lines)| lines).unwrap_or_default();
        assert_eq!(notes(&lines), "New.\n\n### Added\n\n- a\n");
    }

    #[test]
    fn a_tag_must_be_that_of_the_version() {
        let error = release_notes("v99.0.0").map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("v99.0.0")));
    }
}
