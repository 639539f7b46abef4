//! The server, as a client sees it: requests over TLS, and the texts of its refusals.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::text::printable;
use base::{Code, Error, Result, Secret, file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, certs_only};
use provision::LoginKey;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, SERVER};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use time::OffsetDateTime;

use super::advice::Asked;
use super::server_url;
use crate::est::{PRODUCT, stated_anchors};

/// The largest answer that is read, in bytes.
const LIMIT: usize = 64 << 10;
/// The time for a request with its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time to wait until a platform has a new certificate.
const PLATFORM_PATIENCE: Duration = Duration::from_secs(20);

/// A certificate with its chain and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<Certificate>,
    pub(super) key: LoginKey,
}

impl Identity {
    /// The leaf. An identity has one: each is made from a chain with a leaf.
    pub(super) fn leaf(&self) -> &Certificate {
        #[allow(clippy::expect_used, reason = "both makers of an identity check that the chain has a leaf")]
        self.chain.first().expect("a leaf")
    }
}

/// An EST server.
pub(super) struct Server {
    base: String,
    tbpki: String,
    roots: Arc<RootCertStore>,
    /// The trust anchors of the file, which are stated with a confirmation; none for the roots of the system.
    anchors: Vec<Certificate>,
    /// The file of the roots, for messages.
    cafile: Option<PathBuf>,
    /// What is asked for, for messages.
    asked: Asked,
    runtime: tokio::runtime::Runtime,
}

/// An answer, whole.
struct Response {
    /// The URL that was asked.
    url: String,
    /// Whether `tbpki serve` has sent it.
    is_ours: bool,
    status: StatusCode,
    retry_after: Option<String>,
    body: Vec<u8>,
}

/// The error of TLS in an error of a connection; `None` for other failures.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    // An I/O error names the source of what is in it, and not that itself.
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => tls_error(inner),
        None => tls_error(error.source()?),
    }
}

/// Whether an alert is about the certificate of the client (RFC 8446, section 6.2; access_denied: RFC 5246, section 7.2.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

/// When to try again: `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3). Empty for none.
fn after(value: &str) -> String {
    match value.trim().parse::<u64>() {
        Ok(seconds) => format!(" after {seconds} seconds"),
        Err(_) if value.trim().is_empty() => String::new(),
        Err(_) => format!(" after {}", printable(&value.chars().take(40).collect::<String>())),
    }
}

/// The roots of a file, or those of the system; and the certificates of the file.
fn roots(cafile: Option<&Path>) -> Result<(RootCertStore, Vec<Certificate>)> {
    let of_file = match cafile {
        Some(path) => {
            // 1 MiB: a file with all public roots, as systems have it, is larger than an answer may be.
            PemBundle::parse(&file::read(path, LIMIT * 16)?).map_err(|error| error.at(path))?.certificates
        }
        None => Vec::new(),
    };
    let ders: Vec<Vec<u8>> = match cafile {
        Some(_) => of_file.iter().map(|certificate| certificate.der().to_vec()).collect(),
        None => provision::Roots::system()?.into_der(),
    };
    if ders.is_empty()
        && let Some(path) = cafile
    {
        return Err(Code::CertificateUnreadable.error("the file contains no certificate").at(path));
    }
    let mut roots = RootCertStore::empty();
    // Roots that rustls does not parse are left out: one odd root of a system must not stop every connection.
    let (added, _) = roots.add_parsable_certificates(ders.into_iter().map(CertificateDer::from));
    match cafile {
        Some(path) if added == 0 => Err(Code::CertificateUnreadable
            .error("no certificate in the file can be a root of TLS connections")
            .at(path)),
        _ => Ok((roots, of_file)),
    }
}

