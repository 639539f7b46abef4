//! The man pages, one for each verb, from the definition of the command line.

use base::{Code, Error, Result};
use clap::{Command, CommandFactory};

use crate::args::Cli;

/// A man page in roff.
#[derive(Debug, Clone)]
pub struct ManPage {
    /// The name without the section, for example `tbpki-config-show`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// The pages of all verbs, that of `tbpki` first.
///
/// # Errors
/// `Internal` if a page cannot be made.
pub fn pages() -> Result<Vec<ManPage>> {
    let mut command = Cli::command();
    command.build();
    commands(&command).into_iter().map(|(path, verb)| page(&path, verb)).collect()
}

/// Every verb with the words that call it, for example `tbpki config show`; `tbpki` itself first.
pub fn commands(command: &Command) -> Vec<(String, &Command)> {
    let mut found = vec![("tbpki".to_owned(), command)];
    below(command, "tbpki", &mut found);
    found
}

fn below<'a>(command: &'a Command, path: &str, found: &mut Vec<(String, &'a Command)>) {
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help" && !verb.is_hide_set()) {
        let path = format!("{path} {}", verb.get_name());
        found.push((path.clone(), verb));
        below(verb, &path, found);
    }
}

fn page(path: &str, verb: &Command) -> Result<ManPage> {
    let name = path.replace(' ', "-");
    let mut text = Vec::new();
    // Without a date, so that the page changes only when the command line does.
    clap_mangen::Man::new(verb.clone().name(name.clone()).bin_name(path))
        .date("")
        .render(&mut text)
        .map_err(|error| internal(&name).caused_by(error))?;
    let text = String::from_utf8(text).map_err(|error| internal(&name).caused_by(error))?;
    let text = with_synopsis(&text, &usage(path, verb)).replace("\n.SH EXTRA\nExamples:\n", "\n.SH EXAMPLES\n");
    Ok(ManPage { name, text: text.replace("\n.SH EXTRA\n", "\n.SH NOTES\n") })
}

/// The lines of usage as `--help` has them, which name the values of options.
fn usage(path: &str, verb: &Command) -> String {
    let usage = verb.clone().bin_name(path).render_usage().to_string();
    let lines = usage.lines().map(|line| line.trim().trim_start_matches("Usage: "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A page with these lines in its synopsis. The one of clap has options without their values.
fn with_synopsis(page: &str, usage: &str) -> String {
    const HEADING: &str = "\n.SH SYNOPSIS\n";
    let Some((before, behind)) = page.split_once(HEADING) else { return page.to_owned() };
    let rest = behind.split_once("\n.SH ").map_or("", |(_, rest)| rest);
    // A hyphen of an option must stay one if it is copied (groff_char(7)).
    let lines: Vec<String> = usage.lines().map(|line| line.replace('\\', "\\e").replace('-', "\\-")).collect();
    format!("{before}{HEADING}.nf\n{}\n.fi\n.SH {rest}", lines.join("\n"))
}

fn internal(name: &str) -> Error {
    Code::Internal.error(format!("the man page {name} cannot be made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let pages = pages().unwrap();
        assert!(pages.len() > 30, "{}", pages.len());
        for page in &pages {
            assert!(page.text.contains(".SH SYNOPSIS") && page.text.contains(".SH DESCRIPTION"), "{page:?}");
        }
        assert_eq!(pages[0].name, "tbpki");
        let page = |name: &str| pages.iter().find(|page| page.name == name).unwrap();
        assert!(
            page("tbpki-client").text.contains("\n.SH SYNOPSIS\n.nf\ntbpki client [OPTIONS] <NAME"),
            "{:?}",
            page("tbpki-client")
        );
        assert!(page("tbpki-client").text.contains("\n.SH EXAMPLES\n"), "{:?}", page("tbpki-client"));
        assert!(pages.iter().all(|page| !page.text.contains(".SH EXTRA")));
        let server = pages.iter().find(|page| page.name == "tbpki-server").unwrap();
        assert!(server.text.contains("ec\\-p256"), "{server:?}");
    }
}
