//! Two instances of the enrolment service with one ledger.

use std::time::{Duration, Instant};

use tb_sim::{Fault, FaultKind, Settings};
use tbpki_tests::Sandbox;
use tbpki_tests::est::{Service, password, request};
use tbpki_tests::platform::Platform;

use crate::{SHARED, station};

/// The credentials id of the only certificate in a file.
fn credentials_id(sandbox: &Sandbox, file: &str) -> String {
    pki::pem_bundle::PemBundle::parse(&sandbox.read(file)).unwrap().certificates[0].credentials_id()
}

#[track_caller]
fn confirm(service: &Service, name: &str) {
    let begun = Instant::now();
    // 202 until the platform has it. What a killed service had begun waits for the end of its lease.
    while service.confirm(&format!("{name}.pem"), &format!("{name}.key")).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(180), "{name} is not on the platform");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_busy_service_sees_what_happened_on_the_server() {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let sandbox = station(&cluster.url(&database), "").make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    let service = Service::start(&sandbox, &[]);
    let enroll = |device: &str| {
        request(&sandbox, device, &format!("/CN={device}"));
        let user = format!("{device}:{}", password(&sandbox, device));
        service.send("simpleenroll", &format!("{device}.b64"), &["-u", &user])
    };
    enroll("pump-1").is(200, "");
    // A revocation by another verb between two requests of the same connection to the server.
    sandbox.ok(["revoke", "--device", "pump-1"]);
    let user = format!("pump-3:{}", password(&sandbox, "pump-3"));
    request(&sandbox, "pump-3", "/CN=pump-3");
    enroll("pump-2").is(200, "");
    // As by a version with another layout, of which the service cannot know what it writes.
    cluster.sql(&database, "UPDATE tbpki.layout SET version = version + 1");
    service.send("simpleenroll", "pump-3.b64", &["-u", &user]).is(500, "");
    cluster.sql(&database, "UPDATE tbpki.layout SET version = version - 1");
    service.send("simpleenroll", "pump-3.b64", &["-u", &user]).is(200, "");
    // The server ends all connections, as by a restart.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND \
        datname = current_database()";
    cluster.sql(&database, end);
    enroll("pump-4").is(200, "");
    assert_eq!(service.stop(), 0);
}

/// Ends the lock of another connection, also if the test fails: it would be waited for.
struct LetGo<'a>(&'a str);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        SHARED.1.sql(self.0, "INSERT INTO public.let_go VALUES (1)");
    }
}

#[test]
fn a_ledger_that_hangs_is_told_to_clients_and_probes_until_it_answers() {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let sandbox = station(&cluster.url(&database), "").make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    let service = Service::start(&sandbox, &[]);
    request(&sandbox, "pump-1", "/CN=pump-1");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    let enroll = || service.send("simpleenroll", "pump-1.b64", &["-u", &user]);
    // Another connection keeps a table until it is told to let go, as a forgotten session of an administrator.
    cluster.sql(&database, "CREATE TABLE public.let_go (id INTEGER)");
    let hold = "LOCK TABLE tbpki.identity IN ACCESS EXCLUSIVE MODE; DO $$ BEGIN \
        WHILE NOT EXISTS (SELECT 1 FROM public.let_go) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$";
    let is_held = "SELECT count(*) FROM pg_locks WHERE relation = 'tbpki.identity'::regclass AND granted \
        AND mode = 'AccessExclusiveLock'";
    std::thread::scope(|scope| {
        let _let_go = LetGo(&database);
        scope.spawn(|| cluster.sql(&database, hold));
        while cluster.sql(&database, is_held) != "1" {
            std::thread::sleep(Duration::from_millis(50));
        }
        let answer = enroll();
        let head = answer.head.to_lowercase();
        answer.is(503, "the ledger of the service does not answer");
        assert!(head.contains("retry-after: 30"), "{head}");
        service.becomes_healthy(false);
        // Again and again, without a restart of the service or the end of its connection.
        enroll().is(503, "");
        assert!(service.has_logged(&["TBPKI-0440", "another station is writing"]));
    });
    // By itself: no client asks.
    service.becomes_healthy(true);
    enroll().is(200, "");
    assert_eq!(service.stop(), 0);
}

