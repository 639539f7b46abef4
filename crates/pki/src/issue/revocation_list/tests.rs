use time::macros::datetime;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, KeyUsage as Purpose,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use super::*;
use crate::issue::issuer::{Issued, Issuer as _, KeySource, Order, SelfSigned};
use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::issue::tbs::Contents;
use crate::issue::validity::Validity;
use crate::names::subject::Subject;

const NOW: OffsetDateTime = datetime!(2026-06-01 12:00:00 UTC);

fn contents(profile: Profile) -> Contents {
    Contents {
        profile,
        serial: Serial::random().unwrap(),
        validity: Validity::new(datetime!(2026-01-01 0:00 UTC), datetime!(2036-01-01 0:00 UTC)).unwrap(),
        subject: Subject::default().with_common_name(&format!("a {profile}")).unwrap(),
        sans: Vec::new(),
        permitted_dns: Vec::new(),
        crl_url: None,
    }
}

/// A root with a device directly below it.
fn hierarchy(algorithm: Algorithm) -> (LocalCa, Certificate) {
    let key = || KeySource::Generate(algorithm);
    let root = SelfSigned.issue(Order { contents: contents(Profile::IssuingCa), key: key() }).unwrap();
    let root = LocalCa::new(root.chain, root.key.unwrap()).unwrap();
    let Issued { chain, .. } = root.issue(Order { contents: contents(Profile::Device), key: key() }).unwrap();
    (root, chain[0].clone())
}

fn header(number: u64) -> ListHeader {
    ListHeader { number, this_update: NOW, next_update: NOW + time::Duration::days(30) }
}

fn revoked(serial: &[u8], reason: Reason) -> Result<RevokedSerial> {
    Ok(RevokedSerial { serial: serial.to_vec(), at: datetime!(2026-05-31 23:59:59 UTC), reason })
}

/// The verdict of rustls-webpki on the device, which refuses what no list covers.
fn webpki(ca: &Certificate, leaf: &Certificate, crl: &Crl) -> Result<(), Error> {
    let (ca, leaf) = (ca.der().into(), leaf.der().into());
    let anchors = [anchor_from_trusted_cert(&ca).unwrap()];
    let list = CertRevocationList::Borrowed(BorrowedCertRevocationList::from_der(crl.der())?);
    let lists = [&list];
    let options = RevocationOptionsBuilder::new(&lists).unwrap().build();
    let now = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(NOW.unix_timestamp()).unwrap(),
    ));
    EndEntityCert::try_from(&leaf)
        .unwrap()
        .verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], now, Purpose::client_auth(), Some(options), None)
        .map(drop)
}

#[test]
fn a_list_revokes_its_entries_and_nothing_else() {
    for algorithm in [Algorithm::EcP256, Algorithm::EcP384, Algorithm::Ed25519, Algorithm::Rsa2048] {
        let (ca, leaf) = hierarchy(algorithm);
        let empty = sign(&ca, &header(1), []).unwrap();
        assert_eq!(empty.entry(leaf.serial()), None);
        assert_eq!(webpki(ca.certificate(), &leaf, &empty), Ok(()), "{algorithm}");

        let list = sign(&ca, &header(2), [revoked(leaf.serial(), Reason::KeyCompromise)]).unwrap();
        let entry = list.entry(leaf.serial()).unwrap();
        assert_eq!((entry.reason, entry.since), (Some("keyCompromise"), datetime!(2026-05-31 23:59:59 UTC)));
        assert_eq!(webpki(ca.certificate(), &leaf, &list), Err(Error::CertRevoked), "{algorithm}");
    }
}

#[test]
fn a_list_has_its_number_dates_and_issuer() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    for (number, shown) in
        // 128 and the largest number need a zero in front, which must not be shown.
        [(0, "00"), (127, "7F"), (128, "80"), (1_780_000_000, "6A18A500"), (u64::MAX, "FFFFFFFFFFFFFFFF")]
    {
        let list = sign(&ca, &header(number), []).unwrap();
        assert_eq!(list.number(), Some(shown));
        assert_eq!((list.this_update(), list.next_update()), (NOW, Some(NOW + time::Duration::days(30))));
        assert_eq!(list.issuer_der(), ca.certificate().subject_der());
        assert!(list.unknown_critical_extensions().is_empty());
    }
}

