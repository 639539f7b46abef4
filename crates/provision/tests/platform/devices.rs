//! Registering, step by step: what is asked in which order, and what is done about answers that were lost.

use base::Code;
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, IssuedCertificates, NewDevice, PlatformChange, Replace};
use provision::thingsboard::withdrawal_token;
use serde_json::{Value, json as value};

use crate::server::{CheckedServer, Reply, json};
use crate::{certificate, fault, logged_in, runtime, thingsboard, wanted};

const ID: &str = "784f394c-42b6-435a-983c-b7beff2784f9";
const FIND: &str = "GET /api/tenant/devices?deviceName=pump";
const CREDENTIALS: &str = "GET /api/device/784f394c-42b6-435a-983c-b7beff2784f9/credentials";
const CREATE: &str = "POST /api/device-with-credentials";
const SAVE: &str = "POST /api/device/credentials";

fn exists() -> Reply {
    fault(400, 31, "Device with such name already exists!")
}

fn missing() -> Reply {
    fault(404, 32, "Requested item wasn't found!")
}

fn device() -> Reply {
    json(200, &value!({"id": {"entityType": "DEVICE", "id": ID}, "name": "pump", "type": "default", "version": 1}))
}

fn credentials(kind: &str, id: &str, version: u32) -> Value {
    value!({"id": {"id": ID}, "credentialsType": kind, "credentialsId": id, "credentialsValue": null, "version": version})
}

fn has(certificate: &Certificate) -> Reply {
    json(200, &credentials("X509_CERTIFICATE", &certificate.credentials_id(), 7))
}

fn has_token(token: &str) -> Reply {
    json(200, &credentials("ACCESS_TOKEN", token, 7))
}

/// The requests behind the login.
fn lines(server: &CheckedServer) -> Vec<String> {
    server.lines().split_off(1)
}

#[test]
fn a_new_device_is_made_in_one_request_and_read_back() {
    let certificate = certificate("pump");
    let server = CheckedServer::script(vec![logged_in(), device(), has(&certificate)]);
    let registration = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap();
    assert_eq!((registration.done, registration.device_id.as_deref()), (PlatformChange::Created, Some(ID)));
    assert_eq!(lines(&server), [CREATE, CREDENTIALS]);
    let body = server.seen()[1].json();
    assert_eq!(body["device"], value!({"name": "pump"}));
    assert_eq!(body["credentials"]["credentialsType"], "X509_CERTIFICATE");
    let text = body["credentials"]["credentialsValue"].as_str().unwrap();
    assert_eq!(pki::credentials_id::of_text(text), certificate.credentials_id());
}

#[test]
fn profile_label_and_gateway_go_along_and_a_profile_is_never_made_by_its_name() {
    let certificate = certificate("pump");
    let page = |names: &[&str], more: bool| {
        let data: Vec<Value> =
            names.iter().map(|name| value!({"id": {"entityType": "DEVICE_PROFILE", "id": ID}, "name": name})).collect();
        json(200, &value!({"data": data, "totalPages": 2, "totalElements": 3, "hasNext": more}))
    };
    let create = NewDevice {
        profile: Some("Pumps".to_owned()),
        label: Some("cellar".to_owned()),
        gateway: true,
        ..NewDevice::default()
    };
    let wanted = DesiredDevice { create: Some(create), ..wanted("pump", &certificate) };
    // Only the exact name counts, and it may be on a later page: "pumps" is another profile.
    let pages = || [page(&["default", "pumps"], true), page(&["Pumps"], false)];
    let [first, second] = pages();
    let server = CheckedServer::script(vec![logged_in(), first, second, device(), has(&certificate)]);
    runtime().wait(thingsboard(&server).register(&wanted)).unwrap();
    assert_eq!(
        server.seen()[3].json()["device"],
        value!({
            "name": "pump", "label": "cellar", "additionalInfo": {"gateway": true},
            "deviceProfileId": {"entityType": "DEVICE_PROFILE", "id": ID},
        })
    );

    // ThingsBoard would make a profile of an unknown name in silence.
    let server = CheckedServer::script(vec![logged_in(), page(&["pumps"], false), missing()]);
    let error = runtime().wait(thingsboard(&server).register(&wanted)).unwrap_err();
    assert!(error.code() == Code::PlatformNotFound && error.to_string().contains("Pumps"), "{error:?}");
}

