//! Files of kinds that tbpki does not read, told by how they begin, so that the message can name the kind and the way out.

use base::{Code, Error};

/// A kind of file, and what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignFormat {
    what: &'static str,
    fix: &'static str,
}

impl ForeignFormat {
    /// The error that names the kind.
    pub(crate) fn error(self) -> Error {
        Code::ForeignFormat.error(self.what).fix(self.fix)
    }
}

const fn foreign(what: &'static str, fix: &'static str) -> ForeignFormat {
    ForeignFormat { what, fix }
}

const UTF16: ForeignFormat = foreign(
    "the file is UTF-16 text, as PowerShell writes it with `>`; no reader of PEM takes it",
    "save it as UTF-8 or ASCII: in PowerShell `Get-Content OLD | Set-Content -Encoding ascii NEW`",
);
const OPENSSH: ForeignFormat = foreign(
    "the private key is in OpenSSH's own format",
    "convert a copy of it in place: `ssh-keygen -p -m PKCS8 -f COPY`",
);
/// `ssh-keygen` converts keys of other kinds alone.
const OPENSSH_ED25519: ForeignFormat = foreign(
    "the Ed25519 key is in OpenSSH's own format, from which `ssh-keygen` does not convert it",
    "convert it with the package `cryptography` for Python (`load_ssh_private_key`, then `private_bytes` as PKCS8), or \
     make another key",
);
const OPENSSH_PUBLIC: ForeignFormat =
    foreign("the file holds a public key of OpenSSH", "name the file with the certificate or with the private key");
const PUTTY: ForeignFormat = foreign(
    "the private key is in PuTTY's format (.ppk)",
    "convert it: `puttygen KEY.ppk -O private-openssh -o KEY`, then `ssh-keygen -p -m PKCS8 -f KEY`",
);
const PGP: ForeignFormat = foreign(
    "the file is of PGP, whose keys and messages are not those of X.509",
    "decrypt it first if the key is inside (`gpg --decrypt`), or name the file of the CA",
);
const AGE: ForeignFormat = foreign("the file is encrypted with age", "decrypt it first: `age --decrypt`");
const JCEKS: ForeignFormat = foreign(
    "the file is a JCEKS keystore",
    "convert it: `keytool -importkeystore -srckeystore OLD -srcstoretype JCEKS -destkeystore NEW.p12 -deststoretype PKCS12`",
);
const JKS: ForeignFormat = foreign(
    "the file is a JKS keystore, and certificates or keys in PEM or DER are read here",
    "convert it: `keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 -deststoretype PKCS12`, then `openssl pkcs12 -in NEW.p12 -nodes -out NEW.pem`",
);
pub(crate) const PKCS12: ForeignFormat = foreign(
    "the file is a PKCS#12 keystore, and certificates or keys in PEM or DER are read here",
    "write it as PEM: `openssl pkcs12 -in FILE -nodes -out FILE.pem`, and guard that file: the key in it is plain",
);
const BKS: ForeignFormat = foreign(
    "the file is a keystore of BouncyCastle (BKS)",
    "convert it with keytool and BouncyCastle's provider: `-srcstoretype BKS -deststoretype PKCS12`",
);
const ZIP: ForeignFormat = foreign("the file is a ZIP archive", "unpack it, and name the files that were in it");
const TAR: ForeignFormat = foreign("the file is a tar archive", "unpack it, and name the files that were in it");
const GZIP: ForeignFormat = foreign("the file is compressed", "unpack it, and name the files that were in it");
const HTML: ForeignFormat = foreign("the file is a web page", "download the file itself: this is the page around it");
const JWK: ForeignFormat = foreign(
    "the file is JSON",
    "write the key and the certificates as PEM; a JWK can be converted with `step crypto jwk` or a library",
);
const NSS: ForeignFormat = foreign(
    "the file is a database of NSS or another one in SQLite",
    "export the certificate with its key: `pk12util -o FILE.p12 -n NAME -d DIRECTORY`",
);
const QUOTED: ForeignFormat = foreign(
    "the PEM text is inside quotation marks, as in source code",
    "write each line as it is, without quotation marks and without \\n, into a file",
);
const ESCAPED: ForeignFormat = foreign(
    "the PEM text has \\n in place of line ends, as in JSON or a variable",
    "write it with real line ends: `printf '%b' \"$TEXT\" > FILE`",
);
pub(crate) const IN_LINE: ForeignFormat = foreign(
    "the PEM text does not begin at the start of a line",
    "remove what is before -----BEGIN, in this and in the other lines",
);
const DASHES: ForeignFormat = foreign(
    "the PEM text has a BEGIN line without the five dashes on both sides",
    "write the line as `-----BEGIN CERTIFICATE-----`, and the END line in the same way",
);
const BARE_BASE64: ForeignFormat = foreign(
    "the file is base64 without the lines BEGIN and END",
    "decode it: `base64 -d OLD > NEW.der`; or put the lines of its kind around it, for a certificate `-----BEGIN \
     CERTIFICATE-----` and `-----END CERTIFICATE-----`",
);

