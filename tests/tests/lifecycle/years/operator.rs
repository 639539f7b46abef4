//! An operator who follows the guide, and who first tries each wrong order.

use std::collections::BTreeMap;
use std::fs;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::field::{Device, Place};
use super::world::{Clients, LISTS, World};

/// The CAs, roots first: an issuing CA gets its full lifetime below a new root only.
const CAS: [&str; 4] = ["server-root", "devices-root", "server-issuing", "devices-issuing"];
const PROFILE_CA: &str = "profile-pumps";

pub(super) struct Operator {
    world: World,
    /// The number and the date of the newest list of each CA.
    lists: BTreeMap<String, (u128, OffsetDateTime)>,
    /// The newest generation of each CA that signs.
    newest: BTreeMap<String, u64>,
}

/// A generation of a CA, as `ca list` shows it.
struct Row {
    generation: u64,
    in_use: u64,
    peers: Option<(u64, u64)>,
    shortens_from: OffsetDateTime,
}

impl Operator {
    pub(super) fn new(world: World) -> Self {
        Self { world, lists: BTreeMap::new(), newest: BTreeMap::new() }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn rolled(&self) -> &BTreeMap<String, u64> {
        &self.newest
    }

    pub(super) fn newest(&self, ca: &str) -> u64 {
        self.newest.get(ca).copied().unwrap_or(1)
    }

    /// Time passes, and the operator does what is due.
    #[track_caller]
    pub(super) fn step(&mut self, step: u32) {
        self.world.pass(self.world.plan.step_days);
        let when = |what: &str| format!("step {step}, {what}");
        self.forgotten_devices_expire();
        self.renew_the_server();
        if step == 1 {
            self.expired_lists_lock_everyone_out();
        }
        self.refresh_the_lists();
        if self.world.plan.clients == Clients::All {
            self.world.check(&when("lists refreshed"));
        }
        if step == 2 {
            self.world.ok(&["revoke", "--device", "stolen"]);
            let stolen = self.world.device("stolen");
            (stolen.is_revoked, stolen.refused) = (true, Some("revoked"));
            self.world.check(&when("a device is stolen"));
        }
        self.renew_the_devices();
        self.world.check(&when("devices renewed"));
        if step == self.world.plan.profile_from {
            self.create_the_profile();
            self.world.check(&when("a profile is created"));
        }
        let profile = (step > self.world.plan.profile_from).then_some(PROFILE_CA);
        for ca in CAS.into_iter().chain(profile) {
            if let Some(done) = self.replace_when_due(ca) {
                self.world.check(&when(&format!("{ca} {done}")));
            }
        }
    }

    /// As the unit and its timer do it.
    #[track_caller]
    fn renew_the_server(&mut self) {
        let needed = self.world.tbpki(&["needs-renewal", "--server"]).run();
        match needed.status {
            0 => {
                self.world.ok(&["renew", "--server", "--due", "--no-input"]);
                self.world.restart_services();
                self.world.tbpki(&["needs-renewal", "--server"]).run().ends(1);
            }
            1 => {}
            _ => panic!("{needed}"),
        }
    }

    /// The lists were made for the steps of the plan, and one is missed.
    #[track_caller]
    fn expired_lists_lock_everyone_out(&mut self) {
        self.world.pass(20);
        let devices = self.world.devices.clone();
        // The platform has no lists.
        self.world.devices.retain(|device| device.place == Place::Broker);
        self.world.devices.iter_mut().for_each(|device| device.refused = Some("expired"));
        self.world.check("the lists have expired");
        self.world.devices = devices;
    }

    #[track_caller]
    fn refresh_the_lists(&mut self) {
        self.world.ok(&["crl"]);
        let text = self.world.scene.sandbox.read(LISTS);
        for der in &PemBundle::parse(&text).unwrap().crls {
            let list = Crl::from_der(der).unwrap();
            let number = u128::from_str_radix(list.number().unwrap(), 16).unwrap();
            let present = (number, list.this_update());
            if let Some(before) = self.lists.insert(list.issuer().clone(), present) {
                assert!(present.0 > before.0 && present.1 > before.1, "{before:?} was followed by {present:?}");
            }
        }
    }

    #[track_caller]
    fn renew_the_devices(&mut self) {
        for device in self.world.devices.clone() {
            if !device.is_renewed || device.refused.is_some() {
                continue;
            }
            let needed = self.world.tbpki(&["needs-renewal", "--device", device.name]).run();
            assert!([0, 1].contains(&needed.status), "{needed}");
            if needed.status == 1 {
                continue;
            }
            let renew = ["renew", "--device", device.name, "--due", "--no-input"];
            match device.place {
                Place::Broker => drop(self.world.ok(&renew)),
                Place::Platform => self.swap(&device, &renew),
            }
            device.deliver(&self.world.scene.sandbox);
        }
    }

    /// A login proves the renewal, and nothing is swapped without one.
    #[track_caller]
    fn swap(&self, device: &Device, renew: &[&str]) {
        let broker = self.world.scene.broker();
        let file = self.world.scene.sandbox.join("pki/devices").join(device.name).join("cert.pem");
        let before = fs::read(&file).unwrap();
        let unproven = [renew, &["--register", "--broker", "localhost:1"]].concat();
        self.world.tbpki(&unproven).run().ends(4).prints("TBPKI-0313");
        assert_eq!(fs::read(&file).unwrap(), before, "{}", device.name);
        self.world.ok(&[renew, &["--register", "--broker", &broker]].concat());
        assert_ne!(fs::read(&file).unwrap(), before, "{}", device.name);
    }

    /// A device that is not renewed is refused from its last day on, and counts nowhere.
    fn forgotten_devices_expire(&mut self) {
        let now = self.world.clock.now();
        for device in &mut self.world.devices {
            let files = device.files(&self.world.scene.sandbox);
            let chain = PemBundle::parse(&fs::read(&files.chain).unwrap()).unwrap().certificates;
            if chain[0].not_after() < now {
                // A list may drop a certificate that has expired, so either reason is right for a revoked one.
                device.refused = device.refused.or(Some("expired")).map(|why| if device.is_revoked { "" } else { why });
                assert!(!device.is_renewed || device.is_revoked, "{} was locked out", device.name);
            }
        }
    }

    #[track_caller]
    fn create_the_profile(&mut self) {
        let create = ["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"];
        self.world.ok(&create);
        for name in ["pump-1", "pump-2"] {
            self.world.ok(&["client", "--device", name, "--profile", "pumps", "--format", "pem,p12,jks"]);
            self.world.join(Device::new(name, Place::Platform));
        }
        self.refresh_the_lists();
    }

    fn rows(&self, ca: &str, role: &str) -> Vec<Row> {
        let listed = self.world.scene.json(&["ca", "list"]);
        let is_wanted = |row: &&Value| row["name"] == ca && row["role"] == role;
        listed["cas"].as_array().unwrap().iter().filter(is_wanted).map(Row::new).collect()
    }

    /// The next step of the guide for a CA, and its name, if there is one.
    #[track_caller]
    fn replace_when_due(&mut self, ca: &str) -> Option<&'static str> {
        if let Some(pending) = self.rows(ca, "pending").pop() {
            self.activate(ca, &pending);
            return Some("activated");
        }
        if let Some(old) = self.rows(ca, "superseded").pop() {
            if old.in_use > 0 {
                let count = format!("{} ", old.in_use);
                self.world.refused(&["ca", "retire", ca], "TBPKI-0319", &count);
                return None;
            }
            self.world.ok(&["ca", "retire", ca]);
            // What is refused may be refused from now on because its CA is gone.
            self.world.devices.iter_mut().for_each(|device| device.refused = device.refused.map(|_| ""));
            self.refresh_the_lists();
            self.world.restart_services();
            return Some("retired");
        }
        let current = self.rows(ca, "current").pop().unwrap();
        let lead = time::Duration::days(2 * self.world.plan.step_days);
        if current.shortens_from > self.world.clock.now() + lead {
            return None;
        }
        self.world.refused(&["ca", "activate", ca], "TBPKI-0318", &format!("ca prepare {ca}"));
        self.world.ok(&["ca", "prepare", ca]);
        self.before_the_gate(ca);
        self.world.restart_services();
        Some("prepared")
    }

