//! The definition of the command line. Man pages, completions and the reference are generated from it.

mod bundle_firmware;
mod ca;
mod client;
mod deferred;
mod device;
mod enrolment;
mod flash;
mod fleet;
mod init;
mod lifecycle;
mod look;
pub mod manual;
mod platform;
mod server;
mod value;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use config::Days;
use pki::{Algorithm, San};

pub use bundle_firmware::{AuthKind, BundleFirmwareArgs, EnrolArgs, FirmwareArgs};
pub use ca::passphrase::CaPassphrase;
pub use ca::{
    CaActivateArgs, CaConfirmArgs, CaExportArgs, CaPrepareArgs, CaStepArgs, CaVerb, ChangePassphraseArgs, ExportedCa,
};
pub use client::ClientArgs;
pub use deferred::Deferred;
pub(crate) use device::each_once;
pub use device::{DeviceWord, DevicesArg};
pub use enrolment::{EnrollVerb, FetchArgs, HostFileArgs, ListRequestsArgs, PasswordArgs, RequestArgs, ServeArgs};
pub use flash::FlashArgs;
pub use fleet::bundle::{BundleArgs, FleetBundleArgs, KeylessArgs};
pub use fleet::jobs::{FleetAdoptArgs, FleetCancelArgs, FleetJobsArgs};
pub use fleet::register::{FleetRegisterArgs, JobArgs, PaceArgs};
pub use fleet::renew::FleetRenewArgs;
pub use fleet::run::FleetRunArgs;
pub use fleet::seal::SealArgs;
pub use fleet::{FleetIssueArgs, FleetVerb, LayoutArgs, MakeArgs, NamesArgs, WorkArgs};
pub use init::InitArgs;
pub use lifecycle::store::{
    LedgerMoveArgs, LedgerPlatformArgs, LedgerVerb, StoreBackupArgs, StoreCheckArgs, StoreRepairArgs, StoreRestoreArgs,
    StoreVerb,
};
pub use lifecycle::{CrlArgs, CrlListArgs, ForgetArgs, ImportArgs, NeedsRenewalArgs, RenewArgs, RevokeArgs};
pub use look::check::{AuthArg, CheckArgs, KindArg, MqttArg};
pub use look::list::{ListArgs, SelectionArgs};
pub use look::report::ReportArgs;
pub use look::trust::TrustArgs;
pub use look::{ExplainArgs, InspectArgs, VerifyArgs};
pub use manual::{CompletionsArgs, ManArgs};
pub use platform::actorcloud::{ActorCloudVerb, CertVerb};
pub use platform::{
    CreateArgs, PlatformArgs, ProfileCreateArgs, ProfileShowArgs, ProfileVerb, RegisterArgs, TokenArgs, UnregisterArgs,
};
pub use server::ServerArgs;

use value::{algorithm, parsed, text};

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
    after_help = "Run `tbpki init` first, then `tbpki server --out DIR` and `tbpki client NAME`.\n\
                  Exit status: 0 done, 1 error in the input or the environment, 2 usage error, 3 a check found a fault, \
                  4 partly done (run the command again), 70 a bug."
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
}

/// Options that every verb has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read the configuration from FILE [default: the variable TBPKI_CONFIG, then keygen.toml]
    // Not by `env` of clap, which takes an empty variable for an empty option.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use a configuration and a store of another user; they decide which files are read and which libraries are loaded
    #[arg(long, global = true, env = "TBPKI_TRUST_OWNER", value_parser = value::trust_owner())]
    pub trust_owner: bool,
    /// Never prompt: fail, and name the option that answers the question
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Go on although the clock does not fit the newest entry of the ledger; the ledger records this
    #[arg(long, global = true)]
    pub accept_clock: bool,
    /// Print the result as JSON, as described by the schemas in the documentation
    #[arg(long, global = true)]
    pub json: bool,
    /// Log the steps to standard error; repeat for more
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print only results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use color
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// When to use color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also in files and pipes
    Always,
    /// Never
    Never,
}

