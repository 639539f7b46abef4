//! A service whose devices are registered at a second platform as well.

use serde_json::{Value, json};
use tb_sim::{CredentialsType, Settings};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Tool};

use super::platform::{Scene, confirm, until};

/// A second platform, with the users of the first one.
struct Second<'s> {
    scene: &'s Scene,
    platform: Platform,
}

impl<'s> Second<'s> {
    fn of(scene: &'s Scene) -> Self {
        let platform = Platform::simulator(Settings { password: "correct-horse".to_owned(), ..Settings::default() });
        Self { scene, platform }
    }

    /// A tbpki that is configured for the platform of the service.
    fn tbpki(&self, args: &[&str]) -> Tool {
        self.scene.platform.known_to(self.scene.sandbox.tbpki(args), self.scene.secret())
    }

    /// Runs a command of a message as it is printed.
    #[track_caller]
    fn follow(&self, command: &str) -> Outcome {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        self.tbpki(&words).run().ok()
    }

    fn credential(&self) -> Option<(CredentialsType, String)> {
        self.platform.sim().unwrap().credentials("pump-1").map(|stored| (stored.kind, stored.id))
    }

    /// What the report has as open, and the number of all of it.
    fn open(&self) -> (Value, Value) {
        let report = self.tbpki(&["report", "--out", "fleet.html", "--force", "--json"]).run().ok().json();
        let fleet = &report["result"]["fleet"];
        (fleet["open"].clone(), fleet["open_steps"].clone())
    }

    /// The open step of the second platform alone.
    fn is_open(&self) -> (Value, Value) {
        let step = json!({
            "of": "registration", "subject": "device pump-1", "step": "register", "error": null,
            "platform": self.platform.url(),
        });
        (json!([step]), json!(1))
    }
}

#[test]
fn a_renewal_comes_to_the_platform_of_the_service_and_is_open_at_the_other() {
    let scene = Scene::new();
    let second = Second::of(&scene);
    let url = second.platform.url();
    let service = scene.service_with(&[]);
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let register = format!("tbpki register pump-1 --platform-url {url}");
    second.follow(&register);
    assert_eq!((scene.credential(), second.credential()), (scene.x509("a"), scene.x509("a")));
    assert_eq!(second.open(), (json!([]), json!(0)));

    scene.fetch(&service, "b", Some("a"));
    assert_eq!(second.open().1, json!(0), "a renewal that waits is in use nowhere");
    confirm(&service, "b");
    assert_eq!((scene.credential(), second.credential()), (scene.x509("b"), scene.x509("a")));
    until("logged", || service.has_logged(&["another platform has an earlier certificate", url]));
    assert_eq!(second.open(), second.is_open());
    // The page has the command, which replaces the earlier certificate.
    assert!(scene.sandbox.text("fleet.html").contains(&register), "{register}");
    let metrics = || {
        second.tbpki(&["report", "--metrics", "tbpki.prom"]).run().ok();
        scene.sandbox.text("tbpki.prom")
    };
    assert!(metrics().contains("\ntbpki_steps_open{of=\"registration\"} 1\n"));
    second.follow(&register);
    assert_eq!((second.credential(), second.open().1), (scene.x509("b"), json!(0)));
    assert!(metrics().contains("\ntbpki_steps_open{of=\"registration\"} 0\n"));
    // A renewal is one for both again, and a revocation is open until both are without it.
    scene.fetch(&service, "c", Some("b"));
    confirm(&service, "c");
    assert_eq!((scene.credential(), second.credential()), (scene.x509("c"), scene.x509("b")));
    let revoked = second.tbpki(&["revoke", "pump-1"]).run().ends(4);
    let open = format!("tbpki revoke --open --platform-url {url}");
    revoked.prints(&open);
    let is_token = |credential: Option<(CredentialsType, String)>| {
        credential.is_some_and(|(kind, _)| kind == CredentialsType::AccessToken)
    };
    assert!(is_token(scene.credential()) && !is_token(second.credential()));
    second.follow(&open);
    assert!(is_token(second.credential()));
    assert_eq!(second.open(), (json!([]), json!(0)));
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_device_of_another_platform_alone_is_renewed_and_the_platform_is_open() {
    let scene = Scene::new();
    let second = Second::of(&scene);
    let url = second.platform.url();
    let service = scene.service_with(&[]);
    scene.fetch(&service, "a", None);
    confirm(&service, "a");
    let register = format!("tbpki register pump-1 --platform-url {url}");
    second.follow(&register);
    second.tbpki(&["unregister", "pump-1"]).run().ok();
    // No platform of this service has the device, so nothing waits for one.
    scene.fetch(&service, "b", Some("a"));
    service.confirm("b.pem", "b.key").is(200, "confirmed");
    assert_eq!(
        (second.credential(), scene.roles()),
        (scene.x509("a"), ["superseded", "current"].map(str::to_owned).into())
    );
    assert_eq!(second.open(), second.is_open());
    second.follow(&register);
    assert_eq!((second.credential(), second.open().1), (scene.x509("b"), json!(0)));
    let credential = scene.credential().unwrap();
    assert_eq!(credential.0, CredentialsType::AccessToken, "what was taken away stays away");
    assert_eq!(service.stop(), 0);
}
