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
use clap::{Command, ValueEnum};
use clap_complete::Shell;
use config::{KEYS, Preset};
use tbpki::args::manual::man;
use tbpki::{completion, environment, schema};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(repository), Some(package)) = (args.next(), args.next()) else {
        return Err("usage: generate REPOSITORY_DIR PACKAGE_DIR".into());
    };
    let mut command = tbpki::args::manual::help::command();
    // Fills in names and inherited options, which clap otherwise does only when it parses.
    command.build();
    man_pages(&package.join("man"))?;
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

fn man_pages(dir: &Path) -> Result<(), Box<dyn Error>> {
    for page in man::pages()? {
        write(&dir.join(format!("{}.1", page.name)), &page.text)?;
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
    for (path, verb) in man::commands(command) {
        // A fixed width, because the page must not depend on the terminal of the developer.
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
    write!(page, "\n{}\n", environment::VALUES)?;
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
    let mut page = format!("# Environment variables\n\n{}\n\n| variable | meaning |\n|---|---|\n", environment::VALUES);
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
        man_pages(dir.path()).unwrap();
        for page in man::pages().unwrap() {
            assert_eq!(fs::read_to_string(dir.path().join(format!("{}.1", page.name))).unwrap(), page.text);
        }
        completions(dir.path()).unwrap();
        for shell in Shell::value_variants() {
            let script = fs::read_to_string(dir.path().join(format!("tbpki.{shell}"))).unwrap();
            assert!(script.contains("TBPKI_COMPLETE"), "{shell}: {script}");
        }
    }
}