const INIT_EXAMPLES: &str = "\
Examples:
  Create CAs, and read the passphrase of their keys from a file:
    tbpki init --organization Acme --ca-passphrase-file passphrase
  Convert the configuration of ThingsBoard's scripts:
    tbpki init --from keygen.properties
  Use your own CA for devices:
    tbpki init --devices-ca devices-ca.p12";

const SERVER_EXAMPLES: &str = "\
Examples:
  Issue the identity, and copy the files to ThingsBoard's configuration:
    tbpki server --out /etc/thingsboard/conf
  Issue for another host, for example in a container:
    tbpki server --name tb.example.org --only-given-names --environment compose --out conf";

const CLIENT_EXAMPLES: &str = "\
Examples:
  Issue an identity, and register it with the platform:
    tbpki client pump-1 --register
  Write a PKCS#12 keystore too:
    tbpki client pump-1 --format pem,p12
  Issue for a key that is on the device:
    tbpki client pump-1 --csr pump-1.csr";

const REGISTER_EXAMPLES: &str = "\
Examples:
  Register two devices:
    tbpki register pump-1 pump-2 --platform-url https://tb.example.org \\
      --platform-user tenant@example.org
  Register all devices of the store in a device profile:
    tbpki register --all --profile pumps
  Put the renewal of a device into use, after the device was reflashed:
    tbpki register --pending --device pump-1";

const RENEW_EXAMPLES: &str = "\
Examples:
  Renew the server's certificate if it is due, and make mosquitto load it:
    tbpki renew --server --due --after systemctl reload mosquitto
  Renew a registered device whose files are on this host:
    tbpki renew --device gateway-1 --register
  Renew the server's certificate, if it is due:
    tbpki renew --server --due
  Renew everything that expires within 30 days:
    tbpki renew --all --within 30d";

const REVOKE_EXAMPLES: &str = "\
Examples:
  Revoke a stolen device:
    tbpki revoke --device pump-1 --reason keyCompromise
  Revoke the devices of a list:
    tbpki revoke --file stolen.txt --reason keyCompromise
  Finish what is open:
    tbpki revoke --open";

const SERVE_EXAMPLES: &str = "\
Examples:
  Serve devices with the certificate of a server of the store:
    tbpki serve --listen 0.0.0.0:9443 --cert pki/servers/tb.example.org/mqttserver.pem \\
      --key pki/servers/tb.example.org/mqttserver_key.pem --status 127.0.0.1:9100
  Give a device a one-time password:
    tbpki enroll password --device pump-1 --out pump-1.password";

const IMPORT_EXAMPLES: &str = "\
Examples:
  Import a certificate of client.keygen.sh, whose common name is that of a host:
    tbpki import --cert mqttclient.pub.pem --key mqttclient.nopass.pem --name pump-1
  Import all certificates of a directory:
    tbpki import --dir certificates --dry-run";

const BUNDLE_FIRMWARE_EXAMPLES: &str = "\
Examples:
  Create the image of one device:
    tbpki bundle-firmware --device pump-1 --chip esp32c3 --wifi-ssid workshop \\
      --wifi-password-file wifi
  Use your own application and partition table:
    tbpki bundle-firmware --all --chip esp32 --app build/app.bin --partitions partitions.csv
  Create the image with the pending renewal of a device, to reflash it:
    tbpki bundle-firmware --pending --device pump-1 --chip esp32c3 --wifi-ssid workshop \\
      --wifi-password-file wifi";

const CHECK_EXAMPLES: &str = "\
Examples:
  Log in as a device of the store:
    tbpki check --device pump-1
  Check files of another tool against a broker:
    tbpki check tb.example.org:8883 --cert pump-1.pem --key pump-1.key --cafile ca.pem
  Check the files and settings of a ThingsBoard server:
    tbpki check --server /etc/thingsboard/conf";

const REPORT_EXAMPLES: &str = "\
Examples:
  Write the page:
    tbpki report --out fleet.html --force
  Write figures for the textfile collector of node_exporter:
    tbpki report --metrics /var/lib/prometheus/node-exporter/tbpki.prom";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  Install the script for the shell that SHELL names:
    tbpki completions --install
  Print the script of zsh:
    tbpki completions zsh > ~/.zfunc/_tbpki";

