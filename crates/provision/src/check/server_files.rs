//! The check of a server: whether ThingsBoard can load its files, and whether it sends their certificate.

use std::path::Path;

use base::file::BulkDir;
use base::text::quote;
use base::{Code, Finding};
use pki::Certificate;
use pki::verify::{self, Purpose};

use super::issuers::IssuersAdvice;
use super::layer::{Layer, LayerReport};
use super::report::CheckReport;
use super::trust::{concerns_leaf, judge};
use super::wire::{self, ServerView};
use super::{DueLeaf, ServerCheck, due, issuers};
use crate::files::thingsboard::{FoundSettings, LoadedCredentials, MqttSettings, Source, load};
use crate::tls::TrustPolicy;

/// The file with the devices' CAs that `tbpki server` writes.
const CLIENTS_CA: &str = "clients-ca.pem";

/// Checks the files of a server, and the server if its address is given.
pub fn check_server(check: &ServerCheck) -> CheckReport {
    let mut report = CheckReport::default();
    let mut devices_ca = check.devices_ca.clone();
    if devices_ca.is_empty() {
        // Without this file the layer "issuers" is skipped, with a reason.
        devices_ca = wire::of_file(&check.dir.join(CLIENTS_CA)).unwrap_or_default();
    }
    let issuing: Vec<&[u8]> = devices_ca.iter().map(Certificate::subject_der).collect();
    let advice = advice(&check.dir);
    let loaded = files(check, &issuing, advice, &mut report);
    if let Some(server) = &check.server
        && let Some(seen) = wire::look(server, &mut report)
    {
        report.push(served(&seen, loaded.as_ref()));
        report.push(client_certificate(&seen, &issuing, advice));
    }
    report.close()
}

/// The advice for clients that choose by issuer: without the key, `tbpki server --csr` has written no keystore.
fn advice(dir: &Path) -> IssuersAdvice {
    // A directory that cannot be read is reported with its files.
    let names = BulkDir::open(dir).and_then(|dir| dir.names()).unwrap_or_default();
    let is_keystore = |name: &String| [".p12", ".pfx", ".jks"].iter().any(|end| name.ends_with(end));
    if names.iter().any(is_keystore) { IssuersAdvice::UseKeystore } else { IssuersAdvice::MakeKeystore }
}

fn files(
    check: &ServerCheck,
    issuing: &[&[u8]],
    advice: IssuersAdvice,
    report: &mut CheckReport,
) -> Option<LoadedCredentials> {
    let shown = check.dir.display();
    let (settings, mut found) = match FoundSettings::read(&check.dir) {
        Ok((Some(settings), found)) => (settings, found),
        Ok((None, _)) => {
            let fault = Code::FileUnreadable
                .fault(
                    "there are no settings of ThingsBoard (thingsboard.conf, thingsboard.env or those of a container)",
                )
                .at(&check.dir)
                .fix("name the directory that `tbpki server --out` wrote to: --server DIR");
            report.push(LayerReport::new(Layer::Settings, shown.to_string(), vec![fault]));
            return None;
        }
        Err(error) => {
            report.push(LayerReport::new(Layer::Settings, shown.to_string(), vec![error.into_finding()]));
            return None;
        }
    };
    let mqtt = settings.mqtt();
    if !mqtt.enabled {
        let fault = Code::TlsNotEnabled.fault("ThingsBoard is not configured to use TLS for MQTT");
        let fault = fault.fix("append `export MQTT_SSL_ENABLED=true`, as thingsboard.env has it");
        found.push(match &settings.file {
            Some(file) => fault.at(file),
            None => fault,
        });
    }
    // The anchors that the web interface offers: devices that take these must be able to verify the chain.
    let anchors = anchors(&mqtt, &check.dir, &mut found);
    let (loaded, of_files) = load(&settings, &check.dir);
    found.extend(of_files);
    let mut found: Vec<(Layer, Finding)> = found.into_iter().map(|finding| (layer_of(finding.code), finding)).collect();
    if let Some(loaded) = &loaded {
        chain_findings(check, &mqtt, loaded, &anchors, &mut found);
    }
    let file = settings.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    enter(&file, loaded.as_ref(), &found, &check.due, report);
    report.push(issuers_layer(loaded.as_ref(), issuing, advice));
    loaded
}