impl Server {
    /// The server at this URL. Its certificate must lead to a root of `cafile`, or of the system.
    pub(super) fn new(url: &str, label: Option<&str>, cafile: Option<&Path>, asked: Asked) -> Result<Self> {
        let (roots, anchors) = roots(cafile)?;
        let url = server_url::checked(url)?;
        label.map_or(Ok(()), server_url::check_label)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Code::Internal.error("the system gives no means to wait for a server").caused_by(error))?;
        let label = label.map(|label| format!("{}/", encoded(label))).unwrap_or_default();
        Ok(Self {
            base: format!("{url}/.well-known/est/{label}"),
            tbpki: format!("{url}/.well-known/tbpki/{label}"),
            roots: Arc::new(roots),
            anchors,
            cafile: cafile.map(Path::to_owned),
            asked,
            runtime,
        })
    }

    pub(super) fn ca_certificates(&self) -> Result<Vec<Certificate>> {
        let url = format!("{}cacerts", self.base);
        let answer = self.send(&url, None, |client| client.get(&url))?;
        certificates(&self.accepted(answer)?.body)
    }

    /// The answer to a first request with a one-time password.
    pub(super) fn enrol(&self, csr: &[u8], name: &str, password: &Secret) -> Result<Vec<Certificate>> {
        let url = format!("{}simpleenroll", self.base);
        let answer = self.send(&url, None, |client| {
            with_request(client.request(Method::POST, &url), csr).basic_auth(name, Some(password.reveal()))
        })?;
        self.issued(answer)
    }

    /// The answer to a first request with a certificate of another CA, for example of a maker.
    pub(super) fn enrol_with(&self, csr: &[u8], proof: &Identity) -> Result<Vec<Certificate>> {
        let url = format!("{}simpleenroll", self.base);
        let answer = self.send(&url, Some(proof), |client| with_request(client.request(Method::POST, &url), csr))?;
        self.issued(answer)
    }

    /// The answer to a request for the next certificate.
    pub(super) fn renew(&self, csr: &[u8], present: &Identity) -> Result<Vec<Certificate>> {
        let url = format!("{}simplereenroll", self.base);
        let answer = self.send(&url, Some(present), |client| with_request(client.request(Method::POST, &url), csr))?;
        self.issued(answer).map_err(|error| match error.code() {
            Code::EnrolmentRefused if present.leaf().not_after() < OffsetDateTime::now_utc() => {
                error.fix(self.asked.about_expired())
            }
            _ => error,
        })
    }

    /// Makes a connection with a new certificate: the server must take it.
    pub(super) fn try_out(&self, new: &Identity) -> Result<()> {
        let url = format!("{}cacerts", self.base);
        let answer = self.send(&url, Some(new), |client| client.get(&url))?;
        self.accepted(answer).map(drop)
    }

    /// Tells `tbpki serve` that a certificate is used, with the trust anchors of this host, and waits a while until a
    /// platform has it. Returns false for other servers, whatever they answer: they have no such path.
    ///
    /// # Errors
    /// [`Code::EnrolmentLater`] if the platform does not have it yet: until then the holder logs in with the one before.
    pub(super) fn confirm(&self, new: &Identity) -> Result<bool> {
        let url = format!("{}confirm", self.tbpki);
        let anchors = stated_anchors::write(&self.anchors);
        let begun = Instant::now();
        let answer = loop {
            let answer = self.send(&url, Some(new), |client| {
                client.request(Method::POST, &url).header(CONTENT_TYPE, "text/plain").body(anchors.clone())
            })?;
            // A server behind a login page answers every path, for example with 403 or a redirect.
            if !answer.is_ours {
                return Ok(false);
            }
            if answer.status != StatusCode::ACCEPTED || begun.elapsed() > PLATFORM_PATIENCE {
                break answer;
            }
            std::thread::sleep(Duration::from_secs(1));
        };
        self.accepted(answer).map(|_| true)
    }

    fn send(
        &self,
        url: &str,
        identity: Option<&Identity>,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Response> {
        let client = self.client(identity)?;
        let unreachable = |error: reqwest::Error| -> Error {
            // The error of the token has a code and a remedy, which the one of the connection hides.
            if let Some(Identity { key: LoginKey::Token(signer), .. }) = identity
                && let Some(failure) = signer.take_failure()
            {
                return failure;
            }
            match (tls_error(&error), identity) {
                (Some(rustls::Error::InvalidCertificate(fault)), _) => return self.untrusted(url, fault),
                (Some(rustls::Error::AlertReceived(alert)), Some(shown)) if is_about_certificate(*alert) => {
                    return self.not_taken(url, *alert, shown.leaf());
                }
                _ => {}
            }
            // The head has arrived.
            if error.is_body() || error.is_decode() {
                return unexpected("the connection ended before all of it had arrived");
            }
            let why = innermost(&error);
            Code::EnrolmentUnreachable.error("the enrolment server cannot be reached").item(url).because(why).fix(
                match self.cafile {
                    Some(_) => "check the URL, and whether the server runs",
                    None => "check the URL, and name the roots of the server with --cafile",
                },
            )
        };
        self.runtime.block_on(async {
            let mut answer = request(&client).send().await.map_err(unreachable)?;
            let status = answer.status();
            let is_ours = answer.headers().get(SERVER).is_some_and(|name| name.as_bytes() == PRODUCT.as_bytes());
            let retry_after =
                answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()).map(str::to_owned);
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
                // Counted while it arrives: a server may announce no length, or a wrong one.
                body.extend_from_slice(&chunk);
                if body.len() > LIMIT {
                    return Err(unexpected(format!("it is longer than {LIMIT} bytes")));
                }
            }
            Ok(Response { url: url.to_owned(), is_ours, status, retry_after, body })
        })
    }

    /// The error for a server that rejects the certificate of this host in the handshake.
    fn not_taken(&self, url: &str, alert: AlertDescription, leaf: &Certificate) -> Error {
        Code::EnrolmentRefused
            .error("the enrolment server does not accept the certificate of this host")
            .item(url)
            .because(format!(
                "it ended the connection with the alert {:?} for {}, serial {}",
                words(&format!("{alert:?}")),
                leaf.subject(),
                leaf.serial_hex()
            ))
            .fix(self.asked.about_alert())
    }

    /// The error for a server whose certificate is not accepted: the usual cause of a host that was away.
    fn untrusted(&self, url: &str, fault: &CertificateError) -> Error {
        let roots = self
            .cafile
            .as_ref()
            .map_or_else(|| "the roots of this system".to_owned(), |file| format!("the roots in {}", file.display()));
        let (why, fix) = match fault {
            CertificateError::UnknownIssuer => (
                format!("it leads to none of {roots}"),
                "if the root of the servers was replaced, get the present one from the operator, compare it with \
                 `tbpki inspect`, and name it with --cafile",
            ),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => (
                format!("it is not valid now: {fault}"),
                "check the clock of this machine; if it is right, the operator has to renew that certificate",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (fault.to_string(), "use a name in the URL that the certificate has")
            }
            CertificateError::Other(other) => (
                format!("TLS cannot use it: {}", words(&other.0.to_string())),
                "show the message to the operator of the server",
            ),
            _ => (fault.to_string(), "show the message to the operator of the server"),
        };
        Code::EnrolmentUntrusted
            .error("the certificate of the enrolment server is not trusted")
            .item(url)
            .because(why)
            .fix(fix)
    }

    fn client(&self, identity: Option<&Identity>) -> Result<Client> {
        let internal = |what: &str, error: &dyn std::fmt::Display| Code::Internal.error(what).because(error);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = match identity {
            Some(Identity { key: LoginKey::Token(signer), .. }) => signer.versions(),
            _ => rustls::DEFAULT_VERSIONS,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| internal("TLS cannot be set up", &error))?
            .with_root_certificates(self.roots.clone());
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key: LoginKey::Token(signer) }) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(signer.certified(chain))))
            }
            Some(Identity { chain, key: LoginKey::File(key) }) => {
                let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
                let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
                    .map_err(|error| Code::KeyUnreadable.error("TLS cannot use the key").caused_by(error))?;
                // Not `with_client_auth_cert`: it parses the certificate once more, and refuses those that only the server has
                // to accept, for example one of version 1. That it belongs to the key was checked before.
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
            }
        };
        Client::builder()
            // A redirect to another origin needs the user's consent (RFC 7030, section 3.2.1), and this may run without
            // a user.
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .https_only(true)
            .no_proxy()
            .timeout(PATIENCE)
            .user_agent(concat!("tbpki/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(config)
            .build()
            .map_err(|error| internal("there is no HTTP client", &error))
    }

    /// The certificates of an answer to a signing request.
    fn issued(&self, answer: Response) -> Result<Vec<Certificate>> {
        certificates(&self.accepted(answer)?.body)
    }

    fn accepted(&self, answer: Response) -> Result<Response> {
        // The text is the server's: one line of it is shown, without control characters that a terminal would obey.
        let body = String::from_utf8_lossy(&answer.body);
        let line = body.lines().next().unwrap_or_default();
        let text = printable(&line.chars().take(200).collect::<String>()).to_string();
        match answer.status {
            StatusCode::OK => Ok(answer),
            StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                let after = answer.retry_after.as_deref().map(after).unwrap_or_default();
                Err(Code::EnrolmentLater
                    .error(format!("the enrolment server is not ready; try again{after}"))
                    .item(&answer.url)
                    .because(format!("it answered {}: {text}", answer.status))
                    .fix("run the same command again later: the key is kept until then"))
            }
            status => {
                let advice = self.asked.about(status.as_u16(), line.trim_end());
                let error =
                    Code::EnrolmentRefused.error(format!("the enrolment server answered {status}")).item(&answer.url);
                Err(if text.is_empty() { error } else { error.because(text) }.fix(advice))
            }
        }
    }
}