const MAN_EXAMPLES: &str = "\
Examples:
  Install all pages for this user:
    tbpki man --install
  Show the page of a verb:
    tbpki man client | man -l -";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create keygen.toml, the store and the CAs
    ///
    /// The CAs are a root and an issuing CA for servers, and another pair for devices. If keygen.toml exists, it is not
    /// changed, and the CAs are created as it specifies.
    #[command(after_long_help = INIT_EXAMPLES)]
    Init(Deferred<InitArgs>),
    /// Issue the server's identity and write ThingsBoard's settings for it
    ///
    /// The certificate is for the host name, localhost, 127.0.0.1, ::1, the global addresses of the active network
    /// interfaces, and the names given with `--san`. The names are printed.
    #[command(after_long_help = SERVER_EXAMPLES)]
    Server(Deferred<ServerArgs>),
    /// Issue a device's identity
    ///
    /// Writes key.pem, cert.pem, chain.pem and tb-server-chain.pem to the device's directory in the store, and the files
    /// selected with `--format`.
    #[command(after_long_help = CLIENT_EXAMPLES)]
    Client(Deferred<ClientArgs>),
    /// Register devices and their certificates with the platform
    ///
    /// Creates devices that the platform does not have. A device that already has this certificate is not changed; to
    /// replace another credential, use `--replace`. The stored credential is read back and compared. If some of several
    /// devices fail, the exit status is 4; run the same command again to retry them.
    #[command(after_long_help = REGISTER_EXAMPLES)]
    Register(Deferred<RegisterArgs>),
    /// Remove a device's certificate from the platform
    ///
    /// Replaces the certificate, or a token that the store has of the device, with a random token: the device keeps its
    /// history and can no longer log in. The keys and certificates in the store are not changed. `tbpki register --again
    /// --replace` registers the certificate again.
    Unregister(Deferred<UnregisterArgs>),
    /// Renew certificates
    ///
    /// Issues the next generation with the same names, CA, algorithm and files, and a new key. The files in the store and
    /// their copies are replaced in one step after the new chain was verified; the files before them are kept as
    /// FILE.SERIAL. The platform has one certificate of a device, so the renewal of a registered device is pending: its
    /// files are in pending/ of its directory, and the present certificate stays in use until --register registers the new
    /// one and logs in with it. If the login is refused, the earlier certificate is registered again. Certificates
    /// that were not renewed and open steps are listed, and the exit status is 4; the same command continues.
    #[command(after_long_help = RENEW_EXAMPLES)]
    Renew(Deferred<RenewArgs>),
    /// Tell a timer whether a certificate needs a renewal
    ///
    /// Exit status: 0 a renewal is needed, 1 it is not, 2 no such certificate, 255 any error. The rule is that of `tbpki
    /// renew --due`.
    NeedsRenewal(Deferred<NeedsRenewalArgs>),
    /// Revoke certificates
    ///
    /// Revokes all generations that are in use or have not expired. The ledger records this first: from then on no verb
    /// uses them. Then replaces the certificate with a random token in the platform, and writes revocation lists. A token
    /// that the store has of a device is replaced, too, also if the device has no certificate. Steps that fail
    /// are listed as open, and the exit status is 4; `tbpki revoke --open` finishes them. A revocation is final: to put
    /// the device into service again, issue a new generation with `tbpki client`.
    #[command(after_long_help = REVOKE_EXAMPLES)]
    Revoke(Deferred<RevokeArgs>),
    /// Write the revocation lists of the CAs
    ///
    /// The file is PEM with a list for each CA key below the devices' root. Run this again before the lists expire: a
    /// broker refuses every device once its list has expired.
    Crl(Deferred<CrlArgs>),
    /// Run the enrolment service, from which devices fetch and renew their certificates
    ///
    /// Serves EST (RFC 7030) over TLS until it is stopped by a signal. A device proves itself with its present
    /// certificate, or once with a password of `tbpki enroll password`. The service needs the key of the devices' issuing
    /// CA and no root's: run it as a user of its own, with a station bundle (`tbpki ca export devices`). Other verbs can
    /// use the store meanwhile.
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(Deferred<ServeArgs>),
    /// Fetch a first certificate over the network, make one-time passwords, and approve requests
    #[command(subcommand)]
    Enroll(Deferred<EnrollVerb>),
    /// Forget devices: revoke them, remove their files, and free their names
    ///
    /// Revokes certificates that have not expired (cessationOfOperation). The rows and serial numbers stay in the ledger.
    /// Files in shards and archives, and files that tbpki did not write, are left. If a step of a revocation is open, the
    /// exit status is 4; `tbpki revoke --open` finishes it.
    Forget(Deferred<ForgetArgs>),
    /// Import certificates of devices and servers that were made elsewhere
    ///
    /// Takes certificates of ThingsBoard's client.keygen.sh or of another CA into the ledger and the store, under their common
    /// names: lists, dates of expiry, registration, revocation and renewal then include them. A renewal is issued by the CA of
    /// this store that issued the present certificate, or by the devices' issuing CA. Either all of them are imported, or
    /// none.
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import(Deferred<ImportArgs>),
    /// Move the ledger to a server, and list its platforms
    #[command(subcommand)]
    Ledger(Deferred<LedgerVerb>),
    /// Check, back up, restore and repair the store
    #[command(subcommand)]
    Store(Deferred<StoreVerb>),
    /// Fetch or set a device's access token, for TLS without a client certificate
    ///
    /// Writes the token (mode 0600) and tb-server-chain.pem to the device's directory in the store.
    Token(Deferred<TokenArgs>),
    /// Manage device profiles that provision devices by CA
    #[command(subcommand)]
    Profile(Deferred<ProfileVerb>),
    /// List, replace and export the CAs, and change their passphrase
    #[command(subcommand)]
    Ca(Deferred<CaVerb>),
    /// Manage the certificates that EMQ's ActorCloud issues
    ///
    /// ActorCloud does not accept keys, signing requests or certificates from outside. Its server generates the keys,
    /// keeps them, and compares only the common name that it has chosen.
    #[command(subcommand, name = "actorcloud")]
    ActorCloud(Deferred<ActorCloudVerb>),
    /// Create flash images that contain devices' credentials
    ///
    /// Writes for each device flash.bin, its parts, and flash_args for esptool. The application is the same for all
    /// devices and contains no secret; the credentials are in an NVS partition. flash.bin and the credentials partition
    /// contain the device's private key and must be protected like it.
    #[command(after_long_help = BUNDLE_FIRMWARE_EXAMPLES)]
    BundleFirmware(Deferred<BundleFirmwareArgs>),
    /// Write an image of `bundle-firmware` to a board
    ///
    /// Writes the parts over a serial port. The rest of the flash is not changed. The chip verifies the written parts.
    Flash(Deferred<FlashArgs>),
    /// Issue, register and bundle many devices
    #[command(subcommand)]
    Fleet(Deferred<FleetVerb>),
    /// Fetch the trust anchor of a server that another CA issued
    ///
    /// Shows the chain that the server sends and the trust anchor found for it. Writes the anchor only if the chain
    /// verifies against the roots of this system, or if its fingerprint is given.
    Trust(Deferred<TrustArgs>),
    /// Show the contents of certificates, keys, signing requests, revocation lists and keystores
    Inspect(Deferred<InspectArgs>),
    /// Verify a chain, its key, names, dates and purpose
    ///
    /// Verifies as a TLS peer does, and names the certificate that fails. The exit status is 3 if a check fails.
    Verify(Deferred<VerifyArgs>),
    /// Find out why a device cannot log in
    ///
    /// Checks every layer from the files to the broker's answer, names the layer that fails, and prints how to fix it.
    /// It never sends a login to an untrusted server, and never sends a token together with a certificate. The exit
    /// status is 3 if a check fails.
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(Deferred<CheckArgs>),
    /// List the identities of the store and when they expire
    ///
    /// Rows are printed as they are read: a list of a million needs no more memory than a list of ten. An identity is
    /// shown if it meets all conditions.
    List(Deferred<ListArgs>),
    /// Write an HTML page about the fleet
    ///
    /// The page shows devices by state, expiry dates, failures by cause, and a table with a search field. It is one file
    /// without external resources. It counts all devices and lists at most 10,000 of them; those that need attention
    /// come first. `--metrics` writes figures for Prometheus: certificates by kind, the next dates of expiry, CAs, revocation
    /// lists, open steps and jobs. They contain no names of devices and no secrets.
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(Deferred<ReportArgs>),
    /// Show the configuration
    #[command(subcommand)]
    Config(Deferred<ConfigVerb>),
    /// Explain an error code, for example TBPKI-0034
    Explain(Deferred<ExplainArgs>),
    /// Print or install a shell's completion script
    ///
    /// The script completes verbs, options and their values, and the names of devices, servers, CAs and jobs in the
    /// ledger.
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(Deferred<CompletionsArgs>),
    /// Print or install the man pages
    #[command(after_long_help = MAN_EXAMPLES)]
    Man(Deferred<ManArgs>),
}