const ENCODED_TWICE: ForeignFormat = foreign(
    "the file is PEM that is encoded in base64 once more, as in a Secret of Kubernetes",
    "decode it: `base64 -d OLD > NEW.pem`",
);
const ENCODED_WITHIN: ForeignFormat = foreign(
    "the file contains PEM that is encoded in base64 once more, as in a Secret of Kubernetes",
    "decode the value, for example `kubectl get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d > NEW.pem`",
);

/// The first octets of a BEGIN line in base64.
const BEGIN_IN_BASE64: &[u8] = b"LS0tLS1CRUdJTi";

/// Octets with which files of a kind begin.
const STARTS: &[(&[u8], ForeignFormat)] = &[
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    // UTF-16 without a byte order mark: the first two dashes of a BEGIN line.
    (b"-\0-\0", UTF16),
    (b"\0-\0-", UTF16),
    (b"PuTTY-User-Key-File-", PUTTY),
    (b"-----BEGIN PGP ", PGP),
    (b"---- BEGIN SSH2 ", OPENSSH_PUBLIC),
    (b"ssh-rsa ", OPENSSH_PUBLIC),
    (b"ssh-ed25519 ", OPENSSH_PUBLIC),
    (b"ssh-dss ", OPENSSH_PUBLIC),
    (b"ecdsa-sha2-", OPENSSH_PUBLIC),
    (b"age-encryption.org/", AGE),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", AGE),
    (&JCEKS_MAGIC, JCEKS),
    // The version, and the length of a salt of 20 octets.
    (b"\0\0\0\x01\0\0\0\x14", BKS),
    (b"\0\0\0\x02\0\0\0\x14", BKS),
    (b"PK\x03\x04", ZIP),
    (b"\x1f\x8b", GZIP),
    (b"<!DOCTYPE html", HTML),
    (b"<!doctype html", HTML),
    (b"<html", HTML),
    (b"SQLite format 3\0", NSS),
];

/// The first octets of the keystores of Sun's JCE provider.
const JCEKS_MAGIC: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

/// The kind of a file that is not read, whatever is asked of it. None for files that are read and for those that are not
/// known.
pub(crate) fn recognize(bytes: &[u8]) -> Option<ForeignFormat> {
    // The state of a page in use, with which an NVS partition begins. U+FFFF is no character of a text.
    if bytes.starts_with(b"\xfe\xff\xff\xff") {
        return None;
    }
    if let Some((_, kind)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(*kind);
    }
    // The name of the first file comes before the magic number (POSIX.1, ustar).
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(TAR);
    }
    // Editors on Windows write a byte order mark, and some tools empty lines, in front of the text.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if let Some((_, kind)) = STARTS.iter().find(|(start, _)| text.starts_with(start)) {
        return Some(*kind);
    }
    if find(text, b"\"-----BEGIN ") || find(text, b"'-----BEGIN ") {
        return Some(if text.starts_with(b"{") && find(text, b"\\n") { ESCAPED } else { QUOTED });
    }
    None
}

/// The kind of a text in which no PEM block was found.
pub(crate) fn without_blocks(text: &[u8]) -> Option<ForeignFormat> {
    if text.starts_with(b"\xfe\xed\xfe\xed") {
        return Some(JKS);
    }
    // Text in front of a BEGIN line, and no byte order mark.
    if find(text, b"-\0B\0E\0G\0I\0N\0 \0") || find(text, b"\0-\0B\0E\0G\0I\0N\0 ") {
        return Some(UTF16);
    }
    if find(text, BEGIN_IN_BASE64) {
        return Some(if is_base64(text.trim_ascii()) { ENCODED_TWICE } else { ENCODED_WITHIN });
    }
    if text.trim_ascii_start().starts_with(b"{") {
        return Some(JWK);
    }
    if find(text, b"-----BEGIN ") {
        return Some(IN_LINE);
    }
    if find(text, b"BEGIN CERTIFICATE") || find(text, b"PRIVATE KEY") {
        return Some(DASHES);
    }
    // An element of DER of 128 octets or more begins with 0x30 0x81 or 0x82.
    let base64 = text.trim_ascii();
    // `/u3+7Q` is the magic number of JKS in base64.
    ((base64.starts_with(b"MI") || base64.starts_with(b"/u3+7Q")) && is_base64(base64)).then_some(BARE_BASE64)
}

