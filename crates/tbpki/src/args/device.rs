//! The devices that a verb is about.

use std::str::FromStr;

use base::{Error, Result};
use clap::Args;
use pki::device_name::DeviceName;

use super::value::parsed;
use crate::completion;

/// Devices, as NAME.. or as `--device NAME`.
#[derive(Debug, Clone, Args)]
#[group(id = "devices", required = true, multiple = true)]
pub struct DevicesArg {
    /// The devices: the common name of each, its directory and its name on the platform
    // Without a delimiter: a name may contain a comma.
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceName>(), add = completion::devices())]
    name: Vec<DeviceName>,
    /// More devices
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>(), num_args = 1.., add = completion::devices())]
    device: Vec<DeviceName>,
}

impl DevicesArg {
    /// The names in the order of the command line, each once.
    pub fn names(&self) -> Vec<&DeviceName> {
        each_once(self.name.iter().chain(&self.device))
    }
}

/// The names in their order, each once.
pub(crate) fn each_once<'a>(names: impl Iterator<Item = &'a DeviceName>) -> Vec<&'a DeviceName> {
    let mut once: Vec<&DeviceName> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// A word that names devices: one, or several separated by commas. The name of a device may contain a comma itself, and
/// then only the ledger tells what is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceWord {
    /// The word as one name, if it has a comma.
    pub(crate) whole: Option<DeviceName>,
    /// The names between its commas.
    pub(crate) parts: Vec<DeviceName>,
}

impl FromStr for DeviceWord {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Result<Vec<DeviceName>> = text.split(',').map(str::parse).collect();
        let whole = if text.contains(',') { text.parse().ok() } else { None };
        match (whole, parts) {
            (whole, Ok(parts)) => Ok(Self { whole, parts }),
            // For example a name that ends with a comma.
            (Some(whole), Err(_)) => Ok(Self { whole: None, parts: vec![whole] }),
            (None, Err(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::DeviceWord;
    use crate::args::{Cli, Verb};

    /// The names in words, split at their commas.
    fn names(words: &[DeviceWord]) -> Vec<&str> {
        words.iter().flat_map(|word| &word.parts).map(super::DeviceName::as_str).collect()
    }

    fn parsed(line: &str) -> Result<Verb, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.verb)
    }

    #[test]
    fn a_device_has_its_name_with_or_without_the_flag() {
        for line in ["tbpki token pump-1 --create", "tbpki token --device pump-1", "tbpki token --device=pump-1"] {
            let Ok(Verb::Token(args)) = parsed(line) else { panic!("{line}") };
            assert_eq!(args.devices.names(), [&"pump-1".parse().unwrap()], "{line}");
        }
        for line in ["tbpki token", "tbpki unregister", "tbpki unregister --device"] {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert!(parsed("tbpki unregister pump-1").is_ok());
    }

    #[test]
    fn one_or_several_devices_are_issued_each_once() {
        for (line, expected) in [
            ("tbpki client pump-1 --alg ec-p256", &["pump-1"][..]),
            ("tbpki client --device=pump-1", &["pump-1"]),
            ("tbpki client b a b --device c a", &["b", "a", "c"]),
            ("tbpki client --device a,b", &["a,b"]),
        ] {
            let Ok(Verb::Client(args)) = parsed(line) else { panic!("{line}") };
            let names: Vec<&str> = args.devices.names().into_iter().map(super::DeviceName::as_str).collect();
            assert_eq!(names, expected, "{line}");
        }
        assert!(parsed("tbpki client").is_err() && parsed("tbpki client a /b").is_err());
    }

    #[test]
    fn images_are_for_devices_with_or_without_the_flag() {
        for line in [
            "tbpki bundle-firmware a b",
            "tbpki bundle-firmware --device a --device b",
            "tbpki bundle-firmware a --device b",
        ] {
            let Ok(Verb::BundleFirmware(args)) = parsed(line) else { panic!("{line}") };
            let names: Vec<&str> = args.name.iter().chain(&args.device).map(super::DeviceName::as_str).collect();
            assert_eq!(names, ["a", "b"], "{line}");
        }
        for line in [
            "tbpki bundle-firmware --pending a",
            "tbpki bundle-firmware --pending --device a",
            "tbpki flash a",
            "tbpki flash --device a",
        ] {
            assert!(parsed(line).is_ok(), "{line}");
        }
        for line in [
            "tbpki bundle-firmware a --all",
            "tbpki bundle-firmware --pending",
            "tbpki flash a b",
            "tbpki flash a --device a",
            "tbpki flash a --from d",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn devices_are_renewed_revoked_and_forgotten_with_or_without_the_flag() {
        for verb in ["renew", "revoke", "forget"] {
            for line in [format!("tbpki {verb} a b"), format!("tbpki {verb} --device a,b")] {
                let words = match parsed(&line) {
                    Ok(Verb::Renew(args)) => [&args.name[..], &args.device].concat(),
                    Ok(Verb::Revoke(args)) => [&args.name[..], &args.device].concat(),
                    Ok(Verb::Forget(args)) => [&args.name[..], &args.device].concat(),
                    other => panic!("{line}: {other:?}"),
                };
                assert_eq!(names(&words), ["a", "b"], "{line}");
            }
            assert!(parsed(&format!("tbpki {verb}")).is_err(), "{verb}");
        }
        assert!(parsed("tbpki revoke a --open").is_err() && parsed("tbpki renew a --all").is_err());
    }

    #[test]
    fn several_devices_are_registered_with_or_without_the_flag() {
        for line in [
            "tbpki register a b",
            "tbpki register a,b",
            "tbpki register --device a,b",
            "tbpki register --device a b",
            "tbpki register a --device b",
        ] {
            let Ok(Verb::Register(args)) = parsed(line) else { panic!("{line}") };
            assert_eq!(names(&[&args.name[..], &args.device].concat()), ["a", "b"], "{line}");
        }
        assert!(parsed("tbpki register").is_err() && parsed("tbpki register a --all").is_err());
        assert!(parsed("tbpki register --all").is_ok());
    }
}
