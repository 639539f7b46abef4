//! The command line, as clap reads it. Man pages, completions and the reference come from here too.

mod actorcloud;
mod bundle_firmware;
mod check;
mod client;
mod flash;
mod fleet;
mod fleet_bundle;
mod fleet_register;
mod init;
mod look;
mod platform;
mod server;
mod trust;

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use actorcloud::{ActorCloudVerb, CertVerb};
pub use bundle_firmware::{AuthKind, BundleFirmwareArgs, FirmwareArgs};
pub use check::{AuthArg, CheckArgs, KindArg, MqttArg};
pub use client::ClientArgs;
pub use flash::FlashArgs;
pub use fleet::{FleetIssueArgs, FleetVerb, LayoutArgs, MakeArgs, NamesArgs, WorkArgs};
pub use fleet_bundle::{BundleArgs, FleetBundleArgs};
pub use fleet_register::{FleetRegisterArgs, JobArgs, PaceArgs};
pub use init::InitArgs;
pub use look::{ExplainArgs, InspectArgs, ListArgs, Purpose, VerifyArgs};
pub use platform::{
    CreateArgs, PlatformArgs, ProfileCreateArgs, ProfileShowArgs, ProfileVerb, RegisterArgs, TokenArgs, UnregisterArgs,
};
pub use server::{Environment, ServerArgs, Service};
pub use trust::TrustArgs;

/// Private CAs, server and device identities for ThingsBoard fleets.
#[derive(Debug, Parser)]
#[command(
    name = "tbpki",
    version,
    propagate_version = true,
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Start with `tbpki init`, then `tbpki server --out DIR` and `tbpki client --device NAME`.\n\
                  Exit status: 0 done, 1 the input or the environment is wrong, 2 usage, 3 a check found a fault, \
                  4 partly done (run again), 70 a bug."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Arguments of every verb.
    #[command(flatten)]
    pub global: Global,
}

