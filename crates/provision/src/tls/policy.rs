//! The rules by which a server is trusted.

use base::{Code, Error, Finding, Severity};
use pki::Certificate;
use pki::verify::{self, Host, Purpose};
use time::OffsetDateTime;

/// The trust anchors, the name and the time that a server's chain is verified with.
#[derive(Debug)]
pub(crate) struct TrustPolicy {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) host: Host,
    /// The verification time. `None` accepts a chain that is valid at some time.
    pub(crate) time: Option<OffsetDateTime>,
}

impl TrustPolicy {
    /// The findings for a chain as a server sent it (DER, leaf first).
    ///
    /// # Errors
    /// The parser's error if one of the certificates cannot be read.
    pub(crate) fn findings<D: AsRef<[u8]>>(&self, sent: &[D]) -> Result<Vec<Finding>, Error> {
        let mut chain = Vec::with_capacity(sent.len());
        for (index, der) in sent.iter().enumerate() {
            let certificate = Certificate::from_der(der.as_ref())
                .map_err(|error| error.item(format!("certificate {} of the server's chain", index + 1)))?;
            chain.push(certificate);
        }
        // The validity periods overlap, if at all, when the last of them begins.
        let begin = chain.iter().map(Certificate::not_before).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let report = verify::verify(&verify::VerifyRequest {
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
        // `verify` reports a pinned leaf as not self-signed; of a server's leaf the consequences must be named.
        if let Some(leaf) = chain.first()
            && self.anchors.contains(leaf)
            && !leaf.self_signature().is_possible()
        {
            findings.retain(|finding| !matches!(finding.code, Code::NotSelfSigned | Code::SecondOpinion));
            findings.push(leaf_as_anchor(leaf));
        }
        Ok(findings)
    }

    /// True if the chain has no fault.
    pub(crate) fn accepts<D: AsRef<[u8]>>(&self, sent: &[D]) -> bool {
        self.findings(sent).is_ok_and(|findings| findings.iter().all(|finding| finding.severity != Severity::Fault))
    }
}

fn leaf_as_anchor(leaf: &Certificate) -> Finding {
    Code::NotSelfSigned
        .fault("the trust anchor is the server's own certificate, which another CA issued")
        .because("OpenSSL, Python, Go and rustls do not trust a leaf alone, and it changes with every renewal")
        .item(leaf.label())
        .fix("trust the root: the server's cafile.pem, or tb-server-chain.pem of the device")
}
