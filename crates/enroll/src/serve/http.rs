//! Connections and requests of the EST listener.

mod timed_stream;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pki::Certificate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use self::timed_stream::TimedStream;
use super::call::{Call, Caller, Reply, Task};
use super::cas;
use super::limits::Limits;
use super::service::Service;
use crate::audit_line::AuditLine;
use crate::est::{Answer, Credentials, Operation, PRODUCT, Refusal, Route, request, stated_anchors};

/// Serves a connection over TLS.
pub(crate) async fn over_tls(stream: TcpStream, address: IpAddr, acceptor: TlsAcceptor, service: Arc<Service>) {
    // Boxes, because a future that contains both would be moved as a whole.
    let Ok(accepted) = timeout(service.limits.handshake, Box::pin(acceptor.accept(stream))).await else {
        service.metrics.rejected("handshake-time");
        return;
    };
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%address, %error, "handshake failed");
            service.metrics.rejected("handshake");
            return;
        }
    };
    let presented = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    // Read once for the connection, and not for each request of it.
    let certificate = presented.map(|leaf| Certificate::from_der(leaf));
    let peer = Arc::new(match certificate {
        None => Peer::new(address, Presented::None),
        Some(Ok(certificate)) => Peer::new(address, Presented::Read(Box::new(certificate))),
        Some(Err(_)) => Peer::new(address, Presented::Unreadable),
    });
    let limits = service.limits;
    Box::pin(serve_connection(stream, limits, move |request| {
        let (service, peer) = (service.clone(), peer.clone());
        async move { answer_in_time(request, &service, &peer).await }
    }))
    .await;
}

/// The other end of a connection.
struct Peer {
    address: IpAddr,
    certificate: Presented,
    /// Whether the ledger knows of the connection, or need not.
    is_seen: AtomicBool,
}

impl Peer {
    fn new(address: IpAddr, certificate: Presented) -> Self {
        Self { address, certificate, is_seen: AtomicBool::new(false) }
    }
}

/// The client certificate of a connection.
enum Presented {
    None,
    Read(Box<Certificate>),
    Unreadable,
}

/// Serves the requests of a connection until its end.
pub(crate) async fn serve_connection<S, F>(
    stream: S,
    limits: Limits,
    answer: impl Fn(Request<Incoming>) -> F + Send + 'static,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Answer> + Send,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(response(answer.await)) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // A client that sends its head byte by byte must not keep its place longer than this.
        .header_read_timeout(limits.request)
        .max_buf_size(limits.head)
        // Names in lower case are right in HTTP (RFC 9110, section 5.1), but a small client may compare them letter by
        // letter.
        .title_case_headers(true);
    // Without it, a client that sends requests and reads no answer would keep its place forever.
    let stream = TimedStream::new(stream, limits.request);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = match timeout(limits.age, connection.as_mut()).await {
        Ok(ended) => ended,
        Err(_) => {
            // The request that is being served gets its answer, and the client connects again for the next one.
            connection.as_mut().graceful_shutdown();
            timeout(limits.request * 2, connection).await.unwrap_or(Ok(()))
        }
    };
    // Connections end in all kinds of ways, and each answer is counted already.
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(SERVER, HeaderValue::from_static(PRODUCT));
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answer_in_time(request: Request<Incoming>, service: &Arc<Service>, peer: &Arc<Peer>) -> Answer {
    let route = Route::of(request.uri().path());
    let operation = route.as_ref().map_or("other", |route| route.operation.as_str());
    // One time for body and decision together: a client that sends its body slowly has less left for the second.
    let deadline = Instant::now() + service.limits.request;
    let answer = match checked(request, route, service, peer, deadline).await {
        Ok(answer) => answer,
        Err(refusal) => Answer::from(&refusal),
    };
    service.metrics.answered(operation, answer.outcome);
    answer
}

/// Waits for `work` until the time of the request is over.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Refusal> {
    timeout_at(deadline, work).await.map_err(|_| Refusal::Slow)
}