impl Verb {
    /// The name of the verb in JSON output and in locks.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Init(_) => "init",
            Verb::Server(_) => "server",
            Verb::Client(_) => "client",
            Verb::Register(_) => "register",
            Verb::Unregister(_) => "unregister",
            Verb::Renew(_) => "renew",
            Verb::NeedsRenewal(_) => "needs-renewal",
            Verb::Revoke(_) => "revoke",
            Verb::Crl(_) => "crl",
            Verb::Serve(_) => "serve",
            Verb::Enroll(verb) => match **verb {
                EnrollVerb::Password(_) => "enroll password",
                EnrollVerb::List(_) => "enroll list",
                EnrollVerb::Approve(_) => "enroll approve",
                EnrollVerb::Deny(_) => "enroll deny",
                EnrollVerb::Fetch(_) => "enroll fetch",
            },
            Verb::Forget(_) => "forget",
            Verb::Import(_) => "import",
            Verb::Store(verb) => verb.name(),
            Verb::Ledger(verb) => match **verb {
                LedgerVerb::Move(_) => "ledger move",
                LedgerVerb::Platform(_) => "ledger platform",
            },
            Verb::Token(_) => "token",
            Verb::Profile(verb) => match **verb {
                ProfileVerb::Create(_) => "profile create",
                ProfileVerb::Show(_) => "profile show",
            },
            Verb::Ca(verb) => match **verb {
                CaVerb::Export(_) => "ca export",
                CaVerb::List => "ca list",
                CaVerb::Prepare(_) => "ca prepare",
                CaVerb::Confirm(_) => "ca confirm",
                CaVerb::Activate(_) => "ca activate",
                CaVerb::Retire(_) => "ca retire",
                CaVerb::Passphrase(_) => "ca passphrase",
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
            Verb::Report(_) => "report",
            Verb::Config(verb) => match **verb {
                ConfigVerb::Show { .. } => "config show",
            },
            Verb::Explain(_) => "explain",
            Verb::Completions(_) => "completions",
            Verb::Man(_) => "man",
        }
    }
}

