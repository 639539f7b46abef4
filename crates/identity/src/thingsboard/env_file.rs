//! `thingsboard.env`: export lines for thingsboard.conf, which a shell sources.

use zeroize::Zeroizing;

use super::{ThingsBoardSettings, Variable, variables};

/// The text of `thingsboard.env`. It holds passwords and is guarded like a key.
pub fn env_file(settings: &ThingsBoardSettings) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::from(
        "# Settings for ThingsBoard, written by tbpki. Holds passwords: keep its mode at 0600.\n\
         # Append them to thingsboard.conf, or source this file from there, and restart ThingsBoard.\n#\n",
    ));
    text.push_str(match settings.keystore {
        Some(_) => {
            "# Java and Go clients send their certificate only when the server names its issuer, and ThingsBoard\n\
             # names what its own keystore holds: use the KEYSTORE lines unless all clients are OpenSSL or Mbed TLS.\n"
        }
        None => {
            "# The private key is where the certificate was requested: put it next to the chain under the name below.\n\
             # Java and Go clients find their certificate only with a keystore; make one there from key and chain.\n"
        }
    });
    text.push_str(
        "# ThingsBoard reads DEVICE_CONNECTIVITY_*_ENABLED, _HOST and _PORT only when its database is installed. Afterwards,\n\
         # the system administrator types them in Settings, General, Device connectivity. _CA_ROOT_CERT always counts.\n",
    );
    let mut last_active = true;
    for variable in variables(settings) {
        if last_active && !variable.active {
            text.push_str("# The other way, in place of the lines above:\n");
        }
        last_active = variable.active;
        push_line(&mut text, &variable);
    }
    text
}

fn push_line(text: &mut String, Variable { name, value, active }: &Variable) {
    if !active {
        text.push_str("# ");
    }
    text.push_str("export ");
    text.push_str(name);
    text.push('=');
    push_quoted(text, value.reveal());
    text.push('\n');
}

/// Plain words stay as they are; everything else goes into single quotes, in which a shell changes nothing.
fn push_quoted(text: &mut String, value: &str) {
    // No tilde: a shell expands it at the beginning of an assigned value and after each colon (POSIX, section 2.6.1).
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        text.push_str(value);
        return;
    }
    text.push('\'');
    for c in value.chars() {
        match c {
            // Nothing is an escape within single quotes: they are closed, and opened again after the escaped quote.
            '\'' => text.push_str("'\\''"),
            c => text.push(c),
        }
    }
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_shell() {
        for (value, quoted) in [("plain-1.p12", "plain-1.p12"), ("it's $x", "'it'\\''s $x'"), ("", "''")] {
            let mut text = String::new();
            push_quoted(&mut text, value);
            assert_eq!(text, quoted);
        }
    }
}
