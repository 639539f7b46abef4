//! The text of a server's or device's identity.

use std::io::{self, Write};

use base::text::printable;
use fleet::register::new_device::DeviceReport;
use identity::report::{FileOutcome, IdentityOutcome, IdentityReport};

use crate::output::Report;
use crate::verb::platform;

impl Report for IdentityReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let done = match self.done {
            IdentityOutcome::Issued => "issued",
            IdentityOutcome::Completed => "exists; missing files were added",
            IdentityOutcome::Refreshed => "exists; outdated files were replaced",
            IdentityOutcome::Unchanged => "is up to date",
            // A generation is only known of an identity that exists.
            IdentityOutcome::Planned if self.generation.is_some() => "exists; the planned files would be added",
            IdentityOutcome::Planned => "would be issued",
        };
        writeln!(out, "{} {} {done}", self.kind, printable(&self.name))?;
        if let Some(certificate) = &self.certificate {
            writeln!(out, "  subject         {}", printable(&certificate.subject))?;
            writeln!(out, "  key             {}", certificate.algorithm)?;
            writeln!(out, "  serial          {}", certificate.serial)?;
            writeln!(out, "  valid           {} to {}", certificate.not_before, certificate.not_after)?;
            writeln!(out, "  fingerprint     {}", certificate.fingerprint)?;
            if self.kind == "device" {
                writeln!(out, "  credentials id  {}", certificate.credentials_id)?;
            }
        }
        for name in &self.names {
            writeln!(out, "  name            {}", printable(name))?;
        }
        write_files(out, &self.files)
    }
}

impl Report for DeviceReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        self.identity.render(out)?;
        if let Some(registration) = &self.registration {
            writeln!(out, "  platform        {}", platform::done(registration.done, registration.dry_run))?;
        }
        Ok(())
    }
}

/// Writes a line for each file: what was done, and where the replaced file is kept.
pub(crate) fn write_files(out: &mut dyn Write, files: &[identity::report::FileReport]) -> io::Result<()> {
    for file in files {
        let done = match file.done {
            FileOutcome::Written => "written",
            FileOutcome::Unchanged => "unchanged",
            FileOutcome::Given => "owner",
            FileOutcome::Replaced => "replaced",
            FileOutcome::Planned => "planned",
        };
        write!(out, "  {done:<15} {}", printable(&file.path.to_string_lossy()))?;
        match &file.kept {
            Some(kept) => {
                let kept = kept.to_string_lossy();
                let kept = printable(&kept);
                match file.done {
                    FileOutcome::Planned => writeln!(out, " (replaces the file there, to be kept as {kept})")?,
                    _ => writeln!(out, " (the old file is {kept})")?,
                }
            }
            None => writeln!(out)?,
        }
    }
    Ok(())
}
