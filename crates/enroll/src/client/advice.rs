//! The help for refusals: what the user of the client can do about each.

use crate::est::Refusal;

/// What a run of the client asks for, as far as the help depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether the certificate is that of a server.
    pub(super) for_server: bool,
    /// Whether there is no certificate yet.
    pub(super) is_first: bool,
    /// The key of the request.
    pub(super) key: AskedKey,
}

/// The key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedKey {
    /// A new one, in a file.
    NewInFile,
    /// A new one, in a token.
    NewInToken,
    /// One that exists: that of the present certificate, or one that the user names.
    Existing,
}

/// For a key that is staged, and that another one can replace.
const ANOTHER_KEY: &str = "to ask with another key, remove the staged one, KEY.new (CERT.key.new for a key in a token), and run \
    the command again";
const OTHER_EXISTING_KEY: &str = "name another key with --key";
const NOT_THE_SAME_KEY: &str = "run the command without --same-key, so that it makes a new key";
const NEW_PASSWORD: &str =
    "ask the operator for a new one-time password: `tbpki enroll password --device NAME` makes one";
const LABEL: &str = "name the profile of the device with --label, or leave --label out if it has none";
const LABEL_OF_SERVERS: &str = "name the label of servers: --label servers";
const FIRST_AGAIN: &str = "ask the operator for a one-time password, and fetch a first certificate with `tbpki enroll fetch` into \
    new files";
const FIRST_WITH_OTHER_KEY: &str = "ask the operator for a one-time password, and fetch a first certificate for a key of another \
    kind with `tbpki enroll fetch --alg ec-p256` into new files";
const NEW_SERVER: &str = "run `tbpki server --name NAME --force` in the store that made the certificate of this server, and bring \
    the files here";
const NEW_SERVER_WITH_OTHER_KEY: &str = "run `tbpki server --name NAME --alg ec-p256 --force` in the store that made the certificate of \
    this server, and bring the files here";

