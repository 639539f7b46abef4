//! Signs with a key in a token, for tests that take the token away in between. Each line of the standard input is a number
//! of threads, each of which signs as often as the second argument requests, or `restart` or `logout`, which end every
//! session or the login behind the key's back. What became of it is answered on a line.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base::{Error, Secret};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use pki::key::SigningKey;
use pki::pkcs11::{TokenKey, TokenUri};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uri, times, pin_file] = &arguments[..] else { panic!("token-sign URI TIMES PIN-FILE") };
    let mut asked = 0;
    let opened = uri.parse::<TokenUri>().and_then(|uri| {
        TokenKey::open(&uri, &mut || {
            asked += 1;
            Ok(Secret::from(std::fs::read_to_string(pin_file).unwrap().trim_end()))
        })
    });
    let key = match opened {
        Ok(key) => key,
        Err(error) => {
            answer(&format!("{error:?}"));
            return ExitCode::FAILURE;
        }
    };
    // A PIN that is tried again and again would spend the tries of a real token, which then locks itself.
    assert_eq!(asked, 1, "the PIN is asked for once");
    answer("opened");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if line == "restart" || line == "logout" {
            behind_its_back(&line);
            answer("done");
            continue;
        }
        let threads = line.parse().unwrap();
        match sign(&key, threads, times.parse().unwrap()) {
            Ok(signed) => answer(&format!("signed {signed}")),
            Err(error) => answer(&format!("{error:?}")),
        }
    }
    ExitCode::SUCCESS
}

/// Signs with all threads at once, and checks every signature.
fn sign(key: &TokenKey, threads: usize, times: usize) -> Result<usize, Error> {
    let spki = key.public().spki_der();
    // The last 65 bytes of a P-256 key's SubjectPublicKeyInfo are its point, which aws-lc-rs takes alone.
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[spki.len() - 65..]);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let public = &public;
                scope.spawn(move || {
                    for time in 0..times {
                        let message = format!("message {time} of thread {thread}");
                        let signature = key.sign(message.as_bytes())?;
                        public.verify(message.as_bytes(), &signature).unwrap();
                    }
                    Ok(times)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

/// Ends all sessions of this process by restarting the module, or its login, by the very module that the key uses.
fn behind_its_back(what: &str) {
    let module = Pkcs11::new(tbpki_tests::softhsm::MODULE).unwrap();
    // PKCS #11 logs in applications and not sessions, so a session of this one ends the login of the other.
    if what == "logout" {
        for slot in module.get_slots_with_initialized_token().unwrap() {
            module.open_ro_session(slot).unwrap().logout().unwrap();
        }
        return;
    }
    let threads = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    // Finalizing closes every session of the process, as a token that restarts does.
    module.clone().finalize().unwrap();
    module.initialize(threads).unwrap();
}

fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    // Flushed, because the test waits for this line before it takes the token away.
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
}
