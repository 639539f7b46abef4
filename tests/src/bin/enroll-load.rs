//! The clients of `cargo xtask bench enroll`, and a server that does nothing but handshakes.
//!
//! ```text
//! enroll-load bare CERT KEY                                    prints its address, and serves until it is killed
//! enroll-load handshakes ADDRESS ROOTS DEVICES FIRST COUNT     a handshake for each of COUNT connections
//! enroll-load renewals ADDRESS ROOTS DEVICES FIRST COUNT       four renewals of each of COUNT / 4 devices
//! enroll-load step ADDRESS ROOTS DEVICE.pem 0 COUNT            renewals at step-ca
//! ```

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, ServerConnection, SignatureScheme};
use tbpki_tests::crowd::{Asked, Crowd, Held, devices_in, in_parallel};

/// Connections at once.
const THREADS: usize = 32;

/// The renewals of a device, as many as the service allows in a day.
const EACH: usize = 4;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["bare", certificate, key] => bare(Path::new(certificate), Path::new(key)),
        [mode, address, roots, devices, first, count] => {
            let crowd = Crowd::new(address.parse().unwrap(), &std::fs::read(roots).unwrap());
            let (first, count) = (first.parse().unwrap(), count.parse().unwrap());
            match *mode {
                "handshakes" => handshakes(&crowd, &devices_in(devices).split_off(first)[..count / EACH], count),
                "renewals" => renewals(&crowd, &devices_in(devices).split_off(first)[..count / EACH]),
                "step" => step(&crowd, &Held::read(Path::new(devices)), count),
                other => panic!("no mode {other}"),
            }
        }
        other => panic!("wrong arguments: {other:?}"),
    }
}

fn handshakes(crowd: &Crowd, devices: &[(String, Held)], count: usize) {
    in_parallel(count, THREADS, |number| {
        let (_, held) = &devices[number % devices.len()];
        let mut connection = crowd.connect(Some(held)).unwrap();
        // The end of the handshake at the server: in TLS 1.3 a client ends first.
        std::io::Read::read_exact(&mut connection, &mut [0]).unwrap();
    });
}

fn renewals(crowd: &Crowd, devices: &[(String, Held)]) {
    in_parallel(devices.len(), THREADS, |number| {
        let (name, held) = &devices[number];
        let mut held = held.clone();
        for _ in 0..EACH {
            let asked = Asked::new(name);
            let answer = crowd.post("/.well-known/est/simplereenroll", Some(&held), None, &asked.body).unwrap();
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            held = asked.held(&answer, held.issuers());
        }
    });
}

fn step(crowd: &Crowd, held: &Held, count: usize) {
    in_parallel(count, THREADS, |_| {
        let answer = crowd.post("/renew", Some(held), None, "").unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    });
}

/// Serves handshakes with client certificates, TLS 1.3, no tickets: what rustls does for a renewal at least.
fn bare(certificate: &Path, key: &Path) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyClient(provider)))
        .with_single_cert(chain, key)
        .unwrap();
    config.send_tls13_tickets = 0;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let serve = || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            if tls.complete_io(&mut stream).is_ok() {
                // A byte, so that the client sees the end of the handshake.
                std::io::Write::write_all(&mut tls.writer(), b"x").unwrap();
                drop(tls.complete_io(&mut stream));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(serve);
        }
    });
}

/// Takes any client certificate whose key the client has, as the service does.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
