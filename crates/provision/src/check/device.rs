//! The check of a device's login.

use std::sync::Arc;
use std::time::Instant;

use base::{Code, Finding, Result, Secret, Severity, file};
use pki::Certificate;
use pki::key::SigningKey as _;
use rustls::crypto::aws_lc_rs;

use super::issuers::IssuersAdvice;
use super::layer::{Layer, LayerReport, Verdict};
use super::login::{self, LoginOutcome, LoginRequest};
use super::rejection::LoginContext;
use super::report::CheckReport;
use super::tls_session::TlsSession;
use super::wire::{self, ServerView};
use super::{Announce, BrokerKind, CheckDepth, CheckedCredential, DeviceCheck, RevokedLeaf, due, issuers, token_of};
use crate::files::LoginKey;
use crate::files::login::{Aspect, LoginFiles, LoginFindings};
use crate::tls::{ClientKey, CloseReason, TrustPolicy};

/// The credential that was read from the files.
enum LoadedLogin {
    Certificate { key: LoginKey, chain: Vec<Certificate>, leaf: Certificate },
    Token(Secret),
    Nothing,
}

/// Checks a device. The effects of a login are announced before it happens.
pub fn check_device(check: &DeviceCheck, announce: Announce<'_>) -> CheckReport {
    let mut report = CheckReport::default();
    let held = hold(check, &mut report);
    if check.depth == CheckDepth::Files {
        wire::anchors(&check.server, &mut report);
    } else if let Some(seen) = wire::look(&check.server, &mut report) {
        let asked = client_certificate(check, &held, &seen);
        let why_not = why_no_login(check, &held, &asked, &seen);
        match (why_not, &seen.trusted) {
            (None, Some(policy)) => {
                let attempt = LoginAttempt { check, held: &held, seen: &seen, policy };
                if let Err(error) = attempt.log_in(asked, announce, &mut report) {
                    report.push(LayerReport::new(Layer::Login, "not tried", vec![error.into_finding()]));
                }
            }
            (why_not, _) => {
                report.push(asked);
                let why = why_not.unwrap_or("nothing is sent to a server that is not trusted");
                report.push(LayerReport::skipped(Layer::Login, why));
            }
        }
    }
    report.close()
}

/// Reads the files and adds their layers to the report.
fn hold(check: &DeviceCheck, report: &mut CheckReport) -> LoadedLogin {
    match &check.auth {
        CheckedCredential::Certificate { files, token } => {
            let looked = files.look(check.server.now);
            file_layers(check, files, &looked, token.is_some(), report);
            match (looked.is_usable(), looked) {
                (true, LoginFindings { key: Some(key), chain, leaf: Some(leaf), .. }) => {
                    LoadedLogin::Certificate { key, chain, leaf }
                }
                _ => LoadedLogin::Nothing,
            }
        }
        CheckedCredential::Token(path) => {
            let shown = path.display().to_string();
            let token = token_of(path);
            let faults = token.as_ref().err().map(|error| error.finding().clone()).into_iter().collect();
            report.push(LayerReport::new(Layer::Files, &shown, faults));
            let loose = file::loose_permissions(path).into_iter().collect();
            report.push(LayerReport::new(Layer::Permissions, "the token is private", loose));
            token.map_or(LoadedLogin::Nothing, LoadedLogin::Token)
        }
    }
}

fn file_layers(check: &DeviceCheck, files: &LoginFiles, looked: &LoginFindings, token: bool, report: &mut CheckReport) {
    let names = [&files.key, &files.cert, &files.chain].into_iter().flatten();
    let uri = files.token_key.iter().map(|signer| signer.key().uri().to_string());
    let names = uri.chain(names.map(|path| path.display().to_string())).collect::<Vec<_>>().join(", ");
    let leaf = looked.leaf.as_ref();
    let key = looked.key.as_ref().map(|key| format!("{}, belongs to the certificate", key.public().algorithm()));
    let chain = looked.chain.iter().map(Certificate::label).collect::<Vec<_>>().join(", then ");
    let dates = leaf.map(|leaf| format!("until {}", leaf.not_after().date()));
    let unseen = || "there is nothing to look at".to_owned();
    for (aspect, says) in [
        (Aspect::Files, Some(names)),
        (
            Aspect::Permissions,
            Some(if files.token_key.is_some() { "the key is in a token" } else { "the key is private" }.to_owned()),
        ),
        (Aspect::Key, key.or_else(|| looked.findings.iter().any(|(a, _)| *a == Aspect::Key).then(unseen))),
        (Aspect::Chain, (!chain.is_empty()).then_some(chain)),
        (Aspect::Dates, dates),
        (Aspect::Purpose, leaf.map(|_| "a TLS client".to_owned())),
    ] {
        let found = looked.findings.iter().filter(|(found, _)| *found == aspect);
        let mut found: Vec<Finding> = found.map(|(_, finding)| suited(check.server.kind, finding.clone())).collect();
        if aspect == Aspect::Files && token {
            found.push(
                Code::TokenIgnored
                    .warning("a token is given together with a certificate, and is not sent")
                    .because("ThingsBoard uses only the certificate, and ignores the token")
                    .fix("choose with --auth certificate or --auth token"),
            );
        }
        if aspect == Aspect::Files {
            found.extend(check.outdated.clone());
        }
        if aspect == Aspect::Dates {
            found.extend(leaf.and_then(|leaf| revocation(check, leaf)));
            if let Some(leaf) = leaf {
                due::mark(&mut found, leaf, check.due.as_slice());
            }
        }
        let layer = Layer::from(aspect);
        // An aspect without a text was not looked at, for example because the file before it is missing.
        report.push(match says {
            Some(says) => LayerReport::new(layer, says, found),
            None => LayerReport::skipped(layer, unseen()),
        });
    }
}

