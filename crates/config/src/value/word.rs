//! Values that are one of a few words.

use std::fmt;
use std::str::FromStr;

use base::suggest::closest;
use base::text::quote;
use base::{Code, Error, Result};
use serde::Serialize;
use toml::Spanned;
use toml::de::DeValue;

use super::kind::{ValueKind, WordValue, list, one_entry, wrong_type};
use super::path::FilePath;
use crate::document::Document;
use crate::quoting::quoted;

/// Declares enums whose variants are written as words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(into = "&'static str")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word for it.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.name()
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads the word in any case.
            fn from_str(text: &str) -> Result<Self> {
                // keygen.properties and shells are often written in capitals.
                let folded = text.trim().to_ascii_lowercase();
                Self::ALL.iter().copied().find(|value| value.name() == folded).ok_or_else(|| unknown(text, &folded, &[$($word,)*]))
            }
        }

        impl WordValue for $name {
            fn takes() -> String {
                list([$($word,)*].into_iter())
            }
        }
    )*};
}

words! {
    /// A file that `tbpki server` writes.
    ServerFormat {
        /// Chain, key and trust files in PEM, for ThingsBoard's PEM mode and for every other broker.
        Pem = "pem",
        /// The chain with its root in one PEM file that clients trust (`.pub.pem`).
        Pub = "pub",
        /// The leaf in DER (`.cer`).
        Cer = "cer",
        /// A PKCS#12 keystore (`.p12`).
        P12 = "p12",
        /// A JKS keystore (`.jks`).
        Jks = "jks",
    }

    /// A file that `tbpki client` writes.
    ClientFormat {
        /// Key, leaf, chain and trust anchors in PEM, each in its own file.
        Pem = "pem",
        /// Key and chain in one PEM file without a passphrase (`.nopass.pem`), for paho and mosquitto.
        Nopass = "nopass",
        /// The leaf in PEM (`.pub.pem`).
        Pub = "pub",
        /// The leaf in DER (`.cer`).
        Cer = "cer",
        /// A PKCS#12 keystore (`.p12`).
        P12 = "p12",
        /// A JKS keystore (`.jks`).
        Jks = "jks",
    }

    /// Which lines of `thingsboard.env` are active.
    Credentials {
        /// The keystore: the only way in which Java and Go clients find their certificate.
        Keystore = "keystore",
        /// The PEM files.
        Pem = "pem",
    }

    /// The event from which on a certificate that was fetched over the network is in use.
    EnrolmentPolicy {
        /// Its holder confirms it, or renews with it.
        Confirm = "confirm",
        /// Its holder connects to the service with it, whatever the request.
        FirstLogin = "first-login",
        /// It was issued. A platform gets it at the first connection with it all the same.
        Issuance = "issuance",
    }

    /// The certificates that an operator has to approve before they are issued over the network.
    ApprovalPolicy {
        /// None.
        None = "none",
        /// The first one of each device.
        First = "first",
        /// Every one, renewals included.
        Every = "every",
    }

    /// The software that the devices are registered in.
    PlatformKind {
        /// ThingsBoard CE, PE or Cloud.
        ThingsBoard = "thingsboard",
        /// EMQ's ActorCloud.
        ActorCloud = "actorcloud",
    }
}

fn unknown(text: &str, folded: &str, words: &[&str]) -> Error {
    let error = Code::BadValue.error(format!("{} is not known here", quote(text)));
    match closest(folded, words) {
        Some(word) => error.fix(format!("did you mean {word}?")),
        None => error,
    }
}

/// The trust anchors of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchors {
    /// The root of our own servers.
    Ours,
    /// The roots of the client's operating system.
    System,
    /// The certificates in a PEM file, as `tbpki trust` writes it.
    File(FilePath),
}

impl ValueKind for Anchors {
    fn takes() -> String {
        "\"ours\", \"system\" or { file = \"path\" }".to_owned()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self> {
        match value.get_ref() {
            DeValue::String(text) => anchors_word(text).ok_or_else(|| unknown(text, text, &["ours", "system"])),
            DeValue::Table(table) => match one_entry(table) {
                Some(("file", DeValue::String(path))) => FilePath::in_file(path, document).map(Anchors::File),
                _ => Err(Code::BadValue.error("the table does not name a file")),
            },
            other => Err(wrong_type(other)),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        let text = texts.last().copied().unwrap_or_default();
        match anchors_word(text) {
            Some(anchors) => Ok(anchors),
            // On a command line a path is relative to the working directory, in keygen.toml to the file.
            None => FilePath::in_working_directory(text).map(Anchors::File),
        }
    }

    fn shown(&self) -> Option<String> {
        Some(match self {
            Anchors::Ours => quoted("ours"),
            Anchors::System => quoted("system"),
            Anchors::File(path) => format!("{{ file = {} }}", quoted(&path.written().to_string_lossy())),
        })
    }
}

fn anchors_word(text: &str) -> Option<Anchors> {
    match text {
        "ours" => Some(Anchors::Ours),
        "system" => Some(Anchors::System),
        _ => None,
    }
}
