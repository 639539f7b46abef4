//! The enrolment service that images name.

use std::path::{Path, PathBuf};

use base::text::quote;
use base::{Code, Error, Finding, Result, Secret, digest, file};
use config::HostName;
use device::record::{EnrolmentSettings, SALT};
use identity::lifecycle::one_time_password;
use identity::profile_ca;
use ledger::{Kind, NewPassword, ReservedNames, View};
use pki::Certificate;
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::{Ca, Hierarchy};
use store::{FILE_LIMIT, Workspace};
use time::OffsetDateTime;

use super::request::EnrolmentRequest;
use identity::files::output::pem_of;

/// The usual port of HTTPS.
const HTTPS: u16 = 443;

/// The longest lifetime in days of a factory certificate below the CA of a profile. The platform creates a device for each of
/// them, so an older one that is still valid takes the place of a renewed one.
const LONGEST_IN_CHAIN_MODE: i64 = 397;

/// The enrolment service in a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EnrolmentReport {
    /// The host name or IP address.
    pub host: String,
    /// The TCP port of the service.
    pub port: u16,
    /// The label of the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The days before its end at which a certificate is renewed; absent for a third of its lifetime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_days: Option<u16>,
    /// The time from which on new one-time passwords are refused (RFC 3339, UTC).
    pub passwords_expire: String,
}

/// The enrolment service of the devices of a request, checked.
pub(crate) struct Enrolment {
    host: HostName,
    port: u16,
    label: Option<DeviceName>,
    anchors: Vec<Certificate>,
    renew_days: Option<u16>,
    expires_at: OffsetDateTime,
    accept_long_certificates: bool,
    /// The CAs of profiles, each with its profile.
    profiles: Vec<(Certificate, DeviceName)>,
    store: PathBuf,
    now: OffsetDateTime,
}

impl Enrolment {
    /// # Errors
    /// [`Code::EnrolmentUrl`], [`Code::EnrolmentNeedsTime`], [`Code::UnknownProfile`], and those of the files.
    pub(super) fn new(workspace: &Workspace<'_>, request: &EnrolmentRequest) -> Result<Self> {
        let (host, port) = address(&request.url)?;
        if workspace.config.firmware.ntp_server.value.as_str().is_empty() {
            return Err(Code::EnrolmentNeedsTime
                .error("devices that fetch certificates need a time server")
                .argument("--enroll")
                .because("without the date, no certificate is ever due for renewal")
                .fix("set firmware.ntp_server in keygen.toml"));
        }
        let store = workspace.store_dir().to_owned();
        if let Some(label) = &request.label {
            profile_ca::pattern(&store, label).map_err(|error| error.argument("--label"))?;
        }
        let mut profiles = Vec::new();
        for profile in profile_ca::names(&workspace.view()?)? {
            let certificates = Ca::Profile(profile.clone()).trusted_certificates(&store)?;
            profiles.extend(certificates.into_iter().map(|certificate| (certificate, profile.clone())));
        }
        Ok(Self {
            host,
            port,
            label: request.label.clone(),
            anchors: anchors(&store, request.anchors.as_deref(), workspace.now)?,
            renew_days: workspace
                .config
                .renewal
                .before
                .value
                .map(|days| u16::try_from(days.number()).unwrap_or(u16::MAX)),
            expires_at: request.password.end(workspace.config)?,
            accept_long_certificates: request.accept_long_certificates,
            profiles,
            store,
            now: workspace.now,
        })
    }

    /// The entries of the record of a device that trusts these anchors. Without a password it has a factory identity.
    pub(crate) fn settings(&self, device_anchors: &str, proof: Proof<'_>) -> EnrolmentSettings {
        let needed = pem_of(self.anchors.iter().filter(|anchor| !device_anchors.contains(anchor.to_pem().trim())));
        let password = match proof {
            Proof::Password(password) => password.reveal().into(),
            Proof::Identity { .. } => device::Secret::default(),
        };
        EnrolmentSettings {
            host: self.host.as_str().to_owned(),
            port: self.port,
            label: self.label.as_ref().map(|label| label.as_str().to_owned()).unwrap_or_default(),
            // All of them if one is needed: the chip replaces its anchors, and does not add to them.
            anchors: if needed.is_empty() { String::new() } else { pem_of(&self.anchors) },
            password,
            renew_days: self.renew_days.unwrap_or_default(),
            salt: proof.salt(),
        }
    }