impl Verb {
    /// True if the verb, as it was called, changes files, the ledger, a platform or a board.
    pub fn changes(&self) -> bool {
        match self {
            Verb::Init(args) => !args.dry_run,
            Verb::Server(args) => !args.identity.dry_run,
            Verb::Client(args) => !args.identity.dry_run,
            Verb::Register(args) => !args.dry_run,
            Verb::Unregister(args) => !args.dry_run,
            Verb::Renew(args) => !args.dry_run,
            Verb::Revoke(args) => !args.dry_run,
            Verb::Crl(args) => !args.dry_run,
            Verb::Token(args) => !args.dry_run,
            Verb::Profile(verb) => matches!(&**verb, ProfileVerb::Create(args) if !args.dry_run),
            Verb::Ca(verb) => match &**verb {
                CaVerb::Export(args) => !args.dry_run,
                CaVerb::Prepare(args) => !args.step.dry_run,
                CaVerb::Retire(args) => !args.dry_run,
                CaVerb::Activate(args) => !args.step.dry_run,
                // A statement has no dry run: it changes only the ledger, and `ca list` shows its effect.
                CaVerb::Confirm(_) => true,
                CaVerb::Passphrase(args) => !args.dry_run,
                CaVerb::List => false,
            },
            Verb::ActorCloud(verb) => match &**verb {
                ActorCloudVerb::Cert(verb) => !matches!(verb, CertVerb::List(_)),
            },
            Verb::BundleFirmware(args) => !args.dry_run,
            Verb::Fleet(verb) => match &**verb {
                FleetVerb::Issue(args) => !args.work.dry_run,
                FleetVerb::Register(args) => !args.dry_run,
                FleetVerb::Bundle(args) => !args.dry_run,
                FleetVerb::Run(args) => !args.issue.work.dry_run,
                FleetVerb::Jobs(_) => false,
                FleetVerb::Cancel(args) => !args.dry_run,
                FleetVerb::Renew(args) => !args.work.dry_run,
                FleetVerb::Adopt(args) => !args.dry_run,
            },
            Verb::Forget(args) => !args.dry_run,
            Verb::Import(args) => !args.dry_run,
            Verb::Store(verb) => match &**verb {
                StoreVerb::Check(_) => false,
                StoreVerb::Backup(_) => true,
                StoreVerb::Restore(args) => !args.dry_run,
                StoreVerb::Repair(args) => !args.dry_run,
            },
            Verb::Ledger(verb) => match &**verb {
                LedgerVerb::Move(args) => !args.dry_run,
                LedgerVerb::Platform(args) => !args.rename.is_empty(),
            },
            Verb::Flash(_) | Verb::Report(_) | Verb::Serve(_) | Verb::Enroll(_) => true,
            Verb::Trust(args) => args.out.is_some(),
            Verb::NeedsRenewal(_)
            | Verb::Inspect(_)
            | Verb::Verify(_)
            | Verb::Check(_)
            | Verb::List(_)
            | Verb::Config(_)
            | Verb::Explain(_) => false,
            Verb::Man(args) => args.install,
            Verb::Completions(args) => args.install,
        }
    }
}