#[test]
fn attributes_are_set_behind_the_credential_and_again_where_that_is_there_and_are_read_back() {
    let certificate = certificate("pump");
    let wanted = with_attributes(&certificate, &[("site", "cellar"), ("serial", "00012345")]);
    let done = || json(200, &Value::Null);
    // ThingsBoard stores a text of digits as a number.
    let stored = || attributes(&[("active", value!(false)), ("site", value!("cellar")), ("serial", value!(12345))]);
    let server = CheckedServer::script(vec![logged_in(), device(), has(&certificate), done(), stored()]);
    assert_eq!(runtime().wait(thingsboard(&server).register(&wanted)).unwrap().done, PlatformChange::Created);
    assert_eq!(lines(&server), [CREATE, CREDENTIALS, &set_attributes(), &get_attributes()]);
    assert_eq!(server.seen()[3].json(), value!({"site": "cellar", "serial": "00012345"}));

    let server = CheckedServer::script(vec![logged_in(), exists(), device(), has(&certificate), done(), stored()]);
    assert_eq!(runtime().wait(thingsboard(&server).register(&wanted)).unwrap().done, PlatformChange::Unchanged);
    assert_eq!(lines(&server), [CREATE, FIND, CREDENTIALS, &set_attributes(), &get_attributes()]);
}

#[test]
fn an_attribute_that_would_become_another_number_is_refused_before_anything_is_sent() {
    let certificate = certificate("pump");
    let mut wanted = with_attributes(&certificate, &[("site", "cellar"), ("serial", "00012345")]);
    wanted.create.as_mut().unwrap().accept_number_attributes = false;
    let server = CheckedServer::script(Vec::new());
    let board = thingsboard(&server);
    for error in
        [runtime().wait(board.register(&wanted)).unwrap_err(), runtime().wait(board.examine(&wanted)).unwrap_err()]
    {
        assert_eq!(error.code(), Code::NumberAttribute, "{error:?}");
        assert!(error.to_string().contains("00012345"), "{error}");
    }
    assert!(server.lines().is_empty());
}

#[test]
fn an_attribute_that_is_stored_otherwise_is_reported() {
    let certificate = certificate("pump");
    for (stored, what) in [
        (vec![("site", value!("attic"))], "attic"),
        (vec![("site", value!(7))], "7"),
        (vec![("other", value!("cellar"))], "nothing"),
    ] {
        let wanted = with_attributes(&certificate, &[("site", "cellar")]);
        let read = || attributes(&stored);
        let replies = vec![logged_in(), device(), has(&certificate), json(200, &Value::Null), read(), read(), read()];
        let server = CheckedServer::script(replies);
        let error = runtime().wait(thingsboard(&server).register(&wanted)).unwrap_err();
        assert_eq!(error.code(), Code::AttributeDiffers, "{error:?}");
        assert!(error.to_string().contains("site") && error.to_string().contains(what), "{error}");
    }
    // An answer from before the change is not believed.
    let wanted = with_attributes(&certificate, &[("site", "cellar")]);
    let (old, new) = (attributes(&[]), attributes(&[("site", value!("cellar"))]));
    let server =
        CheckedServer::script(vec![logged_in(), device(), has(&certificate), json(200, &Value::Null), old, new]);
    assert_eq!(runtime().wait(thingsboard(&server).register(&wanted)).unwrap().done, PlatformChange::Created);
}

fn with_attributes(certificate: &Certificate, attributes: &[(&str, &str)]) -> DesiredDevice {
    let attributes = attributes.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    DesiredDevice {
        create: Some(NewDevice { attributes, accept_number_attributes: true, ..NewDevice::default() }),
        ..wanted("pump", certificate)
    }
}

