//! How the identity of a server or a device is shown.

use std::io::{self, Write};

use base::text::printable;
use fleet::report::{Done, FileDone, IdentityReport};

use super::platform;
use crate::output::Report;

impl Report for IdentityReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let done = match self.done {
            Done::Issued => "issued",
            Done::Completed => "was there; missing files were added",
            Done::Refreshed => "was there; files that had fallen behind were written anew",
            Done::Unchanged => "was there already",
            Done::Planned => "would be issued",
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
        write_files(out, &self.files)?;
        if let Some(registration) = &self.registration {
            writeln!(out, "  in the platform {}", platform::done(registration.done, registration.dry_run))?;
        }
        Ok(())
    }
}

/// One line a file: what was done about it, and where an older one is kept.
pub(crate) fn write_files(out: &mut dyn Write, files: &[fleet::report::FileReport]) -> io::Result<()> {
    for file in files {
        let done = match file.done {
            FileDone::Written => "written",
            FileDone::Unchanged => "unchanged",
            FileDone::Replaced => "replaced",
            FileDone::Planned => "planned",
        };
        write!(out, "  {done:<15} {}", printable(&file.path.to_string_lossy()))?;
        match &file.kept {
            Some(kept) => writeln!(out, " (the old one is {})", printable(&kept.to_string_lossy()))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}
