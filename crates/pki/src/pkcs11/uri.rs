//! The names of keys in tokens: PKCS#11 URIs (RFC 7512).
//!
//! Written by hand because unknown attributes and PINs must be rejected, with an error that names the attribute.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::suggest::closest;
use base::text::{is_deceptive, quote};
use base::{Code, Error, Result};

/// Which key, in which token, through which module. Parts that are not given match anything, as long as only one key
/// fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUri {
    /// The label of the token.
    pub(super) token: Option<String>,
    /// Who made it.
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    /// The serial number.
    pub(super) serial: Option<String>,
    /// The number of the slot that it is in.
    pub(super) slot_id: Option<u64>,
    /// The label of the key.
    pub(super) object: Option<String>,
    /// The id, any octets.
    pub(super) id: Option<Vec<u8>>,
    /// The file of the module, or the name that it is installed under.
    pub(super) module: Module,
}

/// The place of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Module {
    /// An absolute path.
    Path(PathBuf),
    /// A name without `lib` and `.so`, looked for where modules are installed.
    Name(String),
}

impl Default for Module {
    fn default() -> Self {
        Module::Name(String::new())
    }
}

/// The scheme of every such URI.
pub(super) const SCHEME: &str = "pkcs11:";

/// The longest URI that is looked at: more than all attributes at their longest take, each octet percent-encoded.
const MAX_BYTES: usize = 8192;

/// The longest path of a module.
const MAX_PATH: usize = 1024;

/// The attributes that tbpki takes.
const KNOWN: [&str; 10] =
    ["token", "manufacturer", "model", "serial", "slot-id", "object", "id", "type", "module-path", "module-name"];

impl TokenUri {
    /// True if a text is meant as such a URI. Schemes are the same in either case (RFC 3986, section 3.1).
    pub fn is_meant_by(text: &str) -> bool {
        text.trim_start().get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
    }

    /// The label of the key, if the URI has it.
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// The id of the key, if the URI has it.
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    /// The same token with the key of this label and id.
    #[must_use]
    pub fn with_key(&self, label: Option<&str>, id: Option<&[u8]>) -> Self {
        Self { object: label.map(str::to_owned), id: id.map(<[u8]>::to_vec), ..self.clone() }
    }

    /// Whether a key with the names of `other` has the label and the id of this URI, as far as it has them.
    pub fn names_key_of(&self, other: &Self) -> bool {
        (self.object.is_none() || self.object == other.object) && (self.id.is_none() || self.id == other.id)
    }

    /// The label of the token, if the URI has it.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The serial number of the token, if the URI has it.
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// The module: its path, or the name that it is installed under.
    pub fn module_name(&self) -> String {
        match &self.module {
            Module::Path(path) => path.to_string_lossy().into_owned(),
            Module::Name(name) => name.clone(),
        }
    }

    /// The token as people know it, for messages.
    pub(super) fn token_name(&self) -> String {
        let named = [("token", &self.token), ("serial", &self.serial), ("model", &self.model)];
        let mut parts: Vec<String> = named
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {}", quote(value))))
            .collect();
        parts.extend(self.slot_id.map(|slot| format!("slot {slot}")));
        if parts.is_empty() { "any token".to_owned() } else { parts.join(", ") }
    }

    /// The key as people know it, for messages.
    pub(super) fn key_name(&self) -> String {
        let label = self.object.as_ref().map(|label| quote(label).to_string());
        let id = self.id.as_ref().map(|id| format!("id {}", base::hex::lower(id)));
        let parts: Vec<String> = label.into_iter().chain(id).collect();
        if parts.is_empty() { "any private key".to_owned() } else { parts.join(", ") }
    }