fn attributes(stored: &[(&str, Value)]) -> Reply {
    let stored: Vec<Value> =
        stored.iter().map(|(key, value)| value!({"lastUpdateTs": 1, "key": key, "value": value})).collect();
    json(200, &Value::Array(stored))
}

fn set_attributes() -> String {
    format!("POST /api/plugins/telemetry/DEVICE/{ID}/attributes/SERVER_SCOPE")
}

fn get_attributes() -> String {
    format!("GET /api/plugins/telemetry/DEVICE/{ID}/values/attributes/SERVER_SCOPE")
}

#[test]
fn the_same_certificate_is_no_change_and_another_one_needs_to_be_allowed() {
    let (old, new) = (certificate("pump"), certificate("pump"));
    let server = CheckedServer::script(vec![logged_in(), exists(), device(), has(&old)]);
    assert_eq!(
        runtime().wait(thingsboard(&server).register(&wanted("pump", &old))).unwrap().done,
        PlatformChange::Unchanged
    );
    assert_eq!(lines(&server), [CREATE, FIND, CREDENTIALS]);

    for there in [has(&old), has_token("secret-token")] {
        let server = CheckedServer::script(vec![logged_in(), exists(), device(), there]);
        let error = runtime().wait(thingsboard(&server).register(&wanted("pump", &new))).unwrap_err();
        assert_eq!((error.code(), lines(&server).len()), (Code::OtherCredential, 3), "{error:?}");
        assert!(!format!("{error:?}").contains("secret-token"));
    }

    let server = CheckedServer::script(vec![logged_in(), exists(), device(), has(&old), has(&new), has(&new)]);
    let replace = DesiredDevice { replace: Replace::Anything, ..wanted("pump", &new) };
    assert_eq!(runtime().wait(thingsboard(&server).register(&replace)).unwrap().done, PlatformChange::Replaced);
    assert_eq!(lines(&server), [CREATE, FIND, CREDENTIALS, SAVE, CREDENTIALS]);
    // With the version that was read, so that the platform notices a change in between.
    assert_eq!(server.seen()[4].json()["version"], 7);
}

#[test]
fn a_refusal_that_concerns_new_devices_is_none_for_a_device_that_exists() {
    let certificate = certificate("pump");
    let refusals = || {
        [
            (fault(403, 41, "Devices limit reached"), Code::DeviceLimit),
            (fault(403, 20, "You don't have permission to perform this operation!"), Code::PlatformPermission),
            (fault(400, 31, "Validation error: label is malformed"), Code::PlatformRefused),
            (fault(400, 31, "Device credentials are already assigned to another device!"), Code::CertificateTaken),
        ]
    };
    // Each of these may hide that the device exists, so that it is looked for.
    for (refusal, _) in refusals() {
        let server = CheckedServer::script(vec![logged_in(), refusal, device(), has(&certificate)]);
        let done = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap().done;
        assert_eq!(
            (done, lines(&server)),
            (PlatformChange::Unchanged, vec![CREATE.into(), FIND.into(), CREDENTIALS.into()])
        );
    }
    for (refusal, code) in refusals() {
        let server = CheckedServer::script(vec![logged_in(), refusal, missing()]);
        let error = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap_err();
        assert_eq!((error.code(), lines(&server).len()), (code, 2), "{error:?}");
    }
}

