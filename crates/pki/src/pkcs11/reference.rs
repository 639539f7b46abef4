//! Files that name a key in a token, in the place of a key file.
//!
//! The form is that of OpenSSL's pkcs11-provider: PEM with the label `PKCS#11 PROVIDER URI` around a SEQUENCE of a
//! VisibleString, which is always the same, and the URI as a UTF8String. Programs that use OpenSSL 3 with this provider
//! read such a file where they expect a key file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::text::is_deceptive;
use base::{Code, Error, Result};
use der::asn1::{AnyRef, Utf8StringRef};
use der::{Decode, Sequence, Tag, Tagged};

use super::uri::{self, TokenUri, encoded_path};
use crate::asn1::armor;
use crate::asn1::blocks::blocks;
use crate::asn1::tlv::{SEQUENCE, UTF8_STRING, push, tlv};

/// The label of the PEM block.
pub(crate) const LABEL: &str = "PKCS#11 PROVIDER URI";
/// The text in the first element.
const DESCRIPTION: &str = "PKCS#11 Provider URI v1.0";
/// VisibleString (X.680, section 41).
const VISIBLE_STRING: u8 = 0x1a;
/// The line in front of the block for a key that tbpki has made in the token.
const MADE: &str = "Made-By: tbpki";

/// A key in a token, and the place of the PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReference {
    /// The key.
    pub uri: TokenUri,
    /// The file with the PIN, if the URI names one (`pin-source`; RFC 7512, section 2.4).
    pub pin_source: Option<PathBuf>,
    /// Whether tbpki has made the key: only such a key is removed from its token.
    pub made: bool,
}

impl KeyReference {
    /// The file: the URI for people, and the block for programs.
    pub fn to_pem(&self) -> Vec<u8> {
        let uri = self.to_string();
        let mut content = tlv(VISIBLE_STRING, DESCRIPTION.as_bytes());
        push(&mut content, UTF8_STRING, uri.as_bytes());
        // Text in front of a block is explanatory (RFC 7468, section 2), and readers pass it over.
        let mut text = format!("Key: {uri}\n").into_bytes();
        if self.made {
            text.extend_from_slice(format!("{MADE}\n").as_bytes());
        }
        armor::append(LABEL, &tlv(SEQUENCE, &content), &mut text);
        text
    }

    /// Reads such a file. Returns `None` for PEM without such a block, and for files that are not PEM.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`] for a block whose content is another one, or whose URI cannot be.
    pub fn from_pem(bytes: &[u8]) -> Result<Option<Self>> {
        let Ok(found) = blocks(bytes) else { return Ok(None) };
        let Some(block) = found.iter().find(|block| block.label == LABEL) else { return Ok(None) };
        let made = bytes.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == MADE.as_bytes());
        Ok(Some(Self { made, ..Self::from_der(&block.der)? }))
    }

    /// Reads the content of such a block.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`].
    pub(crate) fn from_der(der: &[u8]) -> Result<Self> {
        let text = content(der).map_err(|error| {
            Code::Pkcs11Uri.error("the block in the file contains no PKCS#11 URI").with_source(error)
        })?;
        text.parse()
    }
}

/// The content of a block.
#[derive(Sequence)]
struct ReferenceBlock<'a> {
    description: AnyRef<'a>,
    uri: Utf8StringRef<'a>,
}

/// The URI in a block.
fn content(der: &[u8]) -> der::Result<String> {
    let content = ReferenceBlock::from_der(der)?;
    if content.description.tag() != Tag::VisibleString || content.description.value() != DESCRIPTION.as_bytes() {
        return Err(Tag::VisibleString.value_error().into());
    }
    Ok(content.uri.as_str().to_owned())
}

impl FromStr for KeyReference {
    type Err = Error;

    /// Reads a URI that can have a `pin-source` in its query: the absolute path of a file, or the same as a `file:` URI.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`].
    fn from_str(text: &str) -> Result<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_source = |part: &&str| part.split('=').next() == Some("pin-source");
        let (sources, others): (Vec<&str>, Vec<&str>) = query.trim_end().split('&').partition(is_source);
        let query = others.join("&");
        // Without its source, the URI has to be one that every command takes.
        let uri = if query.is_empty() { path.parse()? } else { format!("{path}?{query}").parse()? };
        let pin_source = match sources.as_slice() {
            [] => None,
            [one] => Some(pin_file(one)?),
            _ => return Err(uri::bad("duplicate attribute \"pin-source\"")),
        };
        Ok(Self { uri, pin_source, made: false })
    }
}

