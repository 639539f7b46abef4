//! Values that are text of a certain form.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use base::text::{is_deceptive, quote};
use base::{Code, Error, Result};
use pki::san::{San, authority, host_and_port};
use pki::subject::AttributeKind;

use super::kind::WordValue;

/// Declares text types by the function that checks and normalizes their text.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $takes:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let check: fn(&str) -> Result<String> = $check;
                check(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl WordValue for $name {
            fn takes() -> String {
                $takes.to_owned()
            }
        }
    )*};
}

texts! {
    /// The two letters of a country, in capitals.
    Country, "two letters", |text| AttributeKind::Country.check(text);
    /// A state or province.
    State, "up to 128 characters", |text| AttributeKind::State.check(text);
    /// A city.
    Locality, "up to 128 characters", |text| AttributeKind::Locality.check(text);
    /// An organization.
    Organization, "up to 64 characters", |text| AttributeKind::Organization.check(text);
    /// An organizational unit.
    OrganizationalUnit, "up to 64 characters", |text| AttributeKind::OrganizationalUnit.check(text);
    /// The prefix of the common names of the CAs.
    CaName, "up to 40 characters", ca_name;
    /// A domain for name constraints (RFC 5280, section 4.2.1.10): it includes itself and all names below it.
    Domain, "a domain without a wildcard, such as fleet.example", domain;
    /// The name of a host, or its IP address; short enough to be a common name.
    HostName, "a host name or an IP address of at most 64 characters", host_name;
    /// The prefix of file names.
    FilePrefix, "letters, digits and any of . _ - + @, not beginning with a dot or a hyphen", file_prefix;
    /// The name of an entry of a keystore. Java folds it to lower case when it looks for it.
    Alias, "up to 64 letters, digits and any of . _ - + @", alias;
    /// The address of a platform's REST API, without a slash at the end.
    Url, "an address that begins with https:// or http://", url;
    /// The address below which revocation lists are fetched, without a slash at the end.
    CrlUrl, "an address that begins with http://", crl_url;
    /// The address of the server that keeps the ledger, without a password.
    LedgerUrl, "an address such as postgres://tbpki@db.example/fleet", ledger_url;
    /// A user's name.
    UserName, "up to 255 characters", |text| plain(text, 255);
    /// The name of a device profile, as the platform has it.
    ProfileName, "up to 255 characters", |text| plain(text, 255);
    /// The name of a wireless network: 1 to 32 bytes (IEEE 802.11, section 9.4.2.2).
    Ssid, "1 to 32 bytes", ssid;
    /// The name of a chip that firmware is built for, from [`CHIPS`]: `esp32c3`.
    Chip, "one of esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2", chip;
    /// The time server of devices: the name of a host, or its IP address. `none`, or an empty text, is no server: an empty
    /// variable counts as not set.
    TimeServer, "a host name or an IP address of at most 64 characters, or none", time_server;
    /// A program, or an argument of one.
    CommandWord, "a program or an argument, without control characters", command_word;
    /// The name of a partition of the flash.
    PartitionName, "1 to 16 bytes without spaces at the ends", partition_name;
    /// The size of a flash chip, in capitals: `4MB`.
    FlashSize, "a size such as 4MB", flash_size;
}

/// The chips that firmware is built for: the name in Espressif's tools, and other names for it in lower case.
pub const CHIPS: [(&str, &[&str]); 6] = [
    ("esp32", &["esp-32", "esp32-wroom", "esp32-wrover"]),
    ("esp32s3", &["esp32-s3", "s3"]),
    ("esp32c2", &["esp32-c2", "c2", "esp8684"]),
    ("esp32c3", &["esp32-c3", "c3", "esp8685"]),
    ("esp32c6", &["esp32-c6", "c6"]),
    ("esp32h2", &["esp32-h2", "h2"]),
];

impl HostName {
    /// The name as clients compare it.
    pub fn san(&self) -> San {
        match self.0.parse() {
            Ok(address) => San::Ip(address),
            Err(_) => San::Dns(self.0.clone()),
        }
    }
}