/// The trust anchors that ThingsBoard's web interface gives to devices.
fn anchors(mqtt: &MqttSettings, dir: &Path, found: &mut Vec<Finding>) -> Vec<Certificate> {
    let Some(path) = mqtt.ca_root_cert.as_ref().map(|path| dir.join(path)) else { return Vec::new() };
    if !path.exists() {
        found.push(
            Code::SettingsMismatch
                .fault("the file with the anchors for devices is not there")
                .because(format!("{} is not there", path.display()))
                .item("DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT")
                .fix("name the cafile.pem that `tbpki server` wrote"),
        );
        return Vec::new();
    }
    wire::of_file(&path).map_err(|error| found.push(error.into_finding())).unwrap_or_default()
}

/// The findings that clients have for the chain in the files.
fn chain_findings(
    check: &ServerCheck,
    mqtt: &MqttSettings,
    loaded: &LoadedCredentials,
    anchors: &[Certificate],
    found: &mut Vec<(Layer, Finding)>,
) {
    let Some(leaf) = loaded.chain.first() else { return };
    if let Some(revoked) = check.revoked.iter().find(|revoked| revoked.fingerprint == leaf.fingerprint()) {
        let reason = revoked.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        let fault = Code::Revoked.fault(format!("the ledger has it as revoked on {}{reason}", revoked.at.date()));
        let fault = fault.fix("issue a new generation: `tbpki server --name NAME --force`");
        found.push((layer_of(fault.code), fault));
    }
    if let Some(replaced) = check.replaced.iter().find(|replaced| replaced.fingerprint == leaf.fingerprint()) {
        let fault = Code::IdentityChanged
            .fault(format!("a later certificate of the server {} has replaced this one", quote(&replaced.name)))
            .because(format!("the ledger has generation {} of the server in use", replaced.by))
            .fix(&replaced.help);
        found.push((Layer::Files, fault));
    }
    let host = mqtt.host.as_deref().and_then(|host| host.parse().ok());
    let judged = match host {
        Some(host) if !anchors.is_empty() => {
            let policy = TrustPolicy { anchors: anchors.to_vec(), host, time: Some(check.now) };
            let sent: Vec<&[u8]> = loaded.chain.iter().map(Certificate::der).collect();
            judge(&policy, &sent).into_iter().map(|(_, finding)| finding).collect()
        }
        // Without anchors or a host there is no path and no name to judge.
        _ => verify::leaf_alone(leaf, Purpose::Server, check.now),
    };
    for finding in judged {
        // Loading the files has already reported the order and the key.
        if !found.iter().any(|(_, known)| known.code == finding.code) {
            found.push((layer_of(finding.code), finding));
        }
    }
}

fn layer_of(code: Code) -> Layer {
    match code {
        Code::NeedsShell
        | Code::SettingsMismatch
        | Code::TlsNotEnabled
        | Code::SilentKeystore
        | Code::UnwatchedFile => Layer::Settings,
        Code::NothingToLoad
        | Code::FileUnreadable
        | Code::CertificateUnreadable
        | Code::KeystoreUnreadable
        | Code::KeyUnreadable => Layer::Files,
        Code::LoosePermissions => Layer::Permissions,
        Code::KeyMismatch
        | Code::KeyEncrypted
        | Code::KeyPasswordDiffers
        | Code::KeystorePassword
        | Code::EntryMissing
        | Code::UnknownAlgorithm => Layer::Key,
        Code::Expired | Code::NotYetValid => Layer::Dates,
        Code::WrongName | Code::LegacyName => Layer::Names,
        code if concerns_leaf(code) => Layer::Purpose,
        _ => Layer::Chain,
    }
}

