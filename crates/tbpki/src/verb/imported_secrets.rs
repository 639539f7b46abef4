//! The secrets of imported files, from files or from a prompt.

use std::path::Path;

use base::{Result, Secret};
use store::secrets::imported_keystore::ImportedSecret;

use crate::context::Context;
use crate::prompt::Prompter;
use crate::verb::passphrase;

/// A secret that is not read yet.
pub(super) struct Source<'a> {
    /// The file that has it, if one is given.
    pub(super) file: Option<&'a Path>,
    /// What it is, for the prompt.
    pub(super) what: &'a str,
    /// The option that names the file.
    pub(super) option: &'a str,
}

/// The two secrets.
pub(super) struct ImportedSecrets<'a> {
    prompter: Prompter,
    passphrase: (Source<'a>, Option<Secret>),
    key_password: (Source<'a>, Option<Secret>),
}

impl<'a> ImportedSecrets<'a> {
    /// Reads the files. Each is read once, because standard input cannot be read twice.
    pub(super) fn read(passphrase: Source<'a>, key_password: Source<'a>, context: &mut Context) -> Result<Self> {
        let mut with_secret = |source: Source<'a>| {
            let read = |path| passphrase::read_maybe_empty(path, &format!("the {}", source.what), context);
            source.file.map(read).transpose().map(|secret| (source, secret))
        };
        let (passphrase, key_password) = (with_secret(passphrase)?, with_secret(key_password)?);
        Ok(Self { prompter: context.prompter, passphrase, key_password })
    }

    /// Reads the files of an imported CA, whose options are those of `init` and of `ca prepare`.
    pub(super) fn of_ca(
        passphrase: Option<&'a Path>,
        key_password: Option<&'a Path>,
        context: &mut Context,
    ) -> Result<Self> {
        let passphrase =
            Source { file: passphrase, what: "passphrase of the imported CA", option: "--imported-passphrase-file" };
        let key_password = Source {
            file: key_password,
            what: "password of the private key in the imported keystore",
            option: "--imported-key-passphrase-file",
        };
        Self::read(passphrase, key_password, context)
    }

    /// A secret from its file, or from the prompt; none where a file has given a wrong one.
    pub(super) fn fetch(&self, which: ImportedSecret, again: bool) -> Result<Option<Secret>> {
        let (source, secret) = match which {
            ImportedSecret::Passphrase => &self.passphrase,
            ImportedSecret::KeyPassword => &self.key_password,
        };
        if secret.is_some() {
            // A file gives the same wrong secret again and again.
            return Ok(secret.clone().filter(|_| !again));
        }
        let question = match (again, which) {
            (false, _) => source.what.to_owned(),
            (true, ImportedSecret::Passphrase) => format!("wrong passphrase; {}", source.what),
            (true, ImportedSecret::KeyPassword) => format!("wrong password; {}", source.what),
        };
        self.prompter.secret(&question, source.option).map(Some)
    }
}
