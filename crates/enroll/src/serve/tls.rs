//! The TLS of the service: its own certificate, which follows its files, and client certificates of any issuer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use base::error::Severity;
use base::{Code, Error, Result, file};
use pki::pem_bundle::PemBundle;
use pki::verify::Purpose;
use pki::{Certificate, PrivateKey};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use store::FILE_LIMIT;
use store::ca::Ca;
use time::OffsetDateTime;

use super::limits;

/// The service's certificate and key, and their files.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    chain: PathBuf,
    key: PathBuf,
    store: PathBuf,
    held: RwLock<Held>,
}

#[derive(Debug)]
struct Held {
    certified: Arc<CertifiedKey>,
    end: i64,
    public: Vec<u8>,
    versions: [Option<Version>; 2],
}

/// What tells one content of a file from the next without reading it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) struct Version {
    changed: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl OwnCertificate {
    /// Reads the chain (leaf first) and the key. `store` is the directory of the store.
    ///
    /// # Errors
    /// Errors of the files, [`Code::KeyMismatch`], and those of a certificate that every client refuses:
    /// [`Code::WrongPurpose`], [`Code::Expired`], [`Code::NotYetValid`], [`Code::ChainGap`].
    pub(crate) fn open(chain: &Path, key: &Path, store: &Path) -> Result<Self> {
        let held = RwLock::new(read(chain, key, store)?);
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), store: store.to_owned(), held })
    }

    /// Reads the files again if they have changed. A pair that does not fit is left for the next time, because another
    /// program may be between the two.
    pub(crate) fn refresh(&self) {
        let versions = [version(&self.chain), version(&self.key)];
        if self.held.read().unwrap_or_else(PoisonError::into_inner).versions == versions {
            return;
        }
        match read(&self.chain, &self.key, &self.store) {
            Ok(held) => {
                tracing::info!("read the service's new certificate");
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
            }
            Err(error) => tracing::warn!(%error, "keeping the service's earlier certificate"),
        }
    }

    /// The public key (SubjectPublicKeyInfo in DER).
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).public.clone()
    }

    /// The end of the certificate, in Unix seconds.
    pub(crate) fn end(&self) -> i64 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).end
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.held.read().unwrap_or_else(PoisonError::into_inner).certified.clone())
    }
}

fn read(chain: &Path, key: &Path, store: &Path) -> Result<Held> {
    // Before the files are read: a change in between shows up at the next look.
    let versions = [version(chain), version(key)];
    let bundle = PemBundle::parse(&file::read(chain, FILE_LIMIT)?).map_err(|error| error.at(chain))?;
    let certificates = bundle.certificates;
    let leaf = certificates
        .first()
        .ok_or_else(|| Code::CertificateUnreadable.error("the file contains no certificate").at(chain))?;
    check(leaf, OffsetDateTime::now_utc())
        .and_then(|()| check_issuer(&certificates, store))
        .map_err(|error| error.at(chain))?;
    if let Some(loose) = file::loose_permissions(key) {
        tracing::warn!(code = %loose.code, file = %key.display(), help = loose.fix, "{}", loose.what);
    }
    let private = PrivateKey::from_pem_or_der(&file::read_secret(key, FILE_LIMIT)?, None);
    let private = private.map_err(|error| decrypted(error, key))?;
    private.check_belongs_to(leaf.spki_der()).map_err(|error| error.at(key))?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private.to_pkcs8_der().to_vec()));
    let signing = aws_lc_rs::sign::any_supported_type(&der)
        .map_err(|error| Code::KeyUnreadable.error("TLS cannot use the key").caused_by(error).at(key))?;
    let sent = certificates.iter().filter(|certificate| !is_root(certificate));
    let sent = sent.map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let end = leaf.not_after().unix_timestamp();
    let public = leaf.spki_der().to_vec();
    Ok(Held { certified: Arc::new(CertifiedKey::new(sent, signing)), end, public, versions })
}

/// Fails for a certificate that every client refuses: of a device, expired, or not valid yet.
fn check(leaf: &Certificate, now: OffsetDateTime) -> Result<()> {
    let findings = pki::verify::leaf_alone(leaf, Purpose::Server, now);
    let fault = findings.into_iter().find(|finding| {
        matches!(finding.code, Code::WrongPurpose | Code::Expired | Code::NotYetValid)
            && finding.severity == Severity::Fault
    });
    match fault {
        Some(fault) => {
            Err(Error::new(fault).fix("name the files of a server with --cert and --key: `tbpki server` makes them"))
        }
        None => Ok(()),
    }
}

/// Fails if the issuing CA of this store has issued the last certificate of the chain: clients have the root alone. Clients may
/// have any other CA.
fn check_issuer(chain: &[Certificate], store: &Path) -> Result<()> {
    let Some(last) = chain.last().filter(|last| !last.is_root()) else { return Ok(()) };
    // A station bundle may have no CA of servers.
    let known = Ca::ServerIssuing.trusted(store).unwrap_or_default();
    let is_issuer = |ca: &&Certificate| last.names_as_issuer(ca) && last.verify_signed_by(ca).is_ok();
    let mut issuers = known.iter().flat_map(|generation| generation.certificates.first());
    match issuers.find(is_issuer).filter(|issuer| !issuer.is_root()) {
        None => Ok(()),
        Some(issuer) => Err(Code::ChainGap
            .error(format!("the chain lacks {}", issuer.subject()))
            .because("clients have the root alone")
            .fix("name the file with the chain, for example mqttserver.pem of `tbpki server`")),
    }
}

/// The error about a key, with the remedy for an encrypted one: the service has no passphrase for it.
fn decrypted(error: Error, key: &Path) -> Error {
    let error = error.at(key);
    if error.code() != Code::KeyEncrypted {
        return error;
    }
    error.fix("decrypt it for the service: `openssl pkey -in KEY -out NEW`, with mode 0600")
}

/// Clients have the root. A self-signed leaf is sent.
fn is_root(certificate: &Certificate) -> bool {
    certificate.is_ca() && certificate.is_root()
}

/// The version of a file; `None` if it is not there.
pub(super) fn version(path: &Path) -> Option<Version> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(path).ok()?;
    // The inode too: a renewal moves a new file into place, which can have the same length in the same second.
    Some(Version { changed: file.modified().ok(), length: file.len(), inode: file.ino() })
}

/// The configuration: TLS 1.2 and 1.3, a full handshake for each connection, no early data.
///
/// # Errors
/// [`Code::Internal`].
pub(crate) fn config(own: Arc<OwnCertificate>) -> Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Code::Internal.error("TLS cannot be set up").caused_by(error))?
        .with_client_cert_verifier(Arc::new(AnyClient { provider }))
        .with_cert_resolver(own);
    // A resumed session would skip the proof of the client's key.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Takes any client certificate up to a length, and none. The handshake proves that the client has its key; whether the ledger knows it
/// is decided for each request, so that revocation needs no new connection, and an expired certificate can be renewed
/// where the policy allows it.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No names: an empty list lets a client send any certificate (RFC 5246, section 7.4.4). Java and Go send none
        // if its issuer is not among the names that are there.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // They stay as long as the connection, and nothing but the leaf is used.
        let length: usize = std::iter::once(leaf).chain(others).map(|certificate| certificate.len()).sum();
        if length > limits::CHAIN {
            return Err(rustls::CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