    /// Activation before the peers have the new generation.
    #[track_caller]
    fn before_the_gate(&self, ca: &str) {
        let pending = self.rows(ca, "pending").pop().unwrap();
        match ca {
            "devices-issuing" => {
                let says = format!("generation {} of {ca}", pending.generation);
                self.world.refused(&["ca", "activate", ca], "TBPKI-0321", &says);
                self.world.ok(&["crl"]);
            }
            "devices-root" => drop(self.world.ok(&["crl"])),
            _ => {}
        }
        if let Some((confirmed, total)) = pending.peers {
            let kind = if ca == "server-root" { "device" } else { "broker" };
            let says = format!("{} of {total} {kind}", total - confirmed);
            self.world.refused(&["ca", "activate", ca], "TBPKI-0320", &says);
        }
    }

    /// One step after the preparation: everything has the new generation by now.
    #[track_caller]
    fn activate(&mut self, ca: &str, pending: &Row) {
        if ca == "server-root" {
            for device in &self.world.devices {
                device.deliver(&self.world.scene.sandbox);
            }
        }
        self.refresh_the_lists();
        if pending.peers.is_some() {
            self.world.ok(&["ca", "confirm", ca, "--all"]);
        }
        self.world.ok(&["ca", "activate", ca]);
        self.world.restart_services();
        self.newest.insert(ca.to_owned(), pending.generation);
        if ca == PROFILE_CA {
            // The guide: issue the devices again below the next generation.
            for device in self.world.devices.iter().filter(|device| device.name.starts_with("pump")) {
                let args = ["client", "--device", device.name, "--profile", "pumps", "--force", "--format"];
                self.world.check("before a device of the profile is issued again");
                self.world.ok(&[&args[..], &["pem,p12,jks"]].concat());
                device.deliver(&self.world.scene.sandbox);
            }
        }
    }
}

impl Row {
    fn new(row: &Value) -> Self {
        let number = |value: &Value| value.as_u64().unwrap();
        let peers = &row["peers"];
        Self {
            generation: number(&row["generation"]),
            in_use: number(&row["in_use"]),
            peers: (!peers.is_null()).then(|| (number(&peers["confirmed"]), number(&peers["total"]))),
            shortens_from: OffsetDateTime::parse(row["shortens_from"].as_str().unwrap(), &Rfc3339).unwrap(),
        }
    }
}
