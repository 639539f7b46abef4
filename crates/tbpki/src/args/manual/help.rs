//! The help of `tbpki`, with the verbs in groups.

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Groups of verbs in the order of their use. A verb of no group is in `OTHERS`.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["init", "server", "ca", "profile"]),
    ("One device", &["client", "register", "unregister", "token", "bundle-firmware", "flash"]),
    ("Many devices", &["fleet", "list", "report"]),
    ("Over the years", &["renew", "needs-renewal", "revoke", "crl", "import", "forget", "serve", "store", "ledger"]),
    ("Test and inspect", &["check", "verify", "inspect", "trust", "config", "explain"]),
];

const OTHERS: &str = "Others";

/// The command line, with the help of `tbpki` in groups.
pub fn command() -> Command {
    let command = Cli::command();
    let template = format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{}\n{{options}}{{after-help}}",
        groups(&command),
        header(&command, "Global options")
    );
    command.help_template(template)
}

fn header(command: &Command, title: &str) -> String {
    let style = command.get_styles().get_header();
    format!("{style}{title}:{style:#}")
}

fn groups(command: &Command) -> String {
    let is_grouped = |verb: &Command| GROUPS.iter().any(|(_, names)| names.contains(&verb.get_name()));
    let visible = || command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut text = String::new();
    for (title, names) in GROUPS {
        let verbs: Vec<&Command> =
            names.iter().filter_map(|name| visible().find(|verb| verb.get_name() == *name)).collect();
        group(&mut text, command, title, &verbs);
    }
    group(&mut text, command, OTHERS, &visible().filter(|verb| !is_grouped(verb)).collect::<Vec<_>>());
    text
}

fn group(text: &mut String, command: &Command, title: &str, verbs: &[&Command]) {
    let literal = command.get_styles().get_literal();
    text.push_str(&header(command, title));
    text.push('\n');
    for verb in verbs {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {literal}{:<15}{literal:#}  {about}\n", verb.get_name()));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_the_help_once() {
        let help = command().render_help().to_string();
        for verb in Cli::command().get_subcommands() {
            // Texts that are wrapped have a larger indentation.
            let names = help.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
            let lines = names.filter(|name| *name == verb.get_name());
            assert_eq!(lines.count(), 1, "{}: {help}", verb.get_name());
        }
        for heading in ["Set up:", "Others:", "Global options:", "--no-input"] {
            assert!(help.contains(heading), "{heading}: {help}");
        }
    }
}