impl FlashSize {
    /// The size in bytes.
    pub fn bytes(&self) -> u32 {
        flash_bytes(&self.0).unwrap_or_default()
    }
}

fn bad(text: &str, why: &str) -> Error {
    Code::BadValue.error(format!("{} {why}", quote(text)))
}

fn plain(text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(bad(text, "is empty"));
    }
    if text.chars().count() > most {
        return Err(bad(text, &format!("has more than {most} characters")));
    }
    // Names appear in terminals and logs, where they could change other text.
    if text.chars().any(is_deceptive) {
        return Err(bad(text, "holds control characters"));
    }
    Ok(text.to_owned())
}

fn ca_name(text: &str) -> Result<String> {
    AttributeKind::CommonName.check(text)?;
    // 40 of the 64 characters that a common name may have (RFC 5280, appendix A.1): the title of the CA follows.
    plain(text, 40)
}

fn domain(text: &str) -> Result<String> {
    // Some write the leading dot that means "below, but not itself"; RFC 5280 has it for URIs only.
    match San::host(text.trim().trim_start_matches('.'))? {
        San::Dns(name) => Ok(name),
        _ => Err(bad(text, "is an address, and a domain is a name")),
    }
}

fn command_word(text: &str) -> Result<String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(bad(text, "is empty or has control characters"));
    }
    Ok(text.to_owned())
}

fn host_name(text: &str) -> Result<String> {
    host(text).map_err(|error| match host_and_port(authority(text.trim())) {
        // An advice that leads to the next error is none.
        Some((host, _)) if San::host(host).is_err() => error,
        Some((host, port)) if port.parse::<NonZeroU16>().is_ok() => error.fix(format!(
            "name the host alone ({host}), and its port with a key or flag of its own: `--port {port}` of \
             bundle-firmware, or firmware.mqtt_port"
        )),
        Some((host, _)) => error.fix(format!("name the host alone ({host}): a port is a number from 1 to 65535")),
        None => error,
    })
}

fn host(text: &str) -> Result<String> {
    let name = match San::host(text)? {
        San::Ip(address) => address.to_string(),
        San::Dns(name) | San::Uri(name) | San::Email(name) => name,
    };
    // It becomes the common name, and a directory.
    AttributeKind::CommonName.check(&name)
}

fn time_server(text: &str) -> Result<String> {
    match text.trim() {
        "" | "none" => Ok(String::new()),
        _ => host(text),
    }
}

fn partition_name(text: &str) -> Result<String> {
    let text = plain(text, 16)?;
    // The table stores bytes, and 16 characters can be more than 16 bytes.
    if text.len() > 16 { Err(bad(&text, "has more than 16 bytes")) } else { Ok(text) }
}

fn is_file_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@')
}

fn file_prefix(text: &str) -> Result<String> {
    let text = plain(text, 64)?;
    // A leading dot hides a file, and a leading hyphen makes its name an option of every command.
    if text.starts_with(['.', '-']) || !text.chars().all(is_file_letter) {
        return Err(bad(&text, "cannot begin file names that every shell and server takes"));
    }
    Ok(text)
}

fn alias(text: &str) -> Result<String> {
    let text = plain(text, 64)?;
    if !text.chars().all(is_file_letter) {
        return Err(bad(&text, "is no alias that every reader of keystores takes"));
    }
    Ok(text)
}

fn url(text: &str) -> Result<String> {
    let text = text.trim();
    // 8 is the length of `https://`. `get`, because the text can
    // have a character of several bytes across this position.
    let folded = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let rest = match (folded.strip_prefix("https://"), folded.strip_prefix("http://")) {
        (Some(_), _) => text.get(8..),
        (None, Some(_)) => text.get(7..),
        (None, None) => return Err(bad(text, "does not begin with https:// or http://")),
    };
    if rest.unwrap_or_default().split('/').next().unwrap_or_default().contains('@') {
        // Not shown: the text before the @ may be a password.
        return Err(Code::BadValue
            .error("the address contains a user name")
            .fix("give the user and where the password is by their own keys"));
    }
    address(text)
}

