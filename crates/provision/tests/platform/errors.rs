//! Every way in which ThingsBoard refuses, and what it becomes.

use base::{Code, Secret};
use provision::ThingsBoard;
use provision::thingsboard::ApiLogin;
use serde_json::json as value;

use crate::server::{CheckedServer, json, raw};
use crate::{fault, logged_in, reach, runtime, thingsboard};

#[test]
fn refusals_of_a_login() {
    for (code, message, expected) in [
        (10, "Invalid username or password", Code::LoginRefused),
        (10, "Authentication failed", Code::LoginRefused),
        (10, "Authentication method not supported", Code::LoginRefused),
        (10, "User account is not active", Code::UserDisabled),
        (10, "User account is locked due to security policy", Code::UserLocked),
        (15, "User password expired!", Code::PasswordExpired),
    ] {
        let server = CheckedServer::script(vec![fault(401, code, message)]);
        let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
        assert!(error.code() == expected && error.to_string().contains(message), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(server.seen().len(), 1, "a wrong password is not tried again");
    }
}

#[test]
fn refusals_of_an_api_key() {
    for (code, message, expected) in [
        (10, "Invalid username or password", Code::ApiKeyRefused),
        (10, "Authentication failed", Code::ApiKeyRefused),
        (10, "API key is expired", Code::ApiKeyRefused),
        (10, "User account is not active", Code::UserDisabled),
    ] {
        let server = CheckedServer::script(vec![fault(401, code, message)]);
        let board = ThingsBoard::new(&reach(&server), ApiLogin::ApiKey(Secret::from("tb_hunter2"))).unwrap();
        let error = runtime().wait(board.token("pump")).unwrap_err();
        assert!(error.code() == expected && error.to_string().contains(message), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn refusals_of_a_request() {
    let limit = value!({"status": 403, "message": "Devices limit reached", "errorCode": 41, "entityType": "DEVICE", "limit": 10});
    // A bare string and no object: so ThingsBoard answers a body of more than 16 MiB.
    let too_long = b"\"Payload size exceeds the limit of 16777216 bytes\"";
    for (reply, expected, words) in [
        (
            fault(403, 20, "You don't have permission to perform this operation!"),
            Code::PlatformPermission,
            "permission",
        ),
        (json(403, &limit), Code::DeviceLimit, "limit of 10"),
        (fault(404, 32, "Device with id [x] is not found"), Code::PlatformNotFound, "no device"),
        (fault(400, 31, "Invalid UUID string: devices"), Code::PlatformRefused, "Invalid UUID"),
        (fault(400, 31, "Validation error: name is malformed"), Code::PlatformRefused, "malformed"),
        (fault(400, 31, "Device with such name already exists!"), Code::PlatformNameTaken, "already exists"),
        (
            fault(400, 31, "Device credentials are already assigned to another device!"),
            Code::CertificateTaken,
            "another device",
        ),
        (fault(400, 31, "Specified credentials are already registered!"), Code::CertificateTaken, "already registered"),
        (fault(400, 31, "Device profile with such certificate already exists!"), Code::CertificateTaken, "profile"),
        (fault(405, 31, "Request method 'GET' is not supported"), Code::NotThePlatform, "405"),
        (fault(409, 35, "Entity was already changed by someone else"), Code::VersionConflict, "someone else"),
        (raw(413, &[("Connection", "close")], too_long), Code::PayloadTooLarge, "16777216"),
        (fault(401, 15, "User password expired!"), Code::PasswordExpired, "expired"),
    ] {
        let server = CheckedServer::script(vec![logged_in(), reply]);
        let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
        assert!(error.code() == expected && error.to_string().contains(words), "{expected:?}, {words}: {error:?}");
        assert!(error.finding().location.item.is_some(), "{error:?}");
    }
}
