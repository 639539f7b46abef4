use std::sync::LazyLock;

use rcgen::{CrlDistributionPoint, CustomExtension, KeyPair, SanType};
use testkit::der::{Node, element};

use super::super::{Certificate, testing};

/// A device with every extension that is checked: subjectAltName, keyUsage, extKeyUsage, distribution points, and what
/// [`testing::leaf`] has.
static LEAF: LazyLock<Node> = LazyLock::new(|| {
    let mut params = testing::leaf("pump-1");
    params.subject_alt_names = vec![
        SanType::DnsName("pump-1.example".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::URI("https://pump.example/x".try_into().unwrap()),
    ];
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec!["http://crl.example/a.crl".to_owned()] }];
    // rcgen has no certificatePolicies.
    let policy = element(0x30, &element(0x30, &element(0x06, &[0x2a, 3])));
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], policy)];
    Node::parse(testing::root("Root").issue(&params).certificate.der())
});

/// The fields of the TBSCertificate.
const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const SPKI: usize = 6;
const EXTENSIONS: usize = 7;

/// `2.25.2147483648`, whose last number has 32 bits.
const LARGE: &[u8] = &[0x69, 0x88, 0x80, 0x80, 0x80, 0x00];

/// The findings for the certificate with other octets at a place below the TBSCertificate: faults, key, oddities.
fn found(below: &[usize], raw: Vec<u8>) -> (String, String) {
    let der = LEAF.with(&[&[0], below].concat(), raw);
    let certificate = match Certificate::from_der(&der) {
        Ok(certificate) => certificate,
        Err(error) => return (error.to_string(), String::new()),
    };
    let faults = certificate.format_faults().chain(certificate.key_form_fault()).map(str::to_owned);
    (faults.collect::<Vec<_>>().join("; "), certificate.format_oddities().collect::<Vec<_>>().join("; "))
}

/// The place of the value of an extension, and the value.
fn extension(id: &[u8]) -> (Vec<usize>, Vec<u8>) {
    let id = element(0x06, id);
    let der = LEAF.encode();
    (0..20)
        .map(|number| vec![EXTENSIONS, 0, number])
        .find_map(|place| {
            // The extension is gone from the encoding when it is taken out of the tree.
            let without = LEAF.with(&[&[0], &place[..]].concat(), Vec::new());
            let occurs = |der: &[u8]| der.windows(id.len()).any(|window| window == id);
            (occurs(&der) && !occurs(&without)).then_some((place, id.clone()))
        })
        .unwrap()
}

#[test]
fn what_we_and_others_make_has_neither_faults_nor_oddities() {
    assert_eq!(found(&[SERIAL], element(2, &[0x12, 0x34])), (String::new(), String::new()));
    for algorithm in
        [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ECDSA_P521_SHA512, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256]
    {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let made = testing::root("Root").issue_for(&testing::leaf("x"), key).certificate;
        assert_eq!(made.format_faults().chain(made.format_oddities()).chain(made.key_form_fault()).next(), None);
    }
}