/// The text of a URI without slashes at its end: the paths of an API are appended with a slash of their own.
fn address(text: &str) -> Result<String> {
    match San::uri(text) {
        Ok(San::Uri(uri)) => Ok(uri.trim_end_matches('/').to_owned()),
        Ok(_) => Err(bad(text, "is not an address")),
        Err(error) => {
            let why = error.finding().why.clone();
            Err(why.into_iter().fold(bad(text, "is not an address"), Error::because))
        }
    }
}

fn crl_url(text: &str) -> Result<String> {
    let text = text.trim();
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if authority.contains('@') {
        // Not shown: the text before the @ may be a password.
        return Err(Code::BadValue
            .error("the address contains a user name")
            .because("certificates show it to everyone, and brokers fetch the list without a login")
            .fix("leave the user name out"));
    }
    // RFC 5280, section 8: a verifier that fetches the list over TLS would need that list to verify the server.
    let is_http = text.split_at_checked(7).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http://"));
    if !is_http {
        return Err(bad(text, "does not begin with http://: the list is signed, and TLS would need a list itself"));
    }
    let address = address(text)?;
    let path = address.get(7..).unwrap_or_default();
    // The file name is put behind it, and the certificate takes ASCII alone (IA5String).
    if address.contains(['?', '#']) || !address.is_ascii() {
        return Err(bad(&address, "must end in a path, in ASCII: the name of the list is put behind it"));
    }
    // The scheme in lower case, the form that every reader of certificates takes.
    Ok(format!("http://{path}"))
}

fn ledger_url(text: &str) -> Result<String> {
    let text = text.trim();
    // 13 is the length of `postgresql://`, the longer of the two.
    let folded = text.get(..13).unwrap_or(text).to_ascii_lowercase();
    if !folded.starts_with("postgres://") && !folded.starts_with("postgresql://") {
        // Not shown: it may hold a password all the same.
        return Err(Code::BadValue.error("the address of the ledger does not begin with postgres://"));
    }
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let user = address.rsplit_once('@').map_or("", |(user, _)| user);
    let in_query = query.split('&').any(|part| part.to_ascii_lowercase().starts_with("password"));
    if user.contains(':') || in_query {
        return Err(Code::BadValue
            .error("the address of the ledger contains a password")
            .fix("name its location with another key: ledger.password = { file = \"path\" }"));
    }
    if address.is_empty() || text.chars().any(|c| is_deceptive(c) || c.is_whitespace()) {
        return Err(Code::BadValue.error("this is not the address of a ledger"));
    }
    Ok(text.to_owned())
}

fn ssid(text: &str) -> Result<String> {
    // Not trimmed: spaces count in the names of networks.
    if text.is_empty() || text.len() > 32 || text.contains('\0') {
        return Err(bad(text, "is not 1 to 32 bytes long"));
    }
    // The record of a device holds no others.
    if text.chars().any(char::is_control) {
        return Err(bad(text, "has control characters"));
    }
    Ok(text.to_owned())
}

fn chip(text: &str) -> Result<String> {
    let folded = text.trim().to_ascii_lowercase().replace('_', "-");
    let is_meant = |(name, others): &&(&str, &[&str])| *name == folded || others.contains(&folded.as_str());
    match CHIPS.iter().find(is_meant) {
        Some((name, _)) => Ok((*name).to_owned()),
        None => {
            let names: Vec<&str> = CHIPS.iter().map(|(name, _)| *name).collect();
            Err(Code::UnknownChip
                .error(format!("unknown chip {}", quote(text)))
                .fix(format!("use one of {}", names.join(", "))))
        }
    }
}

fn flash_size(text: &str) -> Result<String> {
    let folded = text.trim().to_ascii_uppercase();
    match flash_bytes(&folded) {
        Some(_) => Ok(folded),
        None => Err(bad(text, "is not a size that flash chips have (256KB to 128MB)")),
    }
}

