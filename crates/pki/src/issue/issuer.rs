//! Who signs: a CA whose key is at hand, or the certificate's own key.

mod local_ca;
mod self_signed;
mod template;

use base::{Code, Result};

use crate::algorithm::Algorithm;
use crate::issue::chain_period::ChainPeriod;
use crate::issue::lint;
use crate::issue::serial::Serial;
use crate::issue::tbs::{self, Contents, IssuedBy};
use crate::key::{PrivateKey, PublicKey, SigningKey};
use crate::names::subject::Subject;
use crate::read::certificate::Certificate;

pub use local_ca::LocalCa;
pub use self_signed::SelfSigned;
pub use template::{LeafOrder, LeafTemplate};

/// Turns an [`Order`] into a certificate.
pub trait Issuer {
    /// The period in which everything that it issues has to lie; none for an issuer that is not a certificate.
    fn period(&self) -> Option<&ChainPeriod>;

    /// Makes the certificate, and the key where the order asks for one.
    ///
    /// # Errors
    /// What the order asks for is checked before anything is signed: [`Code::IssuerExpired`],
    /// [`Code::NameConstraint`], [`Code::OutlivesIssuer`], [`Code::LintFailed`].
    fn issue(&self, order: Order) -> Result<Issued>;
}

/// An order to an issuer.
#[derive(Debug)]
pub struct Order {
    /// The contents of the certificate.
    pub contents: Contents,
    /// For which key.
    pub key: KeySource,
}

/// The key that a certificate is for.
#[derive(Debug)]
pub enum KeySource {
    /// A new one.
    Generate(Algorithm),
    /// One that is at hand.
    Held(PrivateKey),
    /// A key that another party holds, as with a certificate signing request.
    Public(PublicKey),
}

/// An issued certificate.
#[derive(Debug)]
pub struct Issued {
    /// The private key, unless another party holds it.
    pub key: Option<PrivateKey>,
    /// The leaf and the CAs above it, without the root.
    pub chain: Vec<Certificate>,
}

impl KeySource {
    /// The kind of the key.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            KeySource::Generate(algorithm) => *algorithm,
            KeySource::Held(key) => key.algorithm(),
            KeySource::Public(key) => key.algorithm(),
        }
    }

    /// The key pair, made now if need be, or the public half alone.
    fn resolve(self) -> Result<(Option<PrivateKey>, PublicKey)> {
        Ok(match self {
            KeySource::Generate(algorithm) => {
                let key = PrivateKey::generate(algorithm)?;
                let public = key.public().clone();
                (Some(key), public)
            }
            KeySource::Held(key) => {
                let public = key.public().clone();
                (Some(key), public)
            }
            KeySource::Public(public) => (None, public),
        })
    }
}

/// Writes, checks, signs and reads back one certificate, in this order: nothing that breaks a rule is ever
/// signed.
fn sign(contents: &Contents, key: &PublicKey, issuer: &IssuedBy<'_>, signer: &dyn SigningKey) -> Result<Certificate> {
    sign_tbs(&tbs::write(contents, key, issuer)?, contents, key, issuer, signer)
}

/// Checks, signs and reads back a certificate that is written.
fn sign_tbs(
    tbs: &[u8],
    contents: &Contents,
    key: &PublicKey,
    issuer: &IssuedBy<'_>,
    signer: &dyn SigningKey,
) -> Result<Certificate> {
    lint::check(tbs, contents.profile)?;
    let certificate = Certificate::from_der(&tbs::seal(tbs, &signer.sign(tbs)?)?)?;
    // Read with the reader for foreign certificates, so that a fault of the writer does not check itself.
    check_as_ordered(&certificate, &contents.subject, &contents.serial, issuer, key)?;
    let Contents { validity, .. } = contents;
    if (certificate.not_before(), certificate.not_after()) == (validity.not_before(), validity.not_after()) {
        Ok(certificate)
    } else {
        Err(Code::LintFailed.error("a certificate has other dates than its order"))
    }
}

