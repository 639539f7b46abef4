//! Certificate signing requests (PKCS#10, RFC 2986).
//!
//! Of a request only three things are used: its key, its subject and its alternative names. The profile decides
//! everything else that it asks for, for example to be a CA.

use base::text::counted;
use base::{Code, Error, Result};
use der::Tag;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use crate::asn1::reader::DerReader;
use crate::asn1::tlv::SET;
use crate::asn1::{ber, canonical, element};
use crate::key::PublicKey;
use crate::names::device_name::DeviceName;
use crate::names::san::{self, San};
use crate::names::subject::{AttributeKind, Subject, host_in};
use crate::read::certificate::{GeneralName, SignatureAlgorithm, SignatureFailure, name, parser_text};
use crate::read::kind::StructureKind;
use crate::read::pem_bundle::PemBundle;

/// extensionRequest (RFC 2985, section 5.4.2).
const EXTENSION_REQUEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E];

/// szOID_CERT_EXTENSIONS, which Microsoft had before.
const MICROSOFT_EXTENSIONS: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0E];

/// A request whose signature was made with its own key.
#[derive(Debug, Clone)]
pub struct Csr {
    subject: Subject,
    sans: Vec<San>,
    key: PublicKey,
}

impl Csr {
    /// Reads the only request in `bytes`, PEM or DER.
    ///
    /// # Errors
    /// [`Code::CsrUnreadable`] for what is none, [`Code::CsrRefused`] where the signature does not verify or is made with
    /// a broken hash, [`Code::SignatureUnsupported`] where it cannot be checked, [`Code::WeakKey`],
    /// [`Code::UnknownAlgorithm`], [`Code::PublicKeyForm`], [`Code::BadSan`], [`Code::TooManyNames`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self> {
        if bytes.first() == Some(&0x30) {
            // A line feed behind it is harmless: editors and `echo` add it.
            return Self::from_der(ber::without_padding(bytes));
        }
        let bundle = PemBundle::parse(bytes).map_err(|error| match error.code() {
            Code::ForeignFormat | Code::CsrUnreadable => error,
            _ => unreadable("the file contains no request").caused_by(error),
        })?;
        match bundle.csrs.as_slice() {
            [der] => Self::from_der(der),
            [] => Err(unreadable("there is no certificate signing request in the file")),
            _ => Err(unreadable("there is more than one certificate signing request in the file")),
        }
    }

    /// Reads a request in DER.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|error| match lacks_attributes(der) {
            true => again("the request lacks the field of its attributes")
                .because("the field is required, also if there are no attributes (RFC 2986, section 4.1)"),
            // Its form is that of a request, so that a text or an extension within is not.
            false if StructureKind::of(der) == StructureKind::Request => {
                rewritten("the request cannot be parsed").because(parser_text(error))
            }
            false => unreadable("the request cannot be parsed").because(parser_text(error)),
        })?;
        if !rest.is_empty() {
            let octets = counted(rest.len(), "octet follows", "octets follow");
            return Err(unreadable(&format!("{octets} the end of the request")).fix(
                "copy the file again in binary mode, or convert it: `openssl req -inform DER -in OLD -out NEW.pem`",
            ));
        }
        if let Some(fault) = canonical::fault(der) {
            return Err(rewritten("the request is not DER").because(fault));
        }
        let info = &request.certification_request_info;
        // Proof of possession (RFC 2986, section 3): a request for the key of another party is refused. A key that is not one
        // of ours is the first thing to be told, whatever its signature is.
        let key = match check_signature(&request) {
            Ok(()) => PublicKey::from_verified_spki_der(info.subject_pki.raw)?,
            Err(error) => return Err(PublicKey::from_spki_der(info.subject_pki.raw).err().unwrap_or(error)),
        };
        Ok(Self { subject: subject(info.subject.as_raw())?, sans: requested_names(&request)?, key })
    }

    /// The subject of the certificate for a device: `base` and the device's name as its only common name.
    ///
    /// # Errors
    /// [`Code::CsrRefused`] if the request asks for anything else.
    pub fn device_subject(&self, base: &Subject, device: &DeviceName) -> Result<Subject> {
        if let Some(fault) = self.subject.device_fault(base, device.as_str()) {
            return Err(Code::CsrRefused
                .error("the request asks for another subject than the device gets")
                .because(fault)
                .fix(format!(
                    "make the request with the subject CN={}, or with none; the rest comes from keygen.toml",
                    device.as_str()
                )));
        }
        base.with_common_name(device.as_str())
    }

    /// Checks that a server may have each name that the request asks for.
    ///
    /// # Errors
    /// [`Code::CsrRefused`] for an alternative name that is not among `allowed`, and for a subject that could be taken for
    /// another server's.
    pub fn check_server_names(&self, allowed: &[San]) -> Result<()> {
        // Old clients read a host from the common name, so that it must be as allowed as an alternative name.
        let hosts = self.subject.values(AttributeKind::CommonName).filter_map(host_in);
        if let Some(name) = self.sans.iter().cloned().chain(hosts).find(|name| !allowed.contains(name)) {
            return Err(Code::CsrRefused
                .error(format!("the request asks for the name {name}, which the server does not have"))
                .fix("give each name of the server with --name or --san, or make a request without the name"));
        }
        // Some clients also read a host from a text that is no host to others.
        match self.subject.server_fault(allowed) {
            None => Ok(()),
            Some(fault) => Err(Code::CsrRefused
                .error("the request asks for a subject that the server cannot have")
                .because(fault)
                .fix("make the request with one of the server's names as its only common name, or without any")),
        }
    }

    /// Whose certificate is asked for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Under which names.
    pub fn sans(&self) -> &[San] {
        &self.sans
    }

    /// For which key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

