//! The part of ActorCloud's REST API that concerns certificates.
//!
//! The server generates keys and certificates, stores both, and at a login compares only the common name that it generated.
//! Certificates of tbpki's CAs therefore cannot be registered with it. One certificate can be bound to several devices, and
//! one device to several certificates.

mod fault;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;

use base::text::quote;
use base::{Code, Result, Secret};
use pki::Certificate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{ApiClientConfig, ApiRequest, ApiResponse, HttpClient, Repeat};
use session::TokenSession;

/// The number of items per page of a list.
// The most that ActorCloud takes as `_limit`.
const PAGE: usize = 1000;

/// A client for one tenant of an ActorCloud.
#[derive(Clone)]
pub struct ActorCloud {
    http: HttpClient,
    session: Arc<TokenSession>,
}

/// A certificate in ActorCloud's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorCloudCertificate {
    /// The number that the platform has given it.
    pub id: u64,
    /// The name, unique within the tenant.
    pub name: String,
    /// True if devices may log in with it.
    pub enabled: bool,
    /// The creation time in the server's format.
    pub created: String,
}

/// A certificate of ActorCloud with its key and root.
pub struct CertificateBundle {
    /// The leaf of the client.
    pub certificate: Certificate,
    /// The PEM text of the certificate, unchanged.
    pub certificate_pem: String,
    /// The private key in PEM.
    pub key_pem: Secret,
    /// The PEM text of the root, unchanged.
    pub root_pem: String,
}

#[derive(Deserialize)]
struct CertResponse {
    id: u64,
    #[serde(rename = "certName")]
    name: String,
    enable: u8,
    #[serde(rename = "createAt", default)]
    created: String,
}

#[derive(Deserialize)]
struct ListResponse<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct DeviceResponse {
    id: u64,
}

#[derive(Deserialize)]
struct BundleResponse {
    cert: String,
    key: String,
    root: String,
}

impl ActorCloud {
    /// A client. It sends nothing until the first call.
    ///
    /// # Errors
    /// As [`ThingsBoard::new`](crate::ThingsBoard::new).
    pub fn new(reach: &ApiClientConfig, user: String, password: Secret) -> Result<Self> {
        Ok(Self { http: HttpClient::new(reach)?, session: Arc::new(TokenSession::new(user, password)) })
    }

    /// The platform's URL, for messages.
    pub fn url(&self) -> &str {
        self.http.url()
    }

