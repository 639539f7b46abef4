//! Arguments of the verbs about enrolment over the network.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use config::Days;
use enroll::client::HostKeyName;
use pki::Algorithm;
use pki::device_name::DeviceName;

use super::CaPassphrase;
use super::value::{algorithm, parsed, text};
use crate::completion;

/// The verbs of `tbpki enroll`.
#[derive(Debug, Subcommand)]
pub enum EnrollVerb {
    /// Make a one-time password with which a device fetches its first certificate
    ///
    /// The password has 128 random bits. The ledger keeps a hash of it. The first key that uses the password is the only
    /// one that can: the same key gets the same certificate again, until the device has confirmed or used it. Then the
    /// password is spent. A new password of a device takes the place of the one before.
    Password(PasswordArgs),
    /// List the requests for certificates that wait for an approval
    ///
    /// `[serve] approval` in keygen.toml makes them wait. The name of a request is the first 16 digits of the SHA-256 over
    /// the public key of the device.
    List(ListRequestsArgs),
    /// Approve requests: the devices get their certificates when they ask the next time
    Approve(RequestArgs),
    /// Deny requests: the devices get no certificate for these keys
    Deny(RequestArgs),
    /// Fetch the first certificate of this host, without a store
    ///
    /// Makes a key on this host (mode 0600) or in a token, asks an EST server for a certificate with a one-time password or
    /// a certificate of the maker, verifies the answer, connects with it, and writes the files. If the command is
    /// interrupted, run it again: the same key gets the same certificate. Renew with `tbpki renew --est`.
    Fetch(Box<FetchArgs>),
}

/// The arguments of `tbpki enroll list`.
#[derive(Debug, Clone, Args)]
pub struct ListRequestsArgs {
    /// List requests that are decided too
    #[arg(long)]
    pub all: bool,
}

/// The arguments of `tbpki enroll approve` and `tbpki enroll deny`.
#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
    /// The names of the requests, as `tbpki enroll list` shows them, or DEVICE=REQUEST if several devices ask with one key
    #[arg(value_name = "REQUEST", required = true, value_parser = text())]
    pub requests: Vec<String>,
}

/// The arguments of `tbpki enroll fetch`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("proof").required(true).args(["password_file", "with_cert"]))]
pub struct FetchArgs {
    /// The URL of the EST server, without /.well-known
    #[arg(long, value_name = "URL", value_parser = text())]
    pub est: String,
    /// The name of this host as a device
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>())]
    pub device: DeviceName,
    /// Read the one-time password from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Instead of a password, show this certificate with its chain, for example one of the hardware's maker
    #[arg(long, value_name = "FILE", requires = "with_key")]
    pub with_cert: Option<PathBuf>,
    /// The private key of --with-cert: a file, or a pkcs11: URI
    #[arg(long, value_name = "KEY", value_parser = parsed::<HostKeyName>(), value_hint = ValueHint::FilePath, requires = "with_cert")]
    pub with_key: Option<HostKeyName>,
    /// The key algorithm
    #[arg(long, value_parser = algorithm(), value_name = "ALGORITHM", default_value = "ec-p256")]
    pub alg: Algorithm,
    /// Make no key: use the one that --key names
    #[arg(long, conflicts_with = "alg")]
    pub existing_key: bool,
    /// The files of this host.
    #[command(flatten)]
    pub files: HostFileArgs,
    /// Run PROGRAM with all arguments that follow, without a shell, once the files are written
    ///
    /// Must be the last option. The name is in TBPKI_DEVICES, and the URI of a key in a token in TBPKI_KEY_URI. If the
    /// program fails, the exit status is 4, and the same command runs it again.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    pub after: Vec<OsString>,
}

/// The files of a host without a store, and its server's label and roots.
#[derive(Debug, Clone, Args)]
pub struct HostFileArgs {
    /// The file of the certificate with its chain
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The private key: a file in the same directory, or the pkcs11: URI of a key in a token
    ///
    /// The URI (RFC 7512) names the module, the token and the label of the key: pkcs11:token=gateway;object=mqtt?module-path=..
    /// Its default label is the name of the host. CERT.key names the key in use, and OpenSSL's pkcs11-provider reads it like a
    /// key file.
    #[arg(long, value_name = "KEY", value_parser = parsed::<HostKeyName>(), value_hint = ValueHint::FilePath)]
    pub key: HostKeyName,
    /// Read the PIN of the token from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// The roots that the server's certificate leads to (PEM) [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub cafile: Option<PathBuf>,
    /// The label, if the server has several
    #[arg(long, value_name = "LABEL", value_parser = text())]
    pub label: Option<String>,
}

/// The arguments of `tbpki enroll password`.
#[derive(Debug, Clone, Args)]
pub struct PasswordArgs {
    /// The device
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>(), add = completion::devices())]
    pub device: DeviceName,
    /// The device profile below whose CA the certificate is issued; it is the label of the device's requests [default: the one of
    /// its present certificate]
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>())]
    pub profile: Option<DeviceName>,
    /// Make the password also if another CA has issued the present certificate of the device
    #[arg(long)]
    pub force: bool,
    /// Days until the password expires
    #[arg(long, value_name = "N", value_parser = parsed::<Days>())]
    pub days: Option<Days>,
    /// Write the password to FILE (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The arguments of `tbpki serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The address and port of EST over TLS; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9443")]
    pub listen: SocketAddr,
    /// The certificate of the service with its chain, leaf first (PEM); it is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The address and port of /healthz and /metrics, on loopback
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub status: Option<SocketAddr>,
    /// The address and port of the devices' revocation lists over plain HTTP
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub crl: Option<SocketAddr>,
    /// The audit log, JSON lines [default: serve/audit.jsonl in the store]
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Renew the certificates of servers too, at the label "servers" (risk: see --help)
    ///
    /// A server of the ledger renews with its present certificate: `tbpki renew --est URL --label servers`. The service
    /// then needs the key of the servers' issuing CA, which no station bundle has. Anyone who takes over the machine of
    /// the service can then make certificates for every name of your servers, pose as the broker to every device and read
    /// what the devices send. Without this option, servers are answered with 403. Also `[serve] servers` in keygen.toml.
    #[arg(long)]
    pub servers: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The limits of `tbpki serve`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Connections at once
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Connections of one address at once; IPv6 addresses with the same first 64 bits count as one
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections_per_address: u32,
    /// Certificates that a device gets within 24 hours
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub issuances: u32,
    /// Requests that wait to be signed; others are asked to come again
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub queue: u32,
    /// Bytes of the head of a request
    #[arg(long, value_name = "BYTES", default_value = "8192", value_parser = clap::value_parser!(u32).range(8192..=65_536))]
    pub head_bytes: u32,
    /// Bytes of the body of a request
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = clap::value_parser!(u32).range(1024..=65_536))]
    pub body_bytes: u32,
    /// Seconds for the TLS handshake
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub handshake_seconds: u32,
    /// Seconds for a request to arrive, and again until its answer
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub request_seconds: u32,
}