fn check_signature(request: &X509CertificationRequest<'_>) -> Result<()> {
    let algorithm = SignatureAlgorithm::from_parsed(&request.signature_algorithm);
    // Any strong hash will do: openssl signs with SHA-256 whatever the curve. The certificate's own comes from its issuer.
    if algorithm.is_weak() {
        return Err(Code::CsrRefused
            .error(format!("the request is signed with {algorithm}, whose hash is broken"))
            .fix("make the request again with SHA-256 or a stronger hash"));
    }
    let info = &request.certification_request_info;
    let checked = algorithm.verify(&info.subject_pki, info.raw, &request.signature_value);
    checked.map_err(|failure| match failure {
        SignatureFailure::Mismatch => Code::CsrRefused
            .error("the request is not signed with its own key")
            .fix("make the request again: it was changed, or made with another key"),
        SignatureFailure::Unsupported(algorithm) => Code::SignatureUnsupported
            .error("the signature of the request cannot be checked")
            .because(format!("tbpki does not verify {algorithm}; the signature can still be valid"))
            .fix(
                "make the request again with SHA-256: `openssl req -new -sha256`, and for RSA-PSS with \
                 `-sigopt rsa_pss_saltlen:digest` and without `-sigopt rsa_mgf1_md`",
            ),
    })
}

/// The subject, if every reader of a certificate with it could read it.
fn subject(der: &[u8]) -> Result<Subject> {
    let refused = |why: String| rewritten("the subject of the request cannot be read").because(why);
    if let Some(fault) = name::fault(der) {
        return Err(refused(format!("it {fault}")));
    }
    let subject = Subject::from_der(der).map_err(|error| refused(error.to_string()))?;
    match subject.hidden_character() {
        None => Ok(subject),
        Some(c) => Err(Code::CsrRefused
            .error(format!("the subject {subject} of the request contains the character U+{:04X}", u32::from(c)))
            .because("it is invisible or changes how the text is shown, so that two names could look the same")
            .fix("make the request again without this character")),
    }
}

fn requested_names(request: &X509CertificationRequest<'_>) -> Result<Vec<San>> {
    check_one_extension_request(request)?;
    let mut sans = Vec::new();
    for extension in request.requested_extensions().into_iter().flatten() {
        // A request for something that cannot be read must not get a certificate without it.
        if matches!(extension, ParsedExtension::ParseError { .. }) {
            return Err(again("an extension that the request asks for cannot be read"));
        }
        if let ParsedExtension::SubjectAlternativeName(names) = extension {
            for name in &names.general_names {
                let name = GeneralName::from_parsed(name);
                sans.push(name.to_san().ok_or_else(|| {
                    Code::BadSan
                        .error(format!("the request asks for the name {name}, which a certificate cannot contain"))
                        .fix("ask for DNS names, IP addresses, URIs and e-mail addresses only")
                })?);
            }
        }
    }
    san::check_count(&sans)?;
    Ok(sans)
}

