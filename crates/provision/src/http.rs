//! Requests to one platform: bounded in time, in number and in size, repeated only where that is safe.
//!
//! A client knows one origin and sends nothing anywhere else: redirects are answers that nobody follows. TLS is
//! rustls on aws-lc-rs with the system's roots or those of a private CA, and cannot be switched off.

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
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use request::{ApiRequest, Repeat};
pub(crate) use response::{ApiResponse, shown};

use crate::pace::{Feedback, Limits, Pace};
use fault::SendError;
use origin::Origin;
use retry::RetryPolicy;

/// How to reach a platform.
#[derive(Debug, Clone)]
pub struct ApiClientConfig {
    /// The address of its REST API; a path in it is kept.
    pub url: String,
    /// The roots that its certificate leads to; none for those of this system.
    pub roots: Option<Vec<Certificate>>,
    /// Whether http:// may leave this machine.
    pub allow_plain_http: bool,
    /// How long one request may take, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// How many requests are under way at once at most.
    pub concurrency: usize,
    /// How many devices are begun with in a second at most; none for as many as the platform takes.
    pub rate: Option<NonZeroU32>,
    /// How long the first pause before a repeated request is about; those that follow grow.
    pub pause: Duration,
}

impl ApiClientConfig {
    /// The way to `url` with what is usual: 30 s a request, 8 at once.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            roots: None,
            allow_plain_http: false,
            timeout: Duration::from_secs(30),
            concurrency: 8,
            rate: None,
            pause: Duration::from_millis(250),
        }
    }
}

/// A client of one platform. Its copies share connections and limits.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    origin: Arc<Origin>,
    permits: Arc<Semaphore>,
    pace: Pace,
    retry: RetryPolicy,
    /// Whether the platform has ever answered: before that, an address where nothing listens is a mistake and not a
    /// passing fault.
    reached: Arc<AtomicBool>,
}

impl HttpClient {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::BadValue`], [`Code::PlainHttp`], and [`Code::FileUnreadable`] where this system has no roots.
    pub(crate) fn new(reach: &ApiClientConfig) -> Result<Self> {
        let origin = Origin::parse(&reach.url, reach.allow_plain_http)?;
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .http1_only()
            .user_agent(concat!("tbpki/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(reach.timeout.min(Duration::from_secs(10)))
            .timeout(reach.timeout)
            .pool_max_idle_per_host(reach.concurrency)
            // Idle connections of Tomcat's end after 60 s: better that we close them than that they break in use.
            .pool_idle_timeout(Duration::from_secs(20))
            .https_only(origin.is_https())
            .tls_backend_preconfigured(tls::config(&origin, reach.roots.as_deref())?);
        if origin.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| Code::Internal.error("there is no HTTP client").because(error))?;
        Ok(Self {
            client,
            origin: Arc::new(origin),
            permits: Arc::new(Semaphore::new(reach.concurrency.max(1))),
            pace: Pace::new(Limits { connections: reach.concurrency, rate: reach.rate }),
            retry: RetryPolicy { first: reach.pause },
            reached: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Where the platform is, for messages.
    pub(crate) fn url(&self) -> &str {
        self.origin.as_str()
    }

    /// How fast it asks.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Sends a request and returns the answer, whatever its status is. It is sent again, after a pause, where the
    /// platform says that it did nothing (429), and where that is safe also after a fault of the platform, a broken
    /// connection, or silence.
    ///
    /// # Errors
    /// [`Code::Unreachable`], [`Code::PlatformUnverified`] and [`Code::TlsFailed`] when nothing was sent;
    /// [`Code::AnswerLost`] when it is not known what became of it; [`Code::NotThePlatform`] for an endless answer.
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
                None => return outcome.map_err(|failure| failure.error.item(self.url())),
            }
        }
    }

    async fn once(&self, request: &ApiRequest<'_>) -> Result<ApiResponse, SendError> {
        let _permit = self.permits.acquire().await.map_err(|_| SendError::bug("the limit of requests is gone"))?;
        self.pace.open().await;
        let started = Instant::now();
        let outcome = self.ask(request, started).await;
        self.pace.feedback(request.kind(), started, feedback_of(&outcome));
        outcome
    }

    async fn ask(&self, request: &ApiRequest<'_>, started: Instant) -> Result<ApiResponse, SendError> {
        let url = self.origin.join(&request.path, &request.parameters).map_err(SendError::not_sent)?;
        let response = request.build(&self.client, url).send().await.map_err(|error| fault::classify(&error))?;
        self.reached.store(true, Ordering::Relaxed);
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

/// What the outcome of a request says about the pace: a server that fails at one thing may well do others.
fn feedback_of(outcome: &Result<ApiResponse, SendError>) -> Feedback {
    match outcome {
        Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => Feedback::Overload(answer.retry_after),
        Ok(_) => Feedback::Success,
        Err(failure) if matches!(failure.error.code(), Code::AnswerLost | Code::Unreachable) => {
            Feedback::Overload(None)
        }
        Err(_) => Feedback::Neutral,
    }
}