    /// All certificates of the tenant.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(&self) -> Result<Vec<ActorCloudCertificate>> {
        let certs: Vec<CertResponse> = self.all("/api/v1/certs", None).await?;
        Ok(certs.into_iter().map(ActorCloudCertificate::from).collect())
    }

    /// The certificate with this name or id.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`], and those of every call.
    pub async fn find(&self, name: &str) -> Result<ActorCloudCertificate> {
        let all = self.list().await?;
        // A name may consist of digits, so that it is tried before the number.
        let by_name = all.iter().find(|cert| cert.name == name);
        let by_number = || name.parse().ok().and_then(|number: u64| all.iter().find(|cert| cert.id == number));
        by_name.or_else(by_number).cloned().ok_or_else(|| {
            Code::PlatformNotFound
                .error(format!("ActorCloud has no certificate {name:?}"))
                .item(self.url())
                .fix("run `tbpki actorcloud cert list`")
        })
    }

    /// Creates a certificate.
    ///
    /// # Errors
    /// [`Code::PlatformNameTaken`], and those of every call.
    pub async fn create(&self, name: &str, enabled: bool) -> Result<ActorCloudCertificate> {
        // Without this, a lost answer could not be told from a certificate of the same name that was there.
        if self.list().await?.iter().any(|cert| cert.name == name) {
            return Err(Code::PlatformNameTaken
                .error(format!("ActorCloud already has a certificate {name:?}"))
                .item(self.url())
                .fix("use another name, or run `tbpki actorcloud cert save` for the existing one"));
        }
        let body = json!({ "certName": name, "enable": u8::from(enabled) });
        let request = ApiRequest::post("/api/v1/certs", &body, Repeat::LookFirst)?;
        match self.ask::<Value>(request).await {
            // The answer does not contain the id.
            Ok(_) => self.find(name).await,
            Err(error)
                if matches!(
                    error.code(),
                    Code::AnswerLost | Code::PlatformFault | Code::PlatformUnavailable | Code::NotThePlatform
                ) =>
            {
                // These errors do not tell whether the certificate was made. The list does.
                self.find(name).await.map_err(|_| error)
            }
            Err(error) => Err(error.item(name)),
        }
    }

    /// A certificate with its key and root. The server returns the private key every time.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`], and those of every call.
    pub async fn bundle(&self, id: u64) -> Result<CertificateBundle> {
        let texts: BundleResponse = self.ask(ApiRequest::get(format!("/api/v1/certs/{id}"))).await?;
        // Parsed before anything is written: an answer that is no certificate must not reach a file.
        let parsed = pki::pem_bundle::PemBundle::parse(texts.cert.as_bytes())?;
        let certificate = parsed
            .certificates
            .into_iter()
            .next()
            .ok_or_else(|| Code::CertificateUnreadable.error("ActorCloud sends no certificate").item(self.url()))?;
        Ok(CertificateBundle {
            certificate,
            certificate_pem: texts.cert,
            key_pem: Secret::new(texts.key),
            root_pem: texts.root,
        })
    }

    /// Enables or disables a certificate. Returns whether that changed anything.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn set_enabled(&self, cert: &ActorCloudCertificate, enabled: bool) -> Result<bool> {
        if cert.enabled == enabled {
            return Ok(false);
        }
        let body = json!({ "certName": cert.name, "enable": u8::from(enabled) });
        self.ask::<Value>(ApiRequest::put(format!("/api/v1/certs/{}", cert.id), &body)?).await?;
        // Read back: another client may have saved at the same time.
        let there = self.find(&cert.name).await?;
        if there.enabled == enabled { Ok(true) } else { Err(self.stored_otherwise()) }
    }

    /// The ids of the devices that a certificate is bound to.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn bound(&self, cert: &ActorCloudCertificate) -> Result<BTreeSet<u64>> {
        let devices: Vec<DeviceResponse> = self.all(&format!("/api/v1/certs/{}/devices", cert.id), None).await?;
        Ok(devices.into_iter().map(|device| device.id).collect())
    }

    /// Binds a certificate to devices, and returns those that it was not bound to before.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`] if a device does not exist or does not authenticate by certificate, and those of every
    /// call.
    pub async fn bind(&self, cert: &ActorCloudCertificate, devices: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        // Only what is missing, so that a repeated command sends nothing.
        let missing: BTreeSet<u64> = devices.difference(&self.bound(cert).await?).copied().collect();
        if missing.is_empty() {
            return Ok(missing);
        }
        let path = format!("/api/v1/certs/{}/devices", cert.id);
        let request = ApiRequest::post(path, &json!({ "devices": missing }), Repeat::LookFirst)?;
        let outcome = self.ask::<Value>(request).await;
        match outcome.map_err(|error| (error.code(), error)) {
            Err((Code::PlatformNotFound, error)) => Err(error.fix(
                "compare the devices' numbers; their auth type has to be Certificate, which is set when they are made",
            )),
            // The answer may be lost or wrong, so that the bindings are read back.
            outcome => match (missing.is_subset(&self.bound(cert).await?), outcome) {
                (true, _) => Ok(missing),
                (false, Err((_, error))) => Err(error),
                (false, Ok(_)) => Err(self.stored_otherwise()),
            },
        }
    }

    /// Unbinds a certificate from devices, and returns those that it was bound to before.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn unbind(&self, cert: &ActorCloudCertificate, devices: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        let there: BTreeSet<u64> = devices.intersection(&self.bound(cert).await?).copied().collect();
        if !there.is_empty() {
            let ids: Vec<String> = there.iter().map(u64::to_string).collect();
            let path = format!("/api/v1/certs/{}/devices", cert.id);
            self.done(ApiRequest::delete(path).query("ids", ids.join(","))).await?;
        }
        Ok(there)
    }

    /// Removes a certificate with its key.
    ///
    /// # Errors
    /// [`Code::PlatformRefused`] while a device is bound to it, and those of every call.
    pub async fn remove(&self, cert: &ActorCloudCertificate) -> Result<()> {
        let answer = self.call(ApiRequest::delete("/api/v1/certs").query("ids", cert.id.to_string())).await?;
        // 404: a repeated request after a lost answer finds it gone, which is what was wanted.
        if answer.is_success() || answer.status == 404 { Ok(()) } else { Err(self.refused(&answer).item(&cert.name)) }
    }

    /// The id of a device, given its name or its id. A name that consists of digits has priority, as with certificates.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`], also if several devices have the name, and those of every call.
    pub async fn device(&self, name: &str) -> Result<u64> {
        #[derive(Deserialize)]
        struct Device {
            id: u64,
            #[serde(rename = "deviceName", default)]
            name: String,
        }
        let mut found: Vec<Device> = self.all("/api/v1/devices", Some(("deviceName", name))).await?;
        // The filter may find names that only contain this one.
        found.retain(|device| device.name == name);
        match (found.as_slice(), name.parse()) {
            ([device], _) => Ok(device.id),
            ([], Ok(number)) => Ok(number),
            ([], Err(_)) => Err(Code::PlatformNotFound
                .error(format!("ActorCloud has no device {}", quote(name)))
                .item(self.url())
                .fix("check the name, which is case-sensitive, or give the device's id")),
            (several, _) => {
                let ids: Vec<String> = several.iter().map(|device| device.id.to_string()).collect();
                Err(Code::PlatformNotFound
                    .error(format!("ActorCloud has {} devices {}", several.len(), quote(name)))
                    .item(self.url())
                    .fix(format!("give the id of the device: one of {}", ids.join(", "))))
            }
        }
    }

    /// All items of a list.
    async fn all<T: DeserializeOwned>(&self, path: &str, filter: Option<(&'static str, &str)>) -> Result<Vec<T>> {
        let mut all = Vec::new();
        // Bounded, because a server that ignores the page number would send the first page for ever.
        for page in 1..=PAGE {
            let mut request = ApiRequest::get(path).query("_page", page.to_string()).query("_limit", PAGE.to_string());
            if let Some((name, value)) = filter {
                request = request.query(name, value);
            }
            let found: ListResponse<T> = self.ask(request).await?;
            let is_last = found.items.len() < PAGE;
            all.extend(found.items);
            if is_last {
                return Ok(all);
            }
        }
        Err(Code::NotThePlatform.error("a list of ActorCloud does not end").item(self.url()))
    }

    async fn call(&self, mut request: ApiRequest<'_>) -> Result<ApiResponse> {
        self.session.authorize(&self.http, &mut request).await?;
        let answer = self.http.send(&request).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // ActorCloud has no refresh token: after a rejected token only a new login helps.
        self.session.forget().await;
        self.session.authorize(&self.http, &mut request).await?;
        self.http.send(&request).await
    }

    async fn done(&self, request: ApiRequest<'_>) -> Result<()> {
        let answer = self.call(request).await?;
        if answer.is_success() { Ok(()) } else { Err(self.refused(&answer)) }
    }

    async fn ask<T: DeserializeOwned>(&self, request: ApiRequest<'_>) -> Result<T> {
        let answer = self.call(request).await?;
        if !answer.is_success() {
            return Err(self.refused(&answer));
        }
        answer.json().map_err(|error| error.item(self.url()))
    }

    fn refused(&self, answer: &ApiResponse) -> base::Error {
        fault::refused(answer).item(self.url())
    }

    fn stored_otherwise(&self) -> base::Error {
        Code::CredentialDiffers
            .error("ActorCloud has stored something else than was sent")
            .item(self.url())
            .fix("run the same command again; another client may have saved at the same time")
    }
}

impl From<CertResponse> for ActorCloudCertificate {
    fn from(cert: CertResponse) -> Self {
        // ActorCloud writes 0 and 1 for false and true.
        Self { id: cert.id, name: cert.name, enabled: cert.enable == 1, created: cert.created }
    }
}