#[test]
fn every_reason_is_read_back_and_unspecified_is_left_out() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    let entries: Vec<_> = (1..).zip(Reason::ALL).map(|(serial, reason)| revoked(&[serial], reason)).collect();
    let list = sign(&ca, &header(1), entries).unwrap();
    let read: Vec<_> = list.revoked().iter().map(|entry| entry.reason.unwrap_or("unspecified")).collect();
    assert_eq!(read, Reason::ALL.map(Reason::as_str));
    // The extension's identifier occurs once for each reason but the first.
    let occurrences = list.der().windows(5).filter(|window| *window == [6, 3, 0x55, 0x1d, 0x15]).count();
    assert_eq!(occurrences, Reason::ALL.len() - 1);
    assert_eq!(Reason::ALL.map(|reason| Reason::named(reason.as_str())), Reason::ALL.map(Some));
    assert_eq!(Reason::named("certificateHold"), None);
}

#[test]
fn reasons_are_read_in_any_case_and_others_are_refused() {
    for text in ["keyCompromise", "key-compromise", "KEYCOMPROMISE", "key_compromise"] {
        assert_eq!(text.parse::<Reason>().unwrap(), Reason::KeyCompromise, "{text}");
    }
    for text in ["stolen", "", "certificateHold", "removeFromCRL", "1"] {
        assert_eq!(text.parse::<Reason>().unwrap_err().code(), Code::UnknownReason, "{text}");
    }
}

#[test]
fn serials_are_positive_and_as_short_as_der_demands() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    // Zero, the largest of one octet, zeros in front, and the longest number.
    let given: [&[u8]; 4] = [&[0], &[0x7f], &[0, 0, 0x80, 1], &[0xff; 20]];
    let list = sign(&ca, &header(1), given.map(|serial| revoked(serial, Reason::Unspecified))).unwrap();
    let written: Vec<_> = list.revoked().iter().map(|entry| entry.serial.clone()).collect();
    let padded = [&[0][..], &[0xff; 20]].concat();
    assert_eq!(written, [vec![0], vec![0x7f], vec![0, 0x80, 1], padded]);
}

#[test]
fn times_change_their_type_in_2050() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    let (last, first) = (datetime!(2049-12-31 23:59:59 UTC), datetime!(2050-01-01 00:00:00 UTC));
    let list = sign(&ca, &ListHeader { number: 1, this_update: last, next_update: first }, []).unwrap();
    assert_eq!((list.this_update(), list.next_update()), (last, Some(first)));
    let contains = |time: &[u8]| list.der().windows(time.len()).any(|window| window == time);
    assert!(contains(b"\x17\x0d491231235959Z") && contains(b"\x18\x0f20500101000000Z"));
}

#[test]
fn impossible_dates_are_refused() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    let at = |this_update, next_update| ListHeader { number: 1, this_update, next_update };
    // UTCTime begins at 1950.
    let before = datetime!(1949-12-31 23:59:59 UTC);
    for header in [at(NOW, NOW), at(NOW, NOW - time::Duration::SECOND), at(before, NOW)] {
        assert_eq!(sign(&ca, &header, []).unwrap_err().code(), Code::CrlDates, "{header:?}");
    }
}

#[test]
fn a_ca_without_crl_sign_signs_no_list() {
    use crate::read::certificate::testing;
    let mut params = testing::ca("No lists", None);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let made = testing::self_signed(&params);
    let key = crate::key::PrivateKey::from_pkcs8_der(&made.key.serialize_der()).unwrap();
    let ca = LocalCa::new(vec![made.certificate.clone()], key).unwrap();
    assert_eq!(sign(&ca, &header(1), []).unwrap_err().code(), Code::NotACrlIssuer);
}

#[test]
fn a_hundred_thousand_entries_fit_in_a_list() {
    let (ca, leaf) = hierarchy(Algorithm::EcP256);
    // 16 octets, as those of our own certificates.
    let serials = (0..100_000_u32).map(|number| [&[0x40; 12][..], &number.to_be_bytes()].concat());
    let entries = serials.map(|serial| revoked(&serial, Reason::CessationOfOperation));
    let list = sign(&ca, &header(1), entries.chain([revoked(leaf.serial(), Reason::Superseded)])).unwrap();
    assert_eq!(list.revoked().len(), 100_001);
    assert_eq!(webpki(ca.certificate(), &leaf, &list), Err(Error::CertRevoked));
    assert!(list.der().len() < 6_000_000, "{}", list.der().len());
}

#[test]
fn a_failing_source_of_entries_makes_no_list() {
    let (ca, _) = hierarchy(Algorithm::EcP256);
    let entries = [revoked(&[1], Reason::Unspecified), Err(Code::LedgerUnreadable.error("the disk is gone"))];
    assert_eq!(sign(&ca, &header(1), entries).unwrap_err().code(), Code::LedgerUnreadable);
}