fn is_base64(text: &[u8]) -> bool {
    text.iter().all(|octet| octet.is_ascii_alphanumeric() || octet.is_ascii_whitespace() || b"+/=".contains(octet))
}

/// The kind of a PEM block that is not read, by its label and its content.
pub(crate) fn of_block(label: &str, content: &[u8]) -> Option<ForeignFormat> {
    match label {
        // The kind of the key is in plain text, also if the key is encrypted.
        "OPENSSH PRIVATE KEY" if find(content, b"ssh-ed25519") => Some(OPENSSH_ED25519),
        "OPENSSH PRIVATE KEY" => Some(OPENSSH),
        "SSH2 PUBLIC KEY" => Some(OPENSSH_PUBLIC),
        "AGE ENCRYPTED FILE" => Some(AGE),
        label if label.starts_with("PGP ") => Some(PGP),
        _ => None,
    }
}

/// The kind of a PEM block whose content is not base64.
pub(crate) fn of_damaged_block(body: &[u8]) -> Option<ForeignFormat> {
    if find(body, b"\"") {
        return Some(QUOTED);
    }
    find(body, b"\\n").then_some(ESCAPED)
}

fn find(text: &[u8], pattern: &[u8]) -> bool {
    // Linear in practice: files are bounded by their readers, and patterns are short.
    text.windows(pattern.len()).any(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_beginning() {
        for (bytes, kind) in [
            (&b"\xff\xfe-\0-\0"[..], UTF16),
            (b"\xfe\xff\0-\0-", UTF16),
            // UTF-16 without a byte order mark: only the NULs tell.
            (b"-\0-\0-\0-\0-\0B\0", UTF16),
            (b"\xef\xbb\xbfPuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n", PUTTY),
            (b"\n-----BEGIN PGP PRIVATE KEY BLOCK-----\n", PGP),
            (b"ssh-ed25519 AAAA x@y", OPENSSH_PUBLIC),
            (&[0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2], JCEKS),
            (b"PK\x03\x04\x14", ZIP),
            (b"<html><body>", HTML),
            (b"const char* ca = \"-----BEGIN CERTIFICATE-----\\n\"\n\"MIIB\"", QUOTED),
            (b"key: '-----BEGIN PRIVATE KEY-----'", QUOTED),
            (b"{\"ca\": \"-----BEGIN CERTIFICATE-----\\nMIIB\\n\"}", ESCAPED),
        ] {
            assert_eq!(recognize(bytes), Some(kind), "{:?}", String::from_utf8_lossy(bytes));
        }
        let mut tar = [b'a'; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(recognize(&tar), Some(TAR));
        for bytes in [
            &b""[..],
            b"-----BEGIN CERTIFICATE-----\n",
            b"\x30\x82",
            b"hello",
            b"\xfe\xed\xfe\xed",
            b"\xfe\xff\xff\xff",
        ] {
            assert_eq!(recognize(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn text_without_blocks_has_a_reason() {
        for (text, kind) in [
            (&b"{\"kty\":\"EC\"}"[..], Some(JWK)),
            (b"\xfe\xed\xfe\xed\0\0\0\x02", Some(JKS)),
            (b"> -----BEGIN CERTIFICATE-----\n> MIIB\n", Some(IN_LINE)),
            (b"----BEGIN CERTIFICATE----\nMIIB\n", Some(DASHES)),
            (b"MIIBszCCAVmg\nAwIBAgI=\n", Some(BARE_BASE64)),
            (b"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\nTUlJQg==\n", Some(ENCODED_TWICE)),
            (b"kind: Secret\ndata:\n  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\n", Some(ENCODED_WITHIN)),
            (b"B\0a\0g\0\n\0-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0C\0", Some(UTF16)),
            (b"\0B\0a\0g\0\n\0-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0C", Some(UTF16)),
            (b"hello", None),
        ] {
            assert_eq!(without_blocks(text), kind, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn damaged_blocks_have_a_reason() {
        assert_eq!(of_damaged_block(b"-----\\nMIIB\\n"), Some(ESCAPED));
        assert_eq!(of_damaged_block(b"\"\n\"MIIB\\n\""), Some(QUOTED));
        assert_eq!(of_damaged_block(b"MI*B"), None);
        assert_eq!(of_block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0..ecdsa-sha2-nistp256"), Some(OPENSSH));
        assert_eq!(of_block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0..ssh-ed25519"), Some(OPENSSH_ED25519));
        assert_eq!(of_block("PRIVATE KEY", b""), None);
    }
}
