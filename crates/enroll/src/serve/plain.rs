//! The two listeners without TLS: the state of the service for this machine, and revocation lists for everyone.

pub(super) mod list_file;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::Method;
use store::ca::Ca;
use tokio::net::TcpStream;

use super::http::serve_connection;
use super::service::Service;
use crate::est::{Answer, Refusal};
use list_file::ListFile;

/// The methods of both listeners.
const READ: &str = "GET, HEAD";

/// Whether a request only reads. Probes ask with HEAD, which has the head of the answer to GET (RFC 9110, section 9.3.2).
fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// Serves `/healthz` and `/metrics`.
pub(crate) async fn status(stream: TcpStream, _: IpAddr, service: Arc<Service>) {
    serve_connection(stream, service.limits, move |request| {
        let answer = if is_read(request.method()) {
            status_of(request.uri().path(), &service)
        } else {
            Answer::from(&Refusal::Method(READ))
        };
        std::future::ready(answer)
    })
    .await;
}

fn status_of(path: &str, service: &Service) -> Answer {
    match path {
        "/healthz" if service.health.is_good() => Answer::text("ok"),
        "/healthz" => Answer { status: 503, ..Answer::text("not healthy: the log has the reason") },
        "/metrics" => Answer::of(
            "text/plain; version=0.0.4; charset=utf-8",
            service.metrics.render(service.gate.open()).into_bytes(),
        ),
        _ => Answer::from(&Refusal::NoSuchPath),
    }
}

/// Serves `/devices-crl.pem` with all lists, and `/CA.crl` with the list of one CA in DER.
pub(crate) async fn lists(stream: TcpStream, _: IpAddr, service: Arc<Service>) {
    serve_connection(stream, service.limits, move |request| {
        let service = service.clone();
        async move {
            if !is_read(request.method()) {
                return Answer::from(&Refusal::Method(READ));
            }
            let path = request.uri().path().to_owned();
            let shared = service.clone();
            let answer = tokio::task::spawn_blocking(move || list_of(&path, &shared.lists, &shared.store)).await;
            let answer = answer.unwrap_or_else(|_| Answer::from(&Refusal::Failed));
            service.metrics.answered("crl", answer.outcome);
            answer
        }
    })
    .await;
}

fn list_of(path: &str, lists: &ListFile, store: &Path) -> Answer {
    let lists = match lists.present() {
        Ok(Some(lists)) => lists,
        Ok(None) => return Answer::from(&Refusal::NoSuchPath),
        Err(error) => {
            tracing::error!(%error, "the revocation lists cannot be read");
            return Answer::from(&Refusal::Failed);
        }
    };
    if path == "/devices-crl.pem" {
        return Answer::of("application/x-pem-file", lists.pem.clone());
    }
    let file = path.strip_prefix('/').unwrap_or_default();
    let of_ca = || {
        let ca = Ca::named(file.strip_suffix(".crl")?)?.certificates(store).ok()?;
        lists.of_ca(ca.first()?)
    };
    // By the identifier of the key, as the distribution points of certificates call for it, or by the name of the CA.
    match lists.named(file).or_else(of_ca) {
        Some(der) => Answer::of("application/pkix-crl", der),
        None => Answer::from(&Refusal::NoSuchPath),
    }
}