async fn checked(
    request: Request<Incoming>,
    route: Option<Route>,
    service: &Arc<Service>,
    peer: &Arc<Peer>,
    deadline: Instant,
) -> Result<Answer, Refusal> {
    let Route { operation, label } = route.ok_or(Refusal::NoSuchPath)?;
    if request.method().as_str() != operation.method() {
        return Err(Refusal::Method(operation.method()));
    }
    let (parts, body) = request.into_parts();
    if operation.method() == "GET" {
        // Requests that ask for a certificate prove the present one by themselves.
        let (service, peer) = (service.clone(), peer.clone());
        // By itself, as below: the first use would be recorded without a line in the log.
        let seen = in_time(deadline, tokio::spawn(async move { see(operation, &peer, &service).await })).await?;
        seen.unwrap_or_else(|error| tracing::error!(%error, "a connection was not recorded"));
    }
    match operation {
        Operation::CaCerts => {
            let (store, servers) = (service.store.clone(), service.serves_servers);
            // Files are read, which must not hold up the threads that serve connections.
            let read = tokio::task::spawn_blocking(move || (cas::hierarchy(&store, label.as_deref(), servers), label));
            let (found, label) = in_time(deadline, read).await?.map_err(|error| {
                tracing::error!(%error, "reading the certificates of the CAs did not end");
                Refusal::Failed
            })?;
            let certificates = found.map_err(|error| {
                tracing::error!(%error, "the certificates of the CAs cannot be read");
                Refusal::Failed
            })?;
            let certificates = certificates.ok_or_else(|| cas::without_ca(&label.unwrap_or_default()))?;
            Ok(Answer::ca_certificates(&certificates))
        }
        Operation::CsrAttrs => Ok(Answer::csr_attributes()),
        Operation::Anchors => Ok(Answer::anchors(&service.anchors())),
        Operation::SimpleEnroll | Operation::SimpleReenroll | Operation::Confirm => {
            let task = task(operation, &parts.headers, body, service.limits.body);
            let credentials =
                parts.headers.get(AUTHORIZATION).and_then(|value| Credentials::of_header(value.as_bytes()));
            let (caller, refused) = caller(operation, peer, credentials);
            // A body that does not arrive in time has a line in the log, like all that is refused.
            let task = in_time(deadline, task).await.unwrap_or_else(Err);
            let is_slow = matches!(task, Err(Refusal::Slow));
            let task = refused.map_or(task, Err);
            let service = service.clone();
            // By itself, because a client that goes away, or the time limit of the request, ends everything that waits here:
            // a certificate would be issued, or its use recorded, without a line in the log.
            let audited = tokio::spawn(async move { audited(operation, label, caller, task, &service).await });
            // What is refused for its time is not decided, and its line is written at once.
            let audited = if is_slow { audited.await } else { in_time(deadline, audited).await? };
            audited.unwrap_or_else(|error| {
                tracing::error!(%error, "a request ended without an answer");
                Err(Refusal::Failed)
            })
        }
    }
}

/// Tells the desk about a connection with a client certificate, once, if a policy counts connections. Whatever it answers, the
/// request goes on: what is asked for is public.
async fn see(operation: Operation, peer: &Peer, service: &Service) {
    let Presented::Read(certificate) = &peer.certificate else { return };
    if !service.counts_connections || peer.is_seen.swap(true, Ordering::Relaxed) {
        return;
    }
    let presented = certificate.serial_hex();
    let caller = Caller { certificate: Some(certificate.as_ref().clone()), credentials: None, address: peer.address };
    let reply = match decided(operation, None, caller, Ok(Task::Connect), service).await {
        Ok(reply) => reply,
        Err(refusal) => Reply::refused(&refusal),
    };
    if reply.answer.status != 200 {
        // For example while another verb works with the store: the next request of the connection tries again.
        peer.is_seen.store(false, Ordering::Relaxed);
    } else if reply.device.is_some() {
        service.audit(&AuditLine {
            address: peer.address,
            operation: operation.as_str(),
            label: None,
            device: reply.device.as_deref(),
            presented: Some(&presented),
            serial: None,
            approved_by: None,
            outcome: "first-login",
            status: 200,
        });
    }
}

/// The certificate and the credentials of a request, and the refusal for a certificate that cannot be read and is needed.
fn caller(operation: Operation, peer: &Peer, credentials: Option<Credentials>) -> (Caller, Option<Refusal>) {
    let (certificate, refused) = match &peer.certificate {
        Presented::None => (None, None),
        Presented::Read(certificate) => (Some(certificate.as_ref().clone()), None),
        // A password needs no certificate.
        Presented::Unreadable if operation == Operation::SimpleEnroll && credentials.is_some() => (None, None),
        // Not in the handshake, where the client would see only an alert.
        Presented::Unreadable => (None, Some(Refusal::UnknownCertificate)),
    };
    (Caller { certificate, credentials, address: peer.address }, refused)
}

