//! What the files next to a certificate show about the request for it: their names, and what is in them.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use identity::parameters::FileTraits;
use ledger::Kind;
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use store::FILE_LIMIT;
use store::file_names::{KEY, PENDING, server_chain, server_key};

use crate::lifecycle::upkeep::scan::Found;

/// The suffixes of the files of a device whose names begin with its prefix. The longer ones come first.
const OF_DEVICE: [&str; 5] = [".nopass.pem", ".pub.pem", ".p12", ".jks", ".cer"];
/// Those of them that hold the private key, and those of a server's keystores.
const WITH_KEY: [&str; 3] = [".nopass.pem", ".p12", ".jks"];

/// What the files next to a certificate show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnFiles {
    prefix: String,
    is_key_elsewhere: bool,
    single_file: bool,
    include_root: bool,
}

impl OwnFiles {
    /// Looks at the directory of a certificate. `usual_prefix` is the prefix of devices in the configuration: PEM files alone
    /// show none, and a device that has no other files is renewed with the formats and the prefix of the configuration.
    ///
    /// # Errors
    /// Those of the disk. A file that cannot be read as PEM shows nothing: the scan reports it.
    pub(super) fn of(found: &Found, usual_prefix: Option<&str>) -> Result<Self> {
        let file = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(dir) = found.path.parent() else { return Ok(Self::named(&found.name)) };
        let files = BulkDir::open(dir)?.names()?;
        let has = |name: &str| files.iter().any(|file| file == name);
        if found.kind == Kind::Server {
            let prefix = server_prefix(file).unwrap_or(&found.name);
            let (mut holds_key, mut include_root) = (false, false);
            if let Some(bytes) = file::read_optional(dir.join(server_chain(prefix)), FILE_LIMIT)?
                && let Ok(chain) = PemBundle::parse(&bytes)
            {
                holds_key = !chain.keys.is_empty();
                let is_of_ca = chain.certificates.len() > 1;
                include_root = is_of_ca && chain.certificates.last().is_some_and(Certificate::is_self_issued);
            }
            let has_key_file = has(&server_key(prefix));
            let has_keystore = WITH_KEY.iter().any(|suffix| has(&format!("{prefix}{suffix}")));
            return Ok(Self {
                prefix: prefix.to_owned(),
                is_key_elsewhere: !(holds_key || has_key_file || has_keystore),
                single_file: holds_key && !has_key_file,
                include_root,
            });
        }
        let shown = device_prefix(&files, &found.name).or(usual_prefix).filter(|_| is_own(dir, &found.name));
        let prefix = shown.unwrap_or(&found.name);
        let has_key = has(KEY) || WITH_KEY.iter().any(|suffix| has(&format!("{prefix}{suffix}")));
        Ok(Self { is_key_elsewhere: !has_key, ..Self::named(prefix) })
    }

    fn named(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), is_key_elsewhere: false, single_file: false, include_root: false }
    }

    /// As parameters have it.
    pub(super) fn traits(&self) -> FileTraits<'_> {
        let Self { prefix, is_key_elsewhere, single_file, include_root } = self;
        FileTraits {
            prefix,
            is_key_elsewhere: *is_key_elsewhere,
            single_file: *single_file,
            include_root: *include_root,
        }
    }
}

/// Whether a directory has the files of this identity alone. One with copies can have files of others.
fn is_own(dir: &Path, name: &str) -> bool {
    let of_identity = if dir.ends_with(PENDING) { dir.parent() } else { Some(dir) };
    of_identity.is_some_and(|dir| dir.ends_with(name))
}

/// The prefix of a server's files, from the name of one with its chain: PREFIX.pem, PREFIX.pub.pem, or one of them as it is
/// kept, with `.SERIAL` or `.SERIAL-2` at the end.
fn server_prefix(file: &str) -> Option<&str> {
    let of = |file: &'_ str| -> Option<usize> {
        [".pub.pem", ".pem"].iter().find_map(|suffix| file.strip_suffix(suffix)).map(str::len)
    };
    let kept = || file.rsplit_once('.').and_then(|(kept, _)| of(kept));
    of(file).or_else(kept).and_then(|length| file.get(..length)).filter(|prefix| !prefix.is_empty())
}

/// The prefix of the files of a device in formats of other programs; its name comes first. `None` without such files.
fn device_prefix<'a>(files: &'a [String], name: &str) -> Option<&'a str> {
    let of = |file: &'a String| OF_DEVICE.iter().find_map(|suffix| file.strip_suffix(suffix));
    let mut prefixes: Vec<&str> = files.iter().filter_map(of).filter(|prefix| !prefix.is_empty()).collect();
    prefixes.sort_by_key(|prefix| (*prefix != name, *prefix));
    prefixes.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_server_is_before_the_suffixes_of_its_chain() {
        for (file, prefix) in [
            ("mqttserver.pem", Some("mqttserver")),
            ("mqttserver.pub.pem", Some("mqttserver")),
            ("mqttserver.pub.pem.5A51B2C3", Some("mqttserver")),
            ("mqttserver.pem.5A51B2C3-2", Some("mqttserver")),
            ("tb.pem.pem", Some("tb.pem")),
            ("chain", None),
            (".pem", None),
        ] {
            assert_eq!(server_prefix(file), prefix, "{file}");
        }
    }

    #[test]
    fn the_prefix_of_a_device_is_that_of_its_files_for_other_programs() {
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let of = |names: &[&str]| device_prefix(&files(names), "pump-1").map(str::to_owned);
        assert_eq!(of(&["cert.pem", "chain.pem", "key.pem", "tb-server-chain.pem"]), None);
        assert_eq!(of(&["chain.pem", "mqttclient.p12", "mqttclient.nopass.pem"]).as_deref(), Some("mqttclient"));
        assert_eq!(of(&["mqttclient.pub.pem"]).as_deref(), Some("mqttclient"));
        assert_eq!(of(&["pump-1.jks", "mqttclient.p12"]).as_deref(), Some("pump-1"));
        assert_eq!(of(&["mqttclient.p12.5A51B2C3"]), None);
    }

    #[test]
    fn only_the_directory_of_a_device_shows_its_prefix() {
        assert!(is_own(Path::new("pki/devices/pump-1"), "pump-1"));
        assert!(is_own(Path::new("pki/devices/pump-1/pending"), "pump-1"));
        assert!(!is_own(Path::new("/etc/clients"), "pump-1"));
    }
}
