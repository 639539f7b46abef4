//! Prompts on the terminal.

mod terminal_modes;

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use base::{Code, Error, Result, Secret};
use config::key;
use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Password};
use store::secrets::PASSPHRASE_AGAIN;

use crate::progress::without_bar;
use terminal_modes::KeptModes;

/// Secrets of the configuration: the key, the text of the prompt, and the option with a file.
const SECRETS: [(&str, &str, &str); 5] = [
    (key::ca::passphrase.path(), "passphrase of the CA keys", "--ca-passphrase-file"),
    (PASSPHRASE_AGAIN, "wrong passphrase; passphrase of the CA keys", "--ca-passphrase-file"),
    (key::ca::pin.path(), "PIN of the token", "--ca-pin-file"),
    (key::platform::password.path(), "password of the platform user", "--platform-password-file"),
    (key::platform::api_key.path(), "API key of the platform", "--platform-api-key-file"),
];

/// Prompts on the terminal, or fails and names the option that answers the question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompter {
    available: bool,
}

impl Prompter {
    /// Prompts are available on a terminal, unless `no_input` is set.
    pub(crate) fn new(no_input: bool) -> Self {
        // The question goes to standard error, so that standard output can be a pipe.
        Self { available: !no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() }
    }

    /// Fails at each prompt: for runs that ask nothing.
    pub(crate) fn silent() -> Self {
        Self { available: false }
    }

    /// True if there is a terminal to prompt on.
    pub(crate) fn is_available(&self) -> bool {
        self.available
    }

    /// Prompts for a line of text. An empty answer is returned as it is.
    pub(crate) fn text(&self, question: &str, flag: &str) -> Result<String> {
        self.check(question, flag)?;
        let input = Input::<String>::with_theme(&SimpleTheme).with_prompt(question).allow_empty(true);
        asked(|| input.interact_text()).map(|answer| answer.trim().to_owned())
    }

    /// Prompts for yes or no.
    pub(crate) fn confirm(&self, question: &str, flag: &str) -> Result<bool> {
        self.check(question, flag)?;
        let confirm = Confirm::with_theme(&SimpleTheme)
            .with_prompt(question)
            // Enter alone must not agree to an action that cannot be undone.
            .default(false);
        asked(|| confirm.interact())
    }

    /// Prompts for a new passphrase, which is typed twice. An empty one means none; one with fewer than `shortest`
    /// characters is asked for again.
    pub(crate) fn new_passphrase(&self, what: &str, shortest: usize, flag: &str) -> Result<Option<Secret>> {
        self.check(what, flag)?;
        // Checked at the prompt: a command that fails afterwards would lose the other answers.
        let long_enough = |text: &String| match text.chars().count() {
            0 => Ok(()),
            count if count >= shortest => Ok(()),
            _ => Err(format!("a passphrase needs at least {shortest} characters")),
        };
        let password = Password::with_theme(&SimpleTheme)
            .with_prompt(format!("{what} (at least {shortest} characters)"))
            .validate_with(long_enough)
            .with_confirmation("repeat the passphrase", "the passphrases differ")
            .allow_empty_password(true);
        let text = asked(|| password.interact())?;
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }

    /// Prompts for a secret of the configuration, by its key (`ca.pin`).
    pub(crate) fn secret_for(&self, key: &str) -> Result<Secret> {
        let known = SECRETS.iter().find(|(name, ..)| *name == key);
        match known {
            Some((_, what, flag)) => self.secret(what, flag),
            None => self.secret(key, &format!("a file or a variable for {key} in keygen.toml")),
        }
    }

    /// Prompts for an existing secret, which is typed once.
    pub(crate) fn secret(&self, what: &str, flag: &str) -> Result<Secret> {
        self.check(what, flag)?;
        // Without a check of its own, the library would ask again without a word.
        let is_typed = |text: &String| match text.is_empty() {
            true => Err("an empty answer is not accepted; press Ctrl-C to end the command"),
            false => Ok(()),
        };
        let password =
            Password::with_theme(&SimpleTheme).with_prompt(what).allow_empty_password(true).validate_with(is_typed);
        asked(|| password.interact()).map(Secret::new)
    }

    fn check(&self, question: &str, flag: &str) -> Result<()> {
        if self.available {
            return Ok(());
        }
        let what = match question.ends_with('?') {
            true => format!("cannot ask: {question}"),
            false => format!("cannot ask for the {question}"),
        };
        Err(Code::NeedsAnswer
            .error(what)
            .because("there is no terminal, or --no-input was given")
            .fix(format!("use {flag}")))
    }
}

/// The answer to a prompt, after which the terminal is as before.
fn asked<T>(prompt: impl FnOnce() -> dialoguer::Result<T>) -> Result<T> {
    let unanswered =
        |error: io::Error| -> Error { Code::NeedsAnswer.error("no answer to the prompt").caused_by(error) };
    let modes = KeptModes::new().map_err(unanswered)?;
    let answer = without_bar(prompt);
    match answer {
        Ok(answer) => Ok(answer),
        Err(dialoguer::Error::IO(error)) => {
            if error.kind() == io::ErrorKind::Interrupted {
                // Ctrl-C in a prompt that reads single keys: the signal that the library has raised ends the process.
                thread::sleep(Duration::from_secs(1));
            }
            drop(modes);
            Err(unanswered(error))
        }
    }
}