#[test]
fn each_field_is_checked() {
    let name =
        |value: &[u8]| element(0x30, &element(0x31, &element(0x30, &[&element(6, &[0x55, 4, 3])[..], value].concat())));
    let dates = |from: &[u8], until: &[u8]| element(0x30, &[from, until].concat());
    let utc = element(0x17, b"250101000000Z");
    let rows: Vec<(&[usize], Vec<u8>, &str)> = vec![
        (&[VERSION], Vec::new(), "it has extensions, which version 1 has not"),
        (&[VERSION], element(0xa0, &element(2, &[1])), "it has extensions, which version 2 has not"),
        (&[VERSION], element(0xa0, &element(2, &[3])), "its version is none of 1, 2 and 3"),
        (&[SERIAL], element(2, &[]), "INTEGER"),
        (&[SERIAL], element(2, &[0xff]), "its serial number is negative"),
        (&[SERIAL], element(2, &[0x12; 21]), "its serial number has 21 octets"),
        // A zero that the sign does not need.
        (&[SERIAL], element(2, &[0, 0x12]), "an INTEGER has a content"),
        (&[ALGORITHM], element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])), "two different signature"),
        (&[ISSUER], element(0x30, &[]), "its issuer is empty"),
        (&[SUBJECT], element(0x30, &[]), "its subject is empty, and it has no critical alternative names"),
        (&[SUBJECT], name(&element(0x0c, &[0xff])), "UTF8String"),
        (&[SUBJECT], name(&element(0x13, b"a@b")), "PrintableString"),
        (&[SUBJECT], name(&element(0x1e, b"abc")), "BMPString"),
        (&[SUBJECT], name(&element(0x02, &[5])), "its subject has the type INTEGER as a value"),
        (&[SUBJECT], name(&element(0x1c, b"\0\0\0a")), "its subject has the type UniversalString as a value"),
        (&[SUBJECT], element(0x30, &element(0x31, &[])), "its subject has an empty set of attributes"),
        (&[VALIDITY], dates(&element(0x17, b"2501010000Z"), &utc), "UTCTime"),
        (&[VALIDITY], dates(&element(0x17, b"250101000000+0100"), &utc), "UTCTime"),
        (&[VALIDITY], dates(&utc, &element(0x18, b"20350101000000.5Z")), "GeneralizedTime"),
        (&[VALIDITY], element(0x30, &[&utc[..], &utc, &utc].concat()), "more than two dates"),
        (
            &[SPKI, 0],
            element(0x30, &[&element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1])[..], &[5, 0]].concat()),
            "public key",
        ),
        (&[SPKI, 1], element(0x03, &[0, 2, 1, 1]), "compressed point"),
        // The right length, and numbers that do not satisfy the equation.
        (&[SPKI, 1], element(0x03, &[&[0, 4][..], &[1; 64]].concat()), "not a point of its curve"),
        (&[SPKI, 1], element(0x03, &[&[0, 4][..], &[1; 60]].concat()), "not written as a point"),
        (&[ALGORITHM], element(0x30, &element(6, LARGE)), "its signature algorithm is 2.25.2147483648"),
        (&[SPKI, 0], element(0x30, &element(6, LARGE)), "its key algorithm is 2.25.2147483648"),
        (&[EXTENSIONS, 0], element(0x30, &[]), "its extensions are not one list, or an empty one"),
    ];
    for (place, raw, said) in rows {
        let (faults, _) = found(place, raw.clone());
        assert!(faults.contains(said), "{place:?} {raw:02x?}: {faults:?} lacks {said:?}");
    }
}

#[test]
fn each_extension_is_checked() {
    let sequence = |content: &[u8]| element(0x30, content);
    let flag = element(1, &[0xff]);
    let policy = sequence(&element(6, &[0x2a, 3]));
    let rows: Vec<(&[u8], Vec<u8>, &str)> = vec![
        (&[0x55, 29, 14], element(2, &[1]), "subjectKeyIdentifier"),
        (&[0x55, 29, 15], element(3, &[0]), "allows nothing"),
        (&[0x55, 29, 15], element(3, &[0, 0]), "allows nothing"),
        // Six unused bits, which are set.
        (&[0x55, 29, 15], element(3, &[6, 0xff]), "is not DER: a BIT STRING"),
        (&[0x55, 29, 17], sequence(&[]), "subjectAltName (2.5.29.17) is empty"),
        (&[0x55, 29, 17], sequence(&element(0x87, &[1, 2, 3])), "a name that its kind does not allow"),
        // An `ä` in Latin-1; a DNS name is ASCII.
        (&[0x55, 29, 17], sequence(&element(0x82, &[0xe4])), "subjectAltName"),
        (&[0x55, 29, 17], sequence(&element(0x86, b"https://pump.example/\0")), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x86, b"http://[bad")), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x86, b"http://a:b:c/")), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x86, b"//..a")), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x89, b"x")), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x88, &[0x80, 1])), "a name that its kind does not allow"),
        (&[0x55, 29, 17], sequence(&element(0x88, &[0x2a, 0x81])), "a name that its kind does not allow"),
        // ediPartyName with a party.
        (
            &[0x55, 29, 17],
            sequence(&element(0xa5, &element(0xa1, &element(12, b"x")))),
            "a name that its kind does not allow",
        ),
        (&[0x55, 29, 19], sequence(&element(2, &[3])), "a path length and is not of a CA"),
        (&[0x55, 29, 19], sequence(&[&flag[..], &element(2, &[0xff])].concat()), "basicConstraints"),
        // True is 0xff in DER.
        (&[0x55, 29, 19], sequence(&element(1, &[1])), "is not DER: a BOOLEAN"),
        (&[0x55, 29, 31], sequence(&sequence(&[])), "cRLDistributionPoints"),
        (&[0x55, 29, 32], sequence(&[&policy[..], &policy].concat()), "has a policy twice"),
        (&[0x55, 29, 35], sequence(&element(0x83, &[1])), "authorityKeyIdentifier"),
        (&[0x55, 29, 37], sequence(&[]), "extKeyUsage (2.5.29.37) is empty"),
        (&[0x55, 29, 37], sequence(&element(2, &[1])), "extKeyUsage"),
        (&[0x55, 29, 37], sequence(&element(6, LARGE)), "has a purpose whose number Go cannot read"),
        (&[0x55, 29, 37], [&sequence(&element(6, &[0x2a, 3]))[..], &[0]].concat(), "octets follow"),
    ];
    for (id, value, said) in rows {
        let (place, id) = extension(id);
        let (faults, _) = found(&place, sequence(&[&id[..], &element(4, &value)].concat()));
        assert!(faults.contains(said), "{id:02x?} {value:02x?}: {faults:?} lacks {said:?}");
    }
}