    /// Fails unless the service renews this factory certificate with the label of the request.
    ///
    /// # Errors
    /// [`Code::EnrolmentLabel`] and [`Code::LongFactoryCertificate`].
    pub(crate) fn check_factory(&self, name: &str, chain: &[&Certificate]) -> Result<()> {
        let issuer = chain.get(1);
        let own = self.profiles.iter().find(|(ca, _)| issuer.is_some_and(|issuer| *issuer == ca)).map(|(_, own)| own);
        if own != self.label.as_ref() {
            let (what, fix) = match own {
                Some(profile) => (
                    format!("the CA of the profile {profile} issued its certificate"),
                    format!("use --label {profile}"),
                ),
                None => ("its certificate was issued for no profile".to_owned(), "leave out --label".to_owned()),
            };
            return Err(Code::EnrolmentLabel
                .error(format!("the service would not renew the certificate of {} with this label", quote(name)))
                .item(name)
                .because(what)
                .fix(fix));
        }
        // Whole days: certificates begin some time before they are made.
        let days = chain.first().map_or(0, |leaf| (leaf.not_after() - leaf.not_before()).whole_days());
        if own.is_some() && days > LONGEST_IN_CHAIN_MODE && !self.accept_long_certificates {
            return Err(Code::LongFactoryCertificate
                .error(format!("the factory certificate of {} is valid for {days} days", quote(name)))
                .item(name)
                .because(
                    "the platform accepts each valid certificate of the profile's CA, so the factory certificate stays \
                     usable after its renewal; the limit is 397 days",
                )
                .fix(
                    "issue a shorter one (`tbpki client --days 397`), use images without a certificate, or accept it \
                     with --accept-long-certificates",
                ));
        }
        Ok(())
    }

    /// Fails unless the service can issue the first certificate of a device with this name.
    ///
    /// # Errors
    /// [`Code::NameReserved`], [`Code::ProfilePattern`], and those of a CA that cannot be used.
    pub(crate) fn check_first(&self, view: &View, reserved: &ReservedNames, name: &str) -> Result<()> {
        reserved.check(view, Kind::Device, name)?;
        match &self.label {
            Some(label) => one_time_password::check_profile(&self.store, label, &name.parse()?, self.now),
            None => Ok(()),
        }
    }

    /// Fails if a device has a one-time password that can still be used.
    ///
    /// # Errors
    /// [`Code::NameReserved`].
    pub(crate) fn check_no_password(&self, view: &View, name: &str) -> Result<()> {
        view.check_no_open_password(Kind::Device, name, self.now)
    }

    /// True if a password that expires at `end` can be used for longer than new ones.
    pub(super) fn is_after_end(&self, end: OffsetDateTime) -> bool {
        end > self.expires_at
    }

    /// True if a password that expires at `end` cannot be used any more.
    pub(super) fn has_ended(&self, end: OffsetDateTime) -> bool {
        end <= self.now
    }

    /// A password for a device, as the ledger records it.
    pub(crate) fn new_password<'a>(&'a self, device: &'a str, password: &Secret) -> NewPassword<'a> {
        NewPassword {
            device,
            label: self.label.as_ref().map(DeviceName::as_str),
            hash: one_time_password::hash(password),
            expires_at: self.expires_at,
        }
    }

    /// True if the ledger has this password for a device and this label, and it can still be used.
    pub(crate) fn is_open(&self, view: &View, device: &str, password: &Secret) -> Result<bool> {
        let label = self.label.as_ref().map(DeviceName::as_str);
        Ok(view.password_of(device)?.is_some_and(|row| {
            row.hash == one_time_password::hash(password)
                && !row.is_spent
                && row.expires_at > self.now
                && row.label.as_deref() == label
        }))
    }

    /// Warnings about the service.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = super::anchors::findings(&self.anchors, "the enrolment service", self.now);
        findings.extend(super::broker_name::loopback("the enrolment service", &self.host));
        findings
    }

    /// The host of the service.
    pub(super) fn host(&self) -> &HostName {
        &self.host
    }

    /// A line about the service, which the bundles of a job have in common.
    pub(crate) fn description(&self) -> String {
        let label = self.label.as_ref().map(|label| format!(", label {label}")).unwrap_or_default();
        let days = self.renew_days.map(|days| format!(", {days} days before the end")).unwrap_or_default();
        let anchors = digest::hex(&digest::sha256(pem_of(&self.anchors).as_bytes()));
        format!("{}:{}{label}{days}, anchors {anchors}", self.host, self.port)
    }

    pub(crate) fn report(&self) -> EnrolmentReport {
        EnrolmentReport {
            host: self.host.as_str().to_owned(),
            port: self.port,
            label: self.label.as_ref().map(|label| label.as_str().to_owned()),
            renew_days: self.renew_days,
            passwords_expire: base::timestamp::rfc3339(self.expires_at),
        }
    }
}

/// What a device proves to the service who it is with.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// A one-time password.
    Password(&'a Secret),
    /// The factory identity with this chain in PEM.
    Identity {
        /// The chain, leaf first.
        chain: &'a str,
    },
}

