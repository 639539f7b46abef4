//! The template and the ordinary path: they write the same bytes and refuse the same orders.

use std::sync::LazyLock;

use base::Code;
use proptest::collection::vec;
use proptest::prelude::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::issue::issuer::{Issuer, KeySource, Order, SelfSigned};
use crate::issue::validity::Validity;
use crate::names::subject::AttributeKind;

// Before 1970 and beyond 2050: where times change their sign and their type.
const BEGIN: OffsetDateTime = datetime!(1960-01-01 0:00 UTC);
const END: OffsetDateTime = datetime!(2110-01-01 0:00 UTC);

/// A root of every algorithm, and a key of every algorithm for leaves.
static CAS: LazyLock<Vec<LocalCa>> =
    LazyLock::new(|| Algorithm::ALL.iter().map(|algorithm| ca(*algorithm, &[])).collect());
static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    Algorithm::ALL.iter().map(|algorithm| PrivateKey::generate(*algorithm).unwrap().public().clone()).collect()
});

fn ca(algorithm: Algorithm, permitted_dns: &[&str]) -> LocalCa {
    let mut contents = contents(Profile::Root, subject("Wurzel für Geräte"), Vec::new());
    contents.validity = Validity::new(BEGIN, END).unwrap();
    contents.permitted_dns = permitted_dns.iter().map(|name| (*name).to_owned()).collect();
    let issued = SelfSigned.issue(Order { contents, key: KeySource::Generate(algorithm) }).unwrap();
    LocalCa::new(issued.chain, issued.key.unwrap()).unwrap()
}

fn contents(profile: Profile, subject: Subject, sans: Vec<San>) -> Contents {
    let validity = Validity::new(datetime!(2026-11-25 9:00 UTC), datetime!(2036-11-22 9:00 UTC)).unwrap();
    Contents {
        profile,
        serial: Serial::random().unwrap(),
        validity,
        subject,
        sans,
        permitted_dns: Vec::new(),
        crl_url: None,
    }
}

fn subject(common_name: &str) -> Subject {
    Subject::default().with_common_name(common_name).unwrap()
}

fn order(contents: &Contents) -> LeafOrder<'_> {
    LeafOrder { subject: &contents.subject, sans: &contents.sans, serial: &contents.serial }
}

/// A template that was made for another leaf of the same kind.
fn template<'a>(ca: &'a LocalCa, contents: &Contents, key: &PublicKey) -> Result<LeafTemplate<'a>> {
    // Another subject and no names, so that nothing of the order can come from the sample.
    let other = Contents { subject: subject("other"), sans: Vec::new(), ..contents.clone() };
    LeafTemplate::of_sample(ca, &other, key)
}

/// Holds what the template makes of `contents` against what the ordinary path does.
fn compare(ca: &LocalCa, contents: &Contents, key: &PublicKey) {
    let template = template(ca, contents, key).unwrap();
    let order = order(contents);
    template.check_order(&order).unwrap();
    let ordinary = tbs::write(contents, key, &ca.issued_by()).unwrap();
    assert_eq!(template.tbs(&order, key), ordinary, "{contents:?}");
    // The first one of a kind is written as a whole, and the next ones with the common part, also if their dates differ.
    for _ in 0..2 {
        assert_eq!(ca.write(contents, key).unwrap(), ordinary, "{contents:?}");
    }
    let leaf = template.sign(&order, key).unwrap();
    let certificate = template.check(&leaf, &order, key).unwrap();
    certificate.verify_signed_by(ca.certificate()).unwrap();
}

/// Text for names, from one character up to as many as a kind of attribute takes.
fn text(kind: AttributeKind) -> BoxedStrategy<String> {
    match kind {
        AttributeKind::Country => "[A-Za-z]{2}".boxed(),
        _ => {
            // Nothing is trimmed off a name that has no space at its ends.
            let inner = kind.upper_bound() - 2;
            let edge = "[A-Za-z0-9äß温🦀#+,\\\\]";
            let any = "[A-Za-z0-9 äöüßéñ温度计Ωж🦀,+\"<>;=#\\\\./_-]";
            matching(&format!("{edge}({any}{{0,{inner}}}{edge})?")).boxed()
        }
    }
}