/// The fault of a leaf that the ledger knows as revoked, whatever the broker makes of it.
fn revocation(check: &DeviceCheck, leaf: &Certificate) -> Option<Finding> {
    let revoked = revoked(check, leaf)?;
    // From the ledger: what the broker knows of the revocation is shown by the login itself.
    let reason = revoked.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let finding = Code::Revoked.fault(format!("the ledger has it as revoked on {}{reason}", revoked.at.date()));
    Some(finding.fix("issue a new generation: `tbpki client --device NAME`"))
}

fn revoked<'a>(check: &'a DeviceCheck, leaf: &Certificate) -> Option<&'a RevokedLeaf> {
    let id = leaf.credentials_id();
    check.revoked.iter().find(|revoked| revoked.credentials_id == id)
}

/// Lowers the severity of findings that are normal for this platform.
fn suited(kind: BrokerKind, mut finding: Finding) -> Finding {
    // ActorCloud issues such certificates itself, so that the user cannot do better.
    let of_course = kind == BrokerKind::ActorCloud && finding.code == Code::VersionOne;
    if of_course && finding.severity == Severity::Warning {
        finding.severity = Severity::Note;
    }
    finding
}

/// The layer for the certificate request of the probed server.
fn client_certificate(check: &DeviceCheck, held: &LoadedLogin, seen: &ServerView) -> LayerReport {
    let layer = Layer::ClientCertificate;
    let asked = seen.probe.client_certificate.as_ref();
    let says = match asked.map(|asked| asked.acceptable_issuers.len()) {
        None => "it asks for none".to_owned(),
        Some(count) => issuers::asked(count),
    };
    match (&check.auth, asked) {
        // Whatever it asks for: in one-way TLS a request without an answer is not a fault.
        (CheckedCredential::Token(_), _) => LayerReport::new(layer, format!("{says}; none is shown"), vec![]),
        (CheckedCredential::Certificate { .. }, None) => {
            let fault = Code::CertificateNotAsked
                .fault("the server does not request a client certificate")
                .because(match check.server.kind {
                    BrokerKind::ThingsBoard => {
                        "ThingsBoard always asks: something ends TLS before it, or this is another listener"
                    }
                    BrokerKind::ActorCloud => "this is not the listener for two-way TLS, which is at port 8884",
                    BrokerKind::Mqtt => "its listener is not set up for client certificates",
                })
                .fix(match check.server.kind {
                    BrokerKind::ThingsBoard => "let the balancer pass TCP through, or log in with an access token",
                    BrokerKind::ActorCloud => "name port 8884",
                    BrokerKind::Mqtt => "mosquitto: cafile and require_certificate in the listener's section",
                });
            LayerReport::new(layer, says, vec![fault])
        }
        (CheckedCredential::Certificate { .. }, Some(asked)) => {
            let named: Vec<&[u8]> = asked.acceptable_issuers.iter().map(Vec::as_slice).collect();
            let chain = if let LoadedLogin::Certificate { chain, .. } = held { chain.as_slice() } else { &[] };
            let own: Vec<&[u8]> = chain.iter().map(Certificate::issuer_der).collect();
            LayerReport::new(
                layer,
                says,
                issuers::finding(&own, &named, IssuersAdvice::UseKeystore).into_iter().collect(),
            )
        }
    }
}

/// The reason why no login is attempted, apart from an untrusted server.
fn why_no_login(
    check: &DeviceCheck,
    held: &LoadedLogin,
    asked: &LayerReport,
    seen: &ServerView,
) -> Option<&'static str> {
    match held {
        _ if check.depth < CheckDepth::Login => Some("not asked for (--no-connect)"),
        _ if seen.trusted.is_none() => None,
        LoadedLogin::Nothing => Some("the files must be repaired first"),
        // The login would fail too, with an answer that hides the reason that is known here.
        _ if asked.verdict == Verdict::Fault => Some("the certificate would not be shown"),
        _ => None,
    }
}

/// A login attempt.
struct LoginAttempt<'a> {
    check: &'a DeviceCheck,
    held: &'a LoadedLogin,
    seen: &'a ServerView,
    policy: &'a Arc<TrustPolicy>,
}

