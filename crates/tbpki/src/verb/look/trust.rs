//! `tbpki trust`.

use std::io::{self, Write};

use base::Result;
use base::file::{Mode, OutputTarget};
use base::text::printable;
use pki::Certificate;
use provision::anchor::{ChainRole, TrustBasis};
use provision::{Roots, Target, anchor, probe};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::TrustArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;

/// The port of MQTT over TLS.
const MQTTS: u16 = 8883;

/// The chain of a server, and the trust anchor found for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TrustReport {
    /// The server, with its port.
    pub(crate) server: String,
    /// The negotiated version of TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<String>,
    /// The certificates that the server sent, leaf first.
    pub(crate) sent: Vec<PresentedCertificate>,
    /// True if the server asks clients for a certificate.
    pub(crate) asks_for_client_certificate: bool,
    /// The trust anchor.
    pub(crate) anchor: PresentedCertificate,
    /// The reason to trust the anchor.
    pub(crate) vouched_by: &'static str,
    /// The file with the anchor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

/// A certificate of a server.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PresentedCertificate {
    /// The subject (RFC 4514).
    pub(crate) subject: String,
    /// The issuer (RFC 4514).
    pub(crate) issuer: String,
    /// The SHA-256 in hexadecimal.
    pub(crate) fingerprint: String,
}

pub(crate) fn run(args: &TrustArgs, context: &mut Context) -> Result<Exit> {
    let target = Target::parse(&args.server, MQTTS)?;
    let options = probe::ProbeOptions { timeout: args.timeout, ..probe::ProbeOptions::default() };
    context.output.say(format!("connecting to {target}"));
    let probe = probe::server(&target, &options)?;
    let roots = Roots::system()?;
    let now = OffsetDateTime::now_utc();
    let anchor = anchor::find(&probe, target.server_name(), args.sha256.as_ref(), &roots, now)?;
    context.output.findings(anchor.findings);
    // What cannot be read is left out of the report. Whether the chain is good was decided before.
    let sent = probe.chain.iter().filter_map(|der| Certificate::from_der(der).ok());
    let report = TrustReport {
        server: target.to_string(),
        tls: probe.version.map(|version| version.to_string()),
        sent: sent.map(|certificate| described(&certificate)).collect(),
        asks_for_client_certificate: probe.asked_for_client_certificate(),
        anchor: described(&anchor.certificate),
        vouched_by: vouched_by(anchor.vouched),
        file: args.out.as_ref().map(|path| path.display().to_string()),
    };
    match &args.out {
        Some(path) => {
            let mut output = OutputTarget::new(path, Mode::Public);
            if args.force {
                output = output.replacing("old");
            }
            output.write(anchor.certificate.to_pem().as_bytes())?;
            // Standard output holds the anchor, so that a report would corrupt it.
            if !output.is_stdout() {
                context.output.result(&report)?;
            }
        }
        None => context.output.result(&report)?,
    }
    Ok(Exit::Done)
}

fn described(certificate: &Certificate) -> PresentedCertificate {
    PresentedCertificate {
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        fingerprint: certificate.fingerprint_hex(),
    }
}

fn vouched_by(vouched: TrustBasis) -> &'static str {
    match vouched {
        TrustBasis::BySystem => "a root of this system",
        TrustBasis::ByFingerprint(ChainRole::Root) => "its fingerprint: a root",
        TrustBasis::ByFingerprint(ChainRole::IssuingCa) => "its fingerprint: an issuing CA",
        TrustBasis::ByFingerprint(ChainRole::Leaf) => "its fingerprint: the server's own certificate",
    }
}

impl Report for TrustReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} sends", printable(&self.server))?;
        for certificate in &self.sent {
            write_certificate(out, certificate)?;
        }
        writeln!(out, "trust anchor, verified by {}", self.vouched_by)?;
        write_certificate(out, &self.anchor)?;
        if self.asks_for_client_certificate {
            writeln!(out, "the server requests a client certificate")?;
        }
        match &self.file {
            Some(file) => writeln!(
                out,
                "written to {}; to use it for devices, set server.anchors = {{ file = \"..\" }}",
                printable(file)
            ),
            None => writeln!(out, "not written; use --out FILE to write it"),
        }
    }
}

fn write_certificate(out: &mut dyn Write, certificate: &PresentedCertificate) -> io::Result<()> {
    writeln!(out, "  {}", printable(&certificate.subject))?;
    writeln!(out, "    issued by  {}", printable(&certificate.issuer))?;
    writeln!(out, "    SHA-256    {}", certificate.fingerprint)
}