    fn set(&mut self, name: &str, value: &[u8]) -> Result<()> {
        match name {
            // CK_TOKEN_INFO has 32 octets for label and manufacturer, and 16 for model and serial number.
            "token" => self.token = Some(label(name, value, 32)?),
            "manufacturer" => self.manufacturer = Some(label(name, value, 32)?),
            "model" => self.model = Some(label(name, value, 16)?),
            "serial" => self.serial = Some(label(name, value, 16)?),
            "object" => self.object = Some(label(name, value, 255)?),
            "slot-id" => self.slot_id = Some(slot_id(value)?),
            "id" if value.is_empty() || value.len() > 255 => return Err(bad("an id has 1 to 255 octets")),
            "id" => self.id = Some(value.to_vec()),
            "type" if value == b"private" => {}
            "type" => return Err(bad(format!("tbpki signs with a private key, and not with a {}", lossy(value)))),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

impl FromStr for TokenUri {
    type Err = Error;

    /// Reads a URI with one module in it.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`] for what RFC 7512 does not allow, and for what it allows and tbpki does not take.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // Nothing of the text is shown: a mistyped URI may contain a PIN.
        // The limit comes first, before any work on the text.
        if text.len() > MAX_BYTES {
            return Err(bad(format!("the URI has more than {MAX_BYTES} octets")));
        }
        let rest = match text.get(SCHEME.len()..) {
            Some(rest) if Self::is_meant_by(text) => rest,
            _ => return Err(bad("the name of a key in a token begins with pkcs11:")),
        };
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut uri = Self::default();
        let mut seen = Vec::new();
        for (name, value) in attributes(path, ';')? {
            // RFC 7512, section 2.3: an attribute of the path may occur only once.
            if seen.contains(&name) {
                return Err(bad(format!("duplicate attribute {}", quote(name))));
            }
            seen.push(name);
            // Before decoding, so that no message can contain a part of the PIN.
            refuse_pin(name)?;
            uri.set(name, &decoded(name, value, PATH_CHARACTERS)?)?;
        }
        let mut module = None;
        for (name, value) in attributes(query.unwrap_or_default(), '&')? {
            refuse_pin(name)?;
            set_module(name, &decoded(name, value, QUERY_CHARACTERS)?, &mut module)?;
        }
        uri.module = module.ok_or_else(|| {
            bad("the URI does not say through which module the token is reached")
                .fix("add the library that came with the token: ?module-path=/usr/lib/softhsm/libsofthsm2.so")
        })?;
        Ok(uri)
    }
}

/// Refuses a PIN, and what may be a mistyped one, before the value is parsed.
fn refuse_pin(name: &str) -> Result<()> {
    match name.to_ascii_lowercase() {
        // Case is folded, because a misspelled attribute would otherwise put its value into a message.
        name if name == "pin-source" => Err(bad("tbpki does not take the place of the PIN from a URI (pin-source)")
            .because("a secret would then have two locations")
            .fix("name the location of the PIN with --ca-pin-file FILE, or `[ca] pin = { file = \"..\" }` in keygen.toml")),
        name if name.starts_with("pin") => Err(bad("a PIN does not belong into a URI (pin-value)")
            .because("command lines, files and logs with it are seen by others")
            .fix("remove it, change the PIN, and name its location: --ca-pin-file FILE, or `[ca] pin` in keygen.toml; --pin-file FILE for the key of a host")),
        _ => Ok(()),
    }
}

fn set_module(name: &str, value: &[u8], module: &mut Option<Module>) -> Result<()> {
    let found = match name {
        "module-path" => Module::Path(module_path(value)?),
        "module-name" => Module::Name(module_name(value)?),
        _ => return Err(unknown(name)),
    };
    match module.replace(found) {
        None => Ok(()),
        Some(_) => Err(bad("the module is named twice").fix("leave module-name or module-path out")),
    }
}

/// The parts between separators, each split at its first equals sign.
fn attributes(text: &str, separator: char) -> Result<Vec<(&str, &str)>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(separator)
        .map(|part| {
            part.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                bad(format!("between {separator:?} and {separator:?} there has to be name=value"))
                    .fix("write the name of a token with such a character percent-encoded: %3B for ;")
            })
        })
        .collect()
}

/// Characters that may be unencoded besides letters and digits (RFC 7512, section 2.3: pk11-path-res-avail,
/// unreserved).
const PATH_CHARACTERS: &str = "-._~:[]@!$'()*+,=&";
/// The same in the query (pk11-query-res-avail).
const QUERY_CHARACTERS: &str = "-._~:[]@!$'()*+,=/?|";

/// The octets that a value of the query encodes.
pub(super) fn decoded_query(name: &str, value: &str) -> Result<Vec<u8>> {
    decoded(name, value, QUERY_CHARACTERS)
}

/// The octets that a value encodes.
fn decoded(name: &str, value: &str, allowed: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => {
                let digits = (rest.next().and_then(|c| c.to_digit(16)), rest.next().and_then(|c| c.to_digit(16)));
                let (Some(high), Some(low)) = digits else {
                    return Err(bad(format!("in {} a % has no two hexadecimal digits behind it", quote(name))));
                };
                // Two hexadecimal digits never exceed 255.
                octets.push(u8::try_from(high * 16 + low).unwrap_or_default());
            }
            c if c.is_ascii_alphanumeric() || allowed.contains(c) => octets.extend(u8::try_from(c)),
            c => {
                return Err(bad(format!("{c:?} has to be percent-encoded in the value of {}", quote(name)))
                    .fix(format!("write {} in its place", encoded(c.to_string().as_bytes()))));
            }
        }
    }
    Ok(octets)
}

/// A path in a query. Slashes may be there as they are, and paths are read by people.
pub(super) fn encoded_path(path: &str) -> String {
    encoded(path.as_bytes()).replace("%2F", "/")
}

