//! Requests that wait for the approval of an operator.

use base::Result;
use base::file::current_user;
use base::timestamp::rfc3339;
use ledger::{EnrolmentRequest, RequestDecision};
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;

/// Requests for certificates over the network.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RequestsReport {
    /// The requests: those that wait first, and the oldest first.
    pub requests: Vec<ReportedRequest>,
}

/// A request.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportedRequest {
    /// The name of the request: the first 16 hexadecimal digits of the SHA-256 over its public key.
    pub request: String,
    /// The name of the device that asks.
    pub device: String,
    /// The label that it asks at; absent for the devices' issuing CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The SHA-256 over the public key (SubjectPublicKeyInfo in DER), in hexadecimal.
    pub key: String,
    /// Whether it is the device's first certificate.
    pub first: bool,
    /// The address that asked.
    pub address: String,
    /// The time of the first request with this key (RFC 3339, UTC).
    pub asked: String,
    /// `waiting`, `approved` or `denied`.
    pub state: &'static str,
    /// The time of the decision (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// The user who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl From<EnrolmentRequest> for ReportedRequest {
    fn from(request: EnrolmentRequest) -> Self {
        Self {
            request: request.id(),
            key: base::hex::lower(&request.key),
            first: request.is_first,
            asked: rfc3339(request.asked_at),
            state: request.decision.map_or("waiting", RequestDecision::as_str),
            decided: request.decided_at.map(rfc3339),
            device: request.device,
            label: request.label,
            address: request.address,
            user: request.decided_by,
        }
    }
}

/// The requests that wait; with `all`, those that are decided too.
///
/// # Errors
/// Those of the store.
pub fn list(workspace: &Workspace<'_>, all: bool) -> Result<RequestsReport> {
    store::check_exists(workspace.store_dir())?;
    let requests = workspace.view()?.enrolment_requests()?.into_iter();
    Ok(RequestsReport {
        requests: requests.filter(|request| all || request.decision.is_none()).map(ReportedRequest::from).collect(),
    })
}

/// Approves or denies requests by their names, all of them or none.
///
/// # Errors
/// [`Code::UnknownRequest`](base::Code::UnknownRequest), and those of the store.
pub fn decide(workspace: &mut Workspace<'_>, names: &[String], decision: RequestDecision) -> Result<RequestsReport> {
    store::check_exists(workspace.store_dir())?;
    let mut store = workspace.open_store(match decision {
        RequestDecision::Approved => "enroll approve",
        RequestDecision::Denied => "enroll deny",
    })?;
    let decided = store.ledger.decide_requests(names, decision, &current_user())?;
    Ok(RequestsReport { requests: decided.into_iter().map(ReportedRequest::from).collect() })
}
