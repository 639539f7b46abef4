//! The layers of a login, from a file to a telemetry message, and what was found in each.

use std::fmt;

use base::{Finding, Severity};
use pki::login_files::Aspect;
use schemars::JsonSchema;
use serde::Serialize;

/// One layer. A check walks them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The lines that tell ThingsBoard which files to use.
    Settings,
    /// The files are there and can be read.
    Files,
    /// Nobody else reads what is private.
    Permissions,
    /// The key opens and belongs to the certificate.
    Key,
    /// The own chain is in order.
    Chain,
    /// The own certificate holds now.
    Dates,
    /// The own certificate is good for its purpose.
    Purpose,
    /// The own certificate has the names that clients are told to connect to.
    Names,
    /// Java and Go clients would find their certificate with these server files.
    Issuers,
    /// What is to be trusted can be read.
    Anchors,
    /// The clock of this machine is right.
    Clock,
    /// The host's name resolves.
    Lookup,
    /// A connection can be made.
    Tcp,
    /// What listens speaks TLS.
    Tls,
    /// The server's chain leads to what is trusted.
    Trust,
    /// The server's certificate holds now, and is a server's.
    ServerCertificate,
    /// The server's certificate is for this host.
    Name,
    /// The server sends what its files hold.
    Served,
    /// The server asks for the client's certificate, and takes it.
    ClientCertificate,
    /// The broker accepts the login: CONNACK.
    Login,
    /// The broker takes a message: PUBACK.
    Telemetry,
}

impl Layer {
    /// What a reader is shown.
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

/// Whether a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    Ok,
    /// It does, but not everywhere or not for long.
    Warning,
    /// It does not.
    Fault,
    /// Nobody looked; the text says why.
    Skipped,
}

/// What was found in one layer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LayerReport {
    /// Which one.
    pub layer: Layer,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was seen there, in a few words; of a layer that does not hold, its first fault.
    pub says: String,
    /// What is wrong with it, or worth knowing.
    pub findings: Vec<Finding>,
}

impl LayerReport {
    /// A layer that was looked at.
    pub(super) fn new(layer: Layer, says: impl Into<String>, findings: Vec<Finding>) -> Self {
        let verdict = match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Fault) => Verdict::Fault,
            Some(Severity::Warning) => Verdict::Warning,
            Some(Severity::Note) | None => Verdict::Ok,
        };
        let fault = findings.iter().find(|finding| finding.severity == Severity::Fault);
        let says = fault.map_or_else(|| says.into(), |fault| fault.what.clone());
        Self { layer, verdict, says, findings }
    }

    /// What weighs most in it; nothing when it holds.
    pub fn worst(&self) -> Option<&Finding> {
        let severity = match self.verdict {
            Verdict::Fault => Severity::Fault,
            Verdict::Warning => Severity::Warning,
            Verdict::Ok | Verdict::Skipped => return None,
        };
        self.findings.iter().find(|finding| finding.severity == severity)
    }

    /// A layer that was not, for this reason.
    pub(super) fn skipped(layer: Layer, why: impl Into<String>) -> Self {
        Self { layer, verdict: Verdict::Skipped, says: why.into(), findings: Vec::new() }
    }
}
