//! Signing in, and what every other call wants to see of it.

use serde_json::{Value, json};
use tbpki_tests::platform::{Answer, Platform, id};

#[track_caller]
fn login(platform: &Platform, body: &str) -> Answer {
    platform.request("POST", "/api/auth/login", &[("Content-Type", "application/json")], body.as_bytes())
}

#[track_caller]
fn user(platform: &Platform, header: &str, value: &str) -> Answer {
    platform.request("GET", "/api/auth/user", &[(header, value)], b"")
}

#[test]
fn a_login_gives_two_tokens_and_shows_who_one_is() {
    let platform = Platform::start();
    let body = json!({ "username": platform.user(), "password": platform.password() }).to_string();
    // The platform does not look at the type, unlike in other calls with a body.
    for kind in ["application/json", "text/plain", "application/xml"] {
        let answer = platform.request("POST", "/api/auth/login", &[("Content-Type", kind)], body.as_bytes());
        assert_eq!(answer.status, 200, "{kind}");
        assert!(answer.header("date").is_some());
        assert_eq!(answer.json().as_object().unwrap().len(), 2, "{}", answer.text());
    }
    let tenant = platform.sign_in();
    let me = tenant.ok("GET", "/api/auth/user", None);
    assert_eq!(me["email"], platform.user());
    assert_eq!(me["authority"], "TENANT_ADMIN");
    assert_eq!(me["customerId"]["id"], "13814000-1dd2-11b2-8080-808080808080");
}

#[test]
fn every_fault_of_a_login_has_its_answer() {
    let platform = Platform::start();
    let (name, password) = (platform.user(), platform.password());
    let wrong = "Invalid username or password";
    let failed = "Authentication failed";
    for (body, message) in [
        (json!({ "username": name, "password": "wrong" }).to_string(), wrong),
        (json!({ "username": "nobody@example.org", "password": password }).to_string(), wrong),
        // The case of letters counts, although it is a mail address.
        (json!({ "username": name.to_uppercase(), "password": password }).to_string(), wrong),
        (json!({ "username": name, "password": "" }).to_string(), failed),
        (json!({ "username": " ", "password": password }).to_string(), failed),
        (json!({ "username": name, "password": password, "more": 1 }).to_string(), failed),
        ("{".to_owned(), failed),
        (String::new(), failed),
    ] {
        login(&platform, &body).is_refusal(401, 10, message);
    }
    for path in ["/api/auth/login", "/api/auth/token"] {
        platform.request("GET", path, &[], b"").is_refusal(401, 10, "Authentication method not supported");
    }
}

#[test]
fn authorization_headers_are_read_by_version() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let good = format!("Bearer {}", tenant.token);
    for (header, value) in [("X-Authorization", good.clone()), ("Authorization", good.clone())] {
        assert_eq!(user(&platform, header, &value).status, 200, "{header}: {value}");
    }
    let lower_case = user(&platform, "Authorization", &format!("bearer {}", tenant.token));
    assert_eq!(lower_case.status, if platform.is_4_3() { 302 } else { 200 });
    let both = |x: &str, plain: &str| {
        platform.request("GET", "/api/auth/user", &[("X-Authorization", x), ("Authorization", plain)], b"")
    };
    assert_eq!(both(&good, "Bearer junk").status, 200, "X-Authorization wins");
    if !platform.is_4_3() {
        assert_eq!(both("", &good).status, 200, "an empty one does not count");
    }

    platform.request("GET", "/api/auth/user", &[], b"").is_refusal(401, 10, "Authentication failed");
    user(&platform, "X-Authorization", "Bearer junk").is_refusal(401, 10, "Invalid username or password");
    for scheme in ["Basic YTpi", "Foo bar baz"] {
        let answer = user(&platform, "X-Authorization", scheme);
        if platform.is_4_3() {
            assert_eq!(answer.status, 302);
            let location = answer.header("location").unwrap_or_default();
            assert!(location.ends_with("/oauth2Login"), "{location}");
        } else {
            answer.is_refusal(401, 10, "");
        }
    }
    let (signed, signature) = tenant.token.rsplit_once('.').unwrap();
    // The first character: the last one of Base64 may hold bits that are dropped, so that a change of it changes
    // nothing.
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("Bearer {signed}.{first}{}", &signature[1..]);
    // A signature that does not fit has the text of a token that has expired, so a client must not read it as a matter
    // of time.
    user(&platform, "X-Authorization", &forged).is_refusal(401, 11, "Token has expired");
}

#[test]
fn tokens_are_refreshed_more_than_once_and_end_with_the_session() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let refresh = |token: &str| {
        let body = json!({ "refreshToken": token }).to_string();
        platform.request("POST", "/api/auth/token", &[("Content-Type", "application/json")], body.as_bytes())
    };
    // A refresh token is not used up: two clients of one session do not put each other out.
    for _ in 0..2 {
        let answer = refresh(&tenant.refresh_token);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.json()["token"].is_string() && answer.json()["refreshToken"].is_string());
    }
    refresh(&tenant.token).is_refusal(500, 2, "Invalid Refresh Token scope");

    user(&platform, "X-Authorization", &format!("Bearer {}", tenant.refresh_token)).is_refusal(500, 2, "");

    let gone = platform.sign_in();
    // Tokens carry whole seconds: those of the second of the logout stay valid.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let answer = gone.call("POST", "/api/auth/logout", None);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    gone.call("GET", "/api/auth/user", None).is_refusal(401, 11, "");
    refresh(&gone.refresh_token).is_refusal(401, 10, "");
    assert_eq!(tenant.call("GET", "/api/auth/user", None).status, 200, "another session goes on");
}

#[test]
fn api_keys_came_with_4_3() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let wanted = json!({ "userId": tenant.ok("GET", "/api/auth/user", None)["id"], "description": "tbpki-test" });
    let create = |more: Value| {
        let mut wanted = wanted.clone();
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tenant.call("POST", "/api/apiKey", Some(&wanted))
    };
    if !platform.is_4_3() {
        create(json!({ "enabled": true })).is_refusal(404, 32, "");
        return;
    }
    create(json!({ "description": " " })).is_refusal(400, 31, "Validation error: description must not be blank");
    create(json!({ "userId": null })).is_refusal(400, 31, "Invalid entity id");
    let log_in =
        |key: &Value| user(&platform, "X-Authorization", &format!("ApiKey {}", key["value"].as_str().unwrap()));
    let inactive = "User account is not active";
    for (more, status, message) in [
        (json!({ "enabled": true }), 200, ""),
        // A key without the field is not enabled.
        (json!({}), 401, inactive),
        (json!({ "expirationTime": 1 }), 401, inactive),
        (json!({ "enabled": true, "expirationTime": 1 }), 401, "API key is expired"),
    ] {
        let key = create(more).json();
        let path = format!("/api/apiKey/{}", id(&key));
        tenant.forget(&path);
        let answer = log_in(&key);
        if status == 200 {
            assert_eq!(answer.status, 200, "{}", answer.text());
            tenant.ok("PUT", &format!("{path}/enabled/false"), None);
            log_in(&key).is_refusal(401, 10, inactive);
        } else {
            answer.is_refusal(status, 10, message);
        }
        tenant.ok("DELETE", &path, None);
        log_in(&key).is_refusal(401, 10, "Invalid username or password");
    }
}