fn flash_bytes(text: &str) -> Option<u32> {
    let (digits, unit) = match (text.strip_suffix("MB"), text.strip_suffix("KB")) {
        (Some(digits), _) => (digits, 1 << 20),
        (None, Some(digits)) => (digits, 1 << 10),
        (None, None) => return None,
    };
    let bytes = digits.parse::<u32>().ok()?.checked_mul(unit)?;
    (bytes.is_power_of_two() && (1 << 18..=1 << 27).contains(&bytes)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_what_a_client_connects_to() {
        let host: HostName = "Broker.Example".parse().unwrap();
        assert_eq!((host.as_str(), host.san().to_string().as_str()), ("broker.example", "dns:broker.example"));
        let host: HostName = "[2001:DB8::1]".parse().unwrap();
        assert_eq!((host.as_str(), host.san().to_string().as_str()), ("2001:db8::1", "ip:2001:db8::1"));
        let long = format!("{}.example", "a.".repeat(40));
        for (text, code) in [
            ("*.example.org", Code::BadValue),
            ("not a host!", Code::BadSan),
            ("../x", Code::BadSan),
            (&long, Code::BadSan),
            (&long.replacen("a.", "aa.", 1).replace("..", "."), Code::NameTooLong),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn the_advice_fits_the_value() {
        let fix = |error: Error| error.finding().fix.clone().unwrap_or_default();
        let port = fix("pool.ntp.org:123".parse::<TimeServer>().unwrap_err());
        assert_eq!(port, "name the host alone: pool.ntp.org");
        for error in ["a b".parse::<TimeServer>().unwrap_err(), "a b".parse::<Domain>().unwrap_err()] {
            assert_eq!(error.finding().what, "\"a b\" is not the name of a host");
            assert_eq!(fix(error), "write a host name or an IP address, such as broker.example or 192.0.2.1");
        }
    }

    #[test]
    fn a_port_and_a_scheme_have_no_place_in_a_host_name() {
        for (text, fix) in [
            ("tb.example:8883", "--port 8883"),
            ("192.0.2.7:1883", "--port 1883"),
            // The brackets are the only mark between an IPv6 address and its port.
            ("[2001:db8::1]:8883", "--port 8883"),
            ("mqtts://tb.example", "leave mqtts:// out: tb.example"),
            (
                "mqtts://tb.example:8884",
                "name the host alone (tb.example), and its port with a key or flag of its own: `--port 8884`",
            ),
            (
                "mqtts://user:secret@tb.example:8884/x",
                "name the host alone (tb.example), and its port with a key or flag of its own: `--port 8884`",
            ),
            (
                "mqtts://[2001:db8::1]:8883",
                "name the host alone (2001:db8::1), and its port with a key or flag of its own: `--port 8883`",
            ),
            ("tb.example:0", "name the host alone (tb.example): a port is a number from 1 to 65535"),
            ("tb.example:70000", "name the host alone (tb.example): a port is a number from 1 to 65535"),
            ("mqtts://user:secret@tb.example", "leave mqtts:// out: tb.example"),
            ("https://tb.example/x", "leave https:// out: tb.example"),
        ] {
            let error = text.parse::<HostName>().unwrap_err();
            assert_eq!(error.code(), Code::BadValue, "{text}");
            assert!(error.finding().fix.as_ref().is_some_and(|said| said.contains(fix)), "{error:?}");
        }
        let with_path = "tb.example:8883/".parse::<HostName>().unwrap_err();
        assert!(with_path.finding().fix.as_ref().is_some_and(|said| said.contains("--port 8883")), "{with_path:?}");
        let with_password = "mqtts://user:secret@tb.example".parse::<HostName>().unwrap_err();
        assert!(!with_password.to_string().contains("secret"), "{with_password}");
        // An address whose last group looks like a port.
        assert!("2001:db8::8883".parse::<HostName>().is_ok());
    }

    #[test]
    fn a_prefix_is_safe_in_file_names_and_shells() {
        assert!("mqttserver".parse::<FilePrefix>().is_ok());
        for text in ["", "a/b", "..", "-x", "a b", "a$b", "ä", "a\nb"] {
            assert!(text.parse::<FilePrefix>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_holds_no_password() {
        assert_eq!("https://tb.example:8080/".parse::<Url>().unwrap().as_str(), "https://tb.example:8080");
        let error = "https://admin:hunter2@tb.example".parse::<Url>().unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        for text in ["tb.example", "ftp://tb.example", "https://", "https://a b"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_fetched_without_tls_below_a_path() {
        assert_eq!("HTTP://crl.example/fleet/".parse::<CrlUrl>().unwrap().as_str(), "http://crl.example/fleet");
        for text in ["https://crl.example", "crl.example", "http://crl.example/?list=", "http://crl.example/#a"] {
            assert_eq!(text.parse::<CrlUrl>().unwrap_err().code(), Code::BadValue, "{text}");
        }
        assert!("http://".parse::<CrlUrl>().is_err());
        for (text, said) in [
            ("ftp://crl.example", "does not begin with http://"),
            ("https://crl.example", "does not begin with http://"),
            ("http://a b", "is not an address"),
            ("http://u:secret@crl.example/", "leave the user name out"),
            ("https://u:secret@crl.example/", "leave the user name out"),
        ] {
            let error = text.parse::<CrlUrl>().unwrap_err();
            let error = format!("{error} {}", error.finding().fix.as_deref().unwrap_or_default());
            assert!(error.contains(said), "{error}");
            for other in ["https:// or http://", "alternative name", "secret", "by their own keys"] {
                assert!(!error.contains(other), "{error}");
            }
        }
        let error = "https://a b".parse::<Url>().unwrap_err().to_string();
        assert!(error.contains("is not an address") && !error.contains("alternative name"), "{error}");
    }

    #[test]
    fn the_address_of_a_ledger_holds_no_password() {
        for text in ["postgres://tbpki@db.example/fleet", "postgresql://u@%2Frun%2Fpostgresql/db?sslmode=require"] {
            assert_eq!(text.parse::<LedgerUrl>().unwrap().as_str(), text);
        }
        for text in [
            "postgres://u:hunter2@db.example/fleet",
            "postgres://u@db.example/fleet?password=hunter2",
            // The name in another case, which the driver would not know, is a password all the same.
            "postgres://u@db.example/fleet?a=b&Password=hunter2",
            "mysql://u:hunter2@db.example",
            "postgres://hunter2 and more",
            "postgres://",
        ] {
            let error = text.parse::<LedgerUrl>().unwrap_err();
            assert_eq!(error.code(), Code::BadValue, "{text}");
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn flash_sizes_are_powers_of_two() {
        assert_eq!("4mb".parse::<FlashSize>().unwrap().bytes(), 4 << 20);
        // The largest of the numbers does not fit in 32 bits.
        for text in ["3MB", "4", "256MB", "0MB", "99999999999MB", "MB"] {
            assert!(text.parse::<FlashSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_server_can_be_none() {
        for none in ["", "none"] {
            assert_eq!(none.parse::<TimeServer>().unwrap().as_str(), "");
        }
        assert_eq!("Time.example".parse::<TimeServer>().unwrap().as_str(), "time.example");
        assert_eq!("not a host!".parse::<TimeServer>().unwrap_err().code(), Code::BadSan);
    }

    #[test]
    fn a_partition_name_has_at_most_16_bytes() {
        assert_eq!("ota_0".parse::<PartitionName>().unwrap().as_str(), "ota_0");
        // 17 bytes, and nine characters of two bytes each: the bytes count, as in the partition table.
        for text in ["", "a234567890abcdefg", "äääääääää", "a\nb"] {
            assert_eq!(text.parse::<PartitionName>().unwrap_err().code(), Code::BadValue, "{text:?}");
        }
    }

    #[test]
    fn a_domain_of_constraints_covers_all_below_it() {
        assert_eq!(".Fleet.example".parse::<Domain>().unwrap().as_str(), "fleet.example");
        assert!("*.fleet.example".parse::<Domain>().is_err());
    }
}
