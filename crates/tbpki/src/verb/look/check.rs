//! `tbpki check`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::text::{device_option, printable, quote};
use base::{Code, Finding, Result, Severity};
use config::{Anchors, Config, FilePath, PlatformKind};
use fleet::{due_leaf, identity_files};
use identity::broker::broker;
use identity::lifecycle::rollover::gates::seen;
use identity::server::name::server_name;
use pki::device_name::DeviceName;
use pki::pkcs11::TokenKey;
use provision::check::{
    AnchorSource, BrokerKind, CheckDepth, CheckReport, CheckedCredential, CheckedServer, DeviceCheck, DueLeaf,
    IssuingProfile, Layer, Registered, ReplacedServer, RevokedLeaf, RevokedServer, ServerCheck, TlsReport,
    UnregisteredLeaf, Verdict, check_device, check_server,
};
use provision::files::LoginFiles;
use provision::mqtt::Version;
use provision::{Target, TokenSigner};
use store::StoreLocation;
use store::ca::{Hierarchy, KeyLocation};
use time::OffsetDateTime;

use crate::args::{AuthArg, CheckArgs, KindArg, MqttArg};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::terminal::{self, Mood};
use crate::output::{FindingLayout, Report, write_finding};
use crate::verb::passphrase;
use crate::verb::passphrase::token_pin::Pins;

pub(crate) fn run(args: &CheckArgs, context: &mut Context) -> Result<Exit> {
    if let (true, Some(broker), None) = (args.offline, &args.server, &args.server_side) {
        // The word may be meant as a device, as other verbs take it.
        return Err(Code::Usage
            .error(format!("{} is a broker, and --offline connects to none", quote(broker)))
            .fix("name a device with --device NAME, or leave --offline out"));
    }
    // A check works without any store, with files from elsewhere.
    let config = if context.config_path().exists() { Some(context.config(&Overrides::default())?) } else { None };
    let inputs = Inputs { args, config: config.as_ref(), now: OffsetDateTime::now_utc() };
    let report = match &args.server_side {
        Some(dir) => check_server(&inputs.server_check(dir.as_deref(), context)?),
        None => {
            let check = inputs.device_check(context)?;
            let output = &context.output;
            check_device(&check, &mut |effect| output.say(format!("note: {effect}")))
        }
    };
    if let (Some(config), Some(tls)) = (&config, &report.tls) {
        record_seen(config, tls, context)?;
    }
    let findings = report.layers.iter().flat_map(|layer| layer.findings.iter().cloned());
    // Kept and not printed: the report itself shows them at their layers.
    context.output.keep(findings);
    context.output.result(&report)?;
    Ok(if report.ok { Exit::Done } else { Exit::FaultFound })
}

/// Records which prepared CAs of devices the broker names: it is ready for them (`tbpki ca activate`).
fn record_seen(config: &Config, tls: &TlsReport, context: &mut Context) -> Result<()> {
    // An empty list means that the broker takes certificates of any CA (RFC 5246, section 7.4.4), which proves nothing.
    let Some(leaf) = tls.sent.first().filter(|_| !tls.acceptable_issuers.is_empty()) else { return Ok(()) };
    if store::check_exists(config.general.store.resolved()).is_err() {
        return Ok(());
    }
    let seen = context.in_workspace(config, |workspace| seen(workspace, &leaf.fingerprint, &tls.acceptable_issuers))?;
    for ca in seen {
        context.output.say(format!("note: the broker names the prepared generation of {ca}, which is recorded"));
    }
    Ok(())
}

/// The certificates of servers that a ledger knows as ended or near their end.
#[derive(Default)]
struct KnownServers {
    revoked: Vec<RevokedServer>,
    replaced: Vec<ReplacedServer>,
    /// Those that must be renewed.
    due: Vec<DueLeaf>,
}

/// The flags and the configuration, from which a check is made.
struct Inputs<'a> {
    args: &'a CheckArgs,
    config: Option<&'a Config>,
    now: OffsetDateTime,
}

/// The files of a device: from the store, or from flags.
struct Files {
    login: LoginFiles,
    token: Option<PathBuf>,
    anchors: Option<PathBuf>,
    registered: Option<Registered>,
    profile: Option<IssuingProfile>,
    revoked: Vec<RevokedLeaf>,
    unregistered: Option<UnregisteredLeaf>,
    outdated: Option<Finding>,
    due: Option<DueLeaf>,
}

