//! The enrolment service: EST over TLS, its state for this machine, and revocation lists.
//!
//! Connections are served by asynchronous tasks. Every request that concerns a certificate goes through a bounded queue
//! to the desk, the only thread that writes to the store.

mod audit;
mod call;
mod cas;
mod desk;
mod gate;
mod http;
mod ledger_file;
mod limits;
mod metrics;
mod plain;
mod platform;
mod rules;
mod service;
mod tls;
mod upkeep;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use base::file::{self, Lock};
use base::{Code, Result};
use config::EnrolmentPolicy;
use identity::key_in_use::ReservedKeys;
use identity::lifecycle::enrol::SERVERS;
use identity::lifecycle::list_hook::ListHook;
use pki::Certificate;
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use schemars::JsonSchema;
use serde::Serialize;
use store::file_names::{AUDIT_LOG, SERVICE};
use store::{FILE_LIMIT, KeptStore, Workspace, rollback};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use audit::Audit;
use cas::Cas;
use desk::Desk;
use ledger_file::LedgerFile;
pub use limits::Limits;
use metrics::Metrics;
pub use platform::FinishSwaps;
use service::{Service, Settings};
use tls::OwnCertificate;

/// How the service runs.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The address of the EST listener; port 0 is any free one.
    pub listen: SocketAddr,
    /// The service's certificate with its chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The address of the status listener, on loopback.
    pub status: Option<SocketAddr>,
    /// The address of the listener for revocation lists.
    pub lists: Option<SocketAddr>,
    /// The audit log; `None` for `serve/audit.jsonl` in the store.
    pub audit: Option<PathBuf>,
    /// What clients may cost the service.
    pub limits: Limits,
}

/// The addresses at which the service listened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServeReport {
    /// The address of the EST listener.
    pub est: String,
    /// The address of the status listener.
    pub status: Option<String>,
    /// The address of the listener for revocation lists.
    pub crl: Option<String>,
    /// The audit log.
    pub audit: PathBuf,
}

/// How long a stopping service waits for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Serves until `stop` is true. `started` is called once all listeners are open. `swaps` brings confirmed certificates to
/// the platform; without it, those of devices that a platform knows wait.
///
/// # Errors
/// [`Code::StoreLocked`] if the store has a service already, [`Code::CaUnavailable`] and [`Code::ReservedProfile`] if the
/// CAs that sign cannot be opened, [`Code::CannotListen`], [`Code::StatusAddress`], [`Code::LedgerReplaced`], and errors of
/// the store, its keys and files.
pub fn serve(
    workspace: &mut Workspace<'_>,
    options: &ServeOptions,
    swaps: Option<Box<FinishSwaps<'_>>>,
    stop: &AtomicBool,
    started: impl FnOnce(&ServeReport),
) -> Result<ServeReport> {
    check_loopback(options.status)?;
    workspace.location.for_service();
    let store = workspace.store_dir().to_owned();
    store::check_exists(&store)?;
    let own = Arc::new(OwnCertificate::open(&options.certificate, &options.key, &store)?);
    let dir = store.join(SERVICE);
    file::create_dir(&dir)?;
    // A lock of its own: the store's lock is held for moments only, so it cannot show that a service runs already.
    let _lock = Lock::acquire(&dir, "serve", Duration::ZERO)?;
    // Opening settles what an interrupted verb left, and records the CAs.
    let opened = workspace.open_store("serve")?;
    let ledger = opened.ledger.status()?.uid;
    rollback::note_of_service(&store, &opened.ledger)?;
    drop(opened);
    // The file of another ledger can take the place of the file of this one and stay the same file, as after `cp`.
    workspace.location.stay_with(ledger);
    let audit_path = options.audit.clone().unwrap_or_else(|| dir.join(AUDIT_LOG));
    let audit = Audit::open(&audit_path, &store, &[&options.certificate, &options.key])?;
    let metrics = Arc::new(Metrics::default());
    let (sender, calls) = mpsc::sync_channel(options.limits.queue);
    let service = Arc::new(Service::new(
        options.limits,
        metrics.clone(),
        Settings {
            store,
            lists: identity::lifecycle::revocation_lists::devices_file(workspace.config, workspace.store_dir()),
            counts_connections: counts_connections(workspace)?,
            serves_servers: workspace.config.serve.servers.value,
            patience: upkeep::LOOK * 3,
        },
        sender,
        audit,
    ));
    // One place is enough: a message only wakes the thread, which then takes from the ledger all that waits.
    let (waits, awaited) = mpsc::sync_channel(1);
    let (lists_changed, changed) = mpsc::sync_channel(1);
    let hook = ListHook::of(workspace);
    let mut desk = Desk {
        lists_changed,
        lists: upkeep::ListState::default(),
        waits: swaps.is_some().then_some(waits),
        cas: Cas::open(workspace)?,
        keys: ReservedKeys::default(),
        bootstrap: bootstrap(workspace)?,
        issuances: options.limits.issuances,
        ledger_file: LedgerFile::of(&workspace.location)?,
        kept: KeptStore::default(),
        is_busy: false,
        cores: cores(),
        metrics: &metrics,
        gate: service.gate.clone(),
        health: service.health.clone(),
        workspace,
    };
    // Before the listeners open, so that the first client and the first health check find the anchors and the state.
    desk.look(&service, &own)?;
    let runtime = runtime()?;
    let report = listen(&runtime, options, &service, own.clone(), audit_path)?;
    started(&report);
    let ended = std::thread::scope(|scope| {
        if let Some(mut swaps) = swaps {
            scope.spawn(move || platform::work(swaps.as_mut(), &awaited, stop));
        }
        scope.spawn(move || upkeep::list_hook::work(|| hook.run(), hook.is_open(), &changed));
        let ended = work(&mut desk, &calls, &service, &own, stop);
        // The other threads end when there is no desk.
        drop(desk);
        ended
    });
    runtime.shutdown_timeout(LAST_ANSWERS);
    ended.map(|()| report)
}

