//! Private keys as text without DER: a JWK (RFC 7517), and the output of `openssl pkey -text`.

use memchr::memmem;

/// The most bytes of a JWK around its member `kty`: those of an RSA key of 8,192 bits are fewer.
const JWK_SPAN: usize = 16 << 10;

/// The fewest characters of the base64url of a private number (RFC 7518, 6.2.2): a curve of 256 bits has 43.
const SHORTEST_JWK: usize = 42;

/// The fewest octets of a printed private number: secp160 has 20.
const SHORTEST_PRINTED: usize = 20;

/// The labels before the private number in the output of OpenSSL.
const LABELS: [&[u8]; 2] = [b"priv:", b"privateExponent:"];

/// True if `bytes` contain an unencrypted private key in one of these forms. The time is linear.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    holds_jwk(bytes)
        || LABELS.iter().any(|label| memmem::find_iter(bytes, label).any(|at| is_printed(bytes, at, label)))
}

/// True if one of the JSON objects with a member `kty` has a private member `d` too.
fn holds_jwk(bytes: &[u8]) -> bool {
    let mut searched = 0;
    for at in memmem::find_iter(bytes, b"\"kty") {
        // The objects of a set of keys follow each other, and each byte is looked at once.
        if at < searched {
            continue;
        }
        let before = bytes.get(searched.max(at.saturating_sub(JWK_SPAN))..at).unwrap_or_default();
        let after = bytes.get(at..(at + JWK_SPAN).min(bytes.len())).unwrap_or_default();
        let before = before.get(memchr::memrchr(b'{', before).unwrap_or(0)..).unwrap_or_default();
        let after = after.get(..memchr::memchr(b'}', after).unwrap_or(after.len())).unwrap_or_default();
        searched = at + after.len();
        if has_private_member(before) || has_private_member(after) {
            return true;
        }
    }
    false
}

/// True if a part of a JSON object has the member `d` with enough base64url. The quotes can have backslashes before them,
/// as in the source of a program.
fn has_private_member(object: &[u8]) -> bool {
    memmem::find_iter(object, b"\"d").any(|at| {
        let rest = object.get(at + 2..).unwrap_or_default();
        let is_between = |byte: &u8| matches!(byte, b'\\' | b'"' | b':') || byte.is_ascii_whitespace();
        let between = rest.iter().take_while(|byte| is_between(byte)).count();
        // Two quotation marks and a colon.
        let is_member = between >= 3;
        let value = rest.get(between..).unwrap_or_default();
        let length =
            value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
        is_member && length >= SHORTEST_JWK
    })
}

/// True if octets with colons between them follow the label at `at`.
fn is_printed(bytes: &[u8], at: usize, label: &[u8]) -> bool {
    let rest = bytes.get(at + label.len()..).unwrap_or_default();
    // An octet has two digits and a colon, and a line of 15 octets begins with four spaces.
    let digits = rest
        .iter()
        .take(SHORTEST_PRINTED * 8)
        .take_while(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || **byte == b':')
        .filter(|byte| byte.is_ascii_hexdigit())
        .count();
    digits >= SHORTEST_PRINTED * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

    #[test]
    fn a_private_jwk_is_found_and_a_public_one_is_not() {
        // The key of RFC 7517, appendix A.2, with other members around the private one.
        for (text, found) in [
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{D}","y":"{D}","d":"{D}"}}"#), true),
            (format!("{{ \"d\" : \"{D}\",\n \"kty\": \"OKP\" }}"), true),
            (format!(r#"{{\"kty\":\"EC\",\"d\":\"{D}\"}}"#), true),
            (format!(r#"{{"keys":[{{"kty":"EC","x":"{D}"}},{{"kty":"EC","d":"{D}"}}]}}"#), true),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{D}","y":"{D}"}}"#), false),
            (format!(r#"{{"kty":"EC","x":"{D}"}} {{"d":"{D}"}}"#), false),
            (r#"{"kty":"EC","d":"no key"}"#.to_owned(), false),
            (format!(r#"{{"kty":"EC","did":"{D}"}}"#), false),
        ] {
            assert_eq!(is_in(text.as_bytes()), found, "{text}");
        }
        assert!(!is_in(&b"{\"kty\"".repeat(1 << 18)));
        assert!(!is_in(&b"\"kty\",\"d\":\"".repeat(1 << 17)));
    }

    #[test]
    fn a_key_that_openssl_prints_is_found_and_its_label_alone_is_not() {
        let octets: String =
            (0..32_u8).map(|octet| format!("{}{octet:02x}:", if octet % 15 == 0 { "\n    " } else { "" })).collect();
        for label in ["priv:", "privateExponent:"] {
            let text = format!("Private-Key: (256 bit)\n{label}{}\npub:", octets.trim_end_matches(':'));
            assert!(is_in(text.as_bytes()), "{text}");
            assert!(!is_in(format!("{label}%s\0{label}\0 00:11:22\0").as_bytes()));
        }
    }
}
