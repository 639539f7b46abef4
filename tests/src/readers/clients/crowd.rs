//! Many simulated devices that enrol and renew at a service, as fast as it lets them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::pem_bundle::PemBundle;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The longest time for a part of an answer. It fails a test only if the service hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// A certificate with its chain and its key.
#[derive(Debug)]
pub struct Held {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Held {
    /// Reads chain and key from PEM.
    ///
    /// # Panics
    /// If they cannot be read, here and below: tests stop at what they did not expect.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Self {
        let bundle = PemBundle::parse(chain).unwrap();
        let chain = bundle.certificates.iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
        Self { chain, key: PrivateKeyDer::from_pem_slice(key).unwrap() }
    }

    /// Reads a file with both.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read(file).unwrap();
        Self::from_pem(&text, &text)
    }

    /// The leaf in DER.
    pub fn leaf(&self) -> &[u8] {
        self.chain.first().unwrap()
    }

    /// The CAs behind the leaf.
    pub fn issuers(&self) -> &[CertificateDer<'static>] {
        &self.chain[1..]
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// The devices in the files NAME.pem of a directory and below, in the order of their names.
pub fn devices_in(directory: impl Into<PathBuf>) -> Vec<(String, Held)> {
    let (mut files, mut directories) = (Vec::new(), vec![directory.into()]);
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pem") {
                files.push(path);
            }
        }
    }
    files.sort();
    // The CAs of the devices are there too, without keys.
    files.retain(|file| std::fs::read_to_string(file).unwrap().contains("PRIVATE KEY"));
    files.iter().map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), Held::read(file))).collect()
}

/// A key that is made, and the signing request for it.
#[derive(Debug)]
pub struct Asked {
    key: Vec<u8>,
    /// The body of the request: PKCS#10 in base64.
    pub body: String,
}

impl Asked {
    /// Makes a P-256 key and a request for a device.
    pub fn new(device: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, device);
        let csr = params.serialize_request(&key).unwrap();
        Self { key: key.serialize_der(), body: STANDARD.encode(csr.der()) }
    }

    /// The key with the certificate of an answer, and the issuing CAs behind it.
    pub fn held(&self, answer: &Answer, issuers: &[CertificateDer<'static>]) -> Held {
        let der = STANDARD.decode(answer.body.trim()).unwrap();
        let leaf = CertificateDer::from(only_certificate(&der).to_vec());
        let chain = std::iter::once(leaf).chain(issuers.iter().cloned()).collect();
        Held { chain, key: PrivateKeyDer::try_from(self.key.clone()).unwrap() }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// The seconds of Retry-After.
    pub retry_after: Option<u64>,
    /// The body as text.
    pub body: String,
}

/// A connection to the service, with a handshake of its own.
pub type Connection = StreamOwned<ClientConnection, TcpStream>;

/// The clients of one service.
#[derive(Debug, Clone)]
pub struct Crowd {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
}

impl Crowd {
    /// Clients that trust these roots (PEM) for the name localhost.
    pub fn new(address: SocketAddr, roots: &[u8]) -> Self {
        let mut store = RootCertStore::empty();
        for root in PemBundle::parse(roots).unwrap().certificates {
            store.add(CertificateDer::from(root.der().to_vec())).unwrap();
        }
        Self { address, roots: Arc::new(store) }
    }

    /// Connects with TLS 1.3 and a full handshake.
    ///
    /// # Errors
    /// Those of the network: a service that has enough connections closes others at once.
    pub fn connect(&self, held: Option<&Held>) -> std::io::Result<Connection> {
        let builder = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
            .with_root_certificates(self.roots.clone());
        let mut config = match held {
            Some(held) => builder.with_client_auth_cert(held.chain.clone(), held.key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        tls.complete_io(&mut stream)?;
        Ok(StreamOwned::new(tls, stream))
    }

    /// The answer to a POST over a connection of its own. `credentials` are a device and its password.
    ///
    /// # Errors
    /// Those of the network.
    pub fn post(
        &self,
        path: &str,
        held: Option<&Held>,
        credentials: Option<(&str, &str)>,
        body: &str,
    ) -> std::io::Result<Answer> {
        ask(self.connect(held)?, path, credentials, body)
    }
}

/// The answer to a POST over a connection, which ends with it.
///
/// # Errors
/// Those of the network.
pub fn ask(
    mut connection: Connection,
    path: &str,
    credentials: Option<(&str, &str)>,
    body: &str,
) -> std::io::Result<Answer> {
    let authorization = credentials
        .map(|(name, password)| format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}"))))
        .unwrap_or_default();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/pkcs10\r\n\
         {authorization}Content-Length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes())?;
    connection.flush()?;
    let mut text = Vec::new();
    match connection.read_to_end(&mut text) {
        // A server may close without the alert of TLS: the length shows whether something is missing.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        other => drop(other?),
    }
    read(&text).ok_or_else(|| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "half an answer"))
}

/// Reads an answer; `None` if it is not whole.
fn read(text: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        head.lines().filter_map(|line| line.split_once(": ")).find(|(is, _)| is.eq_ignore_ascii_case(name))
    };
    // step-ca sends chunks.
    let is_whole = match header("content-length") {
        Some((_, length)) => length.parse() == Ok(body.len()),
        None => body.ends_with("0\r\n\r\n"),
    };
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let retry_after = header("retry-after").and_then(|(_, seconds)| seconds.parse().ok());
    is_whole.then(|| Answer { status, retry_after, body: body.to_owned() })
}

/// The first certificate of a certs-only message (RFC 5652, section 5.1).
fn only_certificate(message: &[u8]) -> &[u8] {
    let (_, content_info, _) = element(message);
    let (_, _, rest) = element(content_info);
    let (_, explicit, _) = element(rest);
    let (_, mut fields, _) = element(explicit);
    loop {
        let (tag, content, rest) = element(fields);
        // [0]: the certificates.
        if tag == 0xA0 {
            let (_, _, behind) = element(content);
            return &content[..content.len() - behind.len()];
        }
        fields = rest;
    }
}

/// Tag, content and the rest behind an element of DER.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (begin, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let octets = usize::from(long & 0x7F);
            (2 + octets, der[2..2 + octets].iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
        }
    };
    (der[0], &der[begin..begin + length], &der[begin + length..])
}

/// Works on the numbers below `count` with so many threads at once. Each thread takes the next number that is left.
pub fn in_parallel(count: usize, threads: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let thread = std::thread::Builder::new().stack_size(512 << 10);
            let run = || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number);
                }
            };
            thread.spawn_scoped(scope, run).unwrap();
        }
    });
}

/// The memory that a process has taken, in KiB. The pages of its program are not counted: those of a build for tests are several
/// times as large, and the system takes them back when it needs memory.
pub fn taken_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |field: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    of("RssAnon:") + of("RssShmem:")
}
