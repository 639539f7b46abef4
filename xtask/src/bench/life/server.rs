//! The renewal of a server, compared with the commands that make the same files.

use std::fs;
use std::path::{Path, PathBuf};

use super::store::Store;
use crate::bench::measure::{Contender, Target, race, report};
use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::on_path;

const OPENSSL: &str = "openssl ecparam, req, x509, pkcs12";
const STEP: &str = "step certificate create";

/// The password of the keystore that openssl makes.
const PASSWORD: &str = "pass:the password of the benchmark";

pub(super) fn compare(scratch: &Path, rounds: u32) -> Result<bool> {
    let first = Store::new(scratch.join("server"))?;
    first.watch(&[
        "server",
        "--name",
        "tb.example",
        "--only-given-names",
        "--out",
        "conf",
        "--format",
        "pem,pub,cer,p12",
    ])?;
    // A renewal of a new certificate is refused.
    first.age(700)?;
    // One for each round, because a renewed server is not due again; and the warm-up.
    let stores: Vec<Store> =
        (0..=rounds).map(|round| first.copy(scratch.join(format!("server-{round}")))).collect::<Result<_>>()?;
    let commands = Commands { directory: first.path("openssl") };
    commands.prepare(&first)?;
    let renew = |round: u32| match stores.get(round as usize) {
        Some(store) => store.watch(&["renew", "--server", "--due", "--no-input"]).map(drop),
        None => Ok(()),
    };
    let mut contenders =
        vec![Contender::new("tbpki renew --server", renew), Contender::new(OPENSSL, |_| commands.openssl())];
    match on_path("step") {
        Some(step) => contenders.push(Contender::new(STEP, move |_| commands_step(&step, &first.path("openssl")))),
        None => println!("\nstep is not installed, and is not measured: no package of Debian has it"),
    }
    let measured = race(rounds, contenders)?;
    println!("\ntbpki also verifies the chain, writes durably (fsync) and twice (store, --out), and keeps its ledger.");
    let title = "A server's certificate: key, chain, DER, public part and keystore";
    Ok(report(title, &measured, &[Target { contender: OPENSSL, at_least: 1.0 }]))
}

/// The commands, in a directory with the issuing CA.
struct Commands {
    directory: PathBuf,
}

impl Commands {
    fn prepare(&self, store: &Store) -> Result<()> {
        fs::create_dir_all(&self.directory).doing(format!("make {}", self.directory.display()))?;
        let ca = store.path("pki/ca/server-issuing");
        for (from, to) in [("cert.pem", "ca.pem"), ("key.pem", "ca.key")] {
            fs::copy(ca.join(from), self.directory.join(to)).doing(format!("copy {from}"))?;
        }
        let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
            extendedKeyUsage=serverAuth\nsubjectAltName=DNS:tb.example\nsubjectKeyIdentifier=hash\n\
            authorityKeyIdentifier=keyid\n";
        fs::write(self.directory.join("server.ext"), extensions).doing("write server.ext")
    }

    fn openssl(&self) -> Result<()> {
        for line in [
            "ecparam -name prime256v1 -genkey -noout -out key.pem",
            "req -new -key key.pem -out request.pem -subj /CN=tb.example",
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile server.ext -out cert.pem",
            "x509 -in cert.pem -outform DER -out cert.cer",
            "x509 -in cert.pem -noout -pubkey -out pub.pem",
            "verify -partial_chain -CAfile ca.pem cert.pem",
        ] {
            self.run(&line.split_whitespace().collect::<Vec<_>>())?;
        }
        let keystore = ["pkcs12", "-export", "-in", "cert.pem", "-inkey", "key.pem", "-certfile", "ca.pem"];
        self.run(&[&keystore[..], &["-name", "serveralias", "-out", "server.p12", "-passout", PASSWORD]].concat())?;
        let read = |file: &str| fs::read(self.directory.join(file)).doing(format!("read {file}"));
        let chain = [read("cert.pem")?, read("ca.pem")?].concat();
        fs::write(self.directory.join("chain.pem"), chain).doing("write chain.pem")
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        run("openssl").directory(&self.directory).args(args).silent().read().map(drop)
    }
}

fn commands_step(step: &Path, directory: &Path) -> Result<()> {
    let args = ["certificate", "create", "tb.example", "step.crt", "step.key", "--ca", "ca.pem", "--ca-key", "ca.key"];
    let rest = ["--bundle", "--not-after", "19800h", "--no-password", "--insecure", "--force"];
    run(step).directory(directory).args(args).args(rest).silent().read().map(drop)
}