#[test]
fn an_unknown_extension_with_a_number_of_32_bits_is_a_fault_and_such_a_policy_is_not() {
    let (place, _) = extension(&[0x55, 29, 37]);
    let unknown = element(0x30, &[element(6, LARGE), element(4, &[5, 0])].concat());
    assert_eq!(
        found(&place, unknown),
        ("it has the extension 2.25.2147483648, whose number Go cannot read".to_owned(), String::new())
    );
    let (place, id) = extension(&[0x55, 29, 32]);
    let policies = element(0x30, &element(0x30, &element(6, LARGE)));
    let extension = element(0x30, &[id, element(4, &policies)].concat());
    assert_eq!(found(&place, extension), (String::new(), String::new()));
}

#[test]
fn extensions_that_must_not_be_critical_are_checked() {
    let id = |id: &[u8]| element(6, id);
    let (place, _) = extension(&[0x55, 29, 37]);
    let key_id = element(0x30, &element(0x80, &[7; 20]));
    let access = element(
        0x30,
        &element(0x30, &[id(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1]), element(0x86, b"http://ocsp.example")].concat()),
    );
    for (kind, value, name) in [
        (&[0x55, 29, 14][..], element(4, &[7; 20]), "subjectKeyIdentifier"),
        (&[0x55, 29, 35], key_id, "authorityKeyIdentifier"),
        (&[0x2b, 6, 1, 5, 5, 7, 1, 1], access, "authorityInfoAccess"),
    ] {
        let critical = element(0x30, &[id(kind), element(1, &[0xff]), element(4, &value)].concat());
        let (faults, _) = found(&place, critical);
        assert!(faults.contains(name) && faults.contains("is marked as critical, which Go refuses"), "{faults}");
    }
}

#[test]
fn what_all_readers_overlook_is_an_oddity() {
    let (place, id) = extension(&[0x55, 29, 19]);
    let explicit = |value: &[u8]| element(0x30, &[&id[..], &element(1, &[0]), &element(4, value)].concat());
    for (place, raw, said) in [
        (&[SERIAL][..], element(2, &[0]), "its serial number is 0"),
        (&[VALIDITY, 0], element(0x18, b"20250101000000Z"), "a date before 2050 as GeneralizedTime"),
        (&place, explicit(&element(0x30, &[])), "an extension is not critical"),
        (&place, explicit(&element(0x30, &element(1, &[0]))), "spell out CA:FALSE"),
    ] {
        let (faults, oddities) = found(place, raw);
        assert_eq!(faults, "", "{said}");
        assert!(oddities.contains(said), "{oddities:?} lacks {said:?}");
    }
}

#[test]
fn no_mutation_makes_it_panic_and_most_are_noticed() {
    let mut unnoticed = 0;
    let mutations = LEAF.mutations();
    for (_, der) in &mutations {
        let Ok(certificate) = Certificate::from_der(der) else { continue };
        unnoticed += usize::from(certificate.format_faults().next().is_none());
    }
    assert!(mutations.len() > 2_000, "{}", mutations.len());
    // Other keys, names, dates and signatures are no matter of form.
    assert!(unnoticed < mutations.len() / 4, "{unnoticed} of {}", mutations.len());
}

/// OpenSSL, Go and Java do not read a pair of surrogates in a BMPString.
#[test]
fn a_subject_that_no_certificate_may_have_has_a_fault() {
    let subject = |tag: u8, text: &[u8]| {
        let attribute = [element(6, &[0x55, 4, 3]), element(tag, text)].concat();
        let name = element(0x30, &element(0x31, &element(0x30, &attribute)));
        Certificate::from_der(&LEAF.with(&[0, SUBJECT], name)).unwrap().subject_fault().unwrap_or_default()
    };
    assert_eq!(subject(12, b"pump-1"), "");
    assert_eq!(subject(30, b"\x00p"), "");
    assert!(subject(30, b"\xd8\x3d\xde\x00").contains("BMPString"));
    assert!(subject(26, b"pump-1").contains("VisibleString"));
    assert!(subject(12, "a\u{200b}".as_bytes()).contains("U+200B"));
}