impl Proof<'_> {
    /// The salt of the record. It follows from the proof, so that the same device gets the same image again, and one
    /// with another identity or password does not believe slots of before.
    fn salt(self) -> [u8; SALT] {
        let own = match self {
            Self::Password(password) => password.reveal(),
            Self::Identity { chain } => chain.split_inclusive("-----END CERTIFICATE-----").next().unwrap_or_default(),
        };
        let hash = digest::sha256(format!("tbpki record salt\0{own}").as_bytes());
        let mut salt = [0; SALT];
        salt.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        salt
    }
}

/// The certificates that the service's own certificate leads to.
fn anchors(store: &Path, named: Option<&Path>, now: OffsetDateTime) -> Result<Vec<Certificate>> {
    let (anchors, place) = match named {
        Some(path) => {
            let bundle = PemBundle::parse(&file::read(path, FILE_LIMIT)?).map_err(|error| error.at(path))?;
            (bundle.certificates, path.to_owned())
        }
        None => {
            let root = Hierarchy::Server.root();
            (root.trusted_certificates(store)?, root.dir(store))
        }
    };
    if anchors.is_empty() {
        return Err(Code::AnchorsMissing
            .error("the device has no trust anchor for the enrolment service")
            .at(place)
            .fix("name the root of the service's certificate with --enroll-anchors"));
    }
    super::anchors::check(&anchors, &place, now)?;
    Ok(anchors)
}

/// Host and port of the URL of a service.
fn address(url: &str) -> Result<(HostName, u16)> {
    let invalid = |why: &str| {
        Code::EnrolmentUrl
            .error(format!("the URL of the enrolment service {why}"))
            .argument("--enroll")
            .item(base::text::quote(url).to_string())
            .fix("name host and port, for example https://enroll.example.org:9443, and the profile with --label")
    };
    let scheme = url.get(..8).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("https://") {
        return Err(invalid("does not begin with https://").because("passwords and certificates need TLS"));
    }
    let rest = url.get(8..).unwrap_or_default().trim_end_matches('/');
    if rest.contains('@') {
        // Not shown: the text before the @ may be a password.
        return Err(Code::EnrolmentUrl
            .error("the URL of the enrolment service contains a user name")
            .argument("--enroll")
            .fix("leave it out: tbpki makes the passwords of the devices"));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(invalid("contains a path"));
    }
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port),
        None => rest.find(':').map_or((rest, ""), |colon| rest.split_at(colon)),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => HTTPS,
        // A sign is accepted by the parser, and no URL has one.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or_else(|| invalid("has an invalid port"))?
        }
        _ => return Err(invalid("has an invalid port")),
    };
    let host = host.parse::<HostName>().map_err(|error: Error| invalid("has an invalid host").caused_by(error))?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_a_port() {
        for (url, host, port) in [
            ("https://est.example", "est.example", 443),
            ("https://est.example/", "est.example", 443),
            ("HTTPS://est.example:9443", "est.example", 9443),
            ("https://192.0.2.1:1", "192.0.2.1", 1),
            ("https://[2001:db8::1]:9443/", "2001:db8::1", 9443),
            ("https://[2001:db8::1]", "2001:db8::1", 443),
        ] {
            let (found, number) = address(url).unwrap();
            assert_eq!((found.as_str(), number), (host, port), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for (url, words) in [
            ("http://est.example", "does not begin with https://"),
            ("est.example:9443", "does not begin with https://"),
            ("", "does not begin with https://"),
            ("https://", "has an invalid host"),
            ("https://a b", "has an invalid host"),
            ("https://est.example/.well-known/est", "contains a path"),
            ("https://est.example?x", "contains a path"),
            ("https://est.example:", "has an invalid port"),
            ("https://est.example:0", "has an invalid port"),
            ("https://est.example:+1", "has an invalid port"),
            ("https://est.example:65536", "has an invalid port"),
            ("https://[::1]9443", "has an invalid port"),
        ] {
            let error = address(url).unwrap_err();
            assert_eq!(error.code(), Code::EnrolmentUrl, "{url}");
            assert!(error.to_string().contains(words), "{url}: {error}");
        }
        let error = address("https://user:hunter2@est.example").unwrap_err();
        assert!(error.code() == Code::EnrolmentUrl && !format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn the_salt_follows_from_the_leaf_or_the_password() {
        let chain = |leaf: &str, ca: &str| {
            let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
            pem(leaf) + &pem(ca)
        };
        let of = |chain: &str| Proof::Identity { chain }.salt();
        assert_eq!(of(&chain("A", "B")), of(&chain("A", "C")));
        assert_ne!(of(&chain("A", "B")), of(&chain("C", "B")));
        let (one, other) = (Secret::from("one"), Secret::from("other"));
        assert_ne!(Proof::Password(&one).salt(), Proof::Password(&other).salt());
    }
}