/// Works until `stop` is true.
fn work(
    desk: &mut Desk<'_, '_>,
    calls: &mpsc::Receiver<call::Call>,
    service: &Service,
    own: &OwnCertificate,
    stop: &AtomicBool,
) -> Result<()> {
    // Short, because the flag to stop is looked at only between two rounds.
    const PATIENCE: Duration = Duration::from_millis(200);
    let (mut looked, mut cleaned) = (Instant::now(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        desk.serve(calls, PATIENCE)?;
        if looked.elapsed() >= upkeep::LOOK {
            desk.look(service, own)?;
            looked = Instant::now();
        }
        if cleaned.elapsed() >= upkeep::CLEAN {
            desk.clean()?;
            cleaned = Instant::now();
        }
    }
    // What was taken in before the stop is answered.
    desk.serve(calls, Duration::ZERO).map(drop)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        // The other half decides, writes and signs. Threads that wake each other for single connections take more time than
        // the connections.
        .worker_threads((cores() / 2).clamp(1, 4))
        // Only reads of small files block: CA certificates and revocation lists.
        .max_blocking_threads(16)
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(|error| Code::Internal.error("the system gives no means to serve").caused_by(error))
}

/// Opens the listeners, and begins to serve them.
fn listen(
    runtime: &Runtime,
    options: &ServeOptions,
    service: &Arc<Service>,
    own: Arc<OwnCertificate>,
    audit: PathBuf,
) -> Result<ServeReport> {
    let acceptor = TlsAcceptor::from(Arc::new(tls::config(own)?));
    let (est, listener) = bind(runtime, options.listen)?;
    let status = options.status.map(|address| bind(runtime, address)).transpose()?;
    let lists = options.lists.map(|address| bind(runtime, address)).transpose()?;
    let report = ServeReport {
        est: est.to_string(),
        status: status.as_ref().map(|(address, _)| address.to_string()),
        crl: lists.as_ref().map(|(address, _)| address.to_string()),
        audit,
    };
    let over_tls = move |stream, address, service| http::over_tls(stream, address, acceptor.clone(), service);
    runtime.spawn(accept(listener, service.gate.clone(), service.clone(), over_tls));
    // Each listener counts for itself: clients that use up the EST listener must not shut the operator out of the
    // status.
    let own_gate = || gate::Gate::new(options.limits.connections, options.limits.per_address);
    if let Some((_, listener)) = status {
        runtime.spawn(accept(listener, own_gate(), service.clone(), plain::status));
    }
    if let Some((_, listener)) = lists {
        runtime.spawn(accept(listener, own_gate(), service.clone(), plain::lists));
    }
    Ok(report)
}

fn bind(runtime: &Runtime, wanted: SocketAddr) -> Result<(SocketAddr, TcpListener)> {
    let bound = runtime.block_on(async { TcpListener::bind(wanted).await.and_then(|it| Ok((it.local_addr()?, it))) });
    bound.map_err(|error| {
        Code::CannotListen
            .error(format!("cannot listen at {wanted}"))
            .caused_by(error)
            .fix("name an address of this machine, and a port that is free and that this user may open")
    })
}

/// Accepts connections up to the limits; never returns.
async fn accept<F>(
    listener: TcpListener,
    gate: gate::Gate,
    service: Arc<Service>,
    serve: impl Fn(TcpStream, IpAddr, Arc<Service>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let (stream, address) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                // Out of file descriptors, most likely: other connections must end first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(entered) = gate.enter(address) else {
            service.metrics.rejected("limit");
            continue;
        };
        // Answers are small and written at once: waiting for more of them only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot send small packets at once");
        }
        // In its place from the beginning: it is large, and would be moved several times before it runs.
        let served = Box::pin(serve(stream, address, service.clone()));
        tokio::spawn(async move {
            served.await;
            drop(entered);
        });
    }
}

