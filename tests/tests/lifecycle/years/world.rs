//! A store, its broker, its platform and its devices, at a date that the test moves.

use std::path::PathBuf;

use tb_sim::{ServerKeys, Settings};
use tbpki_tests::clients::{ApiLogin, Moved};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Clock, Listener, Mosquitto, Outcome, Sandbox, Tool};
use time::OffsetDateTime;
use time::macros::datetime;
use webpki::KeyUsage;

use super::field::{Device, Place};
use crate::scene::Scene;
use crate::verifiers::{Shown, Verdict};

/// The first day. The years after it hold the end of 32-bit seconds (2038) and of dates with two digits (2050).
pub(super) const START: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);

/// The file that the broker reads.
pub(super) const LISTS: &str = "conf/devices-crl.pem";

/// Which clients log in after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    /// mosquitto, OpenSSL and webpki.
    Quick,
    /// paho in Python and Java, and Go, as well.
    All,
}

/// The lifetimes, and the steps in which time passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) clients: Clients,
    pub(super) root_days: u32,
    pub(super) issuing_days: u32,
    pub(super) leaf_days: u32,
    pub(super) step_days: i64,
    pub(super) steps: u32,
    /// The step in which a profile is made that provisions its devices by their CA.
    pub(super) profile_from: u32,
}

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) scene: Scene,
    pub(super) devices: Vec<Device>,
}

impl World {
    #[track_caller]
    pub(super) fn new(plan: Plan) -> Self {
        let clock = Clock::starting_at(START);
        let sandbox = Sandbox::new().at(&clock);
        let init = sandbox.tbpki(["init", "--no-input", "--insecure-no-passphrase"]);
        let init = init.env("TBPKI_CA_ROOT_DAYS", plan.root_days.to_string());
        init.env("TBPKI_CA_ISSUING_DAYS", plan.issuing_days.to_string()).run().ok();
        let lists = format!("out = \"{LISTS}\"");
        let mut settings = sandbox.text("keygen.toml");
        for (default, value) in [
            ("#root_days = 10950", format!("root_days = {}", plan.root_days)),
            ("#issuing_days = 7300", format!("issuing_days = {}", plan.issuing_days)),
            ("#out = \"/etc/mosquitto/certs/devices-crl.pem\"", lists),
            // Longer than a step, because the lists are made once in each.
            ("#days = 30", format!("days = {}", plan.step_days + 10)),
            ("#days = 825", format!("days = {}", plan.leaf_days)),
            ("#days = 3650", format!("days = {}", plan.leaf_days)),
        ] {
            // `init` writes the values that it was given.
            assert!(settings.contains(default) || settings.contains(&value), "{default}: {settings}");
            settings = settings.replace(default, &value);
        }
        sandbox.write("keygen.toml", settings);
        sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--format", "pem,p12,jks"]);
        // With PEM files the platform names no CA, and Java and Go send no certificate.
        let password = sandbox.text("pki/secrets/server-localhost.keystore-password").trim_end().to_owned();
        let server = Some(ServerKeys::Keystore {
            file: sandbox.join("conf/mqttserver.p12"),
            store_password: password.clone(),
            key_password: password,
            alias: "serveralias".to_owned(),
        });
        let clock_offset = clock.offset();
        let platform = Platform::simulator_in(&sandbox, Settings { server, clock_offset, ..Settings::default() });
        let mut world = Self { plan, clock, scene: Scene { sandbox, platform }, devices: Vec::new() };
        world.ok(&["crl"]);
        for (name, place) in [
            ("valve", Place::Broker),
            ("stolen", Place::Broker),
            ("forgotten", Place::Broker),
            ("gateway", Place::Platform),
        ] {
            let args = ["client", "--device", name, "--format", "pem,p12,jks"];
            world.ok(&[&args[..], if place == Place::Platform { &["--register"] } else { &[] }].concat());
            world.join(Device { is_renewed: name != "forgotten", ..Device::new(name, place) });
        }
        world
    }

    /// A new device gets its files.
    pub(super) fn join(&mut self, device: Device) {
        device.deliver(&self.scene.sandbox);
        self.devices.push(device);
    }

    pub(super) fn tbpki(&self, args: &[&str]) -> Tool {
        self.scene.tbpki(args)
    }

