//! Parsers of values: from text to the types of the libraries. Fixed words are listed in help, errors and completions.

use std::ffi::OsStr;
use std::str::FromStr;
use std::time::Duration;

use base::text::quote;
use base::{Code, Error};
use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use config::{ClientFormat, Credentials, ServerFormat};
use devkit::chip::{Chip, Crystal};
use identity::thingsboard::{Service, SettingsForm};
use ledger::{Kind, State};
use pki::Algorithm;
use pki::revocation_list::Reason;
use pki::verify::Purpose;
use provision::Target;
use store::shard::Layout;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Any text but an empty one, which is usually an unset variable of a script.
pub(super) fn text() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// The variable that lets files of another user count. An empty one is off, as one that is not set; any other text than the usual
/// words is an error, because a protection must not depend on how a misspelled word is read.
pub(super) fn trust_owner() -> impl TypedValueParser<Value = bool> {
    clap::builder::StringValueParser::new().try_map(|text| {
        let word = text.to_ascii_lowercase();
        match word.as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
            "" | "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
            _ => Err(Code::BadValue
                .error(format!("{} is neither true nor false", quote(&text)))
                .fix("set the variable TBPKI_TRUST_OWNER to 1 or 0")),
        }
    })
}

/// A host or an address, and perhaps a port. The default port is that of the verb.
pub(super) fn server_address() -> impl TypedValueParser<Value = String> {
    text().try_map(|text| Target::parse(&text, u16::MAX).map(|_| text))
}

/// A value with a parser of its own. Its errors keep their code and advice.
pub(super) fn parsed<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = Error> + Clone + Send + Sync + 'static,
{
    text().try_map(|text| text.parse::<T>())
}

/// A key algorithm. Other names for it, such as `prime256v1`, are accepted and not listed.
pub(super) fn algorithm() -> WordParser<Algorithm> {
    WordParser::new(Algorithm::ALL.iter().map(|algorithm| algorithm.name()), |text| text.parse().ok())
}

/// A file that `tbpki server` can write.
pub(super) fn server_format() -> WordParser<ServerFormat> {
    WordParser::new(ServerFormat::ALL.iter().map(|format| format.name()), |text| text.parse().ok())
}

/// A file that `tbpki client` can write.
pub(super) fn client_format() -> WordParser<ClientFormat> {
    WordParser::new(ClientFormat::ALL.iter().map(|format| format.name()), |text| text.parse().ok())
}

/// The credentials that ThingsBoard reads.
pub(super) fn credentials() -> WordParser<Credentials> {
    WordParser::new(Credentials::ALL.iter().map(|credentials| credentials.name()), |text| text.parse().ok())
}

/// A chip. Its label and other names for it are accepted and not listed.
pub(super) fn chip() -> WordParser<Chip> {
    WordParser::new(Chip::ALL.into_iter().map(Chip::name), |text| text.parse().ok())
}

/// The crystal of a board, in MHz.
pub(super) fn crystal() -> WordParser<Crystal> {
    WordParser::new(["26", "40"].into_iter(), |text| text.parse().ok())
}

/// A kind of identity.
pub(super) fn kind() -> WordParser<Kind> {
    WordParser::new(Kind::ALL.into_iter().map(Kind::as_str), |text| {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text.trim())
    })
}

/// A state of an identity.
pub(super) fn state() -> WordParser<State> {
    WordParser::new(State::ALL.into_iter().map(State::as_str), |text| {
        State::ALL.into_iter().find(|state| state.as_str() == text.trim())
    })
}

/// A layout of a fleet's files.
pub(super) fn layout() -> WordParser<Layout> {
    WordParser::new(Layout::ALL.into_iter().map(Layout::as_str), |text| text.parse().ok())
}

/// A layout of renewals, which are never in the directories of the store.
pub(super) fn renewal_layout() -> WordParser<Layout> {
    let layouts = || Layout::ALL.into_iter().filter(|layout| *layout != Layout::Directories);
    WordParser::new(layouts().map(Layout::as_str), |text| {
        text.parse().ok().filter(|layout| *layout != Layout::Directories)
    })
}

/// The purpose of a leaf.
pub(super) fn purpose() -> WordParser<Purpose> {
    const WORDS: &[Word<Purpose>] =
        &[("server", "A TLS server", Purpose::Server), ("device", "A TLS client", Purpose::Device)];
    WordParser::described(WORDS, |text| find(WORDS, text))
}

/// A TLS endpoint of ThingsBoard.
pub(super) fn service() -> WordParser<Service> {
    const WORDS: &[Word<Service>] = &[
        ("mqtt", "MQTT, port 8883", Service::Mqtt),
        ("http", "The web interface and REST API", Service::Http),
        ("coap", "CoAP over DTLS, port 5684", Service::Coap),
        ("lwm2m", "LwM2M, ports 5686 and 5688", Service::Lwm2m),
        ("edge", "Edge, port 7070", Service::Edge),
    ];
    WordParser::described(WORDS, |text| find(WORDS, text))
}

/// A form of environment variables.
pub(super) fn settings_form() -> WordParser<SettingsForm> {
    const WORDS: &[Word<SettingsForm>] = &[
        ("env", "thingsboard.env: export lines for thingsboard.conf", SettingsForm::EnvFile),
        ("compose", "docker-compose.tls.yml: an override file for Docker Compose", SettingsForm::Compose),
        ("kubernetes", "kubernetes-secret.yml: a Secret with files and variables", SettingsForm::Kubernetes),
    ];
    WordParser::described(WORDS, |text| find(WORDS, text))
}

