//! The single calls of the API.

use base::{Code, Error, Result};
use serde::de::DeserializeOwned;

use super::model::{Credentials, Device, Page, ProfileInfo, Uuid, about_something_else};
use super::{ThingsBoard, fault};
use crate::http::{ApiRequest, ApiResponse, Repeat};

/// The number of profiles per page.
const PAGE: &str = "1000";

/// The limit of pages, so that a faulty list cannot cause an endless loop.
const MAX_PAGES: usize = 1000;

impl ThingsBoard {
    /// Sends a request with authorization. An expired token is renewed once.
    pub(super) async fn call(&self, mut request: ApiRequest<'_>) -> Result<ApiResponse> {
        let authorization = self.session.authorization(&self.http).await?;
        let number = authorization.number;
        request.authorize(authorization.name, authorization.value);
        let answer = self.http.send(&request).await?;
        // ThingsBoard checks the token first, so that the rejected request had no effect.
        let expired = answer.status == 401 && fault::error_code(&answer) == Some(11);
        // `number` tells which token was rejected: of many requests with an expired token, only the first one renews
        // it.
        if expired && self.session.renew(&self.http, number).await? {
            let authorization = self.session.authorization(&self.http).await?;
            request.authorize(authorization.name, authorization.value);
            return self.http.send(&request).await;
        }
        Ok(answer)
    }

    /// The error for an answer that is not a success.
    pub(super) fn refused(&self, answer: &ApiResponse) -> Error {
        fault::refused(answer, self.session.kind()).item(self.http.url())
    }

    /// Sends a request that must succeed, and parses the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: ApiRequest<'_>) -> Result<T> {
        let answer = self.call(request).await?;
        if !answer.is_success() {
            return Err(self.refused(&answer));
        }
        answer.json().map_err(|error| error.item(self.http.url()))
    }

    /// The device of exactly this name.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Device>> {
        // The parameter is exact and respects the case.
        // Every version has this parameter, although the API's documentation hides it. textSearch also finds other names.
        let answer = self.call(ApiRequest::get("/api/tenant/devices").query("deviceName", name)).await?;
        // ThingsBoard answers 404 with code 32 for a missing device. Another 404 comes from a proxy or a wrong address.
        if answer.status == 404 && fault::error_code(&answer) == Some(32) {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(self.refused(&answer).item(name));
        }
        let device: Device = answer.json().map_err(|error| error.item(self.http.url()))?;
        // A cache in between may answer for another device, and its credential would then be replaced.
        if device.name == name { Ok(Some(device)) } else { Err(about_something_else("device")) }
    }

    /// The credentials of a device.
    pub(super) async fn credentials(&self, device: &Uuid) -> Result<Credentials> {
        self.ask(ApiRequest::get(format!("/api/device/{}/credentials", device.as_str()))).await
    }

    /// Saves credentials. They contain the version that was read, so that ThingsBoard rejects them after a concurrent change.
    pub(super) async fn save(&self, credentials: &Credentials) -> Result<()> {
        // Not repeatable by itself: between two attempts another client may have saved, so the state is read first.
        let request = ApiRequest::post("/api/device/credentials", credentials, Repeat::LookFirst)?;
        self.ask::<Credentials>(request).await.map(drop)
    }

    /// Deletes a device. Returns `false` if it did not exist.
    pub(super) async fn remove(&self, device: &Uuid) -> Result<bool> {
        let answer = self.call(ApiRequest::delete(format!("/api/device/{}", device.as_str()))).await?;
        match answer.status {
            // Already gone, perhaps by an earlier attempt whose answer was lost.
            404 if fault::error_code(&answer) == Some(32) => Ok(false),
            _ if answer.is_success() => Ok(true),
            _ => Err(self.refused(&answer)),
        }
    }

    /// The id of the device profile of exactly this name, cached. A device with the name alone would create a profile for
    /// every typing error.
    pub(super) async fn profile_id(&self, name: &str) -> Result<String> {
        // Held during the request: many devices need the same profile at the same moment, and one request is enough.
        let mut known = self.profiles.lock().await;
        if let Some(id) = known.get(name) {
            return Ok(id.clone());
        }
        let found = self.find_profile(name).await?.ok_or_else(|| {
            Code::PlatformNotFound
                .error(format!("the platform has no device profile {name:?}"))
                .item(self.http.url())
                .fix("check the name, which is case-sensitive, or create the profile first")
        })?;
        known.insert(name.to_owned(), found.as_str().to_owned());
        Ok(found.as_str().to_owned())
    }

    /// The id of the device profile of exactly this name, if there is one.
    pub(super) async fn find_profile(&self, name: &str) -> Result<Option<Uuid>> {
        // Bounded, because a broken server could report another page forever.
        for page in 0..MAX_PAGES {
            let request =
                ApiRequest::get("/api/deviceProfileInfos").query("pageSize", PAGE).query("page", page.to_string());
            let page: Page<ProfileInfo> = self.ask(request).await?;
            if let Some(found) = page.data.into_iter().find(|profile| profile.name == name) {
                return Ok(Some(found.id.id));
            }
            if !page.has_next {
                return Ok(None);
            }
        }
        Err(Code::NotThePlatform.error("the list of device profiles does not end"))
    }
}