impl Asked {
    /// The help for a certificate that has expired.
    pub(super) fn about_expired(self) -> &'static str {
        if self.for_server {
            "the certificate of this server has expired: the operator can allow its renewal ([serve] renew_expired), or make \
             another one with `tbpki server --name NAME --force`"
        } else {
            "the certificate of this host has expired: the operator can allow its renewal ([serve] renew_expired), or make a \
             one-time password for `tbpki enroll fetch`"
        }
    }

    /// The help for a certificate that a server does not accept in the TLS handshake.
    pub(super) fn about_alert(self) -> &'static str {
        if self.for_server { NEW_SERVER } else { FIRST_AGAIN }
    }

    /// The help for a refusal with this status and this line of text. The texts of `tbpki serve` are known, and other servers
    /// have their own.
    pub(super) fn about(self, status: u16, text: &str) -> &'static str {
        let is = |refusal: Refusal| text == refusal.to_string();
        // Refusals with a part that differs: the beginning is the same.
        let begins = |refusal: Refusal| text.starts_with(refusal.to_string().trim_end());
        match status {
            401 if self.for_server => NEW_SERVER,
            401 => {
                "check the name of the device and the password; the operator makes a new one with `tbpki enroll password \
                 --device NAME`"
            }
            404 => "check the URL, and the profile after --label",
            400 if begins(Refusal::Request(String::new())) => {
                "name the device as the operator has registered it (--device); the names of a renewal are those of the \
                 present certificate"
            }
            400 if text.starts_with(Refusal::KEY_IS) => self.about_algorithm(),
            400 => self.about_key(),
            403 if is(Refusal::Denied) || is(Refusal::RevokedKey) || is(Refusal::KeyInUse) => self.about_key(),
            403 if is(Refusal::BoundPassword) => {
                "use the files of the run that used the password first; if they are lost, ask the operator for a new \
                 one-time password: `tbpki enroll password --device NAME` makes one"
            }
            403 if is(Refusal::ExpiredPassword) || is(Refusal::SpentPassword) => NEW_PASSWORD,
            403 if is(Refusal::ReservedName) => {
                "fetch the certificate with the one-time password of this name (--password-file), or name another device \
                 with --device"
            }
            403 if is(Refusal::PasswordOfOtherLabel) || is(Refusal::OtherLabel) => {
                if self.for_server {
                    LABEL_OF_SERVERS
                } else {
                    LABEL
                }
            }
            403 if is(Refusal::FirstOfServer) => NEW_SERVER,
            403 if [
                Refusal::UnknownCertificate,
                Refusal::Superseded,
                Refusal::Retired,
                Refusal::Revoked,
                Refusal::Expired,
                Refusal::KnownDevice,
            ]
            .into_iter()
            .any(is) =>
            {
                if self.for_server {
                    NEW_SERVER
                } else {
                    FIRST_AGAIN
                }
            }
            _ => "show the message to the operator of the server",
        }
    }

    /// For refusals that another key can avoid.
    fn about_key(self) -> &'static str {
        match (self.key, self.is_first) {
            (AskedKey::NewInFile | AskedKey::NewInToken, _) => ANOTHER_KEY,
            (AskedKey::Existing, true) => OTHER_EXISTING_KEY,
            (AskedKey::Existing, false) => NOT_THE_SAME_KEY,
        }
    }

    /// For a key of a kind that is not issued. A renewal keeps the kind of the key.
    fn about_algorithm(self) -> &'static str {
        match (self.is_first, self.key) {
            (true, AskedKey::NewInFile) => "run the command again with `--alg ec-p256`",
            (true, AskedKey::NewInToken) => {
                "remove the staged name of the key, CERT.key.new, and run the command again with `--alg ec-p256`"
            }
            (true, AskedKey::Existing) => {
                "name another key with --key: P-256, P-384, or RSA with 2048, 3072 or 4096 bits"
            }
            (false, _) if self.for_server => NEW_SERVER_WITH_OTHER_KEY,
            (false, _) => FIRST_WITH_OTHER_KEY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Asked = Asked { for_server: false, is_first: true, key: AskedKey::NewInFile };

    fn help(asked: Asked, refusal: &Refusal) -> &'static str {
        asked.about(refusal.status(), &refusal.to_string())
    }

    #[test]
    fn each_refusal_has_a_help_of_its_own_kind() {
        let help = |refusal: Refusal| help(FIRST, &refusal);
        assert_eq!(help(Refusal::Denied), ANOTHER_KEY);
        assert!(help(Refusal::Request("the name waits in a job".to_owned())).contains("--device"));
        assert!(help(Refusal::BoundPassword).contains("used the password first"));
        assert_eq!(help(Refusal::ExpiredPassword), NEW_PASSWORD);
        assert!(help(Refusal::WrongPassword).contains("check the name"));
        assert!(help(Refusal::UnknownLabel("pumps".to_owned())).contains("--label"));
        assert_eq!(help(Refusal::KnownDevice), FIRST_AGAIN);
        assert!(help(Refusal::ReservedName).contains("--password-file"));
        assert_eq!(FIRST.about(403, "<html>"), "show the message to the operator of the server");
    }

    #[test]
    fn a_key_that_is_not_issued_is_replaced_by_one_that_is() {
        let renewal = Asked { is_first: false, ..FIRST };
        let key = Refusal::Key("ed25519".to_owned());
        for (asked, wanted) in [
            (FIRST, "run the command again with `--alg ec-p256`"),
            (
                Asked { key: AskedKey::NewInToken, ..FIRST },
                "CERT.key.new, and run the command again with `--alg ec-p256`",
            ),
            (Asked { key: AskedKey::Existing, ..FIRST }, "name another key with --key"),
            (renewal, "`tbpki enroll fetch --alg ec-p256` into new files"),
            (Asked { for_server: true, ..renewal }, "`tbpki server --name NAME --alg ec-p256 --force`"),
        ] {
            assert!(help(asked, &key).contains(wanted), "{asked:?}: {}", help(asked, &key));
        }
        let revoked = Refusal::RevokedKey;
        assert_eq!(help(FIRST, &revoked), ANOTHER_KEY);
        assert_eq!(help(Asked { key: AskedKey::Existing, ..FIRST }, &revoked), OTHER_EXISTING_KEY);
        assert_eq!(help(Asked { key: AskedKey::Existing, ..renewal }, &revoked), NOT_THE_SAME_KEY);
    }

    #[test]
    fn a_server_is_sent_to_the_verb_that_makes_servers() {
        let server = Asked { for_server: true, is_first: false, key: AskedKey::NewInFile };
        assert_eq!(help(server, &Refusal::OtherLabel), LABEL_OF_SERVERS);
        for refusal in [Refusal::Revoked, Refusal::Expired, Refusal::UnknownCertificate, Refusal::FirstOfServer] {
            assert_eq!(help(server, &refusal), NEW_SERVER, "{refusal}");
        }
        assert!(server.about_expired().contains("tbpki server --name"));
    }
}
