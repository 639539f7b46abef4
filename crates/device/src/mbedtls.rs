//! TLS 1.2 and 1.3 for chips: Mbed TLS through mbedtls-rs.
//!
//! The broker's chain must lead to a CA of the record. The leaf must be valid for servers and, unless the record disables
//! the check, for the record's host. Whether Mbed TLS compares validity dates with the [`Clock`] is a compile-time option:
//! see [`CHECKS_DATES`].

mod clock;
mod keys;

use alloc::ffi::CString;
use core::ffi::CStr;
use core::fmt;

use embedded_io_async::{Read, Write};
use mbedtls_rs::{
    Certificate, ClientSessionConfig, Credentials, PrivateKey, Session, SessionConfig, SessionError, TlsVersion, X509,
    sys,
};

pub use clock::Clock;
pub use firmware_clock::CHECKS_DATES;
pub use keys::ChipKeys;

use crate::identity::Identity;
use crate::record::{Login, Record, key};
use crate::session::platform::{Tls, TlsPeer};
use crate::session::{CertificateFaults, TlsFailure};

/// A certificate or key of the record that Mbed TLS cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCredentials {
    /// The name of the record's entry.
    pub key: &'static str,
    /// The error code of Mbed TLS; 0 if the entry is not a C string.
    pub code: i32,
}

impl fmt::Display for BadCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, code } = self;
        write!(
            f,
            "Mbed TLS cannot read {key}, error -{:#06x}: it supports EC and RSA, but not Ed25519",
            code.unsigned_abs()
        )
    }
}

impl core::error::Error for BadCredentials {}

/// A TLS client with a record's trust anchors, login and broker.
pub struct MbedTls {
    tls: mbedtls_rs::Tls<'static>,
    settings: PeerSettings,
    newest: Option<TlsVersion>,
}

/// A peer, as Mbed TLS takes it.
struct PeerSettings {
    anchors: Certificate<'static>,
    credentials: Option<Credentials<'static>>,
    host: CString,
    skip_host_name_check: bool,
}

impl PeerSettings {
    fn new(peer: &TlsPeer<'_>) -> Result<Self, BadCredentials> {
        let credentials = match peer.identity {
            Some(Identity { chain, key }) => Some(Credentials {
                certificate: certificates(key::CLIENT_CHAIN, chain)?,
                private_key: PrivateKey::new(X509::PEM(c_str(key::CLIENT_KEY, key.expose())?), None)
                    .map_err(|error| BadCredentials { key: key::CLIENT_KEY, code: code(error) })?,
            }),
            None => None,
        };
        Ok(Self {
            anchors: certificates(key::CA_CHAIN, peer.anchors)?,
            credentials,
            host: CString::new(peer.host).map_err(|_| BadCredentials { key: key::HOST, code: 0 })?,
            skip_host_name_check: peer.skip_host_name_check,
        })
    }
}

impl MbedTls {
    /// A client for this record.
    ///
    /// # Errors
    /// [`BadCredentials`] if Mbed TLS cannot read a certificate or key.
    pub fn new(tls: mbedtls_rs::Tls<'static>, record: &Record) -> Result<Self, BadCredentials> {
        let identity = match record.login() {
            Login::Certificate { chain, key } => Some(Identity { chain, key }),
            Login::Token(_) | Login::Pending => None,
        };
        // Parsed once and not at each connection: the record does not change while the device runs.
        let settings = PeerSettings::new(&TlsPeer {
            host: record.host(),
            skip_host_name_check: record.skips_host_name_check(),
            anchors: record.ca_chain(),
            identity,
        })?;
        Ok(Self { tls, settings, newest: None })
    }

    /// Disables TLS 1.3, for brokers whose implementation does not work.
    #[must_use]
    pub fn at_most_tls_1_2(mut self) -> Self {
        self.newest = Some(TlsVersion::Tls1_2);
        self
    }
}

impl Tls for MbedTls {
    type Refusal = BadCredentials;
    type Stream<'a, S: Read + Write + 'a> = Session<'a, S>;

    fn set_peer(&mut self, peer: &TlsPeer<'_>) -> Result<(), BadCredentials> {
        self.settings = PeerSettings::new(peer)?;
        Ok(())
    }

