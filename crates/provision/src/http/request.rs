//! What is asked of a platform.

use std::borrow::Cow;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};
use zeroize::Zeroizing;

use base::{Code, Result};
use serde::Serialize;

use crate::pace::RequestKind;

/// Whether a request may be sent a second time when it is not known what became of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or the same however often it is sent.
    Safe,
    /// Whoever sent it has to look at the state first.
    LookFirst,
}

/// One request.
pub(crate) struct ApiRequest<'a> {
    pub(super) method: Method,
    pub(super) path: Cow<'a, str>,
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) repeat: Repeat,
    body: Option<Zeroizing<Vec<u8>>>,
    authorization: Option<(HeaderName, HeaderValue)>,
}

impl<'a> ApiRequest<'a> {
    /// GET. The path begins with a slash and holds nothing that must be encoded.
    pub(crate) fn get(path: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Method::GET, path, Repeat::Safe)
    }

    /// Removes something: gone is gone, however often it is asked for.
    pub(crate) fn delete(path: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Method::DELETE, path, Repeat::Safe)
    }

    /// Sends something as JSON.
    pub(crate) fn post(path: impl Into<Cow<'a, str>>, body: &impl Serialize, repeat: Repeat) -> Result<Self> {
        Self::new(Method::POST, path, repeat).with_json(body)
    }

    /// Replaces something by what is sent as JSON.
    pub(crate) fn put(path: impl Into<Cow<'a, str>>, body: &impl Serialize) -> Result<Self> {
        Self::new(Method::PUT, path, Repeat::Safe).with_json(body)
    }

    fn new(method: Method, path: impl Into<Cow<'a, str>>, repeat: Repeat) -> Self {
        Self { method, path: path.into(), parameters: Vec::new(), repeat, body: None, authorization: None }
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    fn with_json(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Code::Internal.error("a request cannot be written as JSON").because(error))?;
        self.body = Some(Zeroizing::new(bytes));
        Ok(self)
    }

    /// Says who asks. The value never shows in logs.
    pub(crate) fn authorize(&mut self, name: HeaderName, value: HeaderValue) {
        self.authorization = Some((name, value));
    }

    /// Whether the platform has to write something for it.
    pub(super) fn kind(&self) -> RequestKind {
        if self.method == Method::GET { RequestKind::Read } else { RequestKind::Write }
    }

    pub(super) fn build(&self, client: &Client, url: Url) -> RequestBuilder {
        let mut builder = client.request(self.method.clone(), url);
        if let Some((name, value)) = &self.authorization {
            let mut value = value.clone();
            value.set_sensitive(true);
            builder = builder.header(name.clone(), value);
        }
        match &self.body {
            Some(body) => builder.header(CONTENT_TYPE, "application/json").body(body.to_vec()),
            None => builder,
        }
    }
}