/// The file of a `pin-source`.
fn pin_file(attribute: &str) -> Result<PathBuf> {
    let value = attribute.split_once('=').map_or("", |(_, value)| value);
    let octets = uri::decoded_query("pin-source", value)?;
    let refused = |why: &str| {
        Err(uri::bad("pin-source is not the absolute path of a file")
            .because(why)
            .fix("write pin-source=file:/etc/token.pin, or name the file with --pin-file"))
    };
    let Ok(text) = String::from_utf8(octets) else { return refused("it is not UTF-8") };
    // RFC 7512, section 2.4: a value that begins with | is a command.
    if text.starts_with('|') {
        return refused("tbpki runs no program for a PIN");
    }
    let path = text.strip_prefix("file://").or(text.strip_prefix("file:")).unwrap_or(&text);
    if path.chars().any(is_deceptive) {
        return refused("it holds characters that cannot be seen");
    }
    if Path::new(path).is_absolute() {
        return Ok(PathBuf::from(path));
    }
    refused("a relative one would mean another file in another directory")
}

impl fmt::Display for KeyReference {
    /// The URI with its `pin-source`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)?;
        match &self.pin_source {
            Some(path) => write!(f, "&pin-source=file:{}", encoded_path(&path.to_string_lossy())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URI: &str = "pkcs11:token=gw;object=mqtt;id=%01;type=private?module-name=softhsm2";

    #[test]
    fn a_file_is_read_as_it_was_written() {
        for (text, made) in [(URI.to_owned(), false), (format!("{URI}&pin-source=file:/etc/a%20pin"), true)] {
            let reference = KeyReference { made, ..text.parse().unwrap() };
            assert_eq!(reference.to_string(), text);
            let file = reference.to_pem();
            assert_eq!(KeyReference::from_pem(&file).unwrap().as_ref(), Some(&reference));
            let printed = String::from_utf8(file).unwrap();
            assert!(
                printed.starts_with(&format!("Key: {text}\n")) && printed.contains("-----BEGIN PKCS#11"),
                "{printed}"
            );
        }
    }

    #[test]
    fn the_block_is_the_one_of_the_provider() {
        // As uri2pem.py of pkcs11-provider writes it for this URI.
        let reference: KeyReference = "pkcs11:object=k?module-name=p".parse().unwrap();
        let text = String::from_utf8(reference.to_pem()).unwrap();
        let der = pem::parse(text.as_bytes()).unwrap().into_contents();
        let uri = "pkcs11:object=k;type=private?module-name=p";
        let expected = [&[0x30, 71, 0x1a, 25], &b"PKCS#11 Provider URI v1.0"[..], &[0x0c, 42], uri.as_bytes()].concat();
        assert_eq!(der, expected);
    }

    #[test]
    fn the_place_of_a_pin_is_a_file() {
        let source = |value: &str| format!("{URI}&pin-source={value}").parse::<KeyReference>();
        for value in ["/etc/pin", "file:/etc/pin", "file:///etc/pin", "%2Fetc/pin"] {
            assert_eq!(source(value).unwrap().pin_source.unwrap(), Path::new("/etc/pin"), "{value}");
        }
        for value in ["pin", "file:pin", "|/bin/cat%20/etc/pin", "", "/etc/%1b", "/etc/%ff"] {
            assert_eq!(source(value).unwrap_err().code(), Code::Pkcs11Uri, "{value}");
        }
        assert!(format!("{URI}&pin-source=/a&pin-source=/b").parse::<KeyReference>().is_err());
        let first: KeyReference = "pkcs11:object=k?pin-source=/etc/pin&module-name=p".parse().unwrap();
        assert_eq!(first.pin_source.unwrap(), Path::new("/etc/pin"));
        // A PIN itself is taken from no part of a URI.
        for text in [format!("{URI}&pin-value=1234"), "pkcs11:pin-value=1234?module-name=p".to_owned()] {
            let error = text.parse::<KeyReference>().unwrap_err();
            assert!(error.code() == Code::Pkcs11Uri && !format!("{error:?}").contains("1234"), "{error:?}");
        }
    }

    #[test]
    fn other_files_are_told_apart_from_damaged_ones() {
        assert_eq!(KeyReference::from_pem(b"no PEM").unwrap(), None);
        assert_eq!(KeyReference::from_pem(b"-----BEGIN X-----\nAAAA\n-----END X-----\n").unwrap(), None);
        let mut damaged = Vec::new();
        for content in
            [tlv(UTF8_STRING, b"pkcs11:"), [tlv(VISIBLE_STRING, b"v2"), tlv(UTF8_STRING, URI.as_bytes())].concat()]
        {
            damaged.clear();
            armor::append(LABEL, &tlv(SEQUENCE, &content), &mut damaged);
            assert_eq!(KeyReference::from_pem(&damaged).unwrap_err().code(), Code::Pkcs11Uri);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read_back(label in "[a-zA-Z0-9 ;?&=%/äß-]{1,40}", id in proptest::collection::vec(any::<u8>(), 1..20), made: bool) {
            let uri: TokenUri = "pkcs11:token=gw?module-name=softhsm2".parse().unwrap();
            let reference = KeyReference { uri: uri.with_key(Some(&label), Some(&id)), pin_source: None, made };
            prop_assert_eq!(KeyReference::from_pem(&reference.to_pem()).unwrap(), Some(reference));
        }
    }
}
