//! The help for refusals: what the user of the client can do about each.

use crate::est::Refusal;

/// For refusals that another key can avoid.
const ANOTHER_KEY: &str = "to ask with another key, remove the staged one, KEY.new (CERT.key.new for a key in a token), and run \
    the command again";
const NEW_PASSWORD: &str =
    "ask the operator for a new one-time password: `tbpki enroll password --device NAME` makes one";
const LABEL: &str = "name the profile of the device with --label, or leave --label out if it has none";
const FIRST_AGAIN: &str = "ask the operator for a one-time password, and fetch a first certificate with `tbpki enroll fetch` into \
    new files";

/// The help for a refusal with this status and this line of text. The texts of `tbpki serve` are known, and other servers have
/// their own.
pub(super) fn about(status: u16, text: &str) -> &'static str {
    let is = |refusal: Refusal| text == refusal.to_string();
    // Refusals with a part that differs: the beginning is the same.
    let begins = |refusal: Refusal| text.starts_with(refusal.to_string().trim_end());
    match status {
        401 => {
            "check the name of the device and the password; the operator makes a new one with `tbpki enroll password --device \
             NAME`"
        }
        404 => "check the URL, and the profile after --label",
        400 if begins(Refusal::Request(String::new())) => {
            "name the device as the operator has registered it (--device); the names of a renewal are those of the present \
             certificate"
        }
        400 => ANOTHER_KEY,
        403 if is(Refusal::Denied) || is(Refusal::RevokedKey) => ANOTHER_KEY,
        403 if is(Refusal::BoundPassword) => {
            "use the files of the run that used the password first; if they are lost, ask the operator for a new one-time \
             password: `tbpki enroll password --device NAME` makes one"
        }
        403 if is(Refusal::ExpiredPassword) || is(Refusal::SpentPassword) => NEW_PASSWORD,
        403 if is(Refusal::PasswordOfOtherLabel) || is(Refusal::OtherLabel) => LABEL,
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
            FIRST_AGAIN
        }
        _ => "show the message to the operator of the server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_help_of_its_own_kind() {
        let help = |refusal: Refusal| about(refusal.status(), &refusal.to_string());
        assert_eq!(help(Refusal::Denied), ANOTHER_KEY);
        assert_eq!(help(Refusal::Key("ed25519".to_owned())), ANOTHER_KEY);
        assert!(help(Refusal::Request("the name waits in a job".to_owned())).contains("--device"));
        assert!(help(Refusal::BoundPassword).contains("used the password first"));
        assert_eq!(help(Refusal::ExpiredPassword), NEW_PASSWORD);
        assert!(help(Refusal::WrongPassword).contains("check the name"));
        assert!(help(Refusal::UnknownLabel("pumps".to_owned())).contains("--label"));
        assert_eq!(help(Refusal::KnownDevice), FIRST_AGAIN);
        assert_eq!(about(403, "<html>"), "show the message to the operator of the server");
    }
}
