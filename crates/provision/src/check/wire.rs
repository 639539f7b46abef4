//! The layers from the name lookup to the server's certificate. Only a handshake is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use base::{Code, Finding, Result, file};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use pki::verify::Host;
use rustls::pki_types::ServerName;

use super::clock;
use super::layer::{Layer, LayerReport, Verdict};
use super::report::{CheckReport, TlsReport};
use super::trust::judge;
use super::{AnchorSource, CheckedServer};
use crate::connect;
use crate::probe::{self, Probe};
use crate::roots::Roots;
use crate::tls::TrustPolicy;

/// The size limit of a file of trust anchors, in bytes. A system's bundle has about 250 KB.
const LIMIT: usize = 4 << 20;

/// The server as the probe saw it.
pub(super) struct ServerView {
    pub(super) address: SocketAddr,
    pub(super) probe: Probe,
    /// The policy, if there are trust anchors and the server satisfies it.
    pub(super) trusted: Option<Arc<TrustPolicy>>,
}

/// Checks the layers from the trust anchors to the name. `None` if the server could not be probed.
pub(super) fn look(server: &CheckedServer, report: &mut CheckReport) -> Option<ServerView> {
    report.server = Some(server.target.to_string());
    let anchors = anchors(server, report);
    let clock = clock::look(server, anchors.as_deref().unwrap_or_default(), report);
    let deadline = Instant::now() + server.timeout;
    let addresses = match connect::look_up(&server.target, deadline) {
        Ok(addresses) => addresses,
        Err(error) => {
            report.push(LayerReport::new(Layer::Lookup, "no address", vec![error.into_finding()]));
            return None;
        }
    };
    let says = match server.target.server_name() {
        ServerName::DnsName(_) => {
            let listed = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>();
            format!("{} is {}", server.target.host(), listed.join(", "))
        }
        _ => format!("{} is an address already", server.target.host()),
    };
    report.push(LayerReport::new(Layer::Lookup, says, vec![]));
    let (stream, address) = match connect::open(&server.target, &addresses, deadline) {
        Ok(connected) => connected,
        Err(error) => {
            report.push(LayerReport::new(Layer::Tcp, "no connection", vec![error.into_finding()]));
            return None;
        }
    };
    report.push(LayerReport::new(Layer::Tcp, format!("connected to {address}"), vec![]));
    let options = probe::ProbeOptions { timeout: server.timeout, server_name: None };
    let probe = match probe::over(stream, address, &server.target, &options) {
        Ok(probe) => probe,
        Err(error) => {
            report.push(LayerReport::new(Layer::Tls, "no handshake", vec![error.into_finding()]));
            return None;
        }
    };
    report.push(LayerReport::new(Layer::Tls, text_of(&probe), vec![]));
    report.tls = Some(TlsReport::from(&probe));
    let policy = anchors.map(|anchors| TrustPolicy { anchors, host: host_of(server), time: Some(server.now) });
    let trusted = policy.filter(|policy| judged(policy, &probe, clock, report));
    Some(ServerView { address, probe, trusted: trusted.map(Arc::new) })
}

fn text_of(probe: &Probe) -> String {
    let version = probe.version.map_or_else(|| "TLS".to_owned(), |version| version.to_string());
    let suite = probe.cipher_suite.unwrap_or("an unfinished handshake");
    let plural = if probe.chain.len() == 1 { "" } else { "s" };
    format!("{version}, {suite}, {} certificate{plural} sent", probe.chain.len())
}

/// Adds trust, certificate and name to the report, and returns whether none of them has a fault.
fn judged(policy: &TrustPolicy, probe: &Probe, clock: Option<Verdict>, report: &mut CheckReport) -> bool {
    let mut found = judge(policy, &probe.chain);
    // rustls cannot verify signatures of version 1 certificates, for which there is already a finding.
    let codes: Vec<Code> = found.iter().map(|(_, finding)| finding.code).collect();
    let known = |code: Code| codes.contains(&code);
    if let Some(why) = &probe.unproven
        && !known(Code::VersionOne)
        && !known(Code::CertificateUnreadable)
        && probe.ended.is_none()
    {
        let fault = Code::ServerKeyUnproven
            .fault("the server does not prove that it has the key of its certificate")
            .because(why)
            .fix("let the server load the key that belongs to the certificate, as `tbpki check --server` shows");
        found.push((Layer::Trust, fault));
    }
    if known(Code::NotYetValid) && clock != Some(Verdict::Ok) {
        let warning = Code::ClockOff
            .warning("the clock of this machine may be slow")
            .because("the server's certificate is not valid yet, and servers seldom show one before its time")
            .fix("compare the clock with another one, or name the platform with --platform-url");
        found.push((Layer::ServerCertificate, warning));
    }
    let of = |layer| -> Vec<Finding> {
        found.iter().filter(|(found, _)| *found == layer).map(|(_, finding)| finding.clone()).collect()
    };
    let leaf = probe.chain.first().and_then(|der| Certificate::from_der(der).ok());
    let label = leaf.as_ref().map(Certificate::label).unwrap_or_default();
    let until = leaf.as_ref().map(|leaf| leaf.not_after().date().to_string()).unwrap_or_default();
    let trust =
        LayerReport::new(Layer::Trust, format!("the chain of {label} leads to a trust anchor"), of(Layer::Trust));
    let certificate =
        LayerReport::new(Layer::ServerCertificate, format!("{label}, until {until}"), of(Layer::ServerCertificate));
    let name = LayerReport::new(Layer::Name, format!("the certificate is for {}", policy.host), of(Layer::Name));
    let holds = [&trust, &certificate, &name].iter().all(|layer| layer.verdict != Verdict::Fault);
    [trust, certificate, name].into_iter().for_each(|layer| report.push(layer));
    holds
}

/// The trust anchors; `None` if they cannot be read.
pub(super) fn anchors(server: &CheckedServer, report: &mut CheckReport) -> Option<Vec<Certificate>> {
    let (says, result) = match &server.trust {
        AnchorSource::File(path) => (path.display().to_string(), of_file(path)),
        AnchorSource::Certificates { from, anchors } => (from.clone(), Ok(anchors.clone())),
        AnchorSource::System => {
            ("the roots of this system".to_owned(), Roots::system().map(|roots| roots.certificates()))
        }
    };
    match result {
        Ok(anchors) => {
            report.push(LayerReport::new(Layer::Anchors, says, vec![]));
            Some(anchors)
        }
        Err(error) => {
            report.push(LayerReport::new(Layer::Anchors, says, vec![error.into_finding()]));
            None
        }
    }
}

pub(super) fn of_file(path: &std::path::Path) -> Result<Vec<Certificate>> {
    let bundle = PemBundle::parse(&file::read_secret(path, LIMIT)?).map_err(|error| error.at(path))?;
    if bundle.certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("there is no certificate in the file").at(path));
    }
    Ok(bundle.certificates)
}

pub(super) fn host_of(server: &CheckedServer) -> Host {
    match server.target.server_name() {
        // Capitals do not matter in host names (RFC 4343), and the names of certificates are compared in lower case.
        ServerName::DnsName(name) => Host::Dns(name.as_ref().to_ascii_lowercase()),
        // All other server names are IP addresses.
        _ => server.target.host().parse().unwrap_or_else(|_| Host::Dns(server.target.host().to_owned())),
    }
}
