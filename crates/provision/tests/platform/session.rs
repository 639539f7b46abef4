//! Logging in, staying logged in, and being told why not.

use base::{Code, Secret};
use provision::thingsboard::ApiLogin;
use provision::{Runtime, ThingsBoard};
use serde_json::json as value;

use crate::server::{CheckedServer, json};
use crate::{TOKEN, fault, logged_in, reach, runtime, thingsboard};

const MISSING: &str = "Requested item wasn't found!";

#[test]
fn a_token_that_has_ended_is_renewed_once_and_the_request_sent_again() {
    let new = format!("{TOKEN}0");
    let renewed = json(200, &value!({"token": new, "refreshToken": "next"}));
    let server =
        CheckedServer::script(vec![logged_in(), fault(401, 11, "Token has expired"), renewed, fault(404, 32, MISSING)]);
    let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::PlatformNotFound);
    let seen = server.seen();
    assert_eq!((seen[2].path.as_str(), seen[2].json()), ("/api/auth/token", value!({"refreshToken": "refresh-me"})));
    assert_eq!(seen[3].header("x-authorization"), Some(format!("Bearer {new}").as_str()));
}

#[test]
fn where_renewing_fails_the_password_is_used_again() {
    let server = CheckedServer::script(vec![
        logged_in(),
        fault(401, 11, "Token has expired"),
        fault(401, 10, "Invalid username or password"),
        logged_in(),
        fault(404, 32, MISSING),
    ]);
    let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
    assert_eq!((error.code(), server.seen().len()), (Code::PlatformNotFound, 5));
}

#[test]
fn a_token_that_is_about_to_end_is_renewed_unasked() {
    // iat and exp are the same second.
    let ended = "e30.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDAwMH0.x";
    let server = CheckedServer::script(vec![
        json(200, &value!({"token": ended, "refreshToken": "refresh-me"})),
        fault(404, 32, MISSING),
        logged_in(),
        fault(404, 32, MISSING),
    ]);
    let (board, runtime) = (thingsboard(&server), runtime());
    for _ in 0..2 {
        assert!(runtime.wait(board.token("pump")).is_err());
    }
    assert_eq!(server.seen()[2].path, "/api/auth/token");
}

#[test]
fn a_session_that_ends_again_and_again_is_told() {
    let server = CheckedServer::new(|seen, _| match seen.path.as_str() {
        "/api/auth/login" | "/api/auth/token" => logged_in(),
        _ => fault(401, 11, "Token has expired"),
    });
    let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
    // Login, request, renewal, and the request once more: then it is no matter of the token's age.
    assert_eq!((error.code(), server.seen().len()), (Code::SessionExpired, 4));
}

#[test]
fn many_at_once_log_in_once_and_renew_once() {
    let server = CheckedServer::new(|seen, _| match (seen.path.as_str(), seen.header("x-authorization")) {
        ("/api/auth/login", _) => logged_in(),
        ("/api/auth/token", _) => json(200, &value!({"token": "new-token"})),
        (_, Some("Bearer new-token")) => fault(404, 32, MISSING),
        _ => fault(401, 11, "Token has expired"),
    });
    let board = thingsboard(&server);
    let mut count = 0;
    Runtime::new()
        .unwrap()
        .for_each(
            8,
            // More than run at once, so that some begin before the renewal and some behind it.
            0..30,
            |number| {
                let board = board.clone();
                async move { board.token(&format!("pump-{number}")).await.unwrap_err().code() }
            },
            |code| {
                count += 1;
                assert_eq!(code, Code::PlatformNotFound);
                Ok(())
            },
        )
        .unwrap();
    let times = |path: &str| server.seen().iter().filter(|seen| seen.path == path).count();
    assert_eq!((count, times("/api/auth/login"), times("/api/auth/token")), (30, 1, 1));
}

#[test]
fn a_second_factor_is_told_for_what_it_is() {
    for scope in ["PRE_VERIFICATION_TOKEN", "MFA_CONFIGURATION_TOKEN"] {
        let server = CheckedServer::script(vec![json(200, &value!({"token": TOKEN, "scope": scope}))]);
        let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
        assert!(error.code() == Code::SecondFactor && error.to_string().contains(scope), "{error:?}");
    }
}

#[test]
fn an_api_key_goes_along_with_every_request_and_is_never_renewed() {
    let server = CheckedServer::script(vec![fault(401, 11, "Token has expired")]);
    let board = ThingsBoard::new(&reach(&server), ApiLogin::ApiKey(Secret::from("tb_key"))).unwrap();
    let error = runtime().wait(board.token("pump")).unwrap_err();
    assert_eq!((error.code(), server.seen().len()), (Code::SessionExpired, 1));
    assert_eq!(server.seen()[0].header("x-authorization"), Some("ApiKey tb_key"));
}
