//! The bytes that go over the wire, and those that never do.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use base::{Code, Secret};
use provision::thingsboard::ApiLogin;
use provision::{ApiClientConfig, ThingsBoard};

use crate::server::{CheckedServer, Reply, json, raw};
use crate::{TOKEN, fault, logged_in, reach, runtime, thingsboard};

/// The error of looking for a token when the second request, behind the login, is answered so.
fn error_of(reply: Reply) -> base::Error {
    let server = CheckedServer::script(vec![logged_in(), reply]);
    runtime().wait(thingsboard(&server).token("pump")).unwrap_err()
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    // It would answer, and so must not be asked: a redirect could carry the login to another server.
    let elsewhere = CheckedServer::new(|_, _| raw(200, &[], b"{}"));
    let there = format!("{}/login?token=secret-in-query", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let error = error_of(raw(status, &[("Location", &there)], b""));
        let text = format!("{error:?}");
        assert_eq!(error.code(), Code::PlatformRedirect, "{text}");
        assert!(text.contains(&format!("{}/login", elsewhere.url())) && !text.contains("secret-in-query"), "{text}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn what_is_not_the_api_is_told() {
    let page = b"<html><body>Please sign in\xff</body></html>";
    for reply in [
        raw(200, &[("Content-Type", "text/html")], page),
        raw(404, &[("Content-Type", "text/html")], page),
        raw(200, &[], b""),
        // JSON, but not what this request is answered with.
        raw(200, &[], b"{\"data\":[],\"totalPages\":0}"),
        raw(200, &[], b"[1,2"),
        raw(401, &[], b"nginx"),
        raw(204, &[], b""),
        Reply::Endless,
    ] {
        let error = error_of(reply);
        assert_eq!(error.code(), Code::NotThePlatform, "{error:?}");
    }
}

#[test]
fn texts_of_errors_are_read_in_the_encoding_they_come_in() {
    // In ISO-8859-1, as ThingsBoard encodes its errors.
    let text = b"{\"status\":400,\"message\":\"Ger\xe4t \xfc\",\"errorCode\":31,\"timestamp\":1}";
    let error = error_of(raw(400, &[], text));
    assert!(error.code() == Code::PlatformRefused && error.to_string().contains("Ger\u{e4}t \u{fc}"), "{error:?}");
    let error = error_of(raw(400, &[], &String::from_utf8_lossy(text).replace('\u{fffd}', "ä").into_bytes()));
    assert!(error.to_string().contains("Gerät ä"), "{error:?}");
}

#[test]
fn reading_is_repeated_after_every_kind_of_fault() {
    let device =
        || json(200, &serde_json::json!({"id": {"id": "784f394c-42b6-435a-983c-b7beff2784f9"}, "name": "pump"}));
    let token = || json(200, &serde_json::json!({"credentialsType": "ACCESS_TOKEN", "credentialsId": "t0"}));
    let html = || raw(502, &[("Content-Type", "text/html")], b"<html>");
    // A read can be repeated whatever became of it. The last one is a proxy whose server is restarting.
    for broken in [Reply::Cut, Reply::Half, fault(500, 2, "x"), fault(429, 33, "Too many requests"), html()] {
        let server = CheckedServer::script(vec![logged_in(), broken, device(), token()]);
        assert_eq!(runtime().wait(thingsboard(&server).token("pump")).unwrap().reveal(), "t0");
        assert_eq!(server.seen().len(), 4);
    }
}

#[test]
fn a_fault_that_stays_is_told_after_a_few_times() {
    for (reply, code, times) in
        // A rate limit ends by itself, so that it is given more tries.
        [(500, Code::PlatformFault, 4), (503, Code::PlatformUnavailable, 4), (429, Code::RateLimited, 8)]
    {
        let server =
            CheckedServer::new(
                move |seen, _| {
                    if seen.path == "/api/auth/login" { logged_in() } else { fault(reply, 2, "no") }
                },
            );
        let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
        assert_eq!((error.code(), server.seen().len()), (code, times + 1), "{error:?}");
    }
}

#[test]
fn the_pause_that_the_platform_asks_for_is_kept() {
    let limited = raw(429, &[("Retry-After", "1")], b"{}");
    let server = CheckedServer::script(vec![logged_in(), limited, fault(404, 32, "Requested item wasn't found!")]);
    let started = std::time::Instant::now();
    let error = runtime().wait(thingsboard(&server).token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::PlatformNotFound);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn silence_ends_in_time() {
    let server = CheckedServer::new(|_, _| Reply::Silence);
    let reach = ApiClientConfig { timeout: Duration::from_millis(200), ..reach(&server) };
    let board = ThingsBoard::new(&reach, ApiLogin::ApiKey(Secret::from("tb_key"))).unwrap();
    let error = runtime().wait(board.token("pump")).unwrap_err();
    assert_eq!((error.code(), server.seen().len()), (Code::AnswerLost, 4), "{error:?}");
}

#[test]
fn where_nothing_listens_is_told_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let login = ApiLogin::ApiKey(Secret::from("tb_key"));
    let board = ThingsBoard::new(&ApiClientConfig::to(format!("http://127.0.0.1:{port}")), login).unwrap();
    let error = runtime().wait(board.token("pump")).unwrap_err();
    assert!(error.code() == Code::Unreachable && error.to_string().contains("refused"), "{error:?}");
}

#[test]
fn tls_to_a_server_without_it_fails_before_any_secret_is_sent() {
    let server = CheckedServer::new(|_, _| raw(400, &[], b""));
    let root = crate::certificate("root");
    let reach = ApiClientConfig {
        roots: Some(vec![root]),
        ..ApiClientConfig::to(format!("https://127.0.0.1:{}", server.port()))
    };
    let login = ApiLogin::ApiKey(Secret::from("tb_key"));
    let error = runtime().wait(ThingsBoard::new(&reach, login).unwrap().token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::TlsFailed, "{error:?}");
    assert!(server.seen().is_empty());
}

#[test]
fn headers_are_as_they_should_be_and_names_encoded() {
    let server = CheckedServer::script(vec![logged_in(), fault(404, 32, "Requested item wasn't found!")]);
    drop(runtime().wait(thingsboard(&server).token("a b&c=ü")));
    let seen = server.seen();
    assert_eq!(seen[1].line(), "GET /api/tenant/devices?deviceName=a+b%26c%3D%C3%BC");
    assert_eq!(seen[1].header("x-authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert!(seen[1].header("authorization").is_none() && seen[1].header("referer").is_none());
    assert!(seen[0].header("x-authorization").is_none());
    assert_eq!(seen[0].json(), serde_json::json!({"username": "tenant@thingsboard.org", "password": "hunter2"}));
}

/// Runs one of the ignored tests below in a process of its own, since proxies come from the environment.
fn in_a_process_with(name: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    // All of them, because the machine that runs the tests may be behind a proxy itself.
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
        .iter()
        .for_each(|name| {
            command.env_remove(name);
        });
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_proxy_of_the_environment_is_used_and_never_for_this_machine() {
    let proxy = CheckedServer::new(|seen, _| match seen.path.as_str() {
        "http://tb.example/api/auth/login" => logged_in(),
        _ => fault(404, 32, "Requested item wasn't found!"),
    });
    in_a_process_with("http::through_a_proxy", &[("http_proxy", &proxy.url())]);
    assert_eq!(proxy.lines()[1], "GET http://tb.example/api/tenant/devices?deviceName=pump");

    let (proxy, server) = (CheckedServer::new(|_, _| raw(500, &[], b"")), CheckedServer::script(vec![logged_in()]));
    in_a_process_with("http::without_a_proxy", &[("http_proxy", &proxy.url()), ("TB_URL", &server.url())]);
    assert!(proxy.seen().is_empty() && server.seen().len() == 2);
}

#[test]
#[ignore = "a_proxy_of_the_environment_is_used_and_never_for_this_machine runs it"]
fn through_a_proxy() {
    let reach = ApiClientConfig { allow_plain_http: true, ..ApiClientConfig::to("http://tb.example") };
    let login = ApiLogin::Password { user: "u".to_owned(), password: "p".into() };
    let error = runtime().wait(ThingsBoard::new(&reach, login).unwrap().token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::PlatformNotFound, "{error:?}");
}

#[test]
#[ignore = "a_proxy_of_the_environment_is_used_and_never_for_this_machine runs it"]
fn without_a_proxy() {
    let reach = ApiClientConfig::to(std::env::var("TB_URL").unwrap());
    let login = ApiLogin::Password { user: "u".to_owned(), password: "p".into() };
    let error = runtime().wait(ThingsBoard::new(&reach, login).unwrap().token("pump")).unwrap_err();
    assert_eq!(error.code(), Code::NotThePlatform, "{error:?}");
}

#[test]
fn a_certificate_of_an_unknown_ca_is_refused_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = std::sync::Arc::new(config);
    let server = std::thread::spawn(move || {
        let mut received = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            while connection.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {
                drop(connection.reader().read_to_end(&mut received));
            }
        }
        received
    });
    let other = crate::certificate("another root");
    let own = pki::Certificate::from_der(certificate.der()).unwrap();
    // The wrong root, and then the right one under a name that the certificate does not have.
    for (host, roots) in [("localhost", vec![other]), ("127.0.0.1", vec![own])] {
        let reach = ApiClientConfig { roots: Some(roots), ..ApiClientConfig::to(format!("https://{host}:{port}")) };
        let login = ApiLogin::ApiKey(Secret::from("tb_key"));
        let error = runtime().wait(ThingsBoard::new(&reach, login).unwrap().token("pump")).unwrap_err();
        assert_eq!(error.code(), Code::PlatformUnverified, "{error:?}");
    }
    assert!(server.join().unwrap().is_empty());
}