#[test]
fn a_token_may_be_set_in_place_of_a_token_and_of_nothing_else() {
    let token = |replace| DesiredDevice {
        name: "pump".to_owned(),
        credential: DeviceCredential::AccessToken(base::Secret::from("new-token")),
        replace,
        create: None,
    };
    let server = CheckedServer::script(vec![
        logged_in(),
        device(),
        has_token("old"),
        has_token("new-token"),
        has_token("new-token"),
    ]);
    let done = runtime().wait(thingsboard(&server).register(&token(Replace::SameKind))).unwrap().done;
    assert_eq!(
        (done, server.seen()[3].json()["credentialsId"].as_str()),
        (PlatformChange::Replaced, Some("new-token"))
    );

    let server = CheckedServer::script(vec![logged_in(), device(), has(&certificate("pump"))]);
    let error = runtime().wait(thingsboard(&server).register(&token(Replace::SameKind))).unwrap_err();
    assert_eq!(error.code(), Code::OtherCredential);

    let server = CheckedServer::script(vec![logged_in(), missing()]);
    let error = runtime().wait(thingsboard(&server).register(&token(Replace::Anything))).unwrap_err();
    assert_eq!(error.code(), Code::PlatformNotFound);
}

#[test]
fn after_an_answer_that_was_lost_the_state_is_looked_at_first() {
    let certificate = certificate("pump");
    // In none of them the client knows whether the device was made.
    let lost = || [Reply::Cut, Reply::Half, fault(500, 2, "x"), json(200, &value!("garbage"))];
    // It was done all the same.
    for reply in lost() {
        let server = CheckedServer::script(vec![logged_in(), reply, device(), has(&certificate)]);
        let registration = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap();
        assert_eq!(registration.done, PlatformChange::Created);
        assert_eq!(lines(&server), [CREATE, FIND, CREDENTIALS]);
    }
    // It was not.
    for reply in lost() {
        let replies = vec![logged_in(), reply, missing(), device(), has(&certificate)];
        let server = CheckedServer::script(replies);
        let registration = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap();
        assert_eq!(registration.done, PlatformChange::Created);
        assert_eq!(lines(&server), [CREATE, FIND, CREATE, CREDENTIALS]);
    }
    // It was done after the look: the name is taken, by this device.
    let replies = vec![logged_in(), Reply::Cut, missing(), exists(), device(), has(&certificate)];
    let server = CheckedServer::script(replies);
    let registration = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap();
    assert_eq!(registration.done, PlatformChange::Created);
    assert_eq!(lines(&server), [CREATE, FIND, CREATE, FIND, CREDENTIALS]);
}

#[test]
fn a_change_of_another_client_in_between_is_seen() {
    let (old, new) = (certificate("pump"), certificate("pump"));
    // As optimistic locking answers: the client must look again and not just repeat.
    let conflict = fault(409, 35, "Entity was already changed by someone else");
    let replace = DesiredDevice { replace: Replace::Anything, ..wanted("pump", &new) };
    let server = CheckedServer::script(vec![
        logged_in(),
        exists(),
        device(),
        has(&old),
        conflict,
        device(),
        has_token("t"),
        has(&new),
        has(&new),
    ]);
    assert_eq!(runtime().wait(thingsboard(&server).register(&replace)).unwrap().done, PlatformChange::Replaced);
    assert_eq!(lines(&server), [CREATE, FIND, CREDENTIALS, SAVE, FIND, CREDENTIALS, SAVE, CREDENTIALS]);
}

#[test]
fn what_is_stored_otherwise_than_sent_is_told() {
    let certificate = certificate("pump");
    // The platform computes the id itself, from its own form of
    // the certificate: another one would never match a login.
    let other = json(200, &credentials("X509_CERTIFICATE", &"0".repeat(64), 1));
    let server = CheckedServer::script(vec![logged_in(), device(), other]);
    let error = runtime().wait(thingsboard(&server).register(&wanted("pump", &certificate))).unwrap_err();
    assert_eq!(error.code(), Code::CredentialDiffers, "{error:?}");
}

#[test]
fn a_dry_run_only_looks() {
    let certificate = certificate("pump");
    for (replies, done) in [
        (vec![logged_in(), missing()], PlatformChange::Created),
        (vec![logged_in(), device(), has(&certificate)], PlatformChange::Unchanged),
    ] {
        let server = CheckedServer::script(replies);
        assert_eq!(runtime().wait(thingsboard(&server).examine(&wanted("pump", &certificate))).unwrap().done, done);
        assert!(lines(&server).iter().all(|line| line.starts_with("GET ")));
    }
}

