//! The two listeners without TLS: the state of the service for this machine, and revocation lists for everyone.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use base::file;
use hyper::Method;
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use pki::tbs::list_name;
use store::ca::Ca;
use tokio::net::TcpStream;

use super::http::serve_connection;
use super::service::Service;
use crate::est::{Answer, Refusal};

/// The largest file with revocation lists, in bytes.
const LISTS: usize = 64 << 20;

/// Serves `/healthz` and `/metrics`.
pub(crate) async fn status(stream: TcpStream, _: IpAddr, service: Arc<Service>) {
    serve_connection(stream, service.limits, move |request| {
        let answer = if *request.method() == Method::GET {
            status_of(request.uri().path(), &service)
        } else {
            Answer::from(&Refusal::Method("GET"))
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
            if *request.method() != Method::GET {
                return Answer::from(&Refusal::Method("GET"));
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

fn list_of(path: &str, lists: &Path, store: &Path) -> Answer {
    let read = match file::read_optional(lists, LISTS) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Answer::from(&Refusal::NoSuchPath),
        Err(error) => {
            tracing::error!(%error, "the revocation lists cannot be read");
            return Answer::from(&Refusal::Failed);
        }
    };
    if path == "/devices-crl.pem" {
        return Answer::of("application/x-pem-file", read.to_vec());
    }
    let file = path.strip_prefix('/').unwrap_or_default();
    let of_ca = || list_of_ca(file.strip_suffix(".crl")?, &read, store);
    match list_of_key(file, &read).or_else(of_ca) {
        Some(der) => Answer::of("application/pkix-crl", der),
        None => Answer::from(&Refusal::NoSuchPath),
    }
}

/// The list of the key with this identifier, as the distribution points of certificates name it.
fn list_of_key(file: &str, lists: &[u8]) -> Option<Vec<u8>> {
    let is_of = |list: &Crl| list.authority_key_id().is_some_and(|key| list_name(key) == file);
    all(lists)?.find(is_of).map(|list| list.der().to_vec())
}

/// The list of a CA; `None` if there is no such CA, or no list of it.
fn list_of_ca(name: &str, lists: &[u8], store: &Path) -> Option<Vec<u8>> {
    let ca = Ca::named(name)?.certificates(store).ok()?;
    let is_of = |list: &Crl| ca.first().is_some_and(|ca| list.verify_signed_by(ca).is_ok());
    all(lists)?.find(is_of).map(|list| list.der().to_vec())
}

/// Every list of the file that can be read.
fn all(lists: &[u8]) -> Option<impl Iterator<Item = Crl>> {
    Some(PemBundle::parse(lists).ok()?.crls.into_iter().filter_map(|der| Crl::from_der(&der).ok()))
}
