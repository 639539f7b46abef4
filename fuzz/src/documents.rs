//! Documents that others can change: the mark of a directory, settings of a server, answers of a platform.

use std::path::Path;

use base::Secret;
use base::text::is_deceptive;
use identity::thingsboard::{ActiveCredentials, KeystoreSettings, Service, ThingsBoardSettings, env_file};
use provision::files::thingsboard as written;
use provision::thingsboard::answer::read_answer;
use store::shard::ShardStore;

/// The `fleet.json` of a directory: what it names becomes the names of files in the store.
pub(crate) fn fleet_json(input: &[u8]) {
    let Ok(place) = ShardStore::parse(Path::new("fleet"), input) else { return };
    let is_plain = !place.id().is_empty() && place.id().bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_plain, "the id of a place leads elsewhere: {:?}", place.id());
    drop((place.layout(), place.packing(), place.job(), place.archive()));
}

/// thingsboard.env: as it is, and written with values from the input and read again.
pub(crate) fn thingsboard_env(input: &[u8]) {
    let (settings, findings) = written::FoundSettings::parse(input);
    drop(settings.mqtt());
    let lines = 1 + input.iter().filter(|byte| **byte == b'\n').count();
    assert!(findings.iter().all(|finding| finding.location.line.is_none_or(|line| line <= lines)), "{findings:?}");

    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut values = text.split('\u{1f}');
    let mut next = || values.next().unwrap_or("x").to_owned();
    let (host, directory, password, alias) = (next(), next(), next(), next());
    // The writer refuses these before it writes anything.
    if [&host, &directory, &password, &alias].iter().any(|value| value.chars().any(is_deceptive)) {
        return;
    }
    // No keystore is written without a password. A variable without a value has ThingsBoard's default for its reader.
    if password.is_empty() {
        return;
    }
    let env = env_file(&ThingsBoardSettings {
        services: vec![Service::Mqtt],
        active: ActiveCredentials::Keystore,
        host: host.clone(),
        mqtt_port: 8883,
        keystore: Some(KeystoreSettings {
            kind: "PKCS12",
            file: "server.p12".to_owned(),
            alias: alias.clone(),
            password: Secret::from(password.as_str()),
            key_password: Secret::from(password.as_str()),
        }),
        pem_cert: "server.pem".to_owned(),
        pem_key: None,
        ca_file: "ca.pem".to_owned(),
        clients_ca: "clients.pem".to_owned(),
        directory,
    });
    let (read, findings) = written::FoundSettings::parse(env.as_bytes());
    let mqtt = read.mqtt();
    assert!(findings.is_empty(), "what was written needs a shell: {findings:?}");
    assert_eq!(mqtt.key_store_password.reveal(), password, "another password is read than was written");
}

/// The answers of a platform, with a status that the first octet chooses.
pub(crate) fn platform_json(input: &[u8]) {
    // A corpus has no place for a status, so the first octet gives one.
    let Some((status, body)) = input.split_first() else { return };
    const STATUS: [u16; 10] = [200, 201, 301, 400, 401, 403, 404, 409, 429, 500];
    let status = STATUS.get(usize::from(*status) % STATUS.len()).copied().unwrap_or(200);
    let reading = read_answer(status, body);
    for id in &reading.ids {
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "an id leads elsewhere: {id:?}");
    }
    for text in &reading.texts {
        // Messages are shown in a terminal, where control sequences could change what was printed before.
        assert!(!text.chars().any(is_deceptive), "a message steers the terminal: {text:?}");
        assert!(text.chars().count() < 2000, "a message has {} characters", text.chars().count());
    }
    if let Some(sent) = &reading.credentials {
        // The program changes one field and sends the rest back; a field that it does not know must survive.
        let given: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        assert_eq!(given.as_ref(), Some(sent), "fields of the credentials are lost");
    }
}
