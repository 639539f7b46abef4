//! Certificates that ActorCloud makes, and the devices that they are bound to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::file::{FileSet, Mode};
use base::text::quote;
use base::timestamp::rfc3339;
use base::{Code, Finding, Result};
use pki::Certificate;
use provision::actorcloud::{ActorCloudCertificate, CertificateBundle};
use provision::{ActorCloud, Runtime};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::platform::{reach, user};
use identity::report::FileReport;
use store::Workspace;

/// A request about a certificate.
#[derive(Debug, Clone)]
pub enum CertRequest {
    /// Have one made.
    Create {
        /// The name of the certificate.
        name: String,
        /// True if devices may log in with it at once.
        enabled: bool,
        /// The directory for its files.
        out: Option<PathBuf>,
    },
    /// Show all of them.
    List,
    /// Let devices log in with one, or not any more.
    SetEnabled(String, bool),
    /// Bind one to devices, named or numbered.
    Bind(String, Vec<String>),
    /// Unbind one from devices.
    Unbind(String, Vec<String>),
    /// Write the files of one.
    Save {
        /// The name or number.
        name: String,
        /// The directory.
        out: PathBuf,
    },
    /// Remove one with its key.
    Remove(String),
}

/// The certificates that were asked about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CertsReport {
    /// The address of the platform.
    pub platform: String,
    /// The change: `created`, `enabled`, `disabled`, `bound`, `unbound`, `saved`, `removed`, `unchanged`, or `listed`.
    pub done: &'static str,
    /// The certificates that the platform has made.
    pub certificates: Vec<CertReport>,
    /// The numbers of the devices that were bound or unbound.
    pub devices: BTreeSet<u64>,
    /// The files that were written.
    pub files: Vec<FileReport>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// One certificate.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CertReport {
    /// ActorCloud's number of it.
    pub id: u64,
    /// The name of the certificate on the platform.
    pub name: String,
    /// True if devices may log in with it.
    pub enabled: bool,
    /// When it was made, in the server's form.
    pub created: String,
    /// The last second at which it holds (RFC 3339, UTC), where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// Does what is asked with certificates of ActorCloud.
///
/// # Errors
/// [`Code::PlatformUnset`], [`Code::PlatformNotFound`], [`Code::PlatformNameTaken`], and those of every call.
pub fn certificates(workspace: &mut Workspace<'_>, request: &CertRequest) -> Result<CertsReport> {
    let settings = &workspace.config.platform;
    let (reach, user) = (reach(settings)?, user(settings)?);
    let password = workspace.secrets.password(&settings.password, "platform.password")?;
    // Before the request: a directory that cannot be made is found out while nothing has been created.
    if let CertRequest::Create { out: Some(out), name, .. } | CertRequest::Save { out, name } = request {
        check_name(name)?;
        base::file::create_dir(out)?;
    }
    let cloud = ActorCloud::new(&reach, user, password)?;
    let runtime = Runtime::new()?;
    runtime.wait(carry_out(&cloud, request, workspace.now))
}

