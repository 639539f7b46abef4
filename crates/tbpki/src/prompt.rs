//! Prompts on the terminal.
//!
//! Answers are lines that the terminal edits itself, so that no prompt changes its modes except for the echo.

mod hidden;
mod line;

use std::io::IsTerminal;

use base::{Code, Error, Result, Secret};
use config::key;
use store::secrets::PASSPHRASE_AGAIN;
use zeroize::Zeroizing;

use crate::progress::without_bar;

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
        let answer = without_bar(|| line::ask(&format!("{question}: ")))?;
        answer.map(|answer| answer.trim().to_owned()).ok_or_else(|| unanswered(question, flag))
    }

    /// Prompts for yes or no.
    pub(crate) fn confirm(&self, question: &str, flag: &str) -> Result<bool> {
        self.check(question, flag)?;
        without_bar(|| {
            loop {
                let answer = line::ask(&format!("{question} [y/N] "))?.ok_or_else(|| unanswered(question, flag))?;
                match answer.trim().to_ascii_lowercase().as_str() {
                    "y" | "yes" => return Ok(true),
                    // Enter alone must not agree to an action that cannot be undone.
                    "" | "n" | "no" => return Ok(false),
                    _ => line::tell("answer y or n")?,
                }
            }
        })
    }

    /// Prompts for a new passphrase, which is typed twice. An empty one means none; one with fewer than `shortest`
    /// characters is asked for again.
    pub(crate) fn new_passphrase(&self, what: &str, shortest: usize, flag: &str) -> Result<Option<Secret>> {
        self.check(what, flag)?;
        let ask = |question: &str| line::ask_hidden(&format!("{question}: "))?.ok_or_else(|| unanswered(what, flag));
        without_bar(|| {
            loop {
                let typed = ask(&format!("{what} (at least {shortest} characters)"))?;
                // Checked at the prompt: a command that fails afterwards would lose the other answers.
                if (1..shortest).contains(&typed.chars().count()) {
                    line::tell(&format!("a passphrase needs at least {shortest} characters"))?;
                    continue;
                }
                if *ask("repeat the passphrase")? != *typed {
                    line::tell("the passphrases differ")?;
                    continue;
                }
                return Ok((!typed.is_empty()).then(|| secret_of(typed)));
            }
        })
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
        without_bar(|| {
            loop {
                let typed = line::ask_hidden(&format!("{what}: "))?.ok_or_else(|| unanswered(what, flag))?;
                if !typed.is_empty() {
                    return Ok(secret_of(typed));
                }
                line::tell("an empty answer is not accepted; press Ctrl-C to end the command")?;
            }
        })
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

/// The error for a prompt at which the input ended, for example with Ctrl-D.
fn unanswered(question: &str, flag: &str) -> Error {
    Code::NeedsAnswer
        .error(format!("no answer to the prompt: {question}"))
        .because("the input ended")
        .fix(format!("type an answer, or use {flag}"))
}

fn secret_of(mut typed: Zeroizing<String>) -> Secret {
    Secret::new(std::mem::take(&mut *typed))
}
