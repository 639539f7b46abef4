//! One client identity, and RSA-4096 keys.

use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{Contender, Target, race, report};
use super::peers::{Certtool, KeygenScript, Openssl};
use super::programs;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::target;

const SCRIPT: &str = "client.keygen.sh (keytool, openssl)";
const OPENSSL: &str = "openssl ecparam, req, x509";
const CERTTOOL: &str = "certtool";
const GENPKEY: &str = "openssl genpkey, the key alone";

/// The required ratios.
const IDENTITY: &[Target] = &[
    Target { contender: SCRIPT, at_least: 50.0 },
    Target { contender: OPENSSL, at_least: 1.0 },
    Target { contender: CERTTOOL, at_least: 0.9 },
];
const RSA: &[Target] = &[Target { contender: GENPKEY, at_least: 1.0 }];

pub(super) fn compare(rounds: u32, strict: bool) -> Result<()> {
    programs::build()?;
    let directory = target()?.join("bench");
    if directory.exists() {
        fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
    }
    let ours = Tbpki::prepare(&directory.join("plain"), None)?;
    // Measured apart and without a target: a slow derivation of the key from the passphrase is wanted.
    let locked = Tbpki::prepare(&directory.join("locked"), Some("the passphrase of the benchmark"))?;
    let script = KeygenScript::prepare(&directory.join("keygen"))?;
    let openssl = Openssl::prepare(&directory.join("openssl"))?;
    let certtool = Certtool::prepare(&directory.join("certtool"))?;

    println!("Whole processes taking turns, files on {}, each once unmeasured beforehand.", directory.display());
    println!("tbpki writes durably (fsync) and into its ledger; the others leave their files to the page cache.");

    let identity = race(
        rounds,
        vec![
            Contender::new("tbpki client", |round| ours.client(&format!("ec-{round}"), &[])),
            // keytool starts a JVM for every step and would take most of the time.
            Contender::new(SCRIPT, |_| script.make()).one_in((rounds / 5).max(1)),
            Contender::new(OPENSSL, |_| openssl.make()),
            Contender::new(CERTTOOL, |_| certtool.make()),
            Contender::new("tbpki client, unlocking the CA key", |round| locked.client(&format!("ec-{round}"), &[])),
        ],
    )?;
    let rsa = race(
        rounds,
        vec![
            Contender::new("tbpki client --alg rsa-4096", |round| {
                ours.client(&format!("rsa-{round}"), &["--alg", "rsa-4096"])
            }),
            Contender::new(GENPKEY, |_| openssl.rsa_key()),
        ],
    )?;

    let reached = report("One EC client identity (P-256): key, certificate, chain", &identity, IDENTITY)
        & report("One RSA-4096 key; ours with certificate, chain and ledger as well", &rsa, RSA);
    if strict && !reached { Err(Error::new("a ratio was missed")) } else { Ok(()) }
}

/// A store, and tbpki working in it.
struct Tbpki {
    program: PathBuf,
    directory: PathBuf,
    passphrase: Option<PathBuf>,
}

impl Tbpki {
    /// Makes the store, its CA keys encrypted if there is a passphrase.
    fn prepare(directory: &Path, passphrase: Option<&str>) -> Result<Self> {
        fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
        let mut this =
            Self { program: target()?.join("release/tbpki"), directory: directory.to_path_buf(), passphrase: None };
        if let Some(passphrase) = passphrase {
            let file = directory.join("passphrase");
            fs::write(&file, passphrase).doing(format!("write {}", file.display()))?;
            this.passphrase = Some(file);
        }
        let unprotected = this.passphrase.is_none().then_some("--insecure-no-passphrase");
        this.tbpki(&["init", "--no-input"], unprotected.as_slice())?;
        Ok(this)
    }

    fn client(&self, device: &str, more: &[&str]) -> Result<()> {
        self.tbpki(&["client", "--no-input", "--device", device], more)
    }

    fn tbpki(&self, args: &[&str], more: &[&str]) -> Result<()> {
        // Silent and captured: a terminal that draws lines costs more than a certificate.
        let started = run(&self.program).directory(&self.directory).args(args).args(more);
        let started = match &self.passphrase {
            Some(file) => started.arg("--ca-passphrase-file").arg(file),
            None => started,
        };
        started.silent().read().map(drop)
    }
}
