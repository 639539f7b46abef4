//! Requests to one platform, limited in time, number and size, and repeated only if that is safe.
//!
//! A client sends requests to a single origin and does not follow redirects. TLS is rustls on aws-lc-rs with the system's
//! roots or those of a private CA, and cannot be disabled.

pub(crate) mod date;
mod fault;
mod origin;
mod request;
mod response;
mod retry;
mod tls;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{Code, Result};
use pki::Certificate;
use reqwest::redirect::Policy;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use request::{ApiRequest, Repeat};
pub(crate) use response::{ApiResponse, shown};

use crate::pace::{Feedback, Limits, Pace};
use fault::SendError;
use origin::HttpOrigin;
use retry::HttpRetryPolicy;

/// The configuration of a platform's API client.
#[derive(Debug, Clone)]
pub struct ApiClientConfig {
    /// The URL of the REST API, which may have a path.
    pub url: String,
    /// The trusted roots; `None` for those of the system.
    pub roots: Option<Vec<Certificate>>,
    /// True if http:// is allowed to other machines.
    pub allow_plain_http: bool,
    /// The time limit of a request, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// The limit of concurrent requests.
    pub concurrency: usize,
    /// The limit of devices that begin in a second; `None` for no limit.
    pub rate: Option<NonZeroU32>,
    /// The approximate length of the first pause before a repeated request. Later pauses grow.
    pub pause: Duration,
    /// Whether a platform is used whose clock differs from that of this machine by more than a day.
    pub accept_clock: bool,
}

impl ApiClientConfig {
    /// The configuration for `url` with the defaults: 30 s per request, 8 requests at once.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            roots: None,
            allow_plain_http: false,
            timeout: Duration::from_secs(30),
            concurrency: 8,
            rate: None,
            pause: Duration::from_millis(250),
            accept_clock: false,
        }
    }
}

/// A client of one platform. Clones share connections and limits.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    origin: Arc<HttpOrigin>,
    permits: Arc<Semaphore>,
    pace: Pace,
    retry: HttpRetryPolicy,
    /// True if the platform has ever answered. Before that, a refused connection means a wrong address and is not retried.
    reached: Arc<AtomicBool>,
    accept_clock: bool,
}

impl HttpClient {
    /// A client. It sends nothing yet.
    ///
    /// # Errors
    /// [`Code::BadValue`], [`Code::PlainHttp`], and [`Code::FileUnreadable`] if the system has no trusted roots.
    pub(crate) fn new(reach: &ApiClientConfig) -> Result<Self> {
        let origin = HttpOrigin::parse(&reach.url, reach.allow_plain_http)?;
        let mut builder = reqwest::Client::builder()
            // A redirect could carry the password or the token to another host.
            .redirect(Policy::none())
            // URLs of the API contain ids of devices, which belong to no other server.
            .referer(false)
            // ThingsBoard's Tomcat speaks HTTP/1.1 by default, and the number of connections is limited below.
            .http1_only()
            .user_agent(concat!("tbpki/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(reach.timeout.min(Duration::from_secs(10)))
            .timeout(reach.timeout)
            .pool_max_idle_per_host(reach.concurrency)
            // Tomcat closes idle connections after 60 s. The client closes them first, so that none breaks in use.
            .pool_idle_timeout(Duration::from_secs(20))
            .https_only(origin.is_https())
            .tls_backend_preconfigured(tls::config(&origin, reach.roots.as_deref())?);
        // A proxy for the own machine would see requests that never had to leave it.
        if origin.is_loopback() {
            builder = builder.no_proxy();
        }
        if let Some((host, addresses)) = origin.local() {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        let client =
            builder.build().map_err(|error| Code::Internal.error("there is no HTTP client").caused_by(error))?;
        Ok(Self {
            client,
            origin: Arc::new(origin),
            permits: Arc::new(Semaphore::new(reach.concurrency.max(1))),
            // Two limits: permits bound the requests of all kinds, and the pace bounds the devices in work.
            pace: Pace::new(Limits { connections: reach.concurrency, rate: reach.rate }),
            retry: HttpRetryPolicy { first: reach.pause },
            reached: Arc::new(AtomicBool::new(false)),
            accept_clock: reach.accept_clock,
        })
    }

    /// The platform's URL, for messages.
    pub(crate) fn url(&self) -> &str {
        self.origin.as_str()
    }

    /// The pace of the requests.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Sends a request and returns the answer with any status. The request is repeated after a pause if the platform did
    /// not process it (429) and, if that is safe, also after a fault of the platform, a broken connection or a timeout.
    ///
    /// # Errors
    /// [`Code::Unreachable`], [`Code::PlatformUnverified`] and [`Code::TlsFailed`] if nothing was sent;
    /// [`Code::AnswerLost`] if the result is unknown; [`Code::NotThePlatform`] if the answer is too long.
    pub(crate) async fn send(&self, request: &ApiRequest<'_>) -> Result<ApiResponse> {
        let mut sent = 0;
        loop {
            let outcome = self.once(request).await;
            sent += 1;
            let reached = self.reached.load(Ordering::Relaxed);
            match self.retry.pause(sent, &outcome, request.repeat, reached) {
                Some(pause) => {
                    tracing::info!(method = %request.method, path = %request.path, ?pause, "asking again");
                    tokio::time::sleep(pause).await;
                }
                // The platform's address is added here, so that no caller can forget it.
                None => return outcome.map_err(|failure| failure.error.item(self.url())),
            }
        }
    }

    async fn once(&self, request: &ApiRequest<'_>) -> Result<ApiResponse, SendError> {
        let _permit = self.permits.acquire().await.map_err(|_| SendError::bug("the limit of requests is gone"))?;
        // A pause that the platform demanded holds for requests that have a permit already.
        self.pace.open().await;
        let started = Instant::now();
        let outcome = self.ask(request, started).await;
        self.pace.feedback(request.kind(), started, feedback_of(&outcome));
        outcome
    }

    async fn ask(&self, request: &ApiRequest<'_>, started: Instant) -> Result<ApiResponse, SendError> {
        let url = self.origin.join(&request.path, &request.parameters).map_err(SendError::not_sent)?;
        let response = request.build(&self.client, url).send().await.map_err(fault::classify)?;
        // Any answer proves that the address is right. After it, a refused connection may be a restart.
        self.reached.store(true, Ordering::Relaxed);
        if !self.accept_clock {
            // Counted as not sent, because a repeated request would meet the same clocks.
            date::check_clock(response.headers(), OffsetDateTime::now_utc()).map_err(SendError::not_sent)?;
        }
        let answer = ApiResponse::read(response).await?;
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = answer.status,
            milliseconds = started.elapsed().as_millis(),
            "answered"
        );
        Ok(answer)
    }
}

/// The feedback of a result for the pace. Other server errors (500) do not mean overload.
fn feedback_of(outcome: &Result<ApiResponse, SendError>) -> Feedback {
    match outcome {
        // Statuses of an overloaded server or of a proxy in front of one.
        Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => Feedback::Overload(answer.retry_after),
        Ok(_) => Feedback::Success,
        // A lost answer is counted as an overload: under load, servers close connections before they send statuses.
        Err(failure) if matches!(failure.error.code(), Code::AnswerLost | Code::Unreachable) => {
            Feedback::Overload(None)
        }
        Err(_) => Feedback::Neutral,
    }
}
