//! Proving a renewed device certificate by a login.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use base::{Code, Error, Finding, Result, Severity};
use config::{Anchors, PlatformKind};
use provision::Target;
use provision::check::{
    AnchorSource, BrokerKind, CheckDepth, CheckReport, CheckedCredential, CheckedServer, DeviceCheck, Layer, Verdict,
    check_device,
};
use provision::files::LoginFiles;
use provision::mqtt::Version;
use store::Workspace;
use store::ca::Hierarchy;
use store::file_names::{ANCHORS, CERT, CHAIN, KEY};

/// The time limit of each connection.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The broker that proves renewals.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    server: CheckedServer,
    /// Why it cannot be reached at all, once that was seen: the next devices of a run do not wait for it again.
    away: OnceCell<Finding>,
}

/// The result of a login.
#[derive(Debug)]
pub(super) enum LoginResult {
    /// The broker accepted it.
    Accepted,
    /// The broker refused it, or no answer came.
    Refused(Error),
}

impl Broker {
    /// The broker that was named (`HOST[:PORT]`), else the one that devices connect to.
    ///
    /// # Errors
    /// [`Code::BrokerMissing`], [`Code::BadValue`].
    pub(super) fn of(workspace: &Workspace<'_>, named: Option<&str>) -> Result<Self> {
        let config = workspace.config;
        let kind = match config.platform.kind.value {
            PlatformKind::ThingsBoard => BrokerKind::ThingsBoard,
            // ActorCloud makes the keys itself, so that there is no renewal of ours to prove.
            PlatformKind::ActorCloud => return Err(crate::platform::foreign_keys()),
        };
        let port = if config.firmware.mqtt_port.is_explicit() {
            config.firmware.mqtt_port.value.number()
        } else {
            kind.default_port(true)
        };
        let target = match named {
            Some(text) => Target::parse(text, port)?,
            None => Target::new(identity::broker::broker(config, &workspace.location)?.value.as_str(), port)?,
        };
        let trust = match &config.server.anchors.value {
            Anchors::Ours => AnchorSource::File(Hierarchy::Server.root().cert_path(workspace.store_dir())),
            Anchors::System => AnchorSource::System,
            Anchors::File(path) => AnchorSource::File(path.resolved().to_owned()),
        };
        Ok(Self {
            server: CheckedServer { target, kind, trust, platform_url: None, timeout: TIMEOUT, now: workspace.now },
            away: OnceCell::new(),
        })
    }

    /// Fails if the broker cannot be reached, is not trusted, or if the files in a directory are no identity: a login
    /// would prove nothing. No login happens.
    ///
    /// # Errors
    /// [`Code::RenewalUnproven`].
    pub(super) fn check_reachable(&self, dir: &Path) -> Result<()> {
        let proves_nothing = |finding: &Finding| {
            Code::RenewalUnproven
                .error("the renewed certificate cannot be tried, so the platform is left as it is")
                .because(finding.to_string())
                .fix("repair this, then run the same command again; name the broker with --broker HOST:PORT")
        };
        if let Some(away) = self.away.get() {
            return Err(proves_nothing(away));
        }
        let report = self.check(dir, CheckDepth::Server);
        let Some(finding) = worst(&report) else { return Ok(()) };
        // Files or anchors of one device are no reason against another.
        if !finding.code.is_of_one() {
            self.away.get_or_init(|| finding.clone());
        }
        Err(proves_nothing(finding))
    }

    /// Logs in with the files in a directory.
    pub(super) fn log_in(&self, dir: &Path) -> LoginResult {
        let report = self.check(dir, CheckDepth::Login);
        let accepted =
            report.layer(Layer::Login).is_some_and(|layer| matches!(layer.verdict, Verdict::Ok | Verdict::Warning));
        if accepted {
            return LoginResult::Accepted;
        }
        let why = worst(&report).map_or_else(|| "no login was tried".to_owned(), ToString::to_string);
        LoginResult::Refused(
            Code::RenewalRefused.error("the broker does not accept the renewed certificate").because(why),
        )
    }

    fn check(&self, dir: &Path, depth: CheckDepth) -> CheckReport {
        let mut server = self.server.clone();
        let anchors = dir.join(ANCHORS);
        // As the device will: by its own anchors, which may be other ones than those of new devices.
        if anchors.exists() {
            server.trust = AnchorSource::File(anchors);
        }
        let path = |name: &str| Some(dir.join(name));
        let files = LoginFiles { key: path(KEY), cert: path(CERT), chain: path(CHAIN), ..LoginFiles::default() };
        let check = DeviceCheck {
            server,
            auth: CheckedCredential::Certificate { files, token: None },
            // The version that the firmware speaks.
            version: Version::V311,
            // A random one, so that the login does not end the session of the device.
            client_id: None,
            user_name: None,
            registered: None,
            profile: None,
            revoked: Vec::new(),
            unregistered: None,
            outdated: None,
            due: None,
            depth,
        };
        check_device(&check, &mut |effect| tracing::info!(effect, "a login with the renewed certificate"))
    }
}

/// The worst fault of a report.
fn worst(report: &CheckReport) -> Option<&Finding> {
    let faults = report.layers.iter().filter(|layer| layer.verdict == Verdict::Fault);
    faults.filter_map(|layer| layer.worst()).find(|finding| finding.severity >= Severity::Fault)
}