    async fn handshake<'a, S: Read + Write + 'a>(
        &'a self,
        stream: S,
    ) -> Result<(Session<'a, S>, &'static str), TlsFailure> {
        let PeerSettings { anchors, credentials, host, skip_host_name_check } = &self.settings;
        let config = SessionConfig::Client(ClientSessionConfig {
            ca_chain: Some(anchors.clone()),
            creds: credentials.clone(),
            server_name: Some(host),
            skip_hostname_verification: *skip_host_name_check,
            max_version: self.newest,
            // The defaults verify the chain; the record can only switch off the check of the name.
            ..ClientSessionConfig::new()
        });
        let mut session = Session::new(self.tls.reference(), stream, &config).map_err(|error| failure(error, 0))?;
        if let Err(error) = session.connect().await {
            return Err(failure(error, session.tls_verification_details()));
        }
        let version = match session.tls_version() {
            Some(TlsVersion::Tls1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        Ok((session, version))
    }
}

/// All certificates of a PEM text. Each is parsed alone first: Mbed TLS silently skips certificates that it cannot read,
/// and a chain with a gap never verifies.
fn certificates(key: &'static str, pem: &str) -> Result<Certificate<'static>, BadCredentials> {
    let bad = |error: sys::MbedtlsError| BadCredentials { key, code: error.code() };
    let end = "-----END CERTIFICATE-----";
    for certificate in pem.split_inclusive(end).filter(|text| text.ends_with(end)) {
        let alone = CString::new(certificate).map_err(|_| BadCredentials { key, code: 0 })?;
        Certificate::new(X509::PEM(&alone)).map_err(bad)?;
    }
    Certificate::new(X509::PEM(c_str(key, pem)?)).map_err(bad)
}

/// A record's PEM text as a C string. The record stores the final NUL.
fn c_str<'a>(key: &'static str, pem: &'a str) -> Result<&'a CStr, BadCredentials> {
    CStr::from_bytes_with_nul(pem.as_bytes()).map_err(|_| BadCredentials { key, code: 0 })
}

fn code(error: SessionError) -> i32 {
    match error {
        SessionError::MbedTls(error) => error.code(),
        // An error of the network below means here that the connection is gone.
        SessionError::Io(_) => sys::MBEDTLS_ERR_SSL_CONN_EOF,
    }
}

fn failure(error: SessionError, flags: u32) -> TlsFailure {
    match code(error) {
        // Mbed TLS returns the second code if the chain is valid, but not for a server.
        sys::MBEDTLS_ERR_X509_CERT_VERIFY_FAILED | sys::MBEDTLS_ERR_SSL_BAD_CERTIFICATE => {
            TlsFailure::Certificate(faults(flags))
        }
        sys::MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE => TlsFailure::Alert(None),
        sys::MBEDTLS_ERR_SSL_CONN_EOF => TlsFailure::Closed,
        code => TlsFailure::Other(code),
    }
}

fn faults(flags: u32) -> CertificateFaults {
    const PURPOSE: u32 = sys::MBEDTLS_X509_BADCERT_KEY_USAGE
        | sys::MBEDTLS_X509_BADCERT_EXT_KEY_USAGE
        | sys::MBEDTLS_X509_BADCERT_NS_CERT_TYPE;
    const WEAK: u32 =
        sys::MBEDTLS_X509_BADCERT_BAD_MD | sys::MBEDTLS_X509_BADCERT_BAD_PK | sys::MBEDTLS_X509_BADCERT_BAD_KEY;
    const NAMED: u32 = sys::MBEDTLS_X509_BADCERT_EXPIRED
        | sys::MBEDTLS_X509_BADCERT_FUTURE
        | sys::MBEDTLS_X509_BADCERT_CN_MISMATCH
        | sys::MBEDTLS_X509_BADCERT_NOT_TRUSTED
        | PURPOSE
        | WEAK;
    let has = |mask| flags & mask != 0;
    CertificateFaults {
        expired: has(sys::MBEDTLS_X509_BADCERT_EXPIRED),
        not_yet_valid: has(sys::MBEDTLS_X509_BADCERT_FUTURE),
        other_name: has(sys::MBEDTLS_X509_BADCERT_CN_MISMATCH),
        not_trusted: has(sys::MBEDTLS_X509_BADCERT_NOT_TRUSTED),
        wrong_purpose: has(PURPOSE),
        weak: has(WEAK),
        // A flag without a text is still shown, as a number.
        other: flags & !NAMED,
    }
}