/// The task with its signing request.
async fn task(operation: Operation, headers: &hyper::HeaderMap, body: Incoming, limit: usize) -> Result<Task, Refusal> {
    let collected = Limited::new(body, limit).collect().await;
    // Limited while it is read: a Content-Length may be missing, or wrong.
    let body = collected.map_err(|error| {
        if error.is::<LengthLimitError>() { Refusal::LongBody(limit) } else { Refusal::Unreadable(error.to_string()) }
    })?;
    if !operation.takes_request() {
        return Ok(Task::Confirm(stated_anchors::read(&body.to_bytes())));
    }
    request::check_media_type(headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes))?;
    let csr = Box::new(request::read(&body.to_bytes())?);
    Ok(if operation == Operation::SimpleEnroll { Task::Enroll(csr) } else { Task::Reenroll(csr) })
}

/// Has a request decided, and writes a line about it.
async fn audited(
    operation: Operation,
    label: Option<String>,
    caller: Caller,
    task: Result<Task, Refusal>,
    service: &Service,
) -> Result<Answer, Refusal> {
    let presented = caller.certificate.as_ref().map(Certificate::serial_hex);
    let claimed = caller.credentials.as_ref().map(|credentials| credentials.name.clone());
    let address = caller.address;
    let reply = match decided(operation, label.clone(), caller, task, service).await {
        Ok(reply) => reply,
        Err(refusal) => Reply::refused(&refusal),
    };
    // Before the answer leaves: whatever a client has received is in the log, even if the process ends now.
    service.audit(&AuditLine {
        address,
        operation: operation.as_str(),
        label: label.as_deref(),
        device: reply.device.as_deref().or(claimed.as_deref()),
        presented: presented.as_deref(),
        serial: reply.serial.as_deref(),
        approved_by: reply.approved_by.as_deref(),
        outcome: reply.answer.outcome,
        status: reply.answer.status,
    });
    Ok(reply.answer)
}

async fn decided(
    operation: Operation,
    label: Option<String>,
    caller: Caller,
    task: Result<Task, Refusal>,
    service: &Service,
) -> Result<Reply, Refusal> {
    // Only the length and the time of the body, and that the certificate can be read, are checked before: a client that waits
    // for a challenge sends its body with the first request.
    if let Err(refusal @ (Refusal::LongBody(_) | Refusal::Slow | Refusal::UnknownCertificate)) = task {
        return Err(refusal);
    }
    match (operation, &caller) {
        (Operation::SimpleEnroll, Caller { certificate: None, credentials: None, .. }) => {
            return Err(Refusal::Unauthenticated);
        }
        (Operation::SimpleReenroll | Operation::Confirm, Caller { certificate: None, .. }) => {
            return Err(Refusal::NoCertificate);
        }
        _ => {}
    }
    let (reply, result) = oneshot::channel();
    // A task that is malformed is refused here, after it is known that the caller has something to show.
    service.submit(Call { task: task?, label, caller, reply })?;
    result.await.map_err(|_| {
        // The service is ending, or a bug has dropped the request.
        tracing::error!("a request ended without an answer");
        Refusal::Failed
    })
}

#[cfg(test)]
mod tests {
    use base::Secret;

    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_read_is_none_for_a_password() {
        let peer = Peer::new(IpAddr::from([127, 0, 0, 1]), Presented::Unreadable);
        let credentials = || Some(Credentials { name: "pump-1".to_owned(), password: Secret::from("secret") });
        let refused = |operation, credentials| caller(operation, &peer, credentials).1;
        assert_eq!(refused(Operation::SimpleEnroll, credentials()), None);
        for (operation, credentials) in [
            (Operation::SimpleEnroll, None),
            (Operation::SimpleReenroll, credentials()),
            (Operation::Confirm, credentials()),
        ] {
            assert_eq!(refused(operation, credentials), Some(Refusal::UnknownCertificate), "{operation:?}");
        }
    }
}