/// The innermost cause of an error, which tells what is wrong: the outer text is only that a request could not be sent.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    let text = last.to_string();
    // The text of rustls is a link to its documentation.
    if text.contains("close_notify") { "the server has closed the connection".to_owned() } else { text }
}

/// The name of a variant of an error, such as `UnsupportedCertVersion`, as words.
fn words(name: &str) -> String {
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return name.to_owned();
    }
    let mut words = String::new();
    for one in name.chars() {
        if one.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(one.to_ascii_lowercase());
    }
    words
}

fn with_request(builder: RequestBuilder, csr: &[u8]) -> RequestBuilder {
    builder
        .header(CONTENT_TYPE, "application/pkcs10")
        // RFC 7030 demands this header and RFC 8951 ignores it, so servers of either age take the request.
        .header("Content-Transfer-Encoding", "base64")
        .body(STANDARD.encode(csr) + "\n")
}

/// The certificates of an answer: PKCS#7 in base64, with line breaks or without.
fn certificates(body: &[u8]) -> Result<Vec<Certificate>> {
    let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(text).map_err(|_| unexpected("it is not base64"))?;
    certs_only::read(&der).map_err(unexpected)
}

/// A label as a segment of a path (RFC 3986, section 3.3).
fn encoded(label: &str) -> String {
    label
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The error for an answer that cannot be used.
pub(super) fn unexpected(why: impl std::fmt::Display) -> Error {
    Code::EnrolmentAnswer
        .error("the enrolment server sent an answer that cannot be used")
        .because(why)
        .fix("run the same command again; if the message stays, show it to the operator of the server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_next_attempt_is_a_number_of_seconds_or_a_date() {
        assert_eq!(after("120"), " after 120 seconds");
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), " after Wed, 21 Oct 2026 07:28:00 GMT");
        assert!(!after("\u{1b}[2J").contains('\u{1b}'));
        assert_eq!(after(" "), "");
    }

    #[test]
    fn causes_are_words_and_no_links() {
        let closed =
            std::io::Error::other("peer closed connection without sending TLS close_notify: https://docs.rs/x");
        assert_eq!(innermost(&closed), "the server has closed the connection");
        assert_eq!(words("UnsupportedCertVersion"), "unsupported cert version");
        assert_eq!(words("a text, as it is"), "a text, as it is");
    }
}
