//! ActorCloud's REST API, as far as certificates go.
//!
//! Its server makes keys and certificates itself, keeps both, and compares nothing but a common name that it made up: it
//! is an issuer and a binding, not a place for certificates of ours. A certificate may serve many devices, and a device
//! may have many.

mod fault;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Code, Result, Secret};
use pki::Certificate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{Answer, Http, Reach, Repeat, Request, query};
use session::Session;

/// What a page of a list holds at most.
const PAGE: usize = 1000;

/// A tenant of an ActorCloud.
#[derive(Clone)]
pub struct ActorCloud {
    http: Http,
    session: Arc<Session>,
}

/// A certificate in ActorCloud's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub id: u64,
    /// Its name, unique within the tenant.
    pub name: String,
    /// Whether devices may log in with it.
    pub enabled: bool,
    /// When it was made, in the server's form.
    pub created: String,
}

/// What ActorCloud made: certificate, key and root.
pub struct Bundle {
    /// The certificate.
    pub certificate: Certificate,
    /// Its text, as it came.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: Secret,
    /// The root, as it came.
    pub root_pem: String,
}

#[derive(Deserialize)]
struct Cert {
    id: u64,
    #[serde(rename = "certName")]
    name: String,
    enable: u8,
    #[serde(rename = "createAt", default)]
    created: String,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

#[derive(Deserialize)]
struct Texts {
    cert: String,
    key: String,
    root: String,
}

impl ActorCloud {
    /// A tenant's ActorCloud. Nothing is sent before something is asked for.
    ///
    /// # Errors
    /// As [`ThingsBoard::new`](crate::ThingsBoard::new).
    pub fn new(reach: &Reach, user: String, password: Secret) -> Result<Self> {
        Ok(Self { http: Http::new(reach)?, session: Arc::new(Session::new(user, password)) })
    }

    /// Where it is, for messages.
    pub fn place(&self) -> &str {
        self.http.place()
    }

    /// Every certificate of the tenant.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let certs: Vec<Cert> = self.all("/api/v1/certs", &[]).await?;
        Ok(certs.into_iter().map(Listed::from).collect())
    }

    /// The certificate with this name, or with this number.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`], and those of every call.
    pub async fn find(&self, name: &str) -> Result<Listed> {
        let all = self.list().await?;
        let by_name = all.iter().find(|cert| cert.name == name);
        let by_number = || name.parse().ok().and_then(|number: u64| all.iter().find(|cert| cert.id == number));
        by_name.or_else(by_number).cloned().ok_or_else(|| {
            Code::PlatformNotFound
                .error(format!("ActorCloud has no certificate {name:?}"))
                .item(self.place())
                .fix("`tbpki actorcloud cert list` shows what there is")
        })
    }

    /// Has a certificate made.
    ///
    /// # Errors
    /// [`Code::PlatformNameTaken`], and those of every call.
    pub async fn create(&self, name: &str, enabled: bool) -> Result<Listed> {
        if self.list().await?.iter().any(|cert| cert.name == name) {
            return Err(Code::PlatformNameTaken
                .error(format!("ActorCloud has a certificate {name:?} already"))
                .item(self.place())
                .fix("use another name, or `tbpki actorcloud cert save` for the one that is there"));
        }
        let body = json!({ "certName": name, "enable": u8::from(enabled) });
        let request = Request::post("/api/v1/certs", &body, Repeat::LookFirst)?;
        match self.ask::<Value>(request).await {
            // Whether it was made shows in the list.
            Ok(_) => self.find(name).await,
            Err(error) if matches!(error.code(), Code::AnswerLost | Code::PlatformFault | Code::NotThePlatform) => {
                self.find(name).await.map_err(|_| error)
            }
            Err(error) => Err(error.item(name)),
        }
    }

    /// What belongs to a certificate. The server hands out the private key every time.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] for what is none, and those of every call.
    pub async fn bundle(&self, id: u64) -> Result<Bundle> {
        let texts: Texts = self.ask(Request::get(format!("/api/v1/certs/{id}"))).await?;
        let parsed = pki::pem_bundle::PemBundle::parse(texts.cert.as_bytes())?;
        let certificate =
            parsed.certificates.into_iter().next().ok_or_else(|| {
                Code::CertificateUnreadable.error("ActorCloud sends no certificate").item(self.place())
            })?;
        Ok(Bundle { certificate, certificate_pem: texts.cert, key_pem: Secret::new(texts.key), root_pem: texts.root })
    }

