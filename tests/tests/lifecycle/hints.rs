//! The commands that messages about withdrawals name work as they are printed.

use tb_sim::CredentialsType;
use tbpki_tests::Sandbox;

use crate::scene::{Scene, json};
use crate::two_platforms::TwoPlatforms;

const CERTIFICATE: CredentialsType = CredentialsType::X509Certificate;

#[test]
fn the_command_that_undoes_a_withdrawal_names_the_platform_and_is_left_out_where_there_is_none() {
    let both = TwoPlatforms::of(Scene::new());
    let scene = &both.first;
    // The first platform alone, which the configuration names.
    scene.ok(&["client", "it's", "--register"]);
    let undone = scene.ok(&["unregister", "it's"]);
    let undone = undone.prints(r"to undo it      tbpki register --device 'it'\''s' --again --replace");
    assert!(!undone.stdout_text().contains("--platform-url"), "{undone}");

    scene.ok(&["client", "pump-1", "--register"]);
    both.second(&["register", "pump-1"]).run().ok();
    let url = both.second.url();
    let unregistered = json(&scene.ok(&["unregister", "pump-1", "--platform-url", url, "--json"]));
    let command = format!("tbpki register --device pump-1 --again --replace --platform-url {url}");
    assert_eq!(unregistered["undo"], command.as_str());
    both.follow(&command);
    let kinds = both.credentials("pump-1").map(|stored| stored.unwrap().0);
    assert_eq!(kinds, [CERTIFICATE, CERTIFICATE]);

    // Neither a token nor a revoked certificate can come back.
    scene.ok(&["token", "lamp-1", "--create"]);
    assert!(!scene.ok(&["unregister", "lamp-1"]).stdout_text().contains("to undo it"));
    scene.ok(&["client", "pump-2", "--register"]);
    scene.ok(&["revoke", "pump-2"]);
    scene.set_token("pump-2", "a-token-of-another");
    assert!(!scene.ok(&["unregister", "pump-2", "--replace"]).stdout_text().contains("to undo it"));
}

#[test]
fn the_command_of_an_open_step_names_its_platform() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.ok(&["client", "pump-1", "--register"]);
    both.second(&["register", "pump-1"]).run().ok();
    both.first.ok(&["unregister", "pump-1"]);
    let url = both.second.url();
    both.second.set_token("pump-1", "a-token-of-another");
    let revoked = both.first.tbpki(&["revoke", "pump-1", "--platform-url", url, "--json"]).run().ends(4);
    let command = format!("tbpki unregister --replace pump-1 --platform-url {url}");
    let error = json(&revoked)["open"][0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains(&format!("`{command}`")), "{error}");
    both.follow(&command);
    assert_ne!(both.credentials("pump-1")[1].as_ref().unwrap().1, "a-token-of-another");
    both.first.ok(&["revoke", "--open"]).prints("no step is open");
}

#[test]
fn forget_names_the_command_for_the_other_platform() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.ok(&["client", "pump 1", "--register"]);
    both.second(&["register", "pump 1"]).run().ok();
    let forgotten = both.first.tbpki(&["forget", "--device", "pump 1"]).run().ends(4);
    let command = format!("tbpki revoke --open --platform-url {}", both.second.url());
    let forgotten = forgotten.prints("device pump 1: forgotten").prints(&format!("run `{command}`"));
    assert!(!forgotten.stdout_text().contains("run `tbpki revoke --open` to finish"), "{forgotten}");
    both.follow(&command).prints("no step is open");
}

#[test]
fn the_step_of_a_profile_ca_names_the_commands_that_replace_it_at_each_platform() {
    let both = TwoPlatforms::of(Scene::new());
    let create = ["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"];
    both.first.ok(&create);
    both.second(&create).run().ok();
    both.first.ok(&["client", "pump-1", "--profile", "pumps"]);
    both.first.tbpki(&["revoke", "pump-1"]).run().ends(4);
    let activate = [both.first.platform.url(), both.second.url()]
        .map(|url| format!("tbpki ca activate profile-pumps --platform-url {url}"));
    let [here, there] = &activate;
    let prepare = "tbpki ca prepare profile-pumps";
    // The same commands, whatever platform this one is about.
    for url in [both.second.url(), both.first.platform.url()] {
        let open = both.first.tbpki(&["revoke", "--open", "--platform-url", url]).run().ends(4);
        let open = open.prints(&format!("with `{prepare}`, `{here}`, `{there}`, then run `tbpki revoke --open`"));
        assert!(!open.stdout_text().contains("to finish"), "{open}");
    }
    both.follow(prepare);
    both.first.ok(&["crl"]);
    both.follow(here);
    let open = both.first.tbpki(&["revoke", "--open"]).run().ends(4);
    open.prints(&format!("with `{there}`, then run `tbpki revoke --open`"));
    both.follow(there);
    both.first.ok(&["revoke", "--open"]).prints("no step is open");
}

#[test]
fn an_expired_ca_is_replaced_and_not_renewed() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "pump-1"]);
    let verify = ["verify", "pki/devices/pump-1/chain.pem", "--at", "2070-01-01T00:00:00Z"];
    let mut verified = sandbox.tbpki(verify).run().ends(3);
    for ca in ["devices-issuing", "devices-root"] {
        verified = verified.prints(&format!("`tbpki ca prepare {ca}`, then `tbpki ca activate {ca}`"));
    }
    // The leaf alone is renewed.
    assert_eq!(verified.stderr_text().matches("tbpki renew --device").count(), 1, "{verified}");
}
