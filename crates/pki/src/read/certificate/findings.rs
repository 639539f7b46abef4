//! Findings about the form of a certificate, independent of its issuer and its purpose.

use base::{Code, Finding};

use super::{Certificate, PublicKeyKind};

impl Certificate {
    /// The faults that stop TLS libraries from reading the certificate, and its oddities.
    pub(crate) fn form_findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.format_faults().map(|fault| Code::BadFormat.fault(fault)).collect();
        findings.extend(self.key_form_fault().map(|fault| Code::PublicKeyForm.fault(fault)));
        findings.extend(self.foreign_key());
        findings.extend(self.format_oddities().map(|oddity| {
            Code::BadFormat.warning(oddity).because("OpenSSL, Java and Go read it; stricter readers may not")
        }));
        findings.extend(self.unknown_critical_extensions().iter().map(|extension| {
            Code::CriticalExtension.fault(format!("its critical extension {extension} is unknown to tbpki"))
        }));
        // Marked as critical, it is one of those above.
        if self.is_proxy() && findings.iter().all(|finding| finding.code != Code::CriticalExtension) {
            findings.push(Code::CriticalExtension.fault("it is a proxy certificate (RFC 3820), which OpenSSL refuses"));
        }
        findings
    }

    /// The fault of a certificate that has expired. A CA is replaced, not renewed.
    pub(crate) fn expired(&self, what: impl Into<String>) -> Finding {
        let fault = Code::Expired.fault(what);
        if !self.is_ca() {
            return fault;
        }
        fault.fix(
            "replace the CA (`tbpki ca list` names it): `tbpki ca prepare CA`, then `tbpki ca activate CA`; renew what it has \
             issued",
        )
    }

    /// A fault if Java and Go do not know the algorithm of the key. Weak keys have a finding of their own.
    fn foreign_key(&self) -> Option<Finding> {
        let kind = self.public_key();
        let why = match kind {
            PublicKeyKind::OtherEc(_) | PublicKeyKind::Ec("secp256k1", _) => {
                "Java and Go know only the curves P-256, P-384 and P-521, and cannot read the certificate"
            }
            PublicKeyKind::Other(_) => "TLS has no signatures with such a key",
            _ => return None,
        };
        Some(Code::AlgorithmSupport.fault(format!("its key is {}", kind.name())).because(why))
    }
}