/// Any attributes, organizational units up to four times.
fn subjects() -> impl Strategy<Value = Subject> {
    let fields = |kind: &AttributeKind| {
        let kind = *kind;
        let most = if kind == AttributeKind::OrganizationalUnit { 4 } else { 1 };
        let least = usize::from(kind == AttributeKind::CommonName);
        vec(text(kind).prop_map(move |text| (kind, text)), least..=most)
    };
    AttributeKind::ALL
        .iter()
        .map(fields)
        .collect::<Vec<_>>()
        .prop_map(|fields| Subject::new(fields.into_iter().flatten().collect()).unwrap())
}

fn matching(regex: &str) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(regex).unwrap()
}

fn sans() -> impl Strategy<Value = San> {
    let label = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
    let host = format!("({label}\\.){{0,2}}[a-z]{{2,20}}");
    prop_oneof![
        matching(&host).prop_filter_map("a host name", |name| San::dns(&name).ok()),
        any::<std::net::IpAddr>().prop_map(San::Ip),
        matching(&format!("https://{host}/[a-zA-Z0-9/?=&]{{0,300}}"))
            .prop_filter_map("a URI", |uri| San::uri(&uri).ok()),
        matching(&format!("[a-z0-9+]{{1,64}}@{host}"))
            .prop_filter_map("an address", |address| San::email(&address).ok()),
    ]
}

fn moments() -> impl Strategy<Value = OffsetDateTime> {
    (0..(END - BEGIN).whole_seconds() - 1).prop_map(|seconds| BEGIN + Duration::seconds(seconds))
}

prop_compose! {
    // Below 0x80, as all numbers of ours; 0 would make the number shorter.
    fn serials()(first in 1u8..0x80, rest in any::<[u8; 15]>()) -> Serial {
        let mut octets = [first; 16];
        octets[1..].copy_from_slice(&rest);
        Serial::from_octets(octets)
    }
}

proptest! {
    #[test]
    fn a_leaf_is_what_the_ordinary_path_makes_of_it(
        ca in 0..Algorithm::ALL.len(),
        key in 0..Algorithm::ALL.len(),
        server in any::<bool>(),
        subject in subjects(),
        sans in vec(sans(), 0..5),
        serial in serials(),
        begin in moments(),
        end in moments(),
    ) {
        prop_assume!(begin != end && !(server && sans.is_empty()));
        let profile = if server { Profile::Server } else { Profile::Device };
        let validity = Validity::new(begin.min(end), begin.max(end)).unwrap();
        let contents = Contents { serial, validity, ..contents(profile, subject, sans) };
        compare(&CAS[ca], &contents, &KEYS[key]);
    }
}

/// Wherever a length grows by a byte, in the names and in all that they stand in.
#[test]
fn no_length_is_written_otherwise() {
    for length in 1..=64 {
        let contents = contents(Profile::Device, subject(&"n".repeat(length)), Vec::new());
        compare(&CAS[0], &contents, &KEYS[0]);
        // Three octets for each character, so that other lengths change than above.
        let wide = self::contents(Profile::Device, subject(&"温".repeat(length)), Vec::new());
        compare(&CAS[0], &wide, &KEYS[0]);
    }
    // Around 128, 256 and 65,536, where a length takes one octet more.
    for length in (1..300).chain(65_000..65_600) {
        let uri = San::Uri(format!("urn:{}", "u".repeat(length)));
        compare(&CAS[0], &contents(Profile::Server, subject("server"), vec![uri]), &KEYS[0]);
    }
}

#[test]
fn years_from_2050_on_are_written_in_full() {
    let last = datetime!(2049-12-31 23:59:59 UTC);
    for (begin, end) in [(last - Duration::DAY, last), (last, last + Duration::SECOND), (last + Duration::SECOND, END)]
    {
        let validity = Validity::new(begin, end).unwrap();
        let contents = Contents { validity, ..contents(Profile::Device, subject("pump-1"), Vec::new()) };
        compare(&CAS[0], &contents, &KEYS[0]);
    }
}

