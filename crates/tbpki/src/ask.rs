//! Questions to a person, if there is one.

use std::io::IsTerminal;

use base::{Code, Error, Result, Secret};
use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Password};

/// Asks on the terminal, or fails naming the flag that would have answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    available: bool,
}

impl Asker {
    /// Questions are asked on a terminal only, and never where `no_input` was given.
    pub(crate) fn new(no_input: bool) -> Self {
        Self { available: !no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() }
    }

    /// Whether anybody can be asked.
    pub(crate) fn is_available(&self) -> bool {
        self.available
    }

    /// A line of text; `default` is what an empty answer means.
    pub(crate) fn text(&self, question: &str, default: &str, flag: &str) -> Result<String> {
        self.check(question, flag)?;
        Input::with_theme(&SimpleTheme)
            .with_prompt(question)
            .default(default.to_owned())
            .show_default(!default.is_empty())
            .allow_empty(true)
            .interact_text()
            .map_err(|error| broken(&error))
    }

    /// Yes or no.
    pub(crate) fn confirm(&self, question: &str, flag: &str) -> Result<bool> {
        self.check(question, flag)?;
        Confirm::with_theme(&SimpleTheme)
            .with_prompt(question)
            .default(false)
            .interact()
            .map_err(|error| broken(&error))
    }

    /// A new passphrase, typed twice; empty for none.
    pub(crate) fn new_passphrase(&self, question: &str, flag: &str) -> Result<Option<Secret>> {
        self.check(question, flag)?;
        let text = Password::with_theme(&SimpleTheme)
            .with_prompt(question)
            .with_confirmation("once more", "the two are not the same")
            .allow_empty_password(true)
            .interact()
            .map_err(|error| broken(&error))?;
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }

    /// A secret of the configuration, by its key.
    pub(crate) fn secret_for(&self, key: &str) -> Result<Secret> {
        let (what, flag) = match key {
            "ca.passphrase" => ("passphrase of the CA keys".to_owned(), "--ca-passphrase-file".to_owned()),
            "ca.pin" => ("PIN of the token".to_owned(), "--ca-pin-file".to_owned()),
            "platform.password" => {
                ("password of the platform's user".to_owned(), "--platform-password-file".to_owned())
            }
            "platform.api_key" => ("API key of the platform".to_owned(), "--platform-api-key-file".to_owned()),
            other => (other.to_owned(), format!("a file or a variable for {other} in keygen.toml")),
        };
        self.secret(&what, &flag)
    }

    /// A secret that is there already, typed once.
    pub(crate) fn secret(&self, what: &str, flag: &str) -> Result<Secret> {
        self.check(what, flag)?;
        let text = Password::with_theme(&SimpleTheme).with_prompt(what).interact().map_err(|error| broken(&error))?;
        Ok(Secret::new(text))
    }

    fn check(&self, question: &str, flag: &str) -> Result<()> {
        if self.available {
            return Ok(());
        }
        let what = match question.ends_with('?') {
            true => format!("nobody can be asked: {question}"),
            false => format!("nobody can be asked for the {question}"),
        };
        Err(Code::NeedsAnswer
            .error(what)
            .because("there is no terminal, or --no-input was given")
            .fix(format!("answer with {flag}")))
    }
}

fn broken(error: &dialoguer::Error) -> Error {
    Code::NeedsAnswer.error("the question was not answered").because(error)
}