/// Fails if the request has extensions at a place where they are not read: their names would be left out of the certificate.
fn check_one_extension_request(request: &X509CertificationRequest<'_>) -> Result<()> {
    let attributes = request.certification_request_info.attributes();
    if attributes.iter().any(|attribute| attribute.oid.as_bytes() == MICROSOFT_EXTENSIONS) {
        return Err(again("the request has its extensions in an attribute of old Microsoft programs")
            .because("they would be left out of the certificate"));
    }
    let requests: Vec<&[u8]> = attributes
        .iter()
        .filter(|attribute| attribute.oid.as_bytes() == EXTENSION_REQUEST)
        .map(|attribute| attribute.value)
        .collect();
    // Both the attribute and its value are single (RFC 2985, section 5.4.2).
    let is_one = |set: &[u8]| {
        let values = DerReader::new(set).optional(SET);
        values.is_some_and(|values| {
            let mut values = DerReader::new(values.content);
            values.next().is_ok() && values.is_empty()
        })
    };
    match requests.as_slice() {
        [] => Ok(()),
        [set] if is_one(set) => Ok(()),
        _ => Err(again("the request asks for extensions more than once")),
    }
}

/// True if the part that is signed has three elements: the attributes, which are the fourth, are missing.
fn lacks_attributes(der: &[u8]) -> bool {
    let elements = |content| element::elements(content).ok();
    let request = element::only(der, Tag::Sequence).ok().and_then(elements);
    let info = request.as_deref().and_then(|parts| element::content(*parts.first()?, Tag::Sequence).ok());
    info.and_then(elements).is_some_and(|fields| fields.len() == 3)
}

/// The error for a request that another program has to make.
fn again(what: &str) -> Error {
    Code::CsrUnreadable
        .error(what)
        .fix("make the request with another program, for example `openssl req -new -key KEY -out NEW.csr`")
}

/// The error for a request with a text that its string type does not allow, such as `_` or `@` in a PrintableString.
fn rewritten(what: &str) -> Error {
    Code::CsrUnreadable.error(what).fix(
        "make the request again with texts as UTF8String, for example `openssl req -new -utf8 -key KEY -out NEW.csr`",
    )
}