impl LoginAttempt<'_> {
    fn log_in(&self, asked: LayerReport, announce: Announce<'_>, report: &mut CheckReport) -> Result<()> {
        let server = &self.check.server;
        let (client, words, effects) = (Arc::new(self.client()?), self.words()?, self.effects());
        effects.iter().for_each(|effect| announce(&effect.what));
        let case = LoginContext {
            kind: server.kind,
            shown: if let LoadedLogin::Certificate { leaf, .. } = self.held { Some(leaf) } else { None },
            registered: self.check.registered.as_ref(),
            profile: self.check.profile.as_ref(),
            is_revoked: match self.held {
                LoadedLogin::Certificate { leaf, .. } => revoked(self.check, leaf).is_some(),
                LoadedLogin::Token(_) | LoadedLogin::Nothing => false,
            },
            unregistered: match self.held {
                LoadedLogin::Certificate { leaf, .. } => {
                    let id = leaf.credentials_id();
                    self.check.unregistered.as_ref().filter(|one| one.credentials_id == id)
                }
                LoadedLogin::Token(_) | LoadedLogin::Nothing => None,
            },
            client_id: &words.client_id,
            now: server.now,
        };
        let deadline = Instant::now() + server.timeout;
        let opened = TlsSession::open(&server.target, self.seen.address, self.policy.clone(), &client, deadline);
        let mut asked = asked;
        // Without this, it would seem that the broker refuses the certificate, which was never sent.
        if case.shown.is_some() && client.asked().is_some_and(|asked| !asked.takes_key) {
            asked.findings.push(
                Code::KeyNotAccepted
                    .fault("the server does not accept signatures of this kind of key, so nothing was proven")
                    .fix("issue an identity with --alg ec-p256"),
            );
            report.push(LayerReport::new(asked.layer, asked.says, asked.findings));
            report.push(LayerReport::skipped(Layer::Login, "the certificate would not be shown"));
            if let Ok(session) = opened {
                session.close();
            }
            return Ok(());
        }
        let mut session = match opened {
            Ok(session) => session,
            Err(reason) => {
                asked.findings.push(match &reason {
                    CloseReason::Alert(_) => case.ended(&reason, server.timeout),
                    other => Code::TlsFailed
                        .fault("the server does not complete the handshake")
                        .because(other.text(server.timeout))
                        .fix("look into the server's log for its reason"),
                });
                report.push(LayerReport::new(asked.layer, asked.says, asked.findings));
                report.push(LayerReport::skipped(Layer::Login, "there is no connection for it"));
                return Ok(());
            }
        };
        report.push(asked);
        let outcome = login::log_in(&mut session, &words)?;
        let mut findings = effects;
        findings.extend(login::finding(&outcome, &case, server.timeout));
        let says = format!("{} as {:?}", words.version, words.client_id);
        report.push(LayerReport::new(Layer::Login, says, findings));
        if let LoginOutcome::In(mut reader) = outcome {
            if self.check.depth == CheckDepth::Telemetry {
                let published = login::publish(&mut session, &mut reader, &words, server.timeout)?;
                report.push(published);
            }
            login::leave(&mut session);
        }
        session.close();
        Ok(())
    }

    fn client(&self) -> Result<ClientKey> {
        match self.held {
            LoadedLogin::Certificate { key, chain, .. } => ClientKey::new(key, chain, &aws_lc_rs::default_provider()),
            // Never both: with a certificate, ThingsBoard ignores the token.
            LoadedLogin::Token(_) | LoadedLogin::Nothing => Ok(ClientKey::none()),
        }
    }

    fn words(&self) -> Result<LoginRequest> {
        let check = self.check;
        let given = check.user_name.clone().map(Secret::new);
        let (user_name, password) = match (self.held, check.server.kind) {
            (LoadedLogin::Token(token), BrokerKind::ThingsBoard) => (Some(token.clone()), None),
            (LoadedLogin::Token(token), BrokerKind::Mqtt) if given.is_none() => (Some(token.clone()), None),
            (LoadedLogin::Token(token), _) => (given, Some(token.clone())),
            // ThingsBoard ignores the user name; without one its answer is more specific (`LoginContext::refused`).
            (_, BrokerKind::ThingsBoard) => (None, None),
            (_, _) => (given, None),
        };
        let client_id = check.client_id.clone().map_or_else(unused_client_id, Ok)?;
        Ok(LoginRequest { kind: check.server.kind, version: check.version, client_id, user_name, password })
    }

    /// The effects that a login may have.
    fn effects(&self) -> Vec<Finding> {
        let note = |what: &str| Code::ConnectionEffects.note(what);
        let mut notes = Vec::new();
        if self.check.server.kind == BrokerKind::ThingsBoard {
            notes.push(note("a session that this device has now will be ended: ThingsBoard keeps one for each device"));
            if matches!(self.held, LoadedLogin::Certificate { .. }) {
                let what =
                    "if a device profile provisions devices by this certificate's issuer, the device may be created";
                notes.push(note(what));
            }
        } else if let Some(client_id) = &self.check.client_id {
            notes.push(note(&format!("a session that the client id {client_id:?} has now will be ended")));
        }
        notes
    }
}

/// A random client id, so that the login does not end the session of another client.
fn unused_client_id() -> Result<String> {
    let mut random = [0; 6];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| Code::Internal.error("the system gave no random numbers"))?;
    Ok(random.iter().fold("tbpki-check-".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}
