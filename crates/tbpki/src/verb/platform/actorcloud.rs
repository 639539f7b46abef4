//! `tbpki actorcloud`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::actorcloud::{CertRequest, CertsReport, certificates};

use crate::args::{CertVerb, PlatformArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::identity::report::write_files;

pub(crate) fn run(verb: &CertVerb, context: &mut Context) -> Result<Exit> {
    let (request, platform) = request(verb);
    let mut overrides = Overrides::default();
    overrides.platform(platform);
    let config = context.config(&overrides)?;
    let mut report = context.in_workspace(&config, |workspace| certificates(workspace, &request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

fn request(verb: &CertVerb) -> (CertRequest, &PlatformArgs) {
    match verb {
        CertVerb::Create(args) => {
            let (name, enabled, out) = (args.name.clone(), !args.disabled, args.out.clone());
            (CertRequest::Create { name, enabled, out }, &args.platform)
        }
        CertVerb::List(args) => (CertRequest::List, &args.platform),
        CertVerb::Enable(args) => (CertRequest::SetEnabled(args.cert.clone(), true), &args.platform),
        CertVerb::Disable(args) => (CertRequest::SetEnabled(args.cert.clone(), false), &args.platform),
        CertVerb::Bind(args) => (CertRequest::Bind(args.cert.clone(), args.device.clone()), &args.platform),
        CertVerb::Unbind(args) => (CertRequest::Unbind(args.cert.clone(), args.device.clone()), &args.platform),
        CertVerb::Save(args) => (CertRequest::Save { name: args.cert.clone(), out: args.out.clone() }, &args.platform),
        CertVerb::Remove(args) => (CertRequest::Remove(args.cert.clone()), &args.platform),
    }
}

impl Report for CertsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", printable(&self.platform))?;
        for cert in &self.certificates {
            let state = if cert.enabled { "enabled" } else { "disabled" };
            let end = cert.not_after.as_deref().map(|end| format!("  until {end}")).unwrap_or_default();
            let done = if self.done == "listed" { String::new() } else { format!("  {}", self.done) };
            writeln!(out, "  {:>6}  {:<8}  {}{end}{done}", cert.id, state, printable(&cert.name))?;
        }
        for device in &self.devices {
            writeln!(out, "    device {device}")?;
        }
        write_files(out, &self.files)
    }
}
