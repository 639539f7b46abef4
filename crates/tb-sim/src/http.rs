//! The HTTP server of the simulators, with injected faults between request and reply.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clock;
use crate::controls::faults::FaultKind;
use crate::controls::{Controls, RequestRecord};
use crate::net;

mod body;
pub(crate) mod control;
mod corrupting;
mod query;

use body::Body;
use corrupting::CorruptingStream;
pub(crate) use query::{Query, segments};

/// A request, read whole.
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A reply.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) closes: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { body: body.to_string().into_bytes(), content_type: Some("application/json"), ..Self::empty(status) }
    }

    /// Text of Spring's text converter.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        let content_type = Some("text/plain;charset=UTF-8");
        Self { body: body.into().into_bytes(), content_type, ..Self::empty(status) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.content_type == Some("application/json")
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new(), closes: false }
    }
}

/// A platform, which answers requests.
pub(crate) trait Application: Send + Sync + 'static {
    /// Faults, log, throttle.
    fn controls(&self) -> &Controls;
    /// The limit on a body in bytes, and the reply to a longer one.
    fn too_long(&self) -> (usize, Reply);
    /// The answer.
    fn answer(&self, request: &HttpRequest) -> Reply;
    /// The refusal with this status, for an injected fault.
    fn fault(&self, status: u16) -> Reply;
    /// The kind of authorization of a request, for the log.
    fn auth_kind(&self, request: &HttpRequest) -> &'static str;
}

/// Serves all connections; never returns.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, application: Arc<dyn Application>) {
    net::each_connection(listener, move |stream| {
        let (tls, application) = (tls.clone(), application.clone());
        async move {
            match tls {
                None => connection(stream, application).await,
                // A client that gives up on the handshake is its own to report.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, application).await;
                    }
                }
            }
        }
    })
    .await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, application: Arc<dyn Application>) {
    // Below HTTP: hyper writes nothing that is not HTTP, so the garbage has to come from the stream.
    let spoil = Arc::new(AtomicBool::new(false));
    let stream = CorruptingStream::new(stream, spoil.clone());
    let service = service_fn(move |request| {
        let (application, spoil) = (application.clone(), spoil.clone());
        async move { request_to_response(request, &*application, &spoil).await }
    });
    // Connections end in all kinds of ways, some of which were asked for.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn request_to_response(
    request: hyper::Request<Incoming>,
    application: &dyn Application,
    spoil: &AtomicBool,
) -> io::Result<Response<Body>> {
    let controls = application.controls();
    let (parts, body) = request.into_parts();
    let (limit, too_long) = application.too_long();
    let mut request = HttpRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: Query::new(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body: Bytes::new(),
    };
    // The test's own calls are neither counted nor disturbed.
    let is_control = request.path.starts_with("/sim/");
    let fault = if is_control { None } else { controls.faults.next_fault(&request.method, &request.path) };
    let note = |request: &HttpRequest, status: Option<u16>| {
        if !is_control {
            let (method, path) = (request.method.clone(), request.path.clone());
            controls.note(RequestRecord { method, path, status, auth: application.auth_kind(request) });
        }
    };
    // hyper closes the connection without an answer when the service fails.
    let dropped = || io::Error::new(io::ErrorKind::ConnectionAborted, "asked for");
    match fault {
        // Before the body is read, so that the call cannot take effect.
        Some(FaultKind::DropBefore) => {
            note(&request, None);
            return Err(dropped());
        }
        // Before the body as well: a client that gives up meanwhile has changed nothing.
        Some(FaultKind::Delay(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(FaultKind::Hold) => controls.faults.hold().await,
        _ => {}
    }
    let reply = match Limited::new(body, limit).collect().await {
        Ok(collected) => {
            request.body = collected.to_bytes();
            match fault {
                Some(FaultKind::Status(status)) => application.fault(status),
                _ => application.answer(&request),
            }
        }
        Err(error) if error.is::<LengthLimitError>() => too_long,
        Err(_) => {
            note(&request, None);
            return Err(dropped());
        }
    };
    if !is_control {
        // After the call took effect, as the time on the network back to the client.
        let latency = controls.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }
    let mut half = false;
    match fault {
        Some(FaultKind::DropAfter) => {
            // The platform has acted, and the client does not learn it: the case in which a blind repetition makes a
            // second device.
            note(&request, None);
            return Err(dropped());
        }
        Some(FaultKind::DelayAnswer(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(FaultKind::HoldAnswer) => controls.faults.hold().await,
        // The answer is made all the same, so that there is a write which can be spoiled.
        Some(FaultKind::Garbage) => spoil.store(true, std::sync::atomic::Ordering::SeqCst),
        Some(FaultKind::HalfAnswer) => half = true,
        Some(FaultKind::Html) => {
            note(&request, Some(200));
            let page = Reply {
                body: b"<!doctype html><title>Sign in</title><p>Welcome to this network.".to_vec(),
                content_type: Some("text/html;charset=UTF-8"),
                ..Reply::empty(200)
            };
            return Ok(response(page, false, controls));
        }
        _ => {}
    }
    note(&request, Some(reply.status));
    Ok(response(reply, half, controls))
}

fn response(reply: Reply, half: bool, controls: &Controls) -> Response<Body> {
    let length = reply.body.len();
    let body = if half { Body::half(reply.body) } else { Body::whole(reply.body) };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(date) = HeaderValue::from_str(&clock::http_date(controls.clock_offset())) {
        headers.insert(hyper::header::DATE, date);
    }
    // The length that was promised makes the client notice the end as one that came too early.
    if half {
        headers.insert(hyper::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(kind) = reply.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if reply.closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