impl Inputs<'_> {
    fn device_check(&self, context: &mut Context) -> Result<DeviceCheck> {
        let args = self.args;
        let files = self.files(context)?;
        let has_certificate = files.login.cert.is_some() || files.login.chain.is_some();
        let with_certificate = match args.auth {
            Some(auth) => auth == AuthArg::Certificate,
            None => has_certificate,
        };
        let auth = match (with_certificate, files.token) {
            (true, token) if has_certificate => CheckedCredential::Certificate {
                files: files.login,
                // A token from the store, or an explicit --auth, is not a mistake that the check should report.
                token: token.filter(|_| args.token_file.is_some() && args.auth.is_none()),
            },
            (true, _) => return Err(missing("a certificate", "--cert and --key, or --device")),
            (false, Some(token)) => CheckedCredential::Token(token),
            (false, None) => return Err(missing("a token", "--token-file")),
        };
        let kind = self.kind();
        let depth = match args {
            // The deepest check is the default, except for telemetry, which leaves a value in the platform.
            _ if args.offline => CheckDepth::Files,
            _ if args.no_connect => CheckDepth::Server,
            _ if args.telemetry => CheckDepth::Telemetry,
            _ => CheckDepth::Login,
        };
        // ActorCloud takes a device's numbers for its login, and the store does not know them.
        if kind == BrokerKind::ActorCloud && depth >= CheckDepth::Login {
            for (given, flag) in [(&args.client_id, "--client-id"), (&args.username, "--username")] {
                if given.is_none() {
                    return Err(missing("the device's id and user name for ActorCloud", flag));
                }
            }
        }
        Ok(DeviceCheck {
            server: self.server(kind, with_certificate, files.anchors, context)?,
            auth,
            version: match args.mqtt {
                MqttArg::V311 => Version::V311,
                MqttArg::V5 => Version::V5,
            },
            client_id: args.client_id.clone(),
            user_name: args.username.clone(),
            registered: files.registered,
            profile: files.profile,
            revoked: files.revoked,
            unregistered: files.unregistered,
            outdated: files.outdated,
            due: files.due,
            depth,
        })
    }

    fn server_check(&self, dir: Option<&Path>, context: &mut Context) -> Result<ServerCheck> {
        let configured = self.config.and_then(|config| config.server.out.value.as_ref()).map(FilePath::resolved);
        // The directory that keygen.toml names can be on another machine.
        let dir = dir.or(configured.filter(|dir| dir.exists()));
        let places = match (self.config, dir) {
            (_, Some(dir)) => identity_files::server_places(dir),
            (Some(config), None) => {
                let location = context.store_location(config)?;
                let name = server_name(config, &location, None)?.value;
                identity_files::server_places(&identity_files::server_dir(&location, name.as_str())?)
            }
            (None, None) => return Err(missing("the directory of the server's files", "--server DIR")),
        };
        let anchors = places.anchors.exists().then_some(places.anchors);
        let server = if self.args.offline || self.config.is_none() && self.args.server.is_none() {
            None
        } else {
            Some(self.server(self.kind(), true, anchors, context)?)
        };
        // Without a store, the CAs come from the server's files.
        let store = self.config.map(|config| config.general.store.resolved()).filter(|store| store.is_dir());
        let devices_ca = store.map(identity_files::devices_ca).transpose()?.unwrap_or_default();
        let KnownServers { revoked, replaced, due } = self.known_servers(context)?;
        Ok(ServerCheck { dir: places.dir, server, devices_ca, revoked, due, replaced, now: self.now })
    }

    /// The certificates of servers that a ledger knows as ended or near their end, if there is a store.
    fn known_servers(&self, context: &mut Context) -> Result<KnownServers> {
        let Some(config) = self.config.filter(|config| store::check_exists(config.general.store.resolved()).is_ok())
        else {
            return Ok(KnownServers::default());
        };
        let location = context.store_location(config)?;
        Ok(KnownServers {
            revoked: identity_files::server_revocations(&location)?,
            replaced: identity_files::server_replacements(&location)?,
            due: context.in_workspace(config, |workspace| due_leaf::of_servers(workspace))?,
        })
    }

    fn files(&self, context: &mut Context) -> Result<Files> {
        let args = self.args;
        let passphrase = passphrase::read(args.passphrase_file.as_deref(), context)?;
        // As soon as one file is named, none comes from the store: mixed ones would be of two devices.
        if args.cert.is_some()
            || args.chain.is_some()
            || args.key.is_some()
            || args.token_file.is_some() && args.device.is_none()
        {
            let (key, token_key) = self.key(context)?;
            let login = LoginFiles {
                key,
                token_key,
                cert: args.cert.clone(),
                chain: args.chain.clone(),
                passphrase,
                issuers: Vec::new(),
            };
            return Ok(Files {
                login,
                token: args.token_file.clone(),
                anchors: None,
                registered: None,
                profile: None,
                revoked: Vec::new(),
                unregistered: None,
                outdated: None,
                due: None,
            });
        }
        let Some(config) = self.config else {
            return Err(Code::Usage
                .error("nothing to check: no files given, and no keygen.toml with a store")
                .fix("use --cert and --key, or --token-file"));
        };
        let store = config.general.store.resolved();
        let location = context.store_location(config)?;
        let name = match &args.device {
            Some(name) => name.clone(),
            None => {
                self.check_word(&location)?;
                identity_files::only_device(&location)?
            }
        };
        let places = identity_files::device_places(store, &name);
        let registered = identity_files::registration(&location, &name)?;
        let profile = identity_files::issuing_profile(&location, &name)?;
        let revoked = identity_files::revocations(&location, &name)?;
        let unregistered = identity_files::unregistration(&location, &name)?;
        let there = |path: PathBuf| path.exists().then_some(path);
        let token = args.token_file.clone().or_else(|| there(places.token));
        // A device that logs in with a token has no key; a device with a certificate must have one.
        let (is_token, wants_token) = (token.is_some(), args.auth == Some(AuthArg::Token));
        let any_there = places.key.exists() || places.cert.exists() || places.chain.exists();
        if !any_there && !is_token {
            return Err(identity_files::no_files(&location, &name)?);
        }
        let login = if wants_token || is_token && !any_there && args.auth.is_none() {
            LoginFiles::default()
        } else {
            let (key, cert, chain) = (Some(places.key), Some(places.cert), Some(places.chain));
            LoginFiles { key, cert, chain, passphrase, token_key: None, issuers: identity_files::issuers(&location)? }
        };
        Ok(Files {
            login,
            token,
            anchors: there(places.anchors),
            registered: registered.map(|(credentials_id, at)| Registered { credentials_id, at }),
            profile: profile.map(|(name, creates_devices)| IssuingProfile { name, creates_devices }),
            revoked: revoked
                .into_iter()
                .map(|(id, at, reason)| RevokedLeaf { credentials_id: id, at, reason })
                .collect(),
            unregistered: unregistered.map(|(credentials_id, at)| UnregisteredLeaf { credentials_id, at }),
            outdated: if any_there { identity_files::outdated(&location, &name)? } else { None },
            due: context.in_workspace(config, |workspace| due_leaf::of_device(workspace, name.as_str()))?,
        })
    }

    /// Fails if the word for the broker is the name of a device, as other verbs take it. With a port it is a broker.
    fn check_word(&self, location: &StoreLocation) -> Result<()> {
        let Some(word) = &self.args.server else { return Ok(()) };
        let Ok(device) = word.parse::<DeviceName>() else { return Ok(()) };
        if word.contains(':') || !identity_files::is_known(location, &device)? {
            return Ok(());
        }
        Err(Code::Usage.error(format!("{} is a device, and here the broker is named", quote(word))).fix(format!(
            "check the device with `tbpki check {}`; if the broker has this name, add its port",
            device_option(word)
        )))
    }

    /// The file of the key, or the key in its token.
    fn key(&self, context: &mut Context) -> Result<(Option<PathBuf>, Option<TokenSigner>)> {
        let Some(name) = &self.args.key else { return Ok((None, None)) };
        match &name.location {
            KeyLocation::File(path) => Ok((Some(path.clone()), None)),
            KeyLocation::Token(uri) => {
                let mut pins = Pins::new(self.args.pin_file.as_deref());
                let key = TokenKey::open(uri, &mut || pins.get(name.pin_source.as_deref(), context))?;
                Ok((None, Some(TokenSigner::new(key)?)))
            }
            KeyLocation::Elsewhere => Ok((None, None)),
        }
    }

    /// The server to connect to. `anchors` are those of the device's or the server's files.
    fn server(
        &self,
        kind: BrokerKind,
        with_certificate: bool,
        anchors: Option<PathBuf>,
        context: &mut Context,
    ) -> Result<CheckedServer> {
        let args = self.args;
        let configured = self.config.map(|config| &config.firmware.mqtt_port).filter(|port| port.is_explicit());
        let port = configured.map_or_else(|| kind.default_port(with_certificate), |port| port.value.number());
        let target = match (&args.server, self.config) {
            (Some(text), _) => Target::parse(text, port)?,
            // The target is not used, because there is no connection.
            (None, _) if args.offline => Target::new("localhost", port)?,
            (None, Some(config)) => {
                let host = broker(config, &context.store_location(config)?).map_err(|error| match error.code() {
                    Code::BrokerMissing => error.fix("name it as HOST, or set firmware.mqtt_host in keygen.toml"),
                    _ => error,
                })?;
                Target::new(host.value.as_str(), port)?
            }
            (None, None) => return Err(missing("a broker", "HOST")),
        };
        let trust = match (args.cafile.clone().or(anchors), self.config) {
            (Some(file), _) => AnchorSource::File(file),
            (None, Some(config)) => match &config.server.anchors.value {
                Anchors::Ours => {
                    let (root, store) = (Hierarchy::Server.root(), config.general.store.resolved());
                    let anchors = root.trusted_certificates(store)?;
                    AnchorSource::Certificates { from: root.cert_path(store).display().to_string(), anchors }
                }
                Anchors::System => AnchorSource::System,
                Anchors::File(path) => AnchorSource::File(path.resolved().to_owned()),
            },
            (None, None) => AnchorSource::System,
        };
        Ok(CheckedServer {
            target,
            kind,
            trust,
            platform_url: args.platform_url.clone(),
            timeout: args.timeout,
            now: self.now,
        })
    }

    fn kind(&self) -> BrokerKind {
        match (self.args.kind, self.config.map(|config| config.platform.kind.value)) {
            (Some(KindArg::ThingsBoard), _) | (None, None | Some(PlatformKind::ThingsBoard)) => BrokerKind::ThingsBoard,
            (Some(KindArg::ActorCloud), _) | (None, Some(PlatformKind::ActorCloud)) => BrokerKind::ActorCloud,
            (Some(KindArg::Mqtt), _) => BrokerKind::Mqtt,
        }
    }
}

