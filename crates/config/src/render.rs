//! Writing keygen.toml: the example in the repository, and the file of `tbpki init`.

use std::collections::BTreeSet;

use super::answers::Answers;
use super::keys::{KEYS, SECTIONS};
use super::row::{KeyRow, Preset};

/// keygen.toml.example: every key with its default and why one would change it.
pub fn example() -> String {
    let heading = "\
# Every key of keygen.toml, with its default and why one would change it. A key that has no default is a
# comment and shows an example. `tbpki init` writes such a file for you, `tbpki config show --origin`
# prints the values in use. Each key can also be given by a variable, TBPKI_SERVER_DAYS for server.days.
#
# A secret is a table that names its place: { file = \"path\" } (mode 0600, from this file's directory),
# { env = \"NAME\" } or { prompt = true }.
";
    layout(heading, |key| match key.preset {
        Preset::Default(value) => format!("{} = {value}\n", key.name()),
        Preset::Unset(value) => format!("#{} = {value}\n", key.name()),
    })
}

/// The keygen.toml of these answers: answered keys are in it with their values, all others as comments with their
/// defaults.
pub fn render(answers: &Answers) -> String {
    let heading = "\
# Written by `tbpki init`. A commented line shows the default of its key, or an example if the key has
# no default. `tbpki config show --origin` prints the values in use.
";
    render_under(heading, answers)
}

/// The keygen.toml of a station bundle, in the same form.
pub fn render_station_bundle(answers: &Answers) -> String {
    let heading = "\
# Written by `tbpki ca export`: a station that issues devices. A commented line shows the default of its key, or
# an example if the key has no default. `tbpki config show --origin` prints the values in use.
";
    render_under(heading, answers)
}

/// The lines of a keygen.toml that set a key, each with the name of its key: `client.days` for `days` in the section `[client]`.
/// Values of several lines have the name of their first line.
pub fn set_lines(text: &str) -> BTreeSet<(String, String)> {
    let (mut section, mut name) = (String::new(), String::new());
    let mut lines = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{}.", heading.trim());
            continue;
        }
        if let Some((key, _)) = line.split_once('=')
            && key.trim().chars().all(|one| one.is_ascii_alphanumeric() || "_-.".contains(one))
        {
            name = format!("{section}{}", key.trim());
        }
        lines.insert((name.clone(), line.to_owned()));
    }
    lines
}

fn render_under(heading: &str, answers: &Answers) -> String {
    layout(heading, |key| match (answers.value(key.path), key.preset) {
        (Some(value), _) => format!("{} = {value}\n", key.name()),
        // Always there: see `Code::ConfigVersion`.
        (None, Preset::Default(value)) if key.path == "version" => format!("{} = {value}\n", key.name()),
        (None, Preset::Default(value) | Preset::Unset(value)) => format!("#{} = {value}\n", key.name()),
    })
}

fn layout(heading: &str, line: impl Fn(&KeyRow) -> String) -> String {
    let mut text = heading.to_owned();
    // In the order of SECTIONS and not of the keys, because TOML puts every line under the last heading.
    for (prefix, about) in SECTIONS {
        text.push('\n');
        // The keys without a section have the empty prefix and no heading; they come first, as TOML demands.
        if let Some(section) = prefix.strip_suffix('.') {
            text.push_str(&wrapped(about));
            text.push_str(&format!("[{section}]\n"));
        }
        for key in KEYS.iter().filter(|key| key.path.strip_prefix(prefix).is_some_and(|rest| !rest.contains('.'))) {
            text.push_str(&wrapped(key.why));
            text.push_str(&line(key));
        }
    }
    text
}

/// Text as comment lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width == 0 || width + 1 + length > 100 {
            out.push_str(if width == 0 { "# " } else { "\n# " });
            width = 2 + length;
        } else {
            out.push(' ');
            width += 1 + length;
        }
        out.push_str(word);
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Answer, Origin, SecretRef, key, parse};
    use super::*;
    use base::Code;

    #[test]
    fn the_example_in_the_repository_is_this_one() {
        let there = include_str!("../../../keygen.toml.example");
        assert_eq!(there, example(), "keygen.toml.example is stale: `cargo xtask gen`");
    }

    #[test]
    fn the_example_holds_every_key_and_means_the_defaults() {
        let text = example();
        let lines: Vec<&str> = text.lines().collect();
        for key in KEYS {
            let name = key.name();
            assert!(lines.iter().any(|line| line.trim_start_matches('#').starts_with(&format!("{name} = "))), "{name}");
        }
        let (config, findings) = parse(&text).unwrap();
        let (defaults, _) = parse("version = 1").unwrap();
        assert_eq!(findings, []);
        let values = |config: &super::super::Config| -> Vec<Option<String>> {
            config.show().into_iter().map(|s| s.value).collect()
        };
        assert_eq!(values(&config), values(&defaults));
    }

    #[test]
    fn its_comments_are_good_values_too() {
        let uncommented: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                // A commented key has no space behind the `#`, and an explanation has one.
                Some(rest) if !rest.starts_with(' ') && rest.contains(" = ") => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let (config, _) = parse(&uncommented).unwrap();
        for shown in config.show() {
            assert!(matches!(shown.origin, Origin::File { .. }), "{}", shown.key);
            assert!(shown.value.is_some(), "{}", shown.key);
        }
    }

    #[test]
    fn without_answers_init_writes_the_defaults() {
        let (config, _) = parse(&render(&Answers::new())).unwrap();
        assert!(config.show().iter().all(|shown| shown.origin == Origin::Default || shown.key == "version"));
    }

    #[test]
    fn answers_are_checked_when_they_are_given() {
        let mut answers = Answers::new();
        assert_eq!(answers.set_toml("server.day", "3").unwrap_err().code(), Code::UnknownKey);
        assert_eq!(answers.set(key::server::days, 0).unwrap_err().code(), Code::BadValue);
        assert_eq!(answers.set(key::server::san, "not a host!").unwrap_err().code(), Code::BadSan);
        let literal = SecretRef::Literal("hunter2".into());
        assert_eq!(answers.set(key::ca::passphrase, literal).unwrap_err().code(), Code::LiteralSecret);
        answers.set(key::server::days, 90).unwrap();
        answers.set(key::client::formats, &["pem", "jks"][..]).unwrap();
        answers.set(key::ca::passphrase, SecretRef::Variable("PASSPHRASE".into())).unwrap();
        answers.set(key::server::single_file, true).unwrap();
        let text = render(&answers);
        let (config, _) = parse(&text).unwrap();
        assert_eq!(config.server.days.number(), 90);
        assert_eq!(config.client.formats.len(), 2);
        assert_eq!(config.ca.passphrase.value, Some(SecretRef::Variable("PASSPHRASE".into())));
        assert!(*config.server.single_file);
    }

    proptest! {
        #[test]
        fn any_accepted_answer_reads_back(text in any::<String>()) {
            for name in [
                key::subject::organization,
                key::subject::organizational_units,
                key::server::san,
                key::server::out,
                key::platform::user,
                key::firmware::wifi_ssid,
            ] {
                let mut answers = Answers::new();
                if answers.set(name, Answer::Text(text.clone())).is_ok() {
                    let (config, _) = parse(&render(&answers)).unwrap();
                    let shown = config.show().into_iter().find(|shown| shown.key == name.path()).unwrap();
                    prop_assert_ne!(shown.origin, Origin::Default);
                }
            }
        }
    }
}