/// Arguments that every verb takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration to read [default: keygen.toml]
    #[arg(long, global = true, value_name = "FILE", env = "TBPKI_CONFIG")]
    pub config: Option<PathBuf>,
    /// Never ask: fail and name the flag that would have answered
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Print the result as JSON (its schema is in the documentation)
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more of what is being done; twice for all
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Whether to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// Reads text. An empty one is a variable that a script has not set, and no answer to anything.
fn text() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Even into files
    Always,
    /// Not at all
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make keygen.toml, the store and the CAs
    ///
    /// The CAs are a root and an issuing CA for servers, and another pair for devices. A keygen.toml that is there
    /// already is left as it is, and the rest is made as it says.
    Init(Box<InitArgs>),
    /// Make a server's identity and the settings that fit it
    ///
    /// Its names are the host name, localhost, 127.0.0.1, ::1, the global addresses of the interfaces that are up, and
    /// those given with `--san`. They are printed.
    Server(Box<ServerArgs>),
    /// Make a device's identity
    ///
    /// Writes key.pem, cert.pem, chain.pem and tb-server-chain.pem, and what `--format` asks for.
    Client(Box<ClientArgs>),
    /// Register devices in the platform, with their certificates as what they log in with
    ///
    /// Devices that the platform does not have are made. One that has this very certificate is left alone, and one
    /// that has another credential needs `--replace`. What is stored is read back and compared. The exit status is 4
    /// when some of several devices failed; the same command goes on with them.
    Register(Box<RegisterArgs>),
    /// Make the platform forget a device's certificate
    ///
    /// A random token takes its place, so that the device keeps its history and nobody can log in as it. The files in
    /// the store stay, and `tbpki register` brings the certificate back.
    Unregister(Box<UnregisterArgs>),
    /// Fetch or set a device's access token, for TLS without a client certificate
    ///
    /// Writes the token (mode 0600) and tb-server-chain.pem to the device's directory in the store.
    Token(Box<TokenArgs>),
    /// Device profiles that take every device with a certificate of their own CA
    #[command(subcommand)]
    Profile(Box<ProfileVerb>),
    /// Certificates of EMQ's ActorCloud, which makes them itself
    ///
    /// ActorCloud takes no keys, requests or certificates of others: its server makes them, keeps the private keys, and
    /// compares nothing but the common name that it made up.
    #[command(subcommand, name = "actorcloud")]
    ActorCloud(Box<ActorCloudVerb>),
    /// Make flash images with devices' credentials in them
    ///
    /// Per device: flash.bin, its parts, and flash_args for esptool. The application is the same for all devices and
    /// holds no secret; the credentials are in an NVS partition beside it. flash.bin and the credentials hold the
    /// device's key: keep them like keys.
    BundleFirmware(Box<BundleFirmwareArgs>),
    /// Write an image that bundle-firmware made to a board
    ///
    /// Over a serial port, part by part, so that what is in none of them stays as it is. The chip compares what it
    /// holds afterwards.
    Flash(FlashArgs),
    /// Do for many devices what `client`, `register` and `bundle-firmware` do for one
    #[command(subcommand)]
    Fleet(Box<FleetVerb>),
    /// Fetch the trust anchor of a server that is not ours
    ///
    /// Shows the chain that a server sends and the trust anchor found for it. Writes the anchor only when the chain
    /// verifies against this system's roots, or when its fingerprint is given.
    Trust(TrustArgs),
    /// Show what is in certificates, keys, requests, revocation lists and keystores
    Inspect(InspectArgs),
    /// Check a chain, its key, names, dates and purpose
    ///
    /// Checks as a peer would, and says which link fails. The exit status is 3 when something is wrong.
    Verify(VerifyArgs),
    /// Find out why a device cannot log in
    ///
    /// Looks at every layer from the files to the broker's answer, and says which one does not hold and what to do. It
    /// never sends a login to a server that is not trusted, and never a token beside a certificate. The exit status is 3
    /// when something is wrong.
    Check(Box<CheckArgs>),
    /// Show what the store holds and when it ends
    List(ListArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Explain a code such as TBPKI-0034
    Explain(ExplainArgs),
    /// Print the completions of a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

impl Verb {
    /// The word that was typed, as JSON output and locks name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Verb::Init(_) => "init",
            Verb::Server(_) => "server",
            Verb::Client(_) => "client",
            Verb::Register(_) => "register",
            Verb::Unregister(_) => "unregister",
            Verb::Token(_) => "token",
            Verb::Profile(verb) => match **verb {
                ProfileVerb::Create(_) => "profile create",
                ProfileVerb::Show(_) => "profile show",
            },
            Verb::ActorCloud(verb) => match &**verb {
                ActorCloudVerb::Cert(verb) => verb.name(),
            },
            Verb::BundleFirmware(_) => "bundle-firmware",
            Verb::Flash(_) => "flash",
            Verb::Fleet(verb) => verb.name(),
            Verb::Trust(_) => "trust",
            Verb::Inspect(_) => "inspect",
            Verb::Verify(_) => "verify",
            Verb::Check(_) => "check",
            Verb::List(_) => "list",
            Verb::Config(ConfigVerb::Show { .. }) => "config show",
            Verb::Explain(_) => "explain",
            Verb::Completions { .. } => "completions",
        }
    }
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print every value that is in force
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

/// Where the passphrase of the CA keys is.
#[derive(Debug, Clone, Args)]
pub struct CaPassphrase {
    /// Read the passphrase of the CA keys from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub ca_passphrase_file: Option<PathBuf>,
}

/// What both kinds of identities are made with.
#[derive(Debug, Clone, Args)]
pub struct IdentityArgs {
    /// The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096
    #[arg(long, value_parser = text(), value_name = "ALGORITHM")]
    pub alg: Option<String>,
    /// Days until the certificate expires
    #[arg(long, value_parser = text(), value_name = "N")]
    pub days: Option<String>,
    /// Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, and nopass for
    /// devices (repeat, or separate by commas)
    #[arg(long, value_parser = text(), value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<String>,
    /// Alternative name: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)
    #[arg(long, value_parser = text(), value_name = "NAME", value_delimiter = ',')]
    pub san: Vec<String>,
    /// Sign with the certificate's own key instead of a CA's
    #[arg(long)]
    pub self_signed: bool,
    /// Issue for the key of this certificate signing request (PEM or DER)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["self_signed", "alg"])]
    pub csr: Option<PathBuf>,
    /// Issue a new generation in place of what is there; replaced files are kept as FILE.SERIAL
    #[arg(long)]
    pub force: bool,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where the passphrase of the CA keys is.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// To whom copied files belong.
#[derive(Debug, Clone, Args)]
pub struct OwnerArgs {
    /// The owner of the files in --out [default: as root, that of DIR/thingsboard.conf or of DIR]
    #[arg(long, value_parser = text(), value_name = "USER")]
    pub owner: Option<String>,
    /// The group of the files in --out
    #[arg(long, value_parser = text(), value_name = "GROUP")]
    pub group: Option<String>,
}