/// The verbs of `tbpki config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the effective value of every key
    Show {
        /// Print where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

/// Options of servers' and devices' identities.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Certificate")]
pub struct IdentityArgs {
    /// The key algorithm
    #[arg(long, value_parser = algorithm(), value_name = "ALGORITHM")]
    pub alg: Option<Algorithm>,
    /// Days until the certificate expires
    #[arg(long, value_parser = parsed::<Days>(), value_name = "N")]
    pub days: Option<Days>,
    /// Alternative name: DNS name, IP address, URI or e-mail address (repeat or separate by commas)
    #[arg(long, value_parser = parsed::<San>(), value_name = "NAME", value_delimiter = ',')]
    pub san: Vec<San>,
    /// Sign with the certificate's own key instead of a CA's
    #[arg(long)]
    pub self_signed: bool,
    /// Sign with the store's ordinary issuing CA, although the identity was self-signed or issued by a profile's CA
    #[arg(long, conflicts_with = "self_signed")]
    pub default_ca: bool,
    /// Issue for the key of this certificate signing request (PEM or DER)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["self_signed", "alg"])]
    pub csr: Option<PathBuf>,
    /// Issue a new generation; replaced files are kept as FILE.SERIAL
    #[arg(long)]
    pub force: bool,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The owner of copied files.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Files")]
pub struct OwnerArgs {
    /// The owner of the files in --out [default for root: the owner of DIR/thingsboard.conf or of DIR]
    #[arg(long, value_parser = text(), value_name = "USER")]
    pub owner: Option<String>,
    /// The group of the files in --out
    #[arg(long, value_parser = text(), value_name = "GROUP")]
    pub group: Option<String>,
}
