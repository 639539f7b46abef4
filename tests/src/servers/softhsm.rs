//! Tokens for tests: SoftHSM's, with a directory of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::oracle::program;
use crate::sandbox::Sandbox;
use crate::tool::{Outcome, Tool};

/// The module of Debian's softhsm2.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The PIN of every token here.
pub const PIN: &str = "pin-4711-of-the-token";
/// The PIN of the one who may set PINs.
const SO_PIN: &str = "so-pin-4711";

/// A directory of tokens, and the configuration that names it. It is outside of every sandbox: what tokens write is not
/// what tbpki writes.
pub struct SoftHsm {
    directory: TempDir,
}

impl SoftHsm {
    /// An empty one. The file `pin` in the sandbox holds the PIN, and a test stops in which that is printed.
    #[track_caller]
    pub fn new(sandbox: &Sandbox) -> Self {
        assert!(Path::new(MODULE).exists(), "{MODULE} is not there: run `cargo xtask setup`");
        let directory = tempfile::Builder::new().prefix("tbpki-test-hsm-").tempdir().unwrap();
        let tokens = directory.path().join("tokens");
        fs::create_dir(&tokens).unwrap();
        let configuration =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        fs::write(directory.path().join("softhsm2.conf"), configuration).unwrap();
        let pin = sandbox.write("pin", format!("{PIN}\n"));
        // tbpki warns about a PIN file that others may read.
        fs::set_permissions(pin, fs::Permissions::from_mode(0o600)).unwrap();
        sandbox.hides(PIN);
        Self { directory }
    }

    /// Adds a line to the configuration.
    #[track_caller]
    pub fn configure(&self, line: &str) {
        let path = self.path("softhsm2.conf");
        let configuration = fs::read_to_string(&path).unwrap() + line;
        fs::write(path, configuration).unwrap();
    }

    /// Lets a program see the tokens.
    #[must_use]
    pub fn seen_by(&self, tool: Tool) -> Tool {
        tool.env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
    }

    /// Makes a token with this label.
    #[track_caller]
    pub fn add(&self, label: &str) {
        let tool = Tool::new(program("softhsm2-util")).args(["--init-token", "--free", "--label", label]);
        self.seen_by(tool).args(["--so-pin", SO_PIN, "--pin", PIN]).run().ok();
    }

    /// Runs OpenSC's `pkcs11-tool` on the token, logged in.
    #[track_caller]
    pub fn pkcs11_tool(&self, label: &str, args: &[&str]) -> Outcome {
        let tool = Tool::new(program("pkcs11-tool")).args(["--module", MODULE, "--token-label", label, "--login"]);
        self.seen_by(tool).args(["--pin", PIN]).args(args).run()
    }

    /// The public half of the key that a URI names, as GnuTLS's `p11tool` finds it, in PEM.
    #[track_caller]
    pub fn public_key(&self, uri: &str) -> String {
        let tool = Tool::new(program("p11tool")).args(["--batch", "--provider", MODULE, "--login", "--export-pubkey"]);
        self.seen_by(tool).arg(uri).env("GNUTLS_PIN", PIN).run().ok().stdout_text()
    }

    /// Makes an RSA key that decrypts and does not sign, with GnuTLS's `p11tool`.
    #[track_caller]
    pub fn make_key_that_decrypts(&self, token: &str, label: &str) {
        let args =
            ["--batch", "--provider", MODULE, "--login", "--generate-privkey=rsa", "--bits", "2048", "--label", label];
        let tool =
            self.seen_by(Tool::new(program("p11tool")).args(args).args(["--mark-decrypt", "--outfile", "/dev/null"]));
        tool.arg(format!("pkcs11:token={token}")).env("GNUTLS_PIN", PIN).run().ok();
    }

    /// Changes the PIN of the token.
    #[track_caller]
    pub fn change_pin(&self, label: &str, new: &str) {
        self.pkcs11_tool(label, &["--change-pin", "--new-pin", new]).ok();
    }

    /// Brings a private key in PEM into the token, which was outside of it until now.
    #[track_caller]
    pub fn import(&self, token: &str, key: &Path, label: &str, id: &str) {
        let tool = Tool::new(program("softhsm2-util")).arg("--import").arg(key).args(["--token", token]);
        self.seen_by(tool).args(["--label", label, "--id", id, "--pin", PIN]).run().ok();
    }

    /// Takes all tokens away.
    #[track_caller]
    pub fn remove(&self) {
        // SoftHSM without its directory of tokens does not start at all, which is another case; so an empty one is
        // left.
        fs::rename(self.path("tokens"), self.path("taken-out")).unwrap();
        fs::create_dir(self.path("tokens")).unwrap();
    }

    /// Brings them back.
    #[track_caller]
    pub fn bring_back(&self) {
        fs::remove_dir(self.path("tokens")).unwrap();
        fs::rename(self.path("taken-out"), self.path("tokens")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
