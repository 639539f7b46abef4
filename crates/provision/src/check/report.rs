//! The report of a check.

use base::Finding;
use pki::Certificate;
use pki::certificate::name_text;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use super::layer::{Layer, LayerReport, Verdict};
use crate::probe::Probe;

/// The report of a check.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CheckReport {
    /// True if no layer has a fault.
    pub ok: bool,
    /// The server and port, if one was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The server's TLS parameters, if it speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsReport>,
    /// The layers in the order of the check.
    pub layers: Vec<LayerReport>,
}

/// The TLS parameters of a server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TlsReport {
    /// The TLS version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The cipher suite, by its IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// The certificates that the server sent, in its order.
    pub sent: Vec<SentCertificate>,
    /// True if the server requests a client certificate.
    pub asks_for_client_certificate: bool,
    /// The issuers that the server accepts (RFC 4514); empty for any.
    pub acceptable_issuers: Vec<String>,
}

/// A certificate of a server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SentCertificate {
    /// The subject (RFC 4514).
    pub subject: String,
    /// The issuer (RFC 4514).
    pub issuer: String,
    /// The end of the validity period.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: OffsetDateTime,
    /// The SHA-256 in hexadecimal.
    pub fingerprint: String,
}

impl CheckReport {
    /// Adds a layer.
    pub(super) fn push(&mut self, mut layer: LayerReport) {
        // Here and not where findings are made, so that no layer can forget it.
        layer.findings = layer.findings.into_iter().map(Finding::advised).collect();
        self.layers.push(layer);
    }

    /// The report of a layer, if it was checked.
    pub fn layer(&self, layer: Layer) -> Option<&LayerReport> {
        self.layers.iter().find(|report| report.layer == layer)
    }

    pub(super) fn close(mut self) -> Self {
        self.ok = self.layers.iter().all(|layer| layer.verdict != Verdict::Fault);
        self
    }
}

impl From<&Probe> for TlsReport {
    fn from(probe: &Probe) -> Self {
        let sent = probe.chain.iter().filter_map(|der| Certificate::from_der(der).ok());
        let issuers = probe.client_certificate.as_ref().map(|asked| asked.acceptable_issuers.as_slice());
        Self {
            version: probe.version.map(|version| version.to_string()),
            cipher_suite: probe.cipher_suite.map(str::to_owned),
            sent: sent.map(|certificate| SentCertificate::from(&certificate)).collect(),
            asks_for_client_certificate: probe.asked_for_client_certificate(),
            acceptable_issuers: issuers.unwrap_or_default().iter().map(|name| name_text(name)).collect(),
        }
    }
}

impl From<&Certificate> for SentCertificate {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            not_after: certificate.not_after(),
            fingerprint: certificate.fingerprint_hex(),
        }
    }
}
