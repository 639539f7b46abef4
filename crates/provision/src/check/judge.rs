//! Whether a server deserves trust, by the same rules for the report and for the connection on which something is sent.

use std::sync::Arc;

use base::{Code, Finding, Severity};
use pki::certificate::Certificate;
use pki::verify::{self, Host, Purpose};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use time::OffsetDateTime;

use super::client_key::ClientKey;
use super::layer::Layer;

/// What a server is measured by.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) host: Host,
    /// The moment; none asks only whether the chain would hold at some moment.
    pub(crate) time: Option<OffsetDateTime>,
}

impl Judge {
    /// What is wrong with the chain that a server sent (DER, in its order), each finding with its layer.
    pub(crate) fn judge<D: AsRef<[u8]>>(&self, sent: &[D]) -> Vec<(Layer, Finding)> {
        let mut chain = Vec::with_capacity(sent.len());
        for (place, der) in sent.iter().enumerate() {
            match Certificate::from_der(der.as_ref()) {
                Ok(certificate) => chain.push(certificate),
                Err(error) => {
                    let error = error.item(format!("number {} of the server's chain", place + 1));
                    return vec![(Layer::ServerCertificate, error.into_finding())];
                }
            }
        }
        // All of them hold when the last of them begins, if they ever do.
        let begin = chain.iter().map(Certificate::not_before).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let report = verify::verify(&verify::Request {
            chain: &chain,
            extra: &[],
            anchors: &self.anchors,
            key: None,
            host: Some(&self.host),
            purpose: Some(Purpose::Server),
            time: self.time.unwrap_or(begin),
            crls: &[],
        });
        let mut findings = report.findings;
        if let Some(leaf) = chain.first()
            && self.anchors.contains(leaf)
            && !leaf.is_self_signed()
        {
            findings.retain(|finding| !matches!(finding.code, Code::NotSelfSigned | Code::SecondOpinion));
            findings.push(leaf_as_anchor(leaf));
        }
        findings.into_iter().map(|finding| (layer_of(finding.code), finding)).collect()
    }
}

fn leaf_as_anchor(leaf: &Certificate) -> Finding {
    Code::NotSelfSigned
        .fault("the server's own certificate is trusted, and another CA issued it")
        .because("OpenSSL, Python, Go and rustls do not trust a leaf alone; and it changes with every renewal")
        .item(leaf.label())
        .fix("trust the root: the server's cafile.pem, or tb-server-chain.pem of the device")
}

fn layer_of(code: Code) -> Layer {
    match code {
        Code::WrongName | Code::LegacyName => Layer::Name,
        Code::Expired | Code::NotYetValid => Layer::ServerCertificate,
        code if is_of_certificate(code) => Layer::ServerCertificate,
        _ => Layer::Trust,
    }
}

/// Whether a code is about a certificate itself, whoever issued it and whenever it holds.
pub(super) fn is_of_certificate(code: Code) -> bool {
    matches!(
        code,
        Code::WrongPurpose
            | Code::VersionOne
            | Code::WeakKey
            | Code::WeakSignature
            | Code::CaAsLeaf
            | Code::BadFormat
            | Code::CriticalExtension
            | Code::FirmwareLimit
    )
}

/// Connections that stand only with servers that the judge lets pass, and on which `client` is shown to those that ask.
pub(super) fn guarded(judge: Arc<Judge>, client: Arc<ClientKey>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let guard = Guard { judge, provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(guard))
        .with_client_cert_resolver(client);
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The judge on a connection: no connection stands that has a fault.
#[derive(Debug)]
struct Guard {
    judge: Arc<Judge>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Guard {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sent: Vec<&CertificateDer<'_>> = std::iter::once(leaf).chain(rest).collect();
        match self.judge.judge(&sent).iter().find(|(_, finding)| finding.severity == Severity::Fault) {
            None => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
