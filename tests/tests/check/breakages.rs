//! The table: one breakage a row, and what has to be found for it.

use crate::scene::{Alive, Scene};
use crate::{device_faults, network_faults, server_faults};

/// The result of a row: the arguments of the check, and the objects that must live meanwhile.
pub(crate) struct Broken {
    pub(crate) args: Vec<String>,
    pub(crate) alive: Alive,
}

impl Broken {
    pub(crate) fn new<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), alive: Vec::new() }
    }

    pub(crate) fn while_alive(mut self, what: impl Sized + 'static) -> Self {
        self.alive.push(Box::new(what));
        self
    }
}

/// One breakage: what it is called, what breaks, and every warning and fault that a check finds, by layer and code.
pub(crate) type Row = (&'static str, fn(&Scene) -> Broken, &'static [(&'static str, u16)]);

fn hold(table: &[Row]) {
    let mut wrong = Vec::new();
    let whole = Scene::new();
    for (name, break_it, expected) in table {
        let scene = whole.again();
        let broken = break_it(&scene);
        let checked = scene.check(&broken.args);
        let expected: Vec<(String, String)> =
            expected.iter().map(|(layer, code)| ((*layer).to_owned(), format!("TBPKI-{code:04}"))).collect();
        let found = checked.found();
        let is_fault = checked.report["result"]["ok"] == false;
        let status = if is_fault { 3 } else { 0 };
        if found != expected || checked.outcome.status != status {
            wrong.push(format!("{name}: found {found:?}, not {expected:?}\n{}", checked.outcome));
        }
        drop(broken.alive);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_of_a_devices_files_and_credentials_is_named() {
    hold(device_faults::TABLE);
}

#[test]
fn every_fault_of_a_network_and_a_broker_is_named() {
    hold(network_faults::TABLE);
}

#[test]
fn every_fault_of_a_servers_certificate_is_named() {
    hold(server_faults::TABLE);
}

#[test]
fn no_two_breakages_are_called_the_same() {
    let rows = || device_faults::TABLE.iter().chain(network_faults::TABLE).chain(server_faults::TABLE);
    let mut firsts: Vec<_> = rows().map(|(name, _, expected)| (expected[0], *name)).collect();
    firsts.sort_unstable();
    assert!(firsts.len() >= 20, "{}", firsts.len());
    for pair in firsts.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1);
    }
}