#[test]
fn an_older_copy_on_the_server_ends_the_service_and_stays_known() {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let sandbox = station(&cluster.url(&database), "").make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    let mut service = Service::start(&sandbox, &[]);
    let ask = |service: &Service, device: &str| {
        service.send("simpleenroll", &format!("{device}.b64"), &["-u", &sandbox.text(format!("{device}.user"))])
    };
    for device in ["pump-1", "pump-2"] {
        request(&sandbox, device, &format!("/CN={device}"));
        sandbox.write(format!("{device}.user"), format!("{device}:{}", password(&sandbox, device)));
    }
    let count = || cluster.sql(&database, "SELECT last_value FROM tbpki.changes").trim().to_owned();
    let before = count();
    ask(&service, "pump-1").is(200, "");
    // As after the restore of a dump, while the session of the service goes on.
    cluster.sql(&database, &format!("SELECT setval('tbpki.changes', {before})"));
    let (user, body) = (sandbox.text("pump-2.user"), ["--data-binary", "@pump-2.b64"]);
    let last =
        service.curl("/.well-known/est/simpleenroll").args(["-H", "Content-Type: application/pkcs10", "-u", &user]);
    // Whether the answer still arrives is open.
    assert!(!last.args(body).run().stdout_text().contains("200 OK"));
    assert_eq!(service.wait(), 1);
    let begun = Instant::now();
    while !service.has_logged(&["TBPKI-0344", "an older copy"]) {
        assert!(begun.elapsed() < Duration::from_secs(300), "the reason is not in the log");
        std::thread::sleep(Duration::from_millis(50));
    }
    // The end of the service has left the notes, so that no other verb takes the older copy for the newest one.
    for verb in [&["client", "--device", "other"][..], &["enroll", "password", "--device", "other"]] {
        sandbox.fails(verb, 1, "TBPKI-0258");
    }
    assert_eq!(count(), before);
}

