//! `tbpki completions`.

use std::path::{Path, PathBuf};

use base::Result;
use clap_complete::Shell;

use super::install::{Install, config_home, data_home, directory, home, no_place};
use crate::args::CompletionsArgs;
use crate::completion;
use crate::context::Context;
use crate::exit::Exit;

/// In every script of tbpki, and in no script of another program.
const MARK: &str = "TBPKI_COMPLETE";

pub(crate) fn run(args: &CompletionsArgs, context: &mut Context) -> Result<Exit> {
    if !args.install {
        context.output.refuse_json("a script for a shell")?;
        // clap requires a shell without `--install`.
        let shell = args.shell.map_or_else(login_shell, Ok)?;
        context.output.text(&completion::script(shell)?)?;
        return Ok(Exit::Done);
    }
    let shell = args.shell.map_or_else(login_shell, Ok)?;
    let place = place(shell)?;
    let mut install = Install::new(place.directory, MARK);
    install.add(place.file, completion::script(shell)?);
    context.output.result(&install.write(place.next)?)?;
    Ok(Exit::Done)
}

/// Where a shell looks for the scripts of one user.
struct InstallLocation {
    directory: PathBuf,
    file: &'static str,
    /// The step that is left to the user.
    next: String,
}

fn place(shell: Shell) -> Result<InstallLocation> {
    let place = |directory: PathBuf, file, next: &str| InstallLocation { directory, file, next: next.to_owned() };
    Ok(match shell {
        Shell::Bash => {
            let base =
                directory("BASH_COMPLETION_USER_DIR").map_or_else(|| Ok(data_home()?.join("bash-completion")), Ok);
            place(base?.join("completions"), "tbpki", "open a new shell; bash needs the package bash-completion")
        }
        Shell::Zsh => {
            // zsh has no directory of one user in its search path, so the user must add one.
            let base = directory("ZDOTDIR").map_or_else(home, Ok)?;
            let next = format!(
                "add `fpath=({} $fpath)` to {} before the line with compinit, and open a new shell",
                base.join(".zfunc").display(),
                base.join(".zshrc").display()
            );
            place(base.join(".zfunc"), "_tbpki", &next)
        }
        Shell::Fish => place(config_home()?.join("fish/completions"), "tbpki.fish", "open a new shell"),
        Shell::Elvish => {
            let base = config_home()?.join("elvish");
            let next = format!("add `use tbpki` to {}, and open a new shell", base.join("rc.elv").display());
            place(base.join("lib"), "tbpki.elv", &next)
        }
        other => {
            return Err(no_place(format!("{other} has no directory for completion scripts"))
                .fix(format!("add the output of `tbpki completions {other}` to its profile")));
        }
    })
}

/// The shell that the variable SHELL names.
fn login_shell() -> Result<Shell> {
    let variable = std::env::var("SHELL").unwrap_or_default();
    shell_of(&variable).ok_or_else(|| {
        no_place(match variable.as_str() {
            "" => "the environment variable SHELL names no shell".to_owned(),
            path => format!("there are no completions for the shell {path:?}, which SHELL names"),
        })
        .fix("name the shell: `tbpki completions bash --install`")
    })
}

fn shell_of(path: &str) -> Option<Shell> {
    Path::new(path).file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use base::Code;
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_shell_is_the_last_part_of_the_path() {
        assert_eq!(shell_of("/usr/bin/zsh"), Some(Shell::Zsh));
        assert_eq!(shell_of("fish"), Some(Shell::Fish));
        assert_eq!(shell_of("/bin/dash"), None);
        assert_eq!(shell_of(""), None);
    }

    #[test]
    fn every_shell_of_linux_has_a_place() {
        for shell in Shell::value_variants() {
            match place(*shell) {
                Ok(place) => assert!(place.directory.is_absolute() && !place.next.is_empty(), "{shell}"),
                Err(error) => assert_eq!((*shell, error.code()), (Shell::PowerShell, Code::InstallPlaceUnknown)),
            }
        }
    }
}
