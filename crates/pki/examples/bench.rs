//! What `cargo xtask bench fleet` measures of ours in memory: identities by template and by the ordinary path, next to
//! the limit, which is key generation and one signature by the same library and nothing else.
//!
//! All take turns, some hundreds at a time, so that whatever else the machine does slows them alike.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a chore of this workspace, not the product")]

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base::digest;
use pki::chain_period::ChainPeriod;
use pki::issuer::{Issuer, KeySource, LeafOrder, LeafTemplate, LocalCa, Order, SelfSigned};
use pki::profile::Profile;
use pki::serial::Serial;
use pki::subject::AttributeKind;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Algorithm, Subject, credentials_id};
use serde_json::json;
use time::OffsetDateTime;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The number of identities of each kind that a turn makes.
const TURN: u32 = 500;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ["memory", count, threads] = *args.as_slice() else {
        return Err("usage: bench memory COUNT THREADS".into());
    };
    let (count, threads): (u32, u32) = (count.parse()?, threads.parse()?);
    let bench = Bench::new()?;
    let turns = (count / TURN / threads).max(1);
    let mut times = [Duration::ZERO; 3];
    let work: [&Work<'_>; 3] =
        [&|_| bench.limit(), &|number| bench.by_template(number), &|number| bench.ordinary(number)];
    for turn in 0..=turns {
        for (time, work) in times.iter_mut().zip(work) {
            let taken = at_once(threads, &|thread| {
                (0..TURN).try_for_each(|number| work(thread * count + turn * TURN + number))
            })?;
            // The first turn warms up.
            *time += if turn > 0 { taken } else { Duration::ZERO };
        }
    }
    let made = f64::from(turns) * f64::from(TURN) * f64::from(threads);
    let [limit, template, ordinary] = times.map(|time| made / time.as_secs_f64());
    println!("{}", json!({ "made": made, "limit": limit, "template": template, "ordinary": ordinary }));
    Ok(())
}

type Work<'a> = dyn Fn(u32) -> Outcome<()> + Sync + 'a;

/// Runs `work` in so many threads and sums up the time that they had a processor: what else the machine does at the
/// time counts little.
fn at_once(threads: u32, work: &Work<'_>) -> Outcome<Duration> {
    let timed = |thread| -> Outcome<Duration> {
        let start = on_processor()?;
        work(thread)?;
        Ok(on_processor()?.saturating_sub(start))
    };
    std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || timed(thread).map_err(|error| error.to_string()))).collect();
        let mut all = Duration::ZERO;
        for thread in running {
            all += thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(all)
    })
}

/// The time for which this thread has had a processor.
fn on_processor() -> Outcome<Duration> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = said.split(' ').next().ok_or("the kernel keeps no times of threads")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// The inputs of both paths, and their output.
struct Bench {
    bare: EcdsaKeyPair,
    ca: &'static LocalCa,
    template: LeafTemplate<'static>,
    contents: Contents,
}

impl Bench {
    fn new() -> Outcome<Self> {
        let now = OffsetDateTime::now_utc();
        let contents = |profile, name: &str, days, within: Option<&ChainPeriod>| -> Outcome<Contents> {
            let subject = Subject::new(vec![
                (AttributeKind::Country, "US".to_owned()),
                (AttributeKind::Organization, "ThingsBoard".to_owned()),
                (AttributeKind::OrganizationalUnit, "ThingsBoard".to_owned()),
                (AttributeKind::CommonName, name.to_owned()),
            ])?;
            let validity = Validity::starting(now, Lifetime { days, explicit: true }, within)?.0;
            let serial = Serial::random()?;
            Ok(Contents {
                profile,
                serial,
                validity,
                subject,
                sans: Vec::new(),
                permitted_dns: Vec::new(),
                crl_url: None,
            })
        };
        let order = |contents| Order { contents, key: KeySource::Generate(Algorithm::EcP256) };
        let root = SelfSigned.issue(order(contents(Profile::Root, "root", 10_000, None)?))?;
        let root = LocalCa::new(root.chain, root.key.ok_or("no key")?)?;
        let issuing = root.issue(order(contents(Profile::IssuingCa, "issuing", 9_000, root.period())?))?;
        // Leaked, because the template borrows the CA and the threads share both until the end of the process.
        let ca: &'static LocalCa = Box::leak(Box::new(LocalCa::new(issuing.chain, issuing.key.ok_or("no key")?)?));
        let contents = contents(Profile::Device, "sensor", 3650, ca.period())?;
        let template = LeafTemplate::new(ca, &contents, Algorithm::EcP256)?;
        Ok(Self { bare: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?, ca, template, contents })
    }

    /// Key generation and one signature over as many bytes as a leaf's TBSCertificate has.
    fn limit(&self) -> Outcome<()> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        black_box((key, self.bare.sign(&SystemRandom::new(), &[0x5a; 450])?));
        Ok(())
    }

    /// Key (PKCS#8), leaf, fingerprint and credentials id.
    fn by_template(&self, number: u32) -> Outcome<()> {
        let subject = self.contents.subject.with_common_name(&format!("sensor-{number:06}"))?;
        let order = LeafOrder { subject: &subject, sans: &[], serial: &Serial::random()? };
        let (key, leaf) = self.template.issue(&order)?;
        black_box((key.to_pkcs8_der(), digest::sha256(&leaf), credentials_id::of_certificate_der(&leaf)));
        Ok(())
    }

    fn ordinary(&self, number: u32) -> Outcome<()> {
        let subject = self.contents.subject.with_common_name(&format!("sensor-{number:06}"))?;
        let contents = Contents { subject, serial: Serial::random()?, ..self.contents.clone() };
        let issued = self.ca.issue(Order { contents, key: KeySource::Generate(Algorithm::EcP256) })?;
        let leaf = issued.chain.first().ok_or("no leaf")?;
        black_box((issued.key.map(|key| key.to_pkcs8_der()), leaf.fingerprint(), leaf.credentials_id()));
        Ok(())
    }
}