#[test]
fn every_algorithm_gets_a_key_and_a_leaf() {
    // RSA of 4,096 bits takes seconds and has no code of its own.
    for (ca, algorithm) in CAS.iter().zip(Algorithm::ALL).filter(|(_, algorithm)| **algorithm != Algorithm::Rsa4096) {
        let contents = contents(Profile::Device, subject("pump-1"), Vec::new());
        let template = LeafTemplate::new(ca, &contents, *algorithm).unwrap();
        let (key, leaf) = template.issue(&order(&contents)).unwrap();
        assert_eq!(key.algorithm(), *algorithm);
        let certificate = template.check(&leaf, &order(&contents), key.public()).unwrap();
        key.check_belongs_to(certificate.spki_der()).unwrap();
    }
}

#[test]
fn a_leaf_that_was_not_ordered_is_noticed() {
    let contents = contents(Profile::Device, subject("pump-1"), Vec::new());
    let template = LeafTemplate::new(&CAS[0], &contents, Algorithm::EcP256).unwrap();
    let (key, leaf) = template.issue(&order(&contents)).unwrap();
    let code = |der: &[u8], order: &LeafOrder<'_>, key: &PublicKey| template.check(der, order, key).unwrap_err().code();

    let other = subject("pump-2");
    assert_eq!(code(&leaf, &LeafOrder { subject: &other, ..order(&contents) }, key.public()), Code::LintFailed);
    let other = Serial::random().unwrap();
    assert_eq!(code(&leaf, &LeafOrder { serial: &other, ..order(&contents) }, key.public()), Code::LintFailed);
    assert_eq!(code(&leaf, &order(&contents), &KEYS[0]), Code::LintFailed);
    let mut damaged = leaf.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&damaged, &order(&contents), key.public()), Code::BadSignature);
}

/// Everything that the ordinary path refuses, the template refuses with the same code.
#[test]
fn the_same_is_refused() {
    let constrained = ca(Algorithm::EcP256, &["example.org"]);
    let host = San::dns("pump.example.org").unwrap();
    let good = || contents(Profile::Device, subject("pump-1"), vec![host.clone()]);
    let with = |change: &dyn Fn(&mut Contents)| {
        let mut contents = good();
        change(&mut contents);
        contents
    };
    let serial = |octets: [u8; 16]| with(&|contents| contents.serial = Serial::from_octets(octets));
    let sans = |sans: &[San]| with(&|contents| contents.sans = sans.to_vec());
    let mut short = [0; 16];
    short[15] = 1;
    let orders = [
        (
            Code::OutlivesIssuer,
            with(&|contents| contents.validity = Validity::new(BEGIN, END + Duration::DAY).unwrap()),
        ),
        (Code::NameConstraint, sans(&[San::dns("pump.example.com").unwrap()])),
        (Code::BadSan, sans(&[San::Dns("pümp.example.org".to_owned())])),
        (Code::BadSan, sans(&[host.clone(), San::Email("ä@example.org".to_owned())])),
        (Code::BadSan, sans(&[host.clone(), San::Uri("urn:ä".to_owned())])),
        (Code::LintFailed, sans(&[host.clone(), San::Uri(String::new())])),
        // Java takes the common name for a host.
        (Code::NameConstraint, sans(&[])),
        (Code::LintFailed, with(&|contents| contents.subject = Subject::default())),
        (Code::LintFailed, with(&|contents| contents.permitted_dns = vec!["example.org".to_owned()])),
        (
            Code::LintFailed,
            with(&|contents| {
                // Neither OpenSSL nor Java takes this common name for a host.
                (contents.profile, contents.subject, contents.sans) = (Profile::Server, subject("pump 1"), Vec::new());
            }),
        ),
        (Code::LintFailed, serial([0; 16])),
        // Shorter as a number than 64 bits; the next one is negative.
        (Code::LintFailed, serial(short)),
        (Code::LintFailed, serial([0xff; 16])),
    ];
    for (code, contents) in orders {
        let key = KeySource::Public(KEYS[0].clone());
        let ordinary = constrained.issue(Order { contents: contents.clone(), key }).unwrap_err();
        assert_eq!(ordinary.code(), code, "{contents:?}");
        let refused = template(&constrained, &contents, &KEYS[0])
            .and_then(|template| template.issue(&order(&contents)).map(drop))
            .unwrap_err();
        assert_eq!(refused.code(), code, "{contents:?}");
    }
    assert!(template(&constrained, &good(), &KEYS[0]).unwrap().issue(&order(&good())).is_ok());
}
