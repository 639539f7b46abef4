//! The layers of a login, from the files to a telemetry message, and their findings.

use std::fmt;

use base::{Finding, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::files::login::Aspect;

/// A layer of a login, in the order of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// ThingsBoard's settings, which name the files.
    Settings,
    /// The files exist and can be read.
    Files,
    /// The permissions of private files.
    Permissions,
    /// The key opens and belongs to the certificate.
    Key,
    /// The device's or server's chain is complete and ordered.
    Chain,
    /// The certificate is valid now.
    Dates,
    /// The certificate is valid for its purpose.
    Purpose,
    /// The certificate has the names that clients connect to.
    Names,
    /// Java and Go clients find their certificate by the issuers that the server names.
    Issuers,
    /// The trust anchors can be read.
    Anchors,
    /// The clock of this machine is right.
    Clock,
    /// The host's name resolves.
    Lookup,
    /// A connection can be made.
    Tcp,
    /// The server speaks TLS.
    Tls,
    /// The server's chain leads to a trust anchor.
    Trust,
    /// The server's certificate is valid now and for servers.
    ServerCertificate,
    /// The server's certificate is for this host.
    Name,
    /// The server sends the certificate of its files.
    Served,
    /// The server requests and accepts the client's certificate.
    ClientCertificate,
    /// The broker accepts the login: CONNACK.
    Login,
    /// The broker acknowledges a message: PUBACK.
    Telemetry,
}

impl Layer {
    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Files => "files",
            Self::Permissions => "permissions",
            Self::Key => "key",
            Self::Chain => "chain",
            Self::Dates => "dates",
            Self::Purpose => "purpose",
            Self::Names => "names",
            Self::Issuers => "issuers",
            Self::Anchors => "anchors",
            Self::Clock => "clock",
            Self::Lookup => "name lookup",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Trust => "trust",
            Self::ServerCertificate => "server certificate",
            Self::Name => "host name",
            Self::Served => "served certificate",
            Self::ClientCertificate => "client certificate",
            Self::Login => "login",
            Self::Telemetry => "telemetry",
        }
    }
}

impl From<Aspect> for Layer {
    fn from(aspect: Aspect) -> Self {
        match aspect {
            Aspect::Files => Self::Files,
            Aspect::Permissions => Self::Permissions,
            Aspect::Key => Self::Key,
            Aspect::Chain => Self::Chain,
            Aspect::Dates => Self::Dates,
            Aspect::Purpose => Self::Purpose,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// The result of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The layer is correct.
    Ok,
    /// The layer is correct, but not for all clients or not for long.
    Warning,
    /// The layer has a fault.
    Fault,
    /// The layer was not checked; the text gives the reason.
    Skipped,
}

/// The report of a layer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LayerReport {
    /// The part of the connection that was looked at.
    pub layer: Layer,
    /// The result.
    pub verdict: Verdict,
    /// A summary; if the layer has faults, the first one.
    pub says: String,
    /// Faults, warnings and notes.
    pub findings: Vec<Finding>,
}

impl LayerReport {
    /// The report of a layer that was checked.
    pub(super) fn new(layer: Layer, says: impl Into<String>, findings: Vec<Finding>) -> Self {
        let verdict = match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Fault) => Verdict::Fault,
            Some(Severity::Warning) => Verdict::Warning,
            Some(Severity::Note) | None => Verdict::Ok,
        };
        let fault = findings.iter().find(|finding| finding.severity == Severity::Fault);
        // A fault replaces the layer's text, because the first line must hold the reason.
        let says = fault.map_or_else(|| says.into(), |fault| fault.what.clone());
        Self { layer, verdict, says, findings }
    }

    /// The first finding of the highest severity; `None` if the layer is correct or was skipped.
    pub fn worst(&self) -> Option<&Finding> {
        let severity = match self.verdict {
            Verdict::Fault => Severity::Fault,
            Verdict::Warning => Severity::Warning,
            Verdict::Ok | Verdict::Skipped => return None,
        };
        self.findings.iter().find(|finding| finding.severity == severity)
    }

    /// The report of a layer that was not checked, with the reason.
    pub(super) fn skipped(layer: Layer, why: impl Into<String>) -> Self {
        Self { layer, verdict: Verdict::Skipped, says: why.into(), findings: Vec::new() }
    }
}
