//! A revocation list, compared with `openssl ca -gencrl` over the same entries.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::store::Store;
use crate::bench::measure::{Target, report, summarize};
use crate::error::{Doing, Error, Result};
use crate::run::run;

const OPENSSL: &str = "openssl ca -gencrl";

pub(super) fn compare(scratch: &Path, rounds: u32, many: u32) -> Result<bool> {
    let store = Store::new(scratch.join("lists"))?;
    store.issue(many)?;
    // One transaction instead of a revocation by the program: only the lists are measured.
    let revoke = "c.execute(\"UPDATE identity SET state = 'revoked', role = 'revoked', revoked_at = issued_at \
        WHERE kind = 'device'\")";
    store.sql(revoke)?;
    let openssl = Openssl::prepare(&store, scratch.join("openssl-ca"))?;
    let (mut ours, mut theirs): (Vec<Duration>, Vec<Duration>) = Default::default();
    for _ in 0..(rounds / 5).max(3) {
        // Dates of lists have seconds and must grow, so a list in the second of the one before waits for the next second.
        thread::sleep(Duration::from_millis(1_100));
        ours.push(store.watch(&["crl"])?.wall);
        let start = Instant::now();
        openssl.make()?;
        theirs.push(start.elapsed());
    }
    let measured = [summarize("tbpki crl", ours)?, summarize(OPENSSL, theirs)?];
    for file in [store.path("pki/devices-crl.pem"), openssl.directory.join("crl.pem")] {
        has_entries(&file, many)?;
    }
    println!("\ntbpki also reads the ledger, signs the empty list of the root, and writes durably (fsync).");
    let title = format!("A revocation list with {many} entries");
    Ok(report(&title, &measured, &[Target { contender: OPENSSL, at_least: 1.0 }]))
}

/// A CA of openssl with the same entries: its index is a text file.
struct Openssl {
    directory: PathBuf,
}

impl Openssl {
    fn prepare(store: &Store, directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        let index = store.sql(
            "import time\n\
             at = lambda seconds: time.strftime('%y%m%d%H%M%SZ', time.gmtime(seconds))\n\
             for serial, end, revoked, name in c.execute(\"SELECT serial, not_after, revoked_at, name FROM identity \
             WHERE state = 'revoked'\"):\n\
             \x20   print('R', at(end), at(revoked), serial.hex().upper(), 'unknown', '/CN=' + name, sep='\\t')",
        )?;
        let write = |name: &str, text: &str| {
            let file = directory.join(name);
            fs::write(&file, text).doing(format!("write {}", file.display()))
        };
        write("index.txt", &index)?;
        write("crlnumber", "01\n")?;
        write(
            "ca.cnf",
            "[ca]\ndefault_ca = issuing\n[issuing]\ndatabase = index.txt\ncrlnumber = crlnumber\ncertificate = ca.pem\n\
             private_key = ca.key\ndefault_md = sha256\ndefault_crl_days = 30\ncrl_extensions = list\n\
             [list]\nauthorityKeyIdentifier = keyid\n",
        )?;
        let ca = store.path("pki/ca/devices-issuing");
        for (from, to) in [("cert.pem", "ca.pem"), ("key.pem", "ca.key")] {
            fs::copy(ca.join(from), directory.join(to)).doing(format!("copy {from}"))?;
        }
        Ok(Self { directory })
    }

    fn make(&self) -> Result<()> {
        let args = ["ca", "-batch", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem"];
        run("openssl").directory(&self.directory).args(args).silent().read().map(drop)
    }
}

/// Fails unless the first list of a file has this number of entries: a ratio of two different lists means nothing.
fn has_entries(file: &Path, many: u32) -> Result<()> {
    let text = run("openssl").args(["crl", "-noout", "-text", "-in"]).arg(file).silent().read()?;
    let found = text.matches("Serial Number: ").count();
    if found == many as usize {
        Ok(())
    } else {
        Err(Error::new(format!("{} has {found} entries instead of {many}", file.display())))
    }
}
