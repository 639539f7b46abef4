//! A request to a platform.

use std::borrow::Cow;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};
use zeroize::Zeroizing;

use base::{Code, Result};
use serde::Serialize;

use crate::pace::RequestKind;

/// Whether a request may be repeated if the result of the first one is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The request is idempotent.
    Safe,
    /// The caller must read the state first.
    LookFirst,
}

/// A request.
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

    /// DELETE, which is idempotent.
    pub(crate) fn delete(path: impl Into<Cow<'a, str>>) -> Self {
        // A second DELETE finds nothing, which counts as done.
        Self::new(Method::DELETE, path, Repeat::Safe)
    }

    /// POST with a JSON body.
    pub(crate) fn post(path: impl Into<Cow<'a, str>>, body: &impl Serialize, repeat: Repeat) -> Result<Self> {
        Self::new(Method::POST, path, repeat).with_json(body)
    }

    /// PUT with a JSON body.
    pub(crate) fn put(path: impl Into<Cow<'a, str>>, body: &impl Serialize) -> Result<Self> {
        // PUT replaces the whole object, so that repeating it has the same result.
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
            .map_err(|error| Code::Internal.error("a request cannot be written as JSON").caused_by(error))?;
        self.body = Some(Zeroizing::new(bytes));
        Ok(self)
    }

    /// Adds an authorization header, which logs do not show.
    pub(crate) fn authorize(&mut self, name: HeaderName, value: HeaderValue) {
        self.authorization = Some((name, value));
    }

    /// The kind of the request, for the pace.
    pub(super) fn kind(&self) -> RequestKind {
        if self.method == Method::GET { RequestKind::Read } else { RequestKind::Write }
    }

    pub(super) fn build(&self, client: &Client, url: Url) -> RequestBuilder {
        let mut builder = client.request(self.method.clone(), url);
        if let Some((name, value)) = &self.authorization {
            let mut value = value.clone();
            // Marked as sensitive, so that no log of the HTTP library shows it.
            value.set_sensitive(true);
            builder = builder.header(name.clone(), value);
        }
        match &self.body {
            // The copy belongs to the HTTP library, which does not wipe it: passwords are sent in a body, and this
            // cannot be avoided.
            Some(body) => builder.header(CONTENT_TYPE, "application/json").body(body.to_vec()),
            None => builder,
        }
    }
}
