//! Answers, in the form that every known client takes: strongSwan wants base64 on one line and a Content-Length, and
//! BouncyCastle wants the header Content-Transfer-Encoding (RFC 8951 gives it no meaning).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use pki::{Certificate, certs_only};

use super::csr_attrs;
use super::refusal::Refusal;

/// An answer, whole in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// The headers without Content-Length, which is the length of the body.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it is sent. Copies share the memory.
    pub body: Bytes,
    /// One word for the log and the metrics.
    pub outcome: &'static str,
}

impl Answer {
    /// The certificate that was issued, and those between it and the root.
    pub fn issued<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Self {
        Self::base64("application/pkcs7-mime; smime-type=certs-only", &certs_only::write(certificates))
    }

    /// The issuing hierarchy.
    pub fn ca_certificates<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Self {
        Self::base64("application/pkcs7-mime", &certs_only::write(certificates))
    }

    /// What a request should have.
    pub fn csr_attributes() -> Self {
        Self::base64("application/csrattrs", &csr_attrs::DER)
    }

    /// Trust anchors in PEM.
    pub fn anchors(certificates: &[Certificate]) -> Self {
        let pem: String = certificates.iter().map(Certificate::to_pem).collect();
        Self::of("application/pem-certificate-chain", pem.into_bytes())
    }

    /// A text that ends with a line feed.
    pub fn text(text: &str) -> Self {
        Self::of("text/plain; charset=utf-8", format!("{text}\n").into_bytes())
    }

    /// A body of this media type.
    pub fn of(media_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type", media_type.to_owned())];
        Self { status: 200, headers, body: body.into(), outcome: "done" }
    }

    fn base64(media_type: &str, der: &[u8]) -> Self {
        // With a line feed at the end, so that the output of curl ends with a line.
        let mut answer = Self::of(media_type, format!("{}\n", STANDARD.encode(der)).into_bytes());
        answer.headers.push(("Content-Transfer-Encoding", "base64".to_owned()));
        answer
    }
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Self {
        // A text for people: RFC 7030, section 4.2.3, asks for one with errors, and logs of clients show it.
        let mut answer = Self::text(&refusal.to_string());
        answer.status = refusal.status();
        answer.outcome = refusal.word();
        if let Some(seconds) = refusal.retry_after() {
            answer.headers.push(("Retry-After", seconds.to_string()));
        }
        if matches!(refusal, Refusal::Unauthenticated) {
            // The first request of a client that waits for a challenge. BouncyCastle drops this answer, and fails if the
            // answer has a body that was not read.
            answer.body = Bytes::new();
        }
        match refusal {
            // BouncyCastle sends its password only after a challenge.
            Refusal::Unauthenticated | Refusal::WrongPassword => {
                answer.headers.push(("WWW-Authenticate", "Basic realm=\"tbpki\", charset=\"UTF-8\"".to_owned()));
            }
            Refusal::Method(method) => answer.headers.push(("Allow", (*method).to_owned())),
            _ => {}
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> Certificate {
        let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        Certificate::from_der(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn certificates_are_one_line_of_base64() {
        let certificate = certificate();
        for (answer, kind) in [
            (Answer::issued([&certificate]), "application/pkcs7-mime; smime-type=certs-only"),
            (Answer::ca_certificates([&certificate]), "application/pkcs7-mime"),
        ] {
            assert_eq!((answer.status, header(&answer, "Content-Type")), (200, Some(kind)));
            assert_eq!(header(&answer, "Content-Transfer-Encoding"), Some("base64"));
            let (last, line) = answer.body.split_last().unwrap();
            assert!(*last == b'\n' && !line.contains(&b'\n'));
            let read = certs_only::read(&STANDARD.decode(line).unwrap()).unwrap();
            assert_eq!(read.first().unwrap().der(), certificate.der());
        }
    }

    #[test]
    fn a_challenge_comes_with_401_alone_and_a_time_with_what_may_pass() {
        let challenge = |refusal: &Refusal| header(&Answer::from(refusal), "WWW-Authenticate").is_some();
        assert!(challenge(&Refusal::Unauthenticated) && challenge(&Refusal::WrongPassword));
        assert!(Answer::from(&Refusal::Unauthenticated).body.is_empty());
        assert!(!challenge(&Refusal::SpentPassword) && !challenge(&Refusal::Busy(5)));
        let busy = Answer::from(&Refusal::Busy(5));
        assert_eq!((busy.status, header(&busy, "Retry-After")), (202, Some("5")));
        let many = Answer::from(&Refusal::TooMany(4));
        assert_eq!((many.status, header(&many, "Retry-After")), (429, Some("3600")));
        assert_eq!(header(&Answer::from(&Refusal::Method("POST")), "Allow"), Some("POST"));
        assert_eq!(&Answer::from(&Refusal::Revoked).body[..], b"the client certificate is revoked\n");
    }

    #[test]
    fn an_unknown_password_tells_nothing_about_the_name() {
        let wrong = Answer::from(&Refusal::WrongPassword);
        assert_eq!((wrong.status, &wrong.body[..]), (401, &b"the name or the password is wrong\n"[..]));
    }
}