#[test]
fn a_withdrawal_takes_a_token_of_the_store_and_no_other() {
    let ours = || IssuedCertificates { tokens: vec![base::Secret::from("own-token")], ..IssuedCertificates::default() };
    let generated = pki::keystore::password::generate().unwrap();
    // Its own token is replaced by a random one, which is read back.
    let server = CheckedServer::script(vec![logged_in(), device(), has_token("own-token")]);
    let examined = runtime().wait(thingsboard(&server).examine_unregistering("pump", &ours()));
    assert_eq!(examined.unwrap(), PlatformChange::Replaced);
    // So is a token that `tbpki token --create` has made, although the store has another one in its file.
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(generated.reveal())]);
    let examined = runtime().wait(thingsboard(&server).examine_unregistering("pump", &ours()));
    assert_eq!(examined.unwrap(), PlatformChange::Replaced);
    // The random token of an earlier withdrawal stays, unless it is in a file of the store.
    let DeviceCredential::AccessToken(withdrawn) = withdrawal_token().unwrap() else { unreachable!() };
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(withdrawn.reveal())]);
    assert_eq!(runtime().wait(thingsboard(&server).unregister("pump", &ours())).unwrap(), PlatformChange::Unchanged);
    let fetched = IssuedCertificates { tokens: vec![withdrawn.clone()], ..IssuedCertificates::default() };
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(withdrawn.reveal())]);
    let examined = runtime().wait(thingsboard(&server).examine_unregistering("pump", &fetched));
    assert_eq!(examined.unwrap(), PlatformChange::Replaced);
    // It is not fetched for the device.
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(withdrawn.reveal())]);
    let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::NotAToken);
    assert!(!format!("{error:?}").contains(withdrawn.reveal()));
    // The token of another party stays, which is an error, unless another certificate of the store is in use.
    let server = CheckedServer::script(vec![logged_in(), device(), has_token("other-token")]);
    let error = runtime().wait(thingsboard(&server).unregister("pump", &ours())).unwrap_err();
    assert_eq!(error.code(), Code::OtherCredential);
    assert!(error.finding().fix.as_deref().unwrap().contains("`tbpki unregister --replace pump`"), "{error:?}");
    assert!(!format!("{error:?}").contains("other-token"));
    let in_use = IssuedCertificates { still_valid: vec!["0".repeat(64)], ..ours() };
    let server = CheckedServer::script(vec![logged_in(), device(), has_token("own-token")]);
    assert_eq!(runtime().wait(thingsboard(&server).unregister("pump", &in_use)).unwrap(), PlatformChange::Unchanged);
    let forced = IssuedCertificates { others_too: true, ..ours() };
    let server = CheckedServer::script(vec![logged_in(), device(), has_token("other-token")]);
    let examined = runtime().wait(thingsboard(&server).examine_unregistering("pump", &forced));
    assert_eq!(examined.unwrap(), PlatformChange::Replaced);
}

#[test]
fn a_device_that_was_withdrawn_gets_a_certificate_and_a_device_with_a_token_does_not() {
    let certificate = certificate("pump");
    let wanted = DesiredDevice { replace: Replace::OneOfOrWithdrawn(Vec::new()), ..wanted("pump", &certificate) };
    let DeviceCredential::AccessToken(withdrawn) = withdrawal_token().unwrap() else { unreachable!() };
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(withdrawn.reveal())]);
    assert_eq!(runtime().wait(thingsboard(&server).examine(&wanted)).unwrap().done, PlatformChange::Replaced);
    // `tbpki token --create` makes such a token.
    let generated = pki::keystore::password::generate().unwrap();
    let server = CheckedServer::script(vec![logged_in(), device(), has_token(generated.reveal())]);
    let error = runtime().wait(thingsboard(&server).examine(&wanted)).unwrap_err();
    assert_eq!(error.code(), Code::OtherCredential);
}