    /// Lets devices log in with a certificate, or not any more.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn set_enabled(&self, cert: &Listed, enabled: bool) -> Result<bool> {
        if cert.enabled == enabled {
            return Ok(false);
        }
        let body = json!({ "certName": cert.name, "enable": u8::from(enabled) });
        self.ask::<Value>(Request::put(format!("/api/v1/certs/{}", cert.id), &body)?).await?;
        let there = self.find(&cert.name).await?;
        if there.enabled == enabled { Ok(true) } else { Err(self.stored_otherwise()) }
    }

    /// The numbers of the devices that a certificate is bound to.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn bound(&self, cert: &Listed) -> Result<BTreeSet<u64>> {
        let devices: Vec<Numbered> = self.all(&format!("/api/v1/certs/{}/devices", cert.id), &[]).await?;
        Ok(devices.into_iter().map(|device| device.id).collect())
    }

    /// Binds a certificate to devices, and returns those that it was not bound to before.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`] where a device is not there or does not authenticate by certificate, and those of
    /// every call.
    pub async fn bind(&self, cert: &Listed, devices: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        let missing: BTreeSet<u64> = devices.difference(&self.bound(cert).await?).copied().collect();
        if missing.is_empty() {
            return Ok(missing);
        }
        let path = format!("/api/v1/certs/{}/devices", cert.id);
        let request = Request::post(path, &json!({ "devices": missing }), Repeat::LookFirst)?;
        let outcome = self.ask::<Value>(request).await;
        match outcome.map_err(|error| (error.code(), error)) {
            Err((Code::PlatformNotFound, error)) => Err(error.fix(
                "compare the devices' numbers; their auth type has to be Certificate, which is set when they are made",
            )),
            // Whatever the answer was, what counts is what is bound now.
            outcome => match (missing.is_subset(&self.bound(cert).await?), outcome) {
                (true, _) => Ok(missing),
                (false, Err((_, error))) => Err(error),
                (false, Ok(_)) => Err(self.stored_otherwise()),
            },
        }
    }

    /// Unbinds a certificate from devices, and returns those that it was bound to.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn unbind(&self, cert: &Listed, devices: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        let there: BTreeSet<u64> = devices.intersection(&self.bound(cert).await?).copied().collect();
        if !there.is_empty() {
            let ids: Vec<String> = there.iter().map(u64::to_string).collect();
            let path = query(&format!("/api/v1/certs/{}/devices", cert.id), &[("ids", &ids.join(","))]);
            self.done(Request::delete(path)).await?;
        }
        Ok(there)
    }

    /// Removes a certificate with its key.
    ///
    /// # Errors
    /// [`Code::PlatformRefused`] while a device is bound to it, and those of every call.
    pub async fn remove(&self, cert: &Listed) -> Result<()> {
        let answer = self.call(Request::delete(query("/api/v1/certs", &[("ids", &cert.id.to_string())]))).await?;
        if answer.is_success() || answer.status == 404 { Ok(()) } else { Err(self.refused(&answer).item(&cert.name)) }
    }

    /// The number of a device, which may be given itself.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`], and those of every call.
    pub async fn device(&self, name: &str) -> Result<u64> {
        #[derive(Deserialize)]
        struct Device {
            id: u64,
            #[serde(rename = "deviceName", default)]
            name: String,
            #[serde(rename = "deviceID", default)]
            client_id: String,
        }
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let found: Vec<Device> = self.all("/api/v1/devices", &[("deviceName", name)]).await?;
        let is_it = |device: &&Device| device.name == name || device.client_id == name;
        found.iter().find(is_it).map(|device| device.id).ok_or_else(|| {
            Code::PlatformNotFound
                .error(format!("ActorCloud has no device {name:?}"))
                .item(self.place())
                .fix("compare the name, capitals included, or give the device's number")
        })
    }

    /// Every item of a list.
    async fn all<T: DeserializeOwned>(&self, path: &str, filter: &[(&str, &str)]) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for page in 1..=PAGE {
            let (page, limit) = (page.to_string(), PAGE.to_string());
            let parameters = [filter, &[("_page", page.as_str()), ("_limit", limit.as_str())]].concat();
            let found: Items<T> = self.ask(Request::get(query(path, &parameters))).await?;
            let is_last = found.items.len() < PAGE;
            all.extend(found.items);
            if is_last {
                return Ok(all);
            }
        }
        Err(Code::NotThePlatform.error("a list of ActorCloud has no end").item(self.place()))
    }

    async fn call(&self, mut request: Request<'_>) -> Result<Answer> {
        self.session.authorize(&self.http, &mut request).await?;
        let answer = self.http.send(&request).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // A token lives for days, and there is no other way to renew it.
        self.session.forget().await;
        self.session.authorize(&self.http, &mut request).await?;
        self.http.send(&request).await
    }

    async fn done(&self, request: Request<'_>) -> Result<()> {
        let answer = self.call(request).await?;
        if answer.is_success() { Ok(()) } else { Err(self.refused(&answer)) }
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T> {
        let answer = self.call(request).await?;
        if !answer.is_success() {
            return Err(self.refused(&answer));
        }
        answer.json().map_err(|error| error.item(self.place()))
    }

    fn refused(&self, answer: &Answer) -> base::Error {
        fault::refused(answer).item(self.place())
    }

    fn stored_otherwise(&self) -> base::Error {
        Code::CredentialDiffers
            .error("ActorCloud has stored something else than it was given")
            .item(self.place())
            .fix("run the same command again; somebody else may have saved at the same time")
    }
}

impl From<Cert> for Listed {
    fn from(cert: Cert) -> Self {
        Self { id: cert.id, name: cert.name, enabled: cert.enable == 1, created: cert.created }
    }
}