/// The status tells about the fleet, so it is for this machine.
fn check_loopback(status: Option<SocketAddr>) -> Result<()> {
    match status {
        Some(address) if !address.ip().to_canonical().is_loopback() => Err(Code::StatusAddress
            .error(format!("the status address {address} is not on loopback"))
            .because("metrics and health are not protected by a password")
            .fix("use 127.0.0.1 or [::1], and a proxy with a login for other machines")),
        _ => Ok(()),
    }
}

/// Whether the policy of a label counts connections.
///
/// # Errors
/// [`Code::UnknownProfile`] for a policy of a label that no profile has: a typing error would otherwise pass unnoticed.
fn counts_connections(workspace: &Workspace<'_>) -> Result<bool> {
    let settings = &workspace.config.serve;
    let policies = &settings.label_policies.value;
    // A label stays one while its CA is revoked and not replaced yet: its devices wait, and all others go on.
    let profiles = identity::profile_ca::names_with_revoked(&workspace.view()?)?;
    let is_of_servers = |label: &DeviceName| settings.servers.value && label.as_str() == SERVERS;
    let is_known = |label: &DeviceName| profiles.contains(label) || is_of_servers(label);
    if let Some(unknown) = policies.iter().find(|policy| !is_known(&policy.label)) {
        return Err(Code::UnknownProfile
            .error(format!(
                "serve.label_policies has the label {:?}, and no profile has this name",
                unknown.label.as_str()
            ))
            .fix("`tbpki ca list` shows the CAs of profiles as profile-NAME: use such a NAME as the label"));
    }
    Ok(std::iter::once(settings.policy.value)
        .chain(policies.iter().map(|own| own.policy))
        .any(|policy| policy != EnrolmentPolicy::Confirm))
}

/// The CAs of `serve.enroll_with`.
fn bootstrap(workspace: &Workspace<'_>) -> Result<Vec<Certificate>> {
    let Some(path) = workspace.config.serve.enroll_with.value.as_ref().map(config::FilePath::resolved) else {
        return Ok(Vec::new());
    };
    let certificates = PemBundle::parse(&file::read(path, FILE_LIMIT)?).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("the file contains no certificate").at(path));
    }
    for certificate in &certificates {
        let subject = certificate.subject();
        if !certificate.is_ca() {
            return Err(Code::NotACa.error(format!("{subject} is not a CA")).at(path));
        }
        if certificate.key_usage().is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(Code::NotACa
                .error(format!("{subject} is not a CA that may issue certificates"))
                .at(path)
                .because("its key usage lacks keyCertSign (RFC 5280, section 4.2.1.3)")
                .fix("ask the maker for the CA certificate that issues its devices"));
        }
        if certificate.not_after() < workspace.now {
            tracing::warn!(file = %path.display(), ca = %subject, "a CA of serve.enroll_with has expired: its devices are refused");
        }
    }
    Ok(certificates)
}
