//! Generates the files that follow from the code: reference, JSON schemas and keygen.toml.example for the repository,
//! man pages and completions for packages.
//!
//! `cargo xtask gen` runs this and puts the files into their places; `cargo xtask gen --check` compares.

#![allow(clippy::disallowed_methods, reason = "a chore of this workspace, not the product")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base::Code;
use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;
use config::{KEYS, Preset};
use tbpki::args::Cli;
use tbpki::{completion, environment, schema};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(repository), Some(package)) = (args.next(), args.next()) else {
        return Err("usage: generate REPOSITORY_DIR PACKAGE_DIR".into());
    };
    let mut command = Cli::command();
    command.build();
    man_pages(&command, &package.join("man"))?;
    completions(&package.join("completions"))?;
    write(&repository.join("keygen.toml.example"), &config::example())?;
    let reference = repository.join("docs/src/reference");
    write(&reference.join("cli.md"), &cli_page(&command)?)?;
    write(&reference.join("keygen-toml.md"), &keys_page()?)?;
    write(&reference.join("environment.md"), &environment_page()?)?;
    write(&reference.join("codes.md"), &codes_page()?)?;
    for (verb, schema) in schema::schemas() {
        let text = serde_json::to_string_pretty(&schema)?;
        write(&repository.join(format!("docs/schemas/{verb}.json")), &format!("{text}\n"))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Every verb with the path by which it is called: `tbpki config show`.
fn verbs<'a>(command: &'a Command, path: &str, found: &mut Vec<(String, &'a Command)>) {
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help" && !verb.is_hide_set()) {
        let path = format!("{path} {}", verb.get_name());
        found.push((path.clone(), verb));
        verbs(verb, &path, found);
    }
}

fn all_commands(command: &Command) -> Vec<(String, &Command)> {
    let mut found = vec![("tbpki".to_owned(), command)];
    verbs(command, "tbpki", &mut found);
    found
}

fn man_pages(command: &Command, dir: &Path) -> Result<(), Box<dyn Error>> {
    for (path, verb) in all_commands(command) {
        let name = path.replace(' ', "-");
        let mut page = Vec::new();
        // Without a date, so that the page changes only when the command line does.
        clap_mangen::Man::new(verb.clone().name(name.clone()).bin_name(path)).date("").render(&mut page)?;
        write(&dir.join(format!("{name}.1")), &String::from_utf8(page)?)?;
    }
    Ok(())
}

fn completions(dir: &Path) -> Result<(), Box<dyn Error>> {
    for shell in Shell::value_variants() {
        write(&dir.join(format!("tbpki.{shell}")), &completion::script(*shell)?)?;
    }
    Ok(())
}

fn cli_page(command: &Command) -> Result<String, Box<dyn Error>> {
    let mut page = String::from("# Command line\n\nWhat `tbpki VERB --help` prints.\n");
    for (path, verb) in all_commands(command) {
        let help = verb.clone().bin_name(&path).term_width(100).render_long_help();
        write!(page, "\n## `{path}`\n\n```text\n{}\n```\n", help.to_string().trim_end())?;
    }
    Ok(page)
}

fn keys_page() -> Result<String, Box<dyn Error>> {
    let mut page = String::from(
        "# keygen.toml\n\nEvery key, what it takes, its default and its environment variable. A flag goes before the \
         variable, the variable before the file, the file before the default; `tbpki config show --origin` prints which \
         one it was. If a secret is a table with its location, the variable holds the secret itself, \
         and the variable with `_FILE` behind its name the path of a file that holds it.\n",
    );
    let mut section = None;
    for key in KEYS {
        if section != Some(key.section()) {
            section = Some(key.section());
            let title =
                if key.section().is_empty() { "Top level".to_owned() } else { format!("`[{}]`", key.section()) };
            write!(page, "\n## {title}\n")?;
        }
        let preset = match key.preset {
            Preset::Default(value) => format!("default `{value}`"),
            Preset::Unset(example) => format!("not set; for example `{example}`"),
        };
        write!(
            page,
            "\n### `{}`\n\n{}\n\nTakes {}; {preset}; `{}`.\n",
            key.path,
            key.why.trim(),
            key.takes(),
            key.variable()
        )?;
    }
    Ok(page)
}

fn environment_page() -> Result<String, Box<dyn Error>> {
    let mut page = String::from("# Environment variables\n\n| variable | meaning |\n|---|---|\n");
    for variable in environment::variables() {
        writeln!(page, "| `{}` | {} |", variable.name, variable.meaning)?;
    }
    Ok(page)
}

fn codes_page() -> Result<String, Box<dyn Error>> {
    let mut page = String::from("# Codes\n\nWhat `tbpki explain CODE` prints. Numbers are never reused.\n");
    for code in Code::ALL {
        write!(page, "\n## {code}: {}\n\n{}\n", code.title(), code.explanation())?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_man_page_and_every_shell_a_script() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Cli::command();
        command.build();
        man_pages(&command, dir.path()).unwrap();
        let verbs = all_commands(&command);
        assert!(verbs.len() > 30, "{}", verbs.len());
        for (path, _) in verbs {
            let page = fs::read_to_string(dir.path().join(format!("{}.1", path.replace(' ', "-")))).unwrap();
            assert!(page.contains(".SH SYNOPSIS") && page.contains(".SH DESCRIPTION"), "{path}: {page}");
        }
        let server = fs::read_to_string(dir.path().join("tbpki-server.1")).unwrap();
        assert!(server.contains("ec\\-p256"), "{server}");

        completions(dir.path()).unwrap();
        for shell in Shell::value_variants() {
            let script = fs::read_to_string(dir.path().join(format!("tbpki.{shell}"))).unwrap();
            assert!(script.contains("TBPKI_COMPLETE"), "{shell}: {script}");
        }
    }
}
