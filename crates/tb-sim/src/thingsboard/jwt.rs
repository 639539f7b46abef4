//! Tokens: JSON web tokens (RFC 7519) signed with HMAC-SHA512.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::clock;
use crate::ids::{Uuid, fill};
use crate::thingsboard::model::accounts::Account;
use crate::thingsboard::refusal::{Refusal, Result};

/// The scope of refresh tokens.
const REFRESH: &str = "REFRESH_TOKEN";

/// The key that signs all tokens of one simulator.
pub(crate) struct Tokens {
    key: hmac::Key,
    access: Duration,
    refresh: Duration,
}

/// The claims of a token.
pub(crate) struct Claims {
    pub(crate) user: Uuid,
    pub(crate) session: String,
    /// The time of issue, in seconds since 1970.
    pub(crate) issued: i64,
    is_refresh: bool,
}

impl Tokens {
    pub(crate) fn new(access: Duration, refresh: Duration) -> Self {
        let mut key = [0; 64];
        fill(&mut key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA512, &key), access, refresh }
    }

    /// A pair of tokens for a session: for access, and for a new pair.
    pub(crate) fn pair(&self, account: &Account, session: &str) -> Value {
        let user = &account.user;
        let now = clock::seconds();
        let until = |life: Duration| now + i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2);
        let access = json!({
            "sub": user.name,
            "userId": account.id,
            "scopes": [user.authority.as_str()],
            "sessionId": session,
            "exp": until(self.access),
            "iss": "thingsboard.io",
            "iat": now,
            "enabled": true,
            "isPublic": false,
            "tenantId": account.tenant,
            "customerId": account.customer,
        });
        let refresh = json!({
            "sub": user.name,
            "userId": account.id,
            "scopes": [REFRESH],
            "sessionId": session,
            "exp": until(self.refresh),
            "iss": "thingsboard.io",
            "iat": now,
            "isPublic": false,
            "jti": Uuid::new(),
        });
        json!({ "token": self.sign(&access), "refreshToken": self.sign(&refresh) })
    }

    /// Reads an access token.
    pub(crate) fn access(&self, token: &str) -> Result<Claims> {
        let claims = self.read(token)?;
        if claims.is_refresh { Err(no_authority()) } else { Ok(claims) }
    }

    /// Reads a refresh token.
    pub(crate) fn refresh(&self, token: &str) -> Result<Claims> {
        let claims = self.read(token)?;
        if claims.is_refresh { Ok(claims) } else { Err(Refusal::general("Invalid Refresh Token scope")) }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS512"}"#);
        let body = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signed = format!("{header}.{body}");
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn read(&self, token: &str) -> Result<Claims> {
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, body, signature] = parts.as_slice() else {
            return Err(Refusal::wrong_credentials());
        };
        let json = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (Some(header), Some(claims), Ok(signature)) = (json(header), json(body), URL_SAFE_NO_PAD.decode(signature))
        else {
            return Err(Refusal::wrong_credentials());
        };
        let (header, claims): (Value, Value) = (header, claims);
        // Other algorithms, `none` among them, are garbage and not merely a bad signature.
        if header.get("alg").and_then(Value::as_str) != Some("HS512") {
            return Err(Refusal::wrong_credentials());
        }
        // The text as it came: encoded again, the parts might differ in what was signed.
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        if hmac::verify(&self.key, signed.as_bytes(), &signature).is_err() {
            // The real server does not distinguish a wrong signature from an old token.
            return Err(Refusal::token_expired());
        }
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= clock::seconds()) {
            return Err(Refusal::token_expired());
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Claims {
            user: text("userId").parse().map_err(|_| Refusal::wrong_credentials())?,
            session: text("sessionId").to_owned(),
            issued: claims.get("iat").and_then(Value::as_i64).unwrap_or_default(),
            is_refresh: claims.get("scopes").and_then(|scopes| scopes.get(0)) == Some(&Value::from(REFRESH)),
        })
    }
}

/// The scope of a refresh token is no authority of a user, which the real server finds out by an exception.
fn no_authority() -> Refusal {
    Refusal::general("Cannot invoke \"Object.toString()\" because the return value of \"Claims.get(Object)\" is null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thingsboard::model::accounts::Accounts;
    use crate::thingsboard::settings::Settings;

    #[test]
    fn tokens_are_told_apart_by_what_is_wrong_with_them() {
        let accounts = Accounts::new(&Settings::default());
        let account = accounts.by_name("tenant@thingsboard.org").unwrap();
        let tokens = Tokens::new(Duration::from_secs(60), Duration::from_secs(60));
        let pair = tokens.pair(account, "s");
        let (access, refresh) = (pair["token"].as_str().unwrap(), pair["refreshToken"].as_str().unwrap());
        assert_eq!(tokens.access(access).map(|claims| claims.user), Ok(account.id));
        assert_eq!(tokens.refresh(refresh).map(|claims| claims.session), Ok("s".to_owned()));
        let refused = |token: &str| tokens.access(token).map(|claims| claims.user).unwrap_err();
        for garbage in ["", "x", "a.b.c", &format!("{access}.x")] {
            assert_eq!(refused(garbage), Refusal::wrong_credentials(), "{garbage}");
        }
        let other = Tokens::new(Duration::from_secs(60), Duration::from_secs(60)).pair(account, "s");
        assert_eq!(refused(other["token"].as_str().unwrap()), Refusal::token_expired());
        let scope = tokens.refresh(access).map(|claims| claims.user).unwrap_err();
        assert_eq!(scope, Refusal::general("Invalid Refresh Token scope"));
        assert_eq!(refused(refresh), no_authority());
        let short = Tokens::new(Duration::ZERO, Duration::ZERO);
        let pair = short.pair(account, "s");
        let old = short.access(pair["token"].as_str().unwrap()).map(|claims| claims.user).unwrap_err();
        assert_eq!(old, Refusal::token_expired());
    }
}
