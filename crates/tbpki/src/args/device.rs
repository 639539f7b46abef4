//! The devices that a verb is about.

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
        let mut names: Vec<&DeviceName> = Vec::new();
        for name in self.name.iter().chain(&self.device) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Cli, Verb};

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
    fn devices_are_renewed_revoked_and_forgotten_with_or_without_the_flag() {
        for verb in ["renew", "revoke", "forget"] {
            for line in [format!("tbpki {verb} a b"), format!("tbpki {verb} --device a,b")] {
                let names = match parsed(&line) {
                    Ok(Verb::Renew(args)) => [&args.name[..], &args.device].concat(),
                    Ok(Verb::Revoke(args)) => [&args.name[..], &args.device].concat(),
                    Ok(Verb::Forget(args)) => [&args.name[..], &args.device].concat(),
                    other => panic!("{line}: {other:?}"),
                };
                let names: Vec<&str> = names.iter().map(super::DeviceName::as_str).collect();
                assert_eq!(names, ["a", "b"], "{line}");
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
            let names: Vec<&str> = args.name.iter().chain(&args.device).map(super::DeviceName::as_str).collect();
            assert_eq!(names, ["a", "b"], "{line}");
        }
        assert!(parsed("tbpki register").is_err() && parsed("tbpki register a --all").is_err());
        assert!(parsed("tbpki register --all").is_ok());
    }
}
