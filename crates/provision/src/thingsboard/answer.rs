//! One answer of the platform read as every object that tbpki expects, without a connection: for fuzzing.

use crate::http::ApiResponse;

use super::fault;
use super::model::{Credentials, Device, Page, ProfileInfo};
use super::session::LoginKind;

/// The meaning of an answer for each of its readers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AnswerReading {
    /// Identifiers that become a part of a path.
    pub ids: Vec<String>,
    /// The credentials as they would be sent back.
    pub credentials: Option<serde_json::Value>,
    /// The credentials id, which may be a token.
    pub credentials_id: Option<String>,
    /// The texts for messages.
    pub texts: Vec<String>,
}

/// Reads an answer as a device, a page of profiles, credentials, and as an error.
pub fn read_answer(status: u16, body: &[u8]) -> AnswerReading {
    let answer = ApiResponse::of(status, body);
    let mut reading = AnswerReading::default();
    match answer.json::<Device>() {
        Ok(device) => {
            reading.ids.push(device.id.id.as_str().to_owned());
            reading.texts.push(device.is_gateway().to_string());
        }
        Err(error) => reading.texts.push(error.to_string()),
    }
    if let Ok(page) = answer.json::<Page<ProfileInfo>>() {
        reading.ids.extend(page.data.iter().map(|profile| profile.id.id.as_str().to_owned()));
    }
    if let Ok(credentials) = answer.json::<Credentials>() {
        reading.texts.push(credentials.described());
        reading.credentials_id = Some(credentials.id().to_owned());
        reading.credentials = serde_json::to_value(&credentials).ok();
    }
    for login in [LoginKind::Password, LoginKind::ApiKey] {
        reading.texts.push(fault::refused(&answer, login).to_string());
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_is_read_as_every_object() {
        let device = br#"{"id":{"id":"784f394c-42b6-435a-983c-b7beff2784f9"},"name":"a","credentialsId":"t"}"#;
        let reading = read_answer(200, device);
        assert_eq!(reading.ids, ["784f394c-42b6-435a-983c-b7beff2784f9"]);
        assert_eq!(reading.credentials_id.as_deref(), Some("t"));
        assert!(read_answer(200, br#"{"id":{"id":"../../x"},"name":"a"}"#).ids.is_empty());
        let refused = read_answer(403, br#"{"message":"no","errorCode":20}"#);
        assert!(refused.texts.iter().any(|text| text.contains("lacks a permission")), "{refused:?}");
    }
}
