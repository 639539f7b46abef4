//! The signing request in a body (RFC 7030, section 4.2.1; RFC 8951, section 3.1).

use base::Code;
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pki::Algorithm;
use pki::csr::Csr;

use super::refusal::Refusal;

/// Base64 with or without padding: some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Fails unless a request of this media type can be a signing request. Parameters, and the header
/// Content-Transfer-Encoding, have no meaning (RFC 8951, section 3.1).
///
/// # Errors
/// [`Refusal::MediaType`].
pub fn check_media_type(content_type: Option<&[u8]>) -> Result<(), Refusal> {
    let essence = content_type.unwrap_or_default().split(|byte| *byte == b';').next().unwrap_or_default();
    let is_request = essence.trim_ascii().eq_ignore_ascii_case(b"application/pkcs10");
    if is_request { Ok(()) } else { Err(Refusal::MediaType) }
}

/// The signing request in a body: DER in base64, with line breaks or without, and with a key that is issued for.
///
/// # Errors
/// [`Refusal::Unreadable`] and [`Refusal::Key`].
pub fn read(body: &[u8]) -> Result<Csr, Refusal> {
    let csr = Csr::from_der(&decode(body)?).map_err(|error| match error.code() {
        Code::UnknownAlgorithm | Code::WeakKey => Refusal::Key(format!("unsupported ({})", error.finding().what)),
        _ => Refusal::Unreadable(error.to_string()),
    })?;
    match csr.key().algorithm() {
        // Algorithms that every peer of a device can verify. Not every Java reads Ed25519, for example.
        Algorithm::EcP256 | Algorithm::EcP384 | Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => Ok(csr),
        other => Err(Refusal::Key(other.name().to_owned())),
    }
}

/// The bytes of a body in base64.
///
/// # Errors
/// [`Refusal::Unreadable`] for other encodings.
pub fn decode(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let unreadable = |why: &str| Refusal::Unreadable(why.to_owned());
    // Line breaks are allowed (RFC 8951, section 3.1), and openssl writes them.
    let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match text.first() {
        None => return Err(unreadable("the body is empty")),
        // The base64 of DER begins with "M".
        Some(0x30) => return Err(unreadable("send the base64 of the DER, not the DER itself")),
        Some(b'-') => return Err(unreadable("send the base64 without the lines of PEM")),
        Some(_) => {}
    }
    BASE64.decode(&text).map_err(|_| unreadable("it is not base64"))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use pki::{PrivateKey, Subject};

    use super::*;

    fn request(algorithm: Algorithm) -> Vec<u8> {
        let key = PrivateKey::generate(algorithm).unwrap();
        let subject = Subject::default().with_common_name("pump-1").unwrap();
        pki::signing_request::write(&key, subject.to_der(), &[]).unwrap()
    }

    const SECP256K1: &str = "MIHHMHACAQAwETEPMA0GA1UEAwwGcHVtcC0xMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEHh7UPtmhW24Fb3Ti1qvtn52I4EUxDGqm\
        1NSGu+6cdcqKn5/8F7xrwysRo4Sorpa+n6Nn1+EwRCpm3kFpobn+v6AAMAoGCCqGSM49BAMCA0cAMEQCIExx+1ROZokffDi/au1d\
        y3itSdd0p6+JuASu63+lxvyrAiAj5tTulWBrbscYKRUBpkVJHRH1hOdnKd31q33ViH0Nrg==";
    const RSA_1024: &str = "MIIBUDCBugIBADARMQ8wDQYDVQQDDAZwdW1wLTEwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAKMylxgYOTOJvo912ViX/Eic\
        7LlGbO/TwJcVTBsbyHmRRnKYe7x+kbAaP2Y/14FH6M5rbqQECNplUDorIFNfCiT51EcZNfhopJVEGN8C+DJMIOSs09TN2PGAz3KV\
        okMI9qLuhEf/K4bM+n+2AFkJDZOmVgBu2Vygiz8bhTkiSDpLAgMBAAGgADANBgkqhkiG9w0BAQsFAAOBgQBB/e223cDpHRP18K3B\
        vEMNsQcjb0qpGylSCHnF/ZThjV5bG4V9K6UG8YDBLUDc3MI0stmL1YjotTmAiiBF9/j4wBf3uYhRg2y9A8G6v3IqMBRulQ4SVgWR\
        XsSdwSbWOGe9+KyDMh3H9MFiFS8452egWDQpN2tsFMGqFmsMzBu1WQ==";

    #[test]
    fn base64_is_read_with_and_without_line_breaks() {
        let one_line = STANDARD.encode(request(Algorithm::EcP256));
        let lines: String =
            one_line.as_bytes().chunks(64).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect();
        let unpadded = one_line.trim_end_matches('=').to_owned();
        for body in [one_line.clone(), format!("{one_line}\n"), lines, unpadded, format!(" \t{one_line}")] {
            let csr = read(body.as_bytes()).unwrap();
            assert_eq!(csr.subject().common_name(), Some("pump-1"));
        }
    }

    #[test]
    fn other_bodies_are_refused_with_a_reason() {
        let der = request(Algorithm::EcP256);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n", STANDARD.encode(&der));
        let twice = STANDARD.encode([&der[..], &der[..]].concat());
        let cut = STANDARD.encode(der.get(..der.len() - 1).unwrap());
        for (body, why) in [
            (&b""[..], "empty"),
            (b" \r\n", "empty"),
            (&der, "not the DER itself"),
            (pem.as_bytes(), "lines of PEM"),
            (b"MII!", "not base64"),
            (b"MIIC", "cannot be parsed"),
            (twice.as_bytes(), "octets follow the end of the request"),
            (cut.as_bytes(), "cannot be parsed"),
            (b"TVo", "cannot be parsed"),
        ] {
            let Err(Refusal::Unreadable(text)) = read(body) else { panic!("{body:?}") };
            assert!(text.contains(why), "{text}");
        }
    }

    #[test]
    fn only_keys_that_every_peer_knows_are_issued_for() {
        let body = STANDARD.encode(request(Algorithm::Ed25519));
        assert_eq!(read(body.as_bytes()).unwrap_err(), Refusal::Key("ed25519".to_owned()));
        // Bytes of requests by `openssl req`, for keys that no algorithm here has.
        for (body, name) in [(SECP256K1, "1.3.132.0.10"), (RSA_1024, "1024 bits")] {
            let Err(refusal @ Refusal::Key(_)) = read(body.as_bytes()) else { panic!("{name}") };
            let text = refusal.to_string();
            assert!(text.contains(name), "{text}");
            assert!(text.ends_with("use P-256, P-384, or RSA with 2048, 3072 or 4096 bits"), "{text}");
        }
        for algorithm in [Algorithm::EcP384, Algorithm::Rsa2048] {
            assert!(read(STANDARD.encode(request(algorithm)).as_bytes()).is_ok());
        }
    }

    #[test]
    fn the_media_type_decides_and_its_parameters_do_not() {
        for good in ["application/pkcs10", "Application/PKCS10", "application/pkcs10; charset=utf-8"] {
            assert_eq!(check_media_type(Some(good.as_bytes())), Ok(()));
        }
        for bad in [None, Some(&b""[..]), Some(b"application/x-www-form-urlencoded"), Some(b"application/pkcs10x")] {
            assert_eq!(check_media_type(bad), Err(Refusal::MediaType));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_stops_the_reader(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&body);
        }
    }
}
