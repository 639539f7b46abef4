//! `tbpki man`.

use base::{Code, Result};

use super::install::{Install, data_home};
use crate::args::ManArgs;
use crate::args::manual::man::{self, ManPage};
use crate::context::Context;
use crate::exit::Exit;

/// In every page of tbpki, and in no page of another program.
const MARK: &str = ".TH tbpki";

pub(crate) fn run(args: &ManArgs, context: &mut Context) -> Result<Exit> {
    let pages = man::pages()?;
    if args.install {
        let mut install = Install::new(data_home()?.join("man/man1"), MARK);
        for ManPage { name, text } in pages {
            install.add(format!("{name}.1"), text);
        }
        let next = "`man tbpki` finds the pages if ~/.local/bin is on the PATH; otherwise add the directory above man1 \
                    to MANPATH";
        context.output.result(&install.write(next)?)?;
        return Ok(Exit::Done);
    }
    context.output.refuse_json("a page for man(1)")?;
    let name = ["tbpki"].into_iter().chain(args.verb.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let page = pages.into_iter().find(|page| page.name == name).ok_or_else(|| {
        Code::Usage
            .error(format!("there is no verb {:?}", args.verb.join(" ")))
            .fix("`tbpki help` lists the verbs; `tbpki man client | man -l -` shows the page of one")
    })?;
    context.output.text(&page.text)?;
    Ok(Exit::Done)
}