/// Fails with [`Code::LintFailed`] for a certificate that does not say what was ordered.
fn check_as_ordered(
    certificate: &Certificate,
    subject: &Subject,
    serial: &Serial,
    issuer: &IssuedBy<'_>,
    key: &PublicKey,
) -> Result<()> {
    let as_ordered = certificate.subject_der() == subject.to_der()
        && certificate.issuer_der() == issuer.name_der
        && certificate.spki_der() == key.spki_der()
        && certificate.serial() == serial.octets();
    if as_ordered { Ok(()) } else { Err(Code::LintFailed.error("a certificate differs from its order")) }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::issue::profile::Profile;
    use crate::issue::validity::{Lifetime, Validity};
    use crate::read::certificate::testing;

    fn contents(profile: Profile, name: &str, sans: &[&str], issuer: Option<&ChainPeriod>) -> Contents {
        let lifetime = Lifetime { days: 30, explicit: false };
        Contents {
            profile,
            serial: Serial::random().unwrap(),
            validity: Validity::starting(OffsetDateTime::now_utc(), lifetime, issuer).unwrap().0,
            subject: Subject::default().with_common_name(name).unwrap(),
            sans: sans.iter().map(|san| san.parse().unwrap()).collect(),
            permitted_dns: Vec::new(),
            crl_url: None,
        }
    }

    fn issue(issuer: &dyn Issuer, profile: Profile, algorithm: Algorithm, sans: &[&str]) -> Result<Issued> {
        let contents = contents(profile, &format!("a {profile}"), sans, issuer.period());
        issuer.issue(Order { contents, key: KeySource::Generate(algorithm) })
    }

    fn hierarchy(algorithm: Algorithm) -> (Certificate, LocalCa) {
        let root = issue(&SelfSigned, Profile::Root, algorithm, &[]).unwrap();
        let root = LocalCa::new(root.chain, root.key.unwrap()).unwrap();
        let issuing = issue(&root, Profile::IssuingCa, algorithm, &[]).unwrap();
        let anchor = root.certificate().clone();
        (anchor.clone(), LocalCa::new(vec![issuing.chain[0].clone(), anchor], issuing.key.unwrap()).unwrap())
    }

    #[test]
    fn a_leaf_comes_with_its_issuing_ca_and_leads_to_the_root() {
        // One size of RSA, because larger ones differ in nothing but time.
        for algorithm in [Algorithm::EcP256, Algorithm::EcP384, Algorithm::Ed25519, Algorithm::Rsa2048] {
            let (root, ca) = hierarchy(algorithm);
            let server = issue(&ca, Profile::Server, algorithm, &["tb.example.org", "::1"]).unwrap();
            assert_eq!(server.chain.len(), 2);
            assert!(server.chain[0].verify_signed_by(&server.chain[1]).is_ok());
            assert!(server.chain[1].verify_signed_by(&root).is_ok());
            assert!(root.is_self_signed() && root.is_ca() && !server.chain[0].is_ca());
            assert_eq!(server.chain[0].authority_key_id(), server.chain[1].subject_key_id());
            server.key.unwrap().check_belongs_to(server.chain[0].spki_der()).unwrap();
        }
    }

    #[test]
    fn a_server_without_names_is_not_signed() {
        let (_, ca) = hierarchy(Algorithm::EcP256);
        assert_eq!(issue(&ca, Profile::Server, Algorithm::EcP256, &[]).unwrap_err().code(), Code::LintFailed);
    }

    #[test]
    fn a_leaf_signs_nothing() {
        let (_, ca) = hierarchy(Algorithm::EcP256);
        let leaf = issue(&ca, Profile::Device, Algorithm::EcP256, &[]).unwrap();
        let error = LocalCa::new(leaf.chain, leaf.key.unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::NotACa);
    }

    #[test]
    fn a_foreign_key_makes_no_ca() {
        let (root, _) = hierarchy(Algorithm::EcP256);
        let error = LocalCa::new(vec![root], PrivateKey::generate(Algorithm::EcP256).unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::KeyMismatch);
    }

    #[test]
    fn nothing_outlives_a_root_that_ends_before_its_issuing_ca() {
        let now = OffsetDateTime::now_utc();
        let until = |days| now + time::Duration::days(days);
        let dated = |name, days| {
            let mut params = testing::ca(name, None);
            (params.not_before, params.not_after) = (until(-1), until(days));
            params
        };
        let root = testing::self_signed(&dated("Root", 10));
        let issuing = root.issue(&dated("Issuing", 100));
        let key = PrivateKey::from_pem_or_der(issuing.key_pem().as_bytes(), None).unwrap();
        let ca = LocalCa::new(vec![issuing.certificate, root.certificate.clone()], key).unwrap();
        let issued = issue(&ca, Profile::Device, Algorithm::EcP256, &[]).unwrap();
        assert_eq!(issued.chain[0].not_after(), root.certificate.not_after());
        // The dates of an order are checked again before it is signed.
        let mut late = contents(Profile::Device, "late", &[], ca.period());
        late.validity = Validity::new(now, until(20)).unwrap();
        let order = Order { contents: late, key: KeySource::Generate(Algorithm::EcP256) };
        let error = ca.issue(order).unwrap_err();
        assert_eq!(error.code(), Code::OutlivesIssuer);
        assert_eq!(error.finding().what, "the certificate would outlive CN=Root");
    }

    #[test]
    fn a_root_alone_is_left_out_of_what_is_sent() {
        let old = testing::root("Root");
        // Self-issued, and no root: the new key of the CA, certified by the old one.
        let new = old.issue(&testing::ca("Root", None));
        let issuing = new.issue(&testing::ca("Issuing", None));
        let key = PrivateKey::from_pem_or_der(issuing.key_pem().as_bytes(), None).unwrap();
        let chain = [&issuing, &new, &old].map(|ca| ca.certificate.clone());
        let ca = LocalCa::new(chain.to_vec(), key).unwrap();
        let sent = issue(&ca, Profile::Device, Algorithm::EcP256, &[]).unwrap().chain;
        assert_eq!(sent[1..], chain[..2]);
    }

    #[test]
    fn a_ca_without_a_subject_signs_nothing() {
        let nameless = || {
            let mut params = testing::ca("x", None);
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.subject_alt_names = vec![rcgen::SanType::DnsName("ca.example".try_into().unwrap())];
            params
        };
        let key = |ca: &testing::TestCa| PrivateKey::from_pem_or_der(ca.key_pem().as_bytes(), None).unwrap();
        let root = testing::self_signed(&nameless());
        let error = LocalCa::new(vec![root.certificate.clone()], key(&root)).unwrap_err();
        assert_eq!(error.code(), Code::CaUseless);
        // Below a root with a name, and above a CA with one.
        let named = testing::root("Root");
        let issuing = named.issue(&nameless());
        let chain = vec![issuing.certificate.clone(), named.certificate];
        assert_eq!(LocalCa::new(chain, key(&issuing)).unwrap_err().code(), Code::CaUseless);
        let below = root.issue(&testing::ca("Issuing", None));
        let chain = vec![below.certificate.clone(), root.certificate];
        assert_eq!(LocalCa::new(chain, key(&below)).unwrap_err().code(), Code::CaUseless);
    }

    #[test]
    fn constraints_of_the_ca_hold_for_its_leaves() {
        let root = issue(&SelfSigned, Profile::Root, Algorithm::EcP256, &[]).unwrap();
        let root = LocalCa::new(root.chain, root.key.unwrap()).unwrap();
        let mut wanted = contents(Profile::IssuingCa, "constrained", &[], root.period());
        wanted.permitted_dns = vec!["example.org".to_owned()];
        let issued = root.issue(Order { contents: wanted, key: KeySource::Generate(Algorithm::EcP256) }).unwrap();
        let ca = LocalCa::new(issued.chain, issued.key.unwrap()).unwrap();
        assert!(issue(&ca, Profile::Server, Algorithm::EcP256, &["tb.example.org"]).is_ok());
        let error = issue(&ca, Profile::Server, Algorithm::EcP256, &["tb.example.com"]).unwrap_err();
        assert_eq!(error.code(), Code::NameConstraint);
    }

    #[test]
    fn self_signed_leaves_are_their_own_issuers() {
        for profile in [Profile::Server, Profile::Device] {
            let issued = issue(&SelfSigned, profile, Algorithm::EcP256, &["localhost"]).unwrap();
            assert_eq!(issued.chain.len(), 1);
            assert!(issued.chain[0].is_self_signed() && !issued.chain[0].is_ca());
        }
    }
}