fn encoded(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*octet)),
            octet => text.push_str(&format!("%{octet:02X}")),
        }
    }
    text
}

/// A text of at most `most` octets, which is what PKCS#11 has room for.
fn label(name: &str, value: &[u8], most: usize) -> Result<String> {
    let text = std::str::from_utf8(value).map_err(|_| bad(format!("the value of {name} is not UTF-8")))?;
    if text.is_empty() || text.len() > most {
        return Err(bad(format!("the value of {name} has 1 to {most} octets")));
    }
    // Characters that cannot be seen would make two labels look the same.
    if text.chars().any(is_deceptive) {
        return Err(bad(format!("the value of {name} holds characters that cannot be seen")));
    }
    Ok(text.to_owned())
}

fn slot_id(value: &[u8]) -> Result<u64> {
    let text = lossy(value);
    // `parse` alone would take a plus sign.
    let digits_only = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| digits_only).ok_or_else(|| bad("slot-id is a number in decimal digits"))
}

fn module_path(value: &[u8]) -> Result<PathBuf> {
    let text = label("module-path", value, MAX_PATH)?;
    if Path::new(&text).is_absolute() {
        return Ok(PathBuf::from(text));
    }
    Err(bad("module-path is not an absolute path")
        .because("a relative one would mean another library in another directory")
        .fix("write the whole path, or module-name with the name that the library has without lib and .so"))
}

fn module_name(value: &[u8]) -> Result<String> {
    let text = label("module-name", value, 64)?;
    if text.starts_with('.') || !text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.+".contains(&octet)) {
        return Err(bad("module-name is a name, and not a path").fix("write a path as module-path=/.."));
    }
    Ok(text)
}

fn lossy(value: &[u8]) -> String {
    value.iter().take(32).map(|octet| char::from(*octet).escape_default().to_string()).collect()
}

fn unknown(name: &str) -> Error {
    let error = bad(format!("tbpki does not take the attribute {}", quote(name)));
    match closest(name, &KNOWN) {
        Some(known) => error.fix(format!("did you mean {known}?")),
        None => error
            .because("an unknown attribute could select another key")
            .fix(format!("remove it; tbpki accepts {}", KNOWN.join(", "))),
    }
}

pub(super) fn bad(what: impl Into<String>) -> Error {
    Code::Pkcs11Uri.error(what)
}