fn missing(what: &str, flag: &str) -> base::Error {
    Code::Usage.error(format!("{what} is required")).fix(format!("use {flag}"))
}

impl Report for CheckReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = terminal::width();
        if let Some(server) = &self.server {
            writeln!(out, "{}", printable(server))?;
        }
        for layer in &self.layers {
            let (verdict, mood) = match layer.verdict {
                Verdict::Ok => ("ok", Mood::Good),
                Verdict::Warning => ("warning", Mood::Warning),
                Verdict::Fault => ("FAULT", Mood::Bad),
                Verdict::Skipped => ("-", Mood::Neutral),
            };
            let style = mood.style();
            write!(out, "{style}{verdict}{style:#}{:1$}{2:<20}", "", 8 - verdict.len(), layer.layer)?;
            let worst = layer.worst();
            match worst {
                None => terminal::write_wrapped(out, &printable(&layer.says).to_string(), TEXT, TEXT, width)?,
                Some(finding) => write_finding(out, finding, FindingLayout::Cell { column: TEXT, width })?,
            }
            // The effects of the login were told before it.
            let rest = layer.findings.iter().filter(|finding| finding.code != Code::ConnectionEffects);
            for finding in rest.filter(|finding| Some(*finding) != worst) {
                let word = if finding.severity == Severity::Note { "note, " } else { "" };
                write!(out, "        {word}")?;
                write_finding(out, finding, FindingLayout::Cell { column: 8 + word.len(), width })?;
            }
            if let (Layer::Tls, Some(tls)) = (layer.layer, &self.tls) {
                write_tls(out, tls, width)?;
            }
        }
        let faults = self.layers.iter().filter(|layer| layer.verdict == Verdict::Fault).count();
        match faults {
            0 if self.layers.iter().any(|layer| layer.verdict == Verdict::Warning) => {
                writeln!(out, "all checks passed, with warnings")
            }
            0 => writeln!(out, "all checks passed"),
            1 => writeln!(out, "1 check failed"),
            many => writeln!(out, "{many} checks failed"),
        }
    }
}

/// The column at which the text of a layer begins.
const TEXT: usize = 28;

fn write_tls(out: &mut dyn Write, tls: &TlsReport, width: Option<usize>) -> io::Result<()> {
    let mut line = |text: &str| {
        write!(out, "        ")?;
        terminal::write_wrapped(out, text, 8, 10, width)
    };
    for certificate in &tls.sent {
        let (subject, issuer) = (printable(&certificate.subject), printable(&certificate.issuer));
        line(&format!("sent: {subject}, issued by {issuer}"))?;
    }
    tls.acceptable_issuers
        .iter()
        .try_for_each(|issuer| line(&format!("accepts certificates from: {}", printable(issuer))))
}
