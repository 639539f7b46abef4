//! Items as text for a terminal.

use std::fmt;

use base::Severity;
use base::text::{counted, printable};
use time::OffsetDateTime;
use time::macros::format_description;

use super::item::{Content, InspectedItem};
use super::view::{CertificateView, KeyView, RequestView, RevocationListView};

/// The width of the column with the names of the fields.
const COLUMN: usize = 17;

/// The number of entries of a revocation list that are shown; `--json` has them all.
const REVOKED_SHOWN: usize = 20;

impl fmt::Display for InspectedItem {
    /// Several lines, the first of which is the kind of the item. Nothing in them moves a cursor or changes a color.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.content.title())?;
        if let Some(alias) = &self.alias {
            write!(f, " {}", printable(alias))?;
        }
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        writeln!(f)?;
        let mut fields = Fields(f);
        if let Some(entry) = &self.entry {
            fields.field("entry", format_args!("{} ({})", entry.name, entry.role))?;
        }
        match &self.content {
            Content::Certificate(view) => fields.certificate(view)?,
            Content::PrivateKey(view) => fields.private_key(view)?,
            Content::TokenKey(view) => {
                fields.field("module", printable(&view.module))?;
                fields.optional("token", view.token.as_ref())?;
                fields.optional("serial", view.serial.as_ref())?;
                fields.optional("key", view.object.as_ref())?;
                fields.optional("id", view.id.as_ref())?;
                fields.field("uri", &view.uri)?;
            }
            Content::PublicKey(view) => {
                fields.field("algorithm", &view.algorithm)?;
                fields.field("public key id", &view.public_key_sha256)?;
            }
            Content::Request(view) => fields.request(view)?,
            Content::RevocationList(view) => fields.revocation_list(view)?,
            Content::Keystore(view) => {
                fields.field("format", &view.format)?;
                fields.field("entries", view.entries)?;
                if !view.integrity_checked {
                    fields.field("integrity", "not checked")?;
                }
            }
            Content::Other { label } | Content::Unreadable { label } => fields.field("label", printable(label))?,
            Content::Secret => {}
        }
        for finding in &self.findings {
            let weight = match finding.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Fault => "fault",
            };
            fields.field(weight, format_args!("{} [{}]", printable(&finding.to_string()), finding.code))?;
            if let Some(fix) = finding.fix.as_ref().filter(|_| finding.severity == Severity::Fault) {
                fields.field("help", printable(fix))?;
            }
        }
        Ok(())
    }
}

impl Content {
    /// The kind of the item, in one or two words.
    pub fn title(&self) -> &'static str {
        match self {
            Content::Certificate(_) => "certificate",
            Content::PrivateKey(_) => "private key",
            Content::TokenKey(_) => "private key in a token",
            Content::PublicKey(_) => "public key",
            Content::Request(_) => "certificate signing request",
            Content::RevocationList(_) => "revocation list",
            Content::Keystore(_) => "keystore",
            Content::Secret => "secret",
            Content::Other { .. } => "something else",
            Content::Unreadable { .. } => "something unreadable",
        }
    }
}

struct Fields<'f, 'a>(&'f mut fmt::Formatter<'a>);

impl Fields<'_, '_> {
    fn field(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        writeln!(self.0, "  {name:COLUMN$}{value}")
    }

    /// A field with a line for each value, and none for none.
    fn list(&mut self, name: &str, values: &[String]) -> fmt::Result {
        for (place, value) in values.iter().enumerate() {
            self.field(if place == 0 { name } else { "" }, value)?;
        }
        Ok(())
    }

    fn optional(&mut self, name: &str, value: Option<&String>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.field(name, value))
    }

    fn certificate(&mut self, view: &CertificateView) -> fmt::Result {
        self.field("subject", &view.subject)?;
        let issuer = match view.self_signed {
            Some(true) => "itself (self-signed)",
            Some(false) => &view.issuer,
            None => "itself (the signature cannot be checked)",
        };
        self.field("issuer", issuer)?;
        self.field("serial", &view.serial)?;
        self.field("valid from", moment(view.not_before))?;
        self.field("valid until", format_args!("{} ({})", moment(view.not_after), days(view.days_left)))?;
        self.field("key", &view.algorithm)?;
        self.field("signature", &view.signature_algorithm)?;
        if view.version != 3 {
            self.field("version", view.version)?;
        }
        let role = match (view.ca, view.path_len) {
            (true, Some(0)) => "CA, issues leaves only".to_owned(),
            (true, Some(limit)) => format!("CA, at most {} below it", counted(u64::from(limit), "CA", "CAs")),
            (true, None) => "CA".to_owned(),
            (false, _) => "leaf".to_owned(),
        };
        self.field("role", role)?;
        self.list("names", &view.names)?;
        self.list("purposes", &joined(&view.extended_key_usage))?;
        self.list("key usage", &joined(&view.key_usage))?;
        self.list("permits names", &view.permitted_names)?;
        self.list("excludes names", &view.excluded_names)?;
        self.list("revocation at", &view.revocation_lists)?;
        self.optional("key identifier", view.subject_key_id.as_ref())?;
        self.optional("issuer's key", view.authority_key_id.as_ref())?;
        self.field("SHA-256", &view.sha256)?;
        self.field("SHA-1", &view.sha1)?;
        self.field("public key id", &view.public_key_sha256)?;
        self.field("credentials id", &view.credentials_id)
    }

    fn private_key(&mut self, view: &KeyView) -> fmt::Result {
        self.field("form", printable(&view.form))?;
        self.field("encrypted", if view.encrypted { "yes" } else { "no" })?;
        self.optional("algorithm", view.algorithm.as_ref())?;
        self.optional("public key id", view.public_key_sha256.as_ref())?;
        self.optional("belongs to", view.belongs_to.as_ref())
    }

    fn request(&mut self, view: &RequestView) -> fmt::Result {
        self.field("subject", &view.subject)?;
        self.field("key", &view.algorithm)?;
        self.field("signature", &view.signature_algorithm)?;
        self.list("names", &view.names)?;
        if view.asks_for_ca {
            self.field("asks for", "a CA's certificate, which it will not get")?;
        }
        self.field("public key id", &view.public_key_sha256)?;
        self.optional("belongs to", view.belongs_to.as_ref())
    }

    fn revocation_list(&mut self, view: &RevocationListView) -> fmt::Result {
        self.field("issuer", &view.issuer)?;
        self.optional("number", view.number.as_ref())?;
        self.field("made", moment(view.this_update))?;
        if let Some(next) = view.next_update {
            self.field("good until", moment(next))?;
        }
        self.field("signature", &view.signature_algorithm)?;
        self.field("revoked", view.revoked.len())?;
        for entry in view.revoked.iter().take(REVOKED_SHOWN) {
            let reason = entry.reason.as_deref().map_or(String::new(), |reason| format!(", {reason}"));
            self.field("", format_args!("{} since {}{reason}", entry.serial, moment(entry.since)))?;
        }
        let more = view.revoked.len().saturating_sub(REVOKED_SHOWN);
        if more > 0 { self.field("", format_args!("and {more} more")) } else { Ok(()) }
    }
}

fn joined(values: &[String]) -> Vec<String> {
    if values.is_empty() { Vec::new() } else { vec![values.join(", ")] }
}

fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.format(format).unwrap_or_else(|_| at.to_string())
}

fn days(left: i64) -> String {
    match left {
        1 => "1 day left".to_owned(),
        0.. => format!("{left} days left"),
        -1 => "over for a day".to_owned(),
        _ => format!("over for {} days", left.unsigned_abs()),
    }
}