async fn carry_out(cloud: &ActorCloud, request: &CertRequest, now: OffsetDateTime) -> Result<CertsReport> {
    let mut report = CertsReport {
        platform: cloud.url().to_owned(),
        done: "listed",
        certificates: Vec::new(),
        devices: BTreeSet::new(),
        files: Vec::new(),
        findings: Vec::new(),
    };
    match request {
        CertRequest::List => report.certificates = cloud.list().await?.into_iter().map(CertReport::from).collect(),
        CertRequest::Create { name, enabled, out } => {
            let cert = cloud.create(name, *enabled).await?;
            let bundle = cloud.bundle(cert.id).await?;
            report.done = "created";
            report.take(cert, &bundle, out.as_deref(), now)?;
        }
        CertRequest::Save { name, out } => {
            let cert = cloud.find(name).await?;
            check_name(&cert.name)?;
            let bundle = cloud.bundle(cert.id).await?;
            report.done = "saved";
            report.take(cert, &bundle, Some(out), now)?;
        }
        CertRequest::SetEnabled(name, enabled) => {
            let mut cert = cloud.find(name).await?;
            let changed = cloud.set_enabled(&cert, *enabled).await?;
            // The row was read before the change.
            cert.enabled = *enabled;
            report.done = match (changed, enabled) {
                (false, _) => "unchanged",
                (true, true) => "enabled",
                (true, false) => "disabled",
            };
            report.certificates.push(cert.into());
        }
        CertRequest::Bind(name, devices) | CertRequest::Unbind(name, devices) => {
            let cert = cloud.find(name).await?;
            // All names first: with a wrong one nothing is bound.
            let devices = numbers(cloud, devices).await?;
            let binds = matches!(request, CertRequest::Bind(..));
            report.devices =
                if binds { cloud.bind(&cert, &devices).await? } else { cloud.unbind(&cert, &devices).await? };
            report.done = match (report.devices.is_empty(), binds) {
                (true, _) => "unchanged",
                (false, true) => "bound",
                (false, false) => "unbound",
            };
            report.certificates.push(cert.into());
        }
        CertRequest::Remove(name) => {
            let cert = cloud.find(name).await?;
            cloud.remove(&cert).await?;
            report.done = "removed";
            report.certificates.push(cert.into());
        }
    }
    Ok(report)
}

async fn numbers(cloud: &ActorCloud, devices: &[String]) -> Result<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    for device in devices {
        numbers.insert(cloud.device(device).await?);
    }
    Ok(numbers)
}

impl CertsReport {
    /// Takes a certificate in, writes its files where they are wanted, and returns what is wrong with it.
    fn take(
        &mut self,
        cert: ActorCloudCertificate,
        bundle: &CertificateBundle,
        out: Option<&Path>,
        now: OffsetDateTime,
    ) -> Result<()> {
        self.findings.extend(findings(&cert.name, &bundle.certificate, now));
        if let Some(out) = out {
            self.files = write(&cert.name, bundle, out)?;
        }
        let mut report = CertReport::from(cert);
        report.not_after = Some(rfc3339(bundle.certificate.not_after()));
        self.certificates.push(report);
        Ok(())
    }
}

/// The bundle of ActorCloud's documentation, under the names that its web interface gives.
fn write(name: &str, bundle: &CertificateBundle, out: &Path) -> Result<Vec<FileReport>> {
    let mut set = FileSet::new(out);
    let key = Zeroizing::new(bundle.key_pem.reveal().as_bytes().to_vec());
    set.add(format!("{name}.key"), key, Mode::Private)?;
    set.add(format!("{name}.crt"), bundle.certificate_pem.clone().into_bytes(), Mode::Public)?;
    set.add("root_ca.crt", bundle.root_pem.clone().into_bytes(), Mode::Public)?;
    Ok(set.commit()?.into_iter().map(FileReport::from).collect())
}

/// A name that comes from the platform and becomes that of a file.
// The rules of device names fit: no slash, no leading dot, no control characters.
fn check_name(name: &str) -> Result<()> {
    name.parse::<pki::device_name::DeviceName>().map(drop).map_err(|_| {
        Code::BadValue
            .error(format!("no file can be called {}", quote(name)))
            .fix("give the certificate a name without slashes that does not begin with a dot")
    })
}

/// The warnings for users of such a certificate.
fn findings(name: &str, certificate: &Certificate, now: OffsetDateTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Extensions came with version 3 (RFC 5280, section 4.1.2.1).
    if certificate.version() < 3 {
        findings.push(
            Code::VersionOne
                .warning("ActorCloud makes certificates of X.509 version 1")
                .item(name)
                .because("they have no extensions, and rustls and others refuse them"),
        );
    }
    if certificate.not_after() < now {
        findings.push(
            Code::Expired
                .warning("the certificate has expired")
                .item(name)
                .fix("have a new one made and bound, then unbind and remove this one: ActorCloud cannot renew it"),
        );
    }
    findings
}

impl From<ActorCloudCertificate> for CertReport {
    fn from(cert: ActorCloudCertificate) -> Self {
        Self { id: cert.id, name: cert.name, enabled: cert.enabled, created: cert.created, not_after: None }
    }
}