/// A word, its help, and its value.
type Word<T> = (&'static str, &'static str, T);

fn find<T: Copy>(words: &[Word<T>], text: &str) -> Option<T> {
    words.iter().find(|(word, ..)| *word == text).map(|(.., value)| *value)
}

/// A time to wait for a connection, in seconds.
pub(super) fn timeout() -> impl TypedValueParser<Value = Duration> {
    // At least 1: a timeout of 0 would be none in some calls, and the end at once in others.
    clap::value_parser!(u64).range(1..=600).map(Duration::from_secs)
}

/// A time to wait for a platform: a number with a unit (`90s`, `10m`, `1h`), at most a day.
pub(super) fn waiting_time() -> impl TypedValueParser<Value = Duration> {
    text().try_map(|text| parse_waiting_time(&text).ok_or("write a number with a unit: 90s, 10m or 1h, at most 24h"))
}

fn parse_waiting_time(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let number: u64 =
        // Digits alone: `parse` would also accept a plus sign.
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    number.checked_mul(seconds).filter(|total| *total <= 24 * 3600).map(Duration::from_secs)
}

/// A moment (RFC 3339).
pub(super) fn moment() -> impl TypedValueParser<Value = OffsetDateTime> {
    text().try_map(|text| {
        OffsetDateTime::parse(&text, &Rfc3339).map_err(|error| {
            let invalid = Code::Usage.error(format!("invalid time {text:?}"));
            invalid.caused_by(error).fix("write it as 2030-01-31T12:00:00Z")
        })
    })
}

/// Completes the sizes of flash that modules are sold with. Others that exist are accepted.
pub(super) fn flash_sizes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let mut sizes: Vec<u32> = Chip::ALL.iter().flat_map(|chip| chip.facts().flash_sizes_mib).copied().collect();
        // Chips share most sizes, and a shell shows candidates in the order in which they come.
        sizes.sort_unstable();
        sizes.dedup();
        sizes.into_iter().map(|mib| CompletionCandidate::new(format!("{mib}MB"))).collect()
    })
}

/// Completes the reasons of a revocation.
pub(super) fn reasons() -> ArgValueCandidates {
    ArgValueCandidates::new(|| Reason::ALL.iter().map(|reason| CompletionCandidate::new(reason.as_str())).collect())
}

/// Completes the codes of errors, with their titles.
pub(super) fn codes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let described = |code: &Code| CompletionCandidate::new(code.to_string()).help(Some(code.title().into()));
        Code::ALL.iter().map(described).collect()
    })
}

/// Parses one of a few words.
#[derive(Debug, Clone)]
pub(super) struct WordParser<T> {
    words: Vec<PossibleValue>,
    read: fn(&str) -> Option<T>,
}

impl<T> WordParser<T> {
    fn new(words: impl Iterator<Item = &'static str>, read: fn(&str) -> Option<T>) -> Self {
        Self { words: words.map(PossibleValue::new).collect(), read }
    }

    /// Words with a help text each, which `--help` shows.
    fn described(words: &[Word<T>], read: fn(&str) -> Option<T>) -> Self {
        let words = words.iter().map(|(word, help, _)| PossibleValue::new(*word).help(*help));
        Self { words: words.collect(), read }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for WordParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        // First by our own parser, which knows other names for the words that the list does not show.
        if let Some(value) = value.to_str().and_then(self.read) {
            return Ok(value);
        }
        // clap's own parser rejects the text with the list of words and the nearest one.
        let words = PossibleValuesParser::new(self.words.clone());
        let word = words.parse_ref(command, arg, value)?;
        (self.read)(&word).ok_or_else(|| clap::Error::new(ErrorKind::InvalidValue).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: Clone + Send + Sync + 'static>(word: &WordParser<T>, text: &str) -> Result<T, String> {
        word.parse_ref(&Command::new("tbpki"), None, OsStr::new(text)).map_err(|error| error.to_string())
    }

    /// Every listed word must be read, because help and completion offer it.
    fn reads_its_words<T: Clone + Send + Sync + 'static>(word: &WordParser<T>) {
        assert!(!word.words.is_empty());
        for text in word.words.iter().map(PossibleValue::get_name) {
            assert!(parse(word, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_listed_word_is_accepted() {
        reads_its_words(&algorithm());
        reads_its_words(&server_format());
        reads_its_words(&client_format());
        reads_its_words(&credentials());
        reads_its_words(&chip());
        reads_its_words(&crystal());
        reads_its_words(&kind());
        reads_its_words(&state());
        reads_its_words(&layout());
        reads_its_words(&renewal_layout());
        reads_its_words(&purpose());
        reads_its_words(&service());
        reads_its_words(&settings_form());
    }

    #[test]
    fn a_mistyped_word_is_answered_with_the_list() {
        let message = parse(&algorithm(), "ec-p255").unwrap_err();
        assert!(message.contains("[possible values: ec-p256, ec-p384, ed25519, rsa-2048"), "{message}");
        assert!(parse(&chip(), "esp8266").unwrap_err().contains("esp32, esp32s3, esp32c2"));
        assert_eq!(parse(&algorithm(), "prime256v1"), Ok(Algorithm::EcP256));
    }
}