#[test]
fn a_device_asks_any_of_them_and_one_continues_what_the_other_was_killed_in() {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    one.ok(["server", "--name", "localhost", "--only-given-names"]);
    let platform = Platform::simulator(Settings { password: "correct-horse".to_owned(), ..Settings::default() });
    one.write("secret", platform.password());
    one.private("secret");
    let other = one.copy();
    let start = |sandbox: &Sandbox| {
        let secret = sandbox.join("secret");
        let environment = [
            ("TBPKI_PLATFORM_URL", platform.url()),
            ("TBPKI_PLATFORM_USER", platform.user()),
            ("TBPKI_PLATFORM_PASSWORD_FILE", secret.to_str().unwrap()),
            ("TBPKI_PLATFORM_ALLOW_PLAIN_HTTP", "true"),
        ];
        Service::start_in(sandbox, &[], &environment)
    };
    let (first, second) = (start(&one), start(&other));
    let sim = platform.sim().unwrap();
    let credential = || sim.credentials("pump-1").map(|stored| stored.id);
    let user = format!("pump-1:{}", password(&one, "pump-1"));
    // Both run in directories of their own, and the device has the files of both.
    let copy = |from: &Sandbox, to: &Sandbox, name: &str| {
        for file in [format!("{name}.pem"), format!("{name}.key")] {
            to.write(&file, from.read(&file));
        }
    };
    request(&other, "a", "/CN=pump-1");
    second.send("simpleenroll", "a.b64", &["-u", &user]).save(&other, "a.pem");
    copy(&other, &one, "a");
    confirm(&first, "a");
    assert_eq!(credential(), Some(credentials_id(&one, "a.pem")));

    let presented = ["--cert", "a.pem", "--key", "a.key"];
    request(&one, "b", "/CN=pump-1");
    first.send("simplereenroll", "b.b64", &presented).save(&one, "b.pem");
    copy(&one, &other, "b");
    // Whichever brings it to the platform, its answer is held. The one that is asked does it, unless the other one was
    // quicker: then it is killed before it has begun, which must end in the same way.
    sim.inject(Fault::new(FaultKind::HoldAnswer).on("POST", "/api/device/credentials"));
    first.confirm("b.pem", "b.key").is(202, "the platform does not have the certificate yet");
    sim.until_held();
    assert_eq!(credential(), Some(credentials_id(&one, "b.pem")));
    // Not a signal that it could handle: the answer of the platform never reaches it.
    first.kill();
    sim.clear_faults();
    confirm(&second, "b");
    assert_eq!(sim.devices(), ["pump-1"]);
    assert_eq!(credential(), Some(credentials_id(&one, "b.pem")));
    let listed = other.ok(["list", "--all", "--kind", "device", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().iter();
    assert_eq!(rows.map(|row| row["role"].as_str().unwrap()).collect::<Vec<_>>(), ["superseded", "current"]);
    assert_eq!(second.stop(), 0);
}

/// The list of the devices' issuing CA in the file of a store.
fn issuing_list(sandbox: &Sandbox) -> pki::crl::Crl {
    let lists = pki::pem_bundle::PemBundle::parse(&sandbox.read("pki/devices-crl.pem")).unwrap().crls;
    pki::crl::Crl::from_der(&lists[0]).unwrap()
}

#[test]
fn each_store_has_all_revocations_in_its_own_file() {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    one.ok(["server", "--name", "localhost", "--only-given-names"]);
    one.ok(["client", "pump-1", "pump-2"]);
    let other = one.copy();
    other.ok(["crl"]);
    one.ok(["crl"]);
    // A later number of another store is no fault of this one.
    let checked = other.ok(["store", "check"]);
    assert!(!checked.stderr_text().contains("TBPKI-0465"), "{checked}");

    one.ok(["revoke", "pump-1"]);
    let (later, earlier) = (issuing_list(&one), issuing_list(&other));
    assert_eq!((later.revoked().len(), earlier.revoked().len()), (1, 0));
    for verb in [&["store", "check"][..], &["list"]] {
        other.ok(verb).prints("TBPKI-0465").prints("lacks 1 revocation of the ledger");
    }
    let service = Service::start(&other, &[]);
    let begun = Instant::now();
    while issuing_list(&other).revoked().len() != 1 {
        assert!(begun.elapsed() < Duration::from_secs(300), "the file of the other store does not get the revocation");
        std::thread::sleep(Duration::from_millis(100));
    }
    let written = issuing_list(&other);
    let number = |list: &pki::crl::Crl| u64::from_str_radix(list.number().unwrap(), 16).unwrap();
    assert!(number(&written) > number(&later), "a number is used once");
    // The figures are those of the file that the brokers of this store read, and not of the last list of the ledger.
    let end = format!("tbpki_revocation_list_end_seconds {}\n", written.next_update().unwrap().unix_timestamp());
    one.ok(["crl"]);
    let begun = Instant::now();
    loop {
        let url = format!("{}/metrics", service.status);
        let metrics = tbpki_tests::Tool::new("curl").args(["-sS", "--max-time", "60", &url]).run().ok().stdout_text();
        if metrics.contains(&end) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(300), "{end} is not in {metrics}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(service.stop(), 0);
    assert_eq!(number(&issuing_list(&other)), number(&written), "a file that has all is not written in turns");
    for sandbox in [&one, &other] {
        let checked = sandbox.ok(["store", "check"]);
        assert!(!checked.stderr_text().contains("TBPKI-0465"), "{checked}");
    }
}