    #[track_caller]
    pub(super) fn ok(&self, args: &[&str]) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// Refused with this code and text.
    #[track_caller]
    pub(super) fn refused(&self, args: &[&str], code: &str, says: &str) {
        self.tbpki(args).run().ends(1).prints(code).prints(says);
    }

    pub(super) fn device(&mut self, name: &str) -> &mut Device {
        self.devices.iter_mut().find(|device| device.name == name).unwrap()
    }

    /// Time passes for everything.
    pub(super) fn pass(&self, days: i64) {
        self.clock.pass(days);
        self.scene.platform.sim().unwrap().set_clock_offset(self.clock.offset());
    }

    /// The services read their files again.
    #[track_caller]
    pub(super) fn restart_services(&self) {
        // The broker is started for each check.
        self.scene.platform.sim().unwrap().reload_server_keys().unwrap();
    }

    fn conf(&self, file: &str) -> PathBuf {
        self.scene.sandbox.join("conf").join(file)
    }

    #[track_caller]
    pub(super) fn broker(&self) -> Mosquitto {
        let listener = Listener::new(&self.conf("mqttserver.pem"), &self.conf("mqttserver_key.pem"));
        let listener = listener.requiring_clients_of(&self.conf("clients-ca.pem"));
        let lists = self.scene.sandbox.join(LISTS);
        Mosquitto::start(&listener.with_revocation_lists(&lists).at(&self.clock))
    }

    /// Every device logs in with what it has, or is refused if it must be.
    #[track_caller]
    pub(super) fn check(&self, when: &str) {
        let date = self.clock.now().date();
        println!("{date} {when}");
        let broker = self.broker();
        let (_, platform) = self.scene.platform.mqtts();
        for device in &self.devices {
            let port = if device.place == Place::Broker { broker.port() } else { platform };
            let what = format!("{} on {date}, {when}", device.name);
            for (client, login) in self.logins(device, port) {
                println!("  {what}: {client}");
                match device.refused {
                    None => login.succeeds(),
                    Some(_) => login.is_refused(""),
                }
            }
            self.verify(device, &what);
        }
    }

    fn logins(&self, device: &Device, port: u16) -> Vec<(&'static str, ApiLogin)> {
        let files = device.files(&self.scene.sandbox);
        let moved = Moved(&self.clock);
        let mut logins = vec![("mosquitto_pub", moved.mosquitto_pub(port, &files.pem()))];
        if self.plan.clients == Clients::All {
            logins.push(("paho in Python", moved.paho_python(port, &files.pem())));
            logins.push(("paho in Java", moved.paho_java(port, &files.java())));
            logins.push(("Go", moved.go(port, &files.pem())));
        }
        logins
    }

    /// What libraries make of the chains that a device and the server show.
    #[track_caller]
    fn verify(&self, device: &Device, what: &str) {
        let sandbox = &self.scene.sandbox;
        let files = device.files(sandbox);
        let (anchors, lists) = (self.conf("clients-ca.pem"), sandbox.join(LISTS));
        let client = Shown { chain: &files.chain, anchors: &anchors, lists: Some(&lists) };
        let verdicts =
            [("OpenSSL", client.openssl(&self.clock)), ("webpki", client.webpki(&self.clock, KeyUsage::client_auth()))];
        for (library, verdict) in verdicts {
            is_as_expected(device, &verdict, &format!("{what}: {library}"));
        }
        if device.refused.is_some() {
            return;
        }
        let chain = self.conf("mqttserver.pem");
        let server = Shown { chain: &chain, anchors: &files.anchors, lists: None };
        assert_eq!(server.openssl(&self.clock), Ok(()), "{what}: the server, for OpenSSL");
        assert_eq!(server.webpki(&self.clock, KeyUsage::server_auth()), Ok(()), "{what}: the server, for webpki");
    }
}

#[track_caller]
fn is_as_expected(device: &Device, verdict: &Verdict, what: &str) {
    match (device.refused, verdict) {
        (None, Ok(())) => {}
        (Some(reason), Err(why)) if why.to_lowercase().contains(reason) => {}
        _ => panic!("{what}: expected {:?}, and it is {verdict:?}", device.refused),
    }
}