fn unreadable(what: &str) -> Error {
    Code::CsrUnreadable.error(what).fix("requests are read as PKCS#10, in PEM or DER")
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, IsCa, KeyPair};

    use super::*;
    use crate::algorithm::Algorithm;

    fn request(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["tb.example.org".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "pump-1");
        change(&mut params);
        params.serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_with_a_text_of_a_wrong_type_is_made_again() {
        let key = KeyPair::generate().unwrap();
        let der = request(&key, |params| {
            let text = rcgen::string::PrintableString::try_from("pump 1").unwrap();
            params.distinguished_name.push(DnType::OrganizationName, rcgen::DnValue::PrintableString(text));
        });
        let at = der.windows(6).position(|window| window == b"pump 1").unwrap();
        let mut changed = der.clone();
        // `_` is no letter of a PrintableString (X.680, section 41.4).
        changed[at + 4] = b'_';
        let error = Csr::from_der(&changed).unwrap_err();
        assert_eq!(error.code(), Code::CsrUnreadable);
        assert!(error.finding().fix.as_deref().unwrap().contains("openssl req -new -utf8"), "{error:?}");
    }

    #[test]
    fn key_subject_and_names_are_read() {
        let key = KeyPair::generate().unwrap();
        let csr = Csr::from_der(&request(&key, |_| {})).unwrap();
        assert_eq!(csr.subject().common_name(), Some("pump-1"));
        assert_eq!(csr.sans(), ["dns:tb.example.org".parse().unwrap(), "ip:10.0.0.1".parse().unwrap()]);
        assert_eq!(csr.key().algorithm(), Algorithm::EcP256);
    }

    #[test]
    fn a_subject_with_hidden_characters_is_refused() {
        let key = KeyPair::generate().unwrap();
        for (text, number) in [("a\u{200b}b", "U+200B"), ("a\u{202e}b", "U+202E"), ("a\u{0}b", "U+0000")] {
            // The attribute is one that tbpki does not write itself, or one that it does.
            for kind in [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 5])] {
                let der = request(&key, |params| params.distinguished_name.push(kind.clone(), text));
                let error = Csr::from_der(&der).unwrap_err();
                assert_eq!(error.code(), Code::CsrRefused, "{error:?}");
                assert!(error.finding().what.contains(number), "{error:?}");
            }
        }
        let der = request(&key, |params| params.distinguished_name.push(DnType::OrganizationName, "Müller 中文"));
        assert!(Csr::from_der(&der).is_ok());
    }

    #[test]
    fn a_name_that_go_cannot_read_is_refused() {
        let key = KeyPair::generate().unwrap();
        // The identifier of a UUID, whose last number has 32 bits.
        let large = DnType::CustomDnType(vec![2, 25, 1 << 31]);
        let der = request(&key, |params| params.distinguished_name.push(large, "x"));
        assert_eq!(Csr::from_der(&der).unwrap_err().code(), Code::CsrUnreadable);
        let uri = rcgen::SanType::URI("http://[bad".try_into().unwrap());
        let der = request(&key, |params| params.subject_alt_names.push(uri));
        assert_eq!(Csr::from_der(&der).unwrap_err().code(), Code::BadSan);
    }

    #[test]
    fn octets_behind_a_request_are_refused_unless_they_are_white_space() {
        let der = request(&KeyPair::generate().unwrap(), |_| {});
        for padding in [&b"\n"[..], b"\r\n", b" \0"] {
            Csr::from_pem_or_der(&[&der, padding].concat()).unwrap();
        }
        let error = Csr::from_pem_or_der(&[&der[..], b"abc"].concat()).unwrap_err();
        assert!(error.finding().what.contains("3 octets follow"), "{error}");
        assert!(error.finding().fix.as_deref().unwrap().contains("openssl req -inform DER"), "{error}");
    }

    #[test]
    fn a_wish_to_be_a_ca_changes_nothing() {
        use crate::issue::issuer::{Issuer, KeySource, Order, SelfSigned};
        use crate::issue::profile::Profile;
        use crate::issue::serial::Serial;
        use crate::issue::tbs::Contents;
        use crate::issue::validity::{Lifetime, Validity};

        let key = KeyPair::generate().unwrap();
        let der = request(&key, |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
        let csr = Csr::from_der(&der).unwrap();
        let contents = |profile, subject: &Subject, sans: &[San]| Contents {
            profile,
            serial: Serial::random().unwrap(),
            validity: Validity::starting(time::OffsetDateTime::now_utc(), Lifetime { days: 9, explicit: false }, None)
                .unwrap()
                .0,
            subject: subject.clone(),
            sans: sans.to_vec(),
            permitted_dns: Vec::new(),
            crl_url: None,
        };
        let root = contents(Profile::Root, &Subject::default().with_common_name("root").unwrap(), &[]);
        let root = SelfSigned.issue(Order { contents: root, key: KeySource::Generate(Algorithm::EcP256) }).unwrap();
        let ca = crate::issue::issuer::LocalCa::new(root.chain, root.key.unwrap()).unwrap();
        let mut leaf = contents(Profile::Device, csr.subject(), csr.sans());
        let period = ca.period().unwrap();
        leaf.validity = Validity::new(period.not_before(), period.not_after()).unwrap();
        let issued = ca.issue(Order { contents: leaf, key: KeySource::Public(csr.key().clone()) }).unwrap();
        let leaf = issued.chain.first().unwrap();
        assert!(!leaf.is_ca());
        assert!(leaf.key_usage().is_some_and(|usage| !usage.key_cert_sign()));
        assert!(issued.key.is_none());
    }

    /// The second of them would be left out of the certificate without a word.
    #[test]
    fn extensions_at_a_second_place_are_refused() {
        use crate::asn1::tlv::{BIT_STRING, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, tlv};
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

        let key = KeyPair::generate().unwrap();
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialize_der().as_slice()).unwrap();
        let extensions = |host: &[u8]| {
            let san = tlv(SEQUENCE, &tlv(0x82, host));
            let extension = [tlv(OBJECT_IDENTIFIER, &[0x55, 0x1D, 0x11]), tlv(OCTET_STRING, &san)].concat();
            tlv(SEQUENCE, &tlv(SEQUENCE, &extension))
        };
        let attribute =
            |oid: &[u8], values: &[u8]| tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, oid), tlv(SET, values)].concat());
        let signed = |attributes: &[u8]| {
            let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
            let info = tlv(SEQUENCE, &[&[2, 1, 0, 0x30, 0][..], &spki, &tlv(0xA0, attributes)].concat());
            let signature = signer.sign(&aws_lc_rs::rand::SystemRandom::new(), &info).unwrap();
            let algorithm = tlv(SEQUENCE, &tlv(OBJECT_IDENTIFIER, &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2]));
            let signature = tlv(BIT_STRING, &[&[0][..], signature.as_ref()].concat());
            tlv(SEQUENCE, &[info, algorithm, signature].concat())
        };
        let (one, other) = (extensions(b"a.example.org"), extensions(b"b.example.org"));
        let single = attribute(EXTENSION_REQUEST, &one);
        assert_eq!(Csr::from_der(&signed(&single)).unwrap().sans(), ["dns:a.example.org".parse().unwrap()]);
        assert!(Csr::from_der(&signed(&[])).unwrap().sans().is_empty());
        for (attributes, why) in [
            ([single.clone(), attribute(EXTENSION_REQUEST, &other)].concat(), "more than once"),
            ([single.clone(), single.clone()].concat(), "more than once"),
            (attribute(EXTENSION_REQUEST, &[one.clone(), other.clone()].concat()), "more than once"),
            (attribute(MICROSOFT_EXTENSIONS, &other), "Microsoft"),
            ([single.clone(), attribute(MICROSOFT_EXTENSIONS, &other)].concat(), "Microsoft"),
        ] {
            let error = Csr::from_der(&signed(&attributes)).unwrap_err();
            assert_eq!(error.code(), Code::CsrUnreadable);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_server_gets_no_name_but_its_own() {
        let key = KeyPair::generate().unwrap();
        let allowed: [San; 2] = ["dns:tb.example.org".parse().unwrap(), "ip:10.0.0.1".parse().unwrap()];
        let asked = |common_name: &str| {
            let der = request(&key, |params| params.distinguished_name.push(DnType::CommonName, common_name));
            Csr::from_der(&der).unwrap().check_server_names(&allowed)
        };
        asked("tb.example.org").unwrap();
        asked("ThingsBoard server").unwrap();
        for name in ["evil.example.org", "evil.example.org ", "evil.example.org:8883", "127.1"] {
            assert_eq!(asked(name).unwrap_err().code(), Code::CsrRefused, "{name}");
        }
        let csr =
            Csr::from_der(&request(&key, |params| params.distinguished_name.push(DnType::CommonName, "a b"))).unwrap();
        let error = csr.check_server_names(&allowed[..1]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.1"), "{error}");
    }

    #[test]
    fn a_changed_request_is_refused() {
        let key = KeyPair::generate().unwrap();
        let mut der = request(&key, |_| {});
        let at = der.windows(6).position(|window| window == b"pump-1").unwrap();
        // Behind the signature's back: another device's name in a request that was signed for pump-1.
        der[at + 5] = b'2';
        assert_eq!(Csr::from_der(&der).unwrap_err().code(), Code::CsrRefused);
    }

    #[test]
    fn the_hash_need_not_be_the_one_of_the_curve() {
        // `openssl req -new` over P-384, which signs with SHA-256.
        let csr = Csr::from_pem_or_der(include_bytes!("../../tests/data/p384-with-sha256.csr")).unwrap();
        assert_eq!(csr.key().algorithm(), Algorithm::EcP384);
    }

    #[test]
    fn a_signature_that_claims_another_hash_is_refused() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        assert!(Csr::from_der(&request(&key, |_| {})).is_ok());
        // The same request under the object identifier of ecdsa-with-SHA256.
        let mut der = request(&key, |_| {});
        let sha384 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
        let at = der.windows(8).position(|window| window == sha384).unwrap();
        // The signature stays one over SHA-384.
        der[at + 7] = 0x02;
        assert_eq!(Csr::from_der(&der).unwrap_err().code(), Code::CsrRefused);
    }

    #[test]
    fn what_is_no_request_is_named() {
        for bytes in [&b""[..], b"hello", b"\x30\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
        {
            let error = Csr::from_pem_or_der(bytes).unwrap_err();
            assert!([Code::CsrUnreadable, Code::CertificateUnreadable].contains(&error.code()), "{bytes:?}: {error:?}");
        }
    }
}
