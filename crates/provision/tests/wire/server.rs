//! Servers on the loopback that each talk to one client: good ones and bad ones.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use provision::Target;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion};

/// A CA of a name of its own.
pub(crate) struct Ca {
    pub(crate) certificate: Certificate,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn root(name: &str) -> Self {
        let (params, key) = (ca_params(name), KeyPair::generate().unwrap());
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issuing(&self, name: &str) -> Self {
        let (params, key) = (ca_params(name), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn leaf(&self, host: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (leaf_params(host).signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// The same CA, for a server to know it.
    pub(crate) fn again(other: &Self) -> Self {
        let key = KeyPair::from_pem(&other.issuer.key().serialize_pem()).unwrap();
        let issuer = Issuer::from_ca_cert_der(other.certificate.der(), key).unwrap();
        Self { certificate: other.certificate.clone(), issuer }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub(crate) fn leaf_params(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, host);
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

/// Protocol versions that a server speaks.
pub(crate) type Versions = &'static [&'static SupportedProtocolVersion];

pub(crate) const ONLY_1_2: Versions = &[&rustls::version::TLS12];
pub(crate) const ONLY_1_3: Versions = &[&rustls::version::TLS13];

/// The behavior that a server shows.
pub(crate) struct Show {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: KeyPair,
    pub(crate) versions: Versions,
    pub(crate) clients: Clients,
    /// The answers, one each time that it has received something.
    pub(crate) answers: Vec<Vec<u8>>,
}

/// The demands of a server on its clients.
pub(crate) enum Clients {
    /// No certificate is requested.
    Anonymous,
    Asked(Ca),
    Required(Ca),
    /// Whose keys are of RSA.
    AskedForRsa(Ca),
}

impl Show {
    pub(crate) fn new(chain: impl IntoIterator<Item = Vec<u8>>, key: KeyPair) -> Self {
        let chain = chain.into_iter().collect();
        Self { chain, key, versions: rustls::ALL_VERSIONS, clients: Clients::Anonymous, answers: Vec::new() }
    }
}

/// Sends the same certificates to everybody, whatever they are.
#[derive(Debug)]
struct Anything(Arc<CertifiedKey>);

// rustls checks the chain and the key of a server's own configuration. A resolver is how junk gets past that check.
impl ResolvesServerCert for Anything {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The properties of its client that a server noticed.
pub(crate) struct Noticed {
    /// The name that was asked for by SNI.
    pub(crate) server_name: Option<String>,
    /// Application data.
    pub(crate) data: Vec<u8>,
    /// The client's certificates.
    pub(crate) certificates: Vec<Vec<u8>>,
}

/// A TLS server for one client.
pub(crate) fn tls(show: Show) -> (Target, JoinHandle<Noticed>) {
    let (config, answers) = configured(show);
    plain(move |stream| serve(stream, config, &answers))
}

/// The same for so many clients, one after the other. When it ends, it returns what each of them did.
pub(crate) fn tls_for(clients: usize, show: Show) -> (Target, JoinHandle<Vec<Noticed>>) {
    each(vec![configured(show); clients])
}

/// A server that shows something else to each of its clients.
pub(crate) fn tls_each(shows: impl IntoIterator<Item = Show>) -> (Target, JoinHandle<Vec<Noticed>>) {
    each(shows.into_iter().map(configured).collect())
}

fn each(configured: Vec<(Arc<ServerConfig>, Vec<Vec<u8>>)>) -> (Target, JoinHandle<Vec<Noticed>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    let server = thread::spawn(move || {
        let serve_next = |(config, answers): (Arc<ServerConfig>, Vec<Vec<u8>>)| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            serve(stream, config, &answers)
        };
        configured.into_iter().map(serve_next).collect()
    });
    (target, server)
}

fn configured(show: Show) -> (Arc<ServerConfig>, Vec<Vec<u8>>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(show.key.serialize_der()).unwrap();
    let chain = show.chain.into_iter().map(CertificateDer::from).collect();
    let certified = CertifiedKey::new(chain, provider.key_provider.load_private_key(key).unwrap());

    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(show.versions).unwrap();
    let verifier_with = |ca: Ca, provider| {
        let mut roots = RootCertStore::empty();
        roots.add(ca.certificate.der().clone()).unwrap();
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
    };
    let verifier = |ca: Ca| verifier_with(ca, provider.clone());
    let builder = match show.clients {
        Clients::Anonymous => builder.with_no_client_auth(),
        Clients::Asked(ca) => builder.with_client_cert_verifier(verifier(ca).allow_unauthenticated().build().unwrap()),
        Clients::Required(ca) => builder.with_client_cert_verifier(verifier(ca).build().unwrap()),
        Clients::AskedForRsa(ca) => {
            let verifier = verifier_with(ca, Arc::new(only_rsa())).allow_unauthenticated().build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    (Arc::new(builder.with_cert_resolver(Arc::new(Anything(Arc::new(certified))))), show.answers)
}

/// A provider that checks signatures of RSA alone.
fn only_rsa() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let all = provider.signature_verification_algorithms;
    let is_rsa = |scheme: SignatureScheme| format!("{scheme:?}").starts_with("RSA");
    let mapping: Vec<_> = all.mapping.iter().filter(|(scheme, _)| is_rsa(*scheme)).copied().collect();
    // The type wants it to live for ever, and a test does not live long.
    provider.signature_verification_algorithms = WebPkiSupportedAlgorithms { all: all.all, mapping: mapping.leak() };
    provider
}

fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, answers: &[Vec<u8>]) -> Noticed {
    let mut connection = ServerConnection::new(config).unwrap();
    let mut data = Vec::new();
    let mut answers = answers.iter();
    // A client that is refused sees an alert, and an end of the connection without a reset.
    while let Ok((read, written)) = connection.complete_io(&mut stream) {
        let heard = data.len();
        let _ = connection.reader().read_to_end(&mut data);
        if read == 0 && written == 0 {
            break;
        }
        if data.len() > heard {
            match answers.next() {
                Some(answer) => connection.writer().write_all(answer).unwrap(),
                None => continue,
            }
            if answers.len() == 0 {
                connection.send_close_notify();
            }
        }
    }
    // Until the client closes: an early close would reset the connection, and the client could lose the last answer.
    let _ = stream.read_to_end(&mut Vec::new());
    let certificates = connection.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
    Noticed { server_name: connection.server_name().map(str::to_owned), data, certificates }
}

/// A server that does with its one client what it is told to.
pub(crate) fn plain<T: Send + 'static>(talk: impl FnOnce(TcpStream) -> T + Send + 'static) -> (Target, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // A test that fails must end all the same.
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        talk(stream)
    });
    (target, server)
}

/// Sends these bytes over and over, one at a time.
pub(crate) fn drip(mut stream: TcpStream, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