impl fmt::Display for TokenUri {
    /// The URI, percent-encoded wherever that is allowed, so that no reader takes it for something else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.as_ref().map(|value| encoded(value.as_bytes()));
        let path = [
            ("token", text(&self.token)),
            ("manufacturer", text(&self.manufacturer)),
            ("model", text(&self.model)),
            ("serial", text(&self.serial)),
            ("slot-id", self.slot_id.map(|slot| slot.to_string())),
            ("object", text(&self.object)),
            ("id", self.id.as_ref().map(|id| id.iter().map(|octet| format!("%{octet:02X}")).collect())),
            // A label often belongs to both halves of a key and to a certificate, so that the class is named.
            ("type", Some("private".to_owned())),
        ];
        let path: Vec<String> =
            path.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}"))).collect();
        let name = match &self.module {
            Module::Path(_) => "module-path",
            Module::Name(_) => "module-name",
        };
        let module = encoded_path(&self.module_name());
        write!(f, "{SCHEME}{}?{name}={module}", path.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> TokenUri {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn the_parts_of_a_uri_are_read() {
        let uri = parsed(
            "pkcs11:token=The%20fleet's;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial=d5a1;slot-id=7;\
             object=a%3Bb;id=%01%FFa;type=private?module-path=/usr/lib/a%20b.so",
        );
        assert_eq!(uri.token.as_deref(), Some("The fleet's"));
        assert_eq!(uri.manufacturer.as_deref(), Some("SoftHSM project"));
        assert_eq!(uri.model.as_deref(), Some("SoftHSM v2"));
        assert_eq!(uri.serial.as_deref(), Some("d5a1"));
        assert_eq!(uri.slot_id, Some(7));
        assert_eq!(uri.object.as_deref(), Some("a;b"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 0xff, b'a'][..]));
        assert_eq!(uri.module, Module::Path("/usr/lib/a b.so".into()));
        assert_eq!(uri.to_string().parse::<TokenUri>().unwrap(), uri);
    }

    #[test]
    fn the_longest_of_all_is_read_again_as_it_is_written() {
        // Three octets for each: a semicolon must always be encoded.
        let wide = |octets: usize| "%3B".repeat(octets);
        let uri = parsed(&format!(
            "pkcs11:token={};manufacturer={};model={};serial={};slot-id={};object={};id={}?module-path=/{}",
            wide(32),
            wide(32),
            wide(16),
            wide(16),
            u64::MAX,
            wide(255),
            wide(255),
            wide(1023),
        ));
        assert_eq!(uri.to_string().parse::<TokenUri>().unwrap(), uri);
    }

    #[test]
    fn little_is_enough() {
        assert_eq!(parsed("pkcs11:?module-name=softhsm2").module, Module::Name("softhsm2".into()));
        assert_eq!(parsed("PKCS11:object=x?module-path=/m.so").object.as_deref(), Some("x"));
        // An ampersand is a letter like any other in the path.
        assert_eq!(parsed("pkcs11:object=a&b?module-path=/m.so").object.as_deref(), Some("a&b"));
    }

    #[test]
    fn unusable_uris_are_refused_with_the_reason() {
        let m = "?module-path=/m.so";
        let faults = [
            (String::new(), "begins with pkcs11:"),
            ("token=x".to_owned(), "begins with pkcs11:"),
            ("pkcs11:token=x".to_owned(), "which module"),
            ("pkcs11:token=x?module-path=lib.so".to_owned(), "absolute"),
            ("pkcs11:token=x?module-name=../x".to_owned(), "not a path"),
            ("pkcs11:token=x?module-name=a&module-path=/b".to_owned(), "twice"),
            (format!("pkcs11:token=x;token=y{m}"), "duplicate"),
            (format!("pkcs11:token{m}"), "name=value"),
            (format!("pkcs11:token=x;{m}"), "name=value"),
            (format!("pkcs11:=x{m}"), "name=value"),
            (format!("pkcs11:token={m}"), "1 to 32"),
            (format!("pkcs11:token={}{m}", "x".repeat(33)), "1 to 32"),
            (format!("pkcs11:token=a b{m}"), "%20"),
            (format!("pkcs11:token=ä{m}"), "%C3%A4"),
            (format!("pkcs11:token=%2{m}"), "hexadecimal"),
            (format!("pkcs11:token=%zz{m}"), "hexadecimal"),
            (format!("pkcs11:token=%FF{m}"), "UTF-8"),
            (format!("pkcs11:token=%1B{m}"), "cannot be seen"),
            (format!("pkcs11:id={m}"), "octets"),
            (format!("pkcs11:slot-id=0x1{m}"), "decimal"),
            (format!("pkcs11:slot-id=+1{m}"), "decimal"),
            // More than 64 bits.
            (format!("pkcs11:slot-id=99999999999999999999{m}"), "decimal"),
            (format!("pkcs11:type=cert{m}"), "private key"),
            (format!("pkcs11:tokn=x{m}"), "did you mean token"),
            (format!("pkcs11:x-vendor=x{m}"), "tbpki accepts token"),
            (format!("pkcs11:token=x{m}&pin-source=file:/pin"), "--ca-pin-file"),
            (format!("pkcs11:token=x?module-path=/{}", "x".repeat(1024)), "1 to 1024"),
            (format!("pkcs11:{}{m}", "x".repeat(9000)), "8192"),
        ];
        for (text, says) in faults {
            let error = text.parse::<TokenUri>().unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11Uri, "{text}");
            assert!(format!("{error:?}").contains(says), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_and_not_shown() {
        // Also with mistakes in the PIN itself, whose error would show it.
        let written = ["4711hush", "%zz4711hush", "47 11hush"].map(|pin| format!("?module-path=/m.so&pin-value={pin}"));
        for rest in
            written.into_iter().chain([";pin-value=äh hush?module-path=/m.so".to_owned(), "?pin=hush".to_owned()])
        {
            let text = format!("pkcs11:token=x{rest}");
            let message = format!("{:?}", text.parse::<TokenUri>().unwrap_err());
            assert!(message.contains("--ca-pin-file") && !message.contains("hush"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            // 8 characters of at most 4 octets: PKCS#11 has room for 32.
            token in "[^\\p{C}\\p{Zl}\\p{Zp}]{1,8}",
            object in "[^\\p{C}\\p{Zl}\\p{Zp}]{1,32}",
            id in proptest::collection::vec(any::<u8>(), 1..40),
            slot_id in any::<Option<u64>>(),
        ) {
            let uri = TokenUri {
                token: Some(token),
                object: Some(object),
                id: Some(id),
                slot_id,
                module: Module::Path("/opt/a module.so".into()),
                ..TokenUri::default()
            };
            prop_assert_eq!(uri.to_string().parse::<TokenUri>().unwrap(), uri);
        }

        #[test]
        fn nothing_that_is_typed_ends_in_a_panic(text in "(pkcs11:)?[ -~ä%;&?=]{0,60}") {
            if let Ok(uri) = text.parse::<TokenUri>() {
                prop_assert_eq!(uri.to_string().parse::<TokenUri>().unwrap(), uri);
            }
        }
    }
}