fn enter(
    file: &str,
    loaded: Option<&LoadedCredentials>,
    found: &[(Layer, Finding)],
    due: &[DueLeaf],
    report: &mut CheckReport,
) {
    let leaf = loaded.and_then(|loaded| loaded.chain.first());
    let source = loaded.map(|loaded| {
        let files = loaded.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        match loaded.source {
            Source::Pem => format!("PEM: {files}"),
            Source::Keystore => format!("keystore: {files}"),
        }
    });
    let has_key = loaded.is_some_and(|loaded| loaded.has_key);
    let chain = loaded.map(|loaded| loaded.chain.iter().map(Certificate::label).collect::<Vec<_>>().join(", then "));
    for (layer, says) in [
        (Layer::Settings, Some(file.to_owned())),
        (Layer::Files, source),
        (Layer::Permissions, Some("only the owner can read them".to_owned())),
        (Layer::Key, leaf.filter(|_| has_key).map(|_| "it opens, and belongs to the certificate".to_owned())),
        (Layer::Chain, chain),
        (Layer::Dates, leaf.map(|leaf| format!("until {}", leaf.not_after().date()))),
        (Layer::Purpose, leaf.map(|_| "a TLS server".to_owned())),
        (Layer::Names, leaf.map(|leaf| leaf.sans().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))),
    ] {
        let mut of_layer: Vec<Finding> =
            found.iter().filter(|(found, _)| *found == layer).map(|(_, finding)| finding.clone()).collect();
        if let (Layer::Dates, Some(leaf)) = (layer, leaf) {
            due::mark(&mut of_layer, leaf, due);
        }
        report.push(match says {
            // A layer with a finding is shown even if nothing was loaded: the finding is why.
            None if of_layer.is_empty() && layer == Layer::Key && leaf.is_some() => {
                LayerReport::skipped(layer, "there is no key")
            }
            None if of_layer.is_empty() => LayerReport::skipped(layer, "nothing was loaded"),
            says => LayerReport::new(layer, says.unwrap_or_else(|| "nothing was loaded".to_owned()), of_layer),
        });
    }
}

/// The layer for Java and Go clients, which choose their certificate by issuer.
fn issuers_layer(loaded: Option<&LoadedCredentials>, issuing: &[&[u8]], advice: IssuersAdvice) -> LayerReport {
    let Some(loaded) = loaded else { return LayerReport::skipped(Layer::Issuers, "nothing was loaded") };
    if issuing.is_empty() {
        return LayerReport::skipped(Layer::Issuers, "the devices' CAs are not known: there is no clients-ca.pem");
    }
    let named: Vec<&[u8]> = loaded.named.iter().map(Certificate::subject_der).collect();
    let names = loaded.named.iter().map(Certificate::label).collect::<Vec<_>>().join(", ");
    let finding = issuers::finding(issuing, &named, advice);
    LayerReport::new(Layer::Issuers, format!("the server names {names}"), finding.into_iter().collect())
}

/// The layer that compares the server's certificate with its files.
fn served(seen: &ServerView, loaded: Option<&LoadedCredentials>) -> LayerReport {
    let Some(expected) = loaded.and_then(|loaded| loaded.chain.first()) else {
        return LayerReport::skipped(Layer::Served, "there is nothing to compare it with");
    };
    // ThingsBoard before 4.3.1.3 reads its files only when it starts; later versions look every 60 s.
    let same = seen.probe.chain.first().is_some_and(|sent| sent == expected.der());
    let fault = Code::OtherCertificateServed
        .fault("the server sends another certificate than its files contain")
        .because(format!("the files contain serial number {}", expected.serial_hex()))
        .fix("restart ThingsBoard, or check which server answers at this address");
    LayerReport::new(Layer::Served, "the certificate of the files", if same { vec![] } else { vec![fault] })
}

fn client_certificate(seen: &ServerView, issuing: &[&[u8]], advice: IssuersAdvice) -> LayerReport {
    let layer = Layer::ClientCertificate;
    let Some(asked) = &seen.probe.client_certificate else {
        let finding = Code::CertificateNotAsked.fault("the server does not request a client certificate");
        let finding = finding
            .because("ThingsBoard always asks: something ends TLS before it, or this is another listener")
            .fix("let the balancer pass TCP through");
        return LayerReport::new(layer, "it asks for none", vec![finding]);
    };
    let named: Vec<&[u8]> = asked.acceptable_issuers.iter().map(Vec::as_slice).collect();
    let finding = issuers::finding(issuing, &named, advice);
    LayerReport::new(layer, issuers::asked(named.len()), finding.into_iter().collect())
}
