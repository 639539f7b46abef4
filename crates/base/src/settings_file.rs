//! The files with settings for ThingsBoard, which `tbpki server` writes and `tbpki check` reads: their names, and the form
//! that values have in them for a container.

/// The name of the file with export lines for thingsboard.conf.
pub const ENV_FILE: &str = "thingsboard.env";

/// The name of the override file for Docker Compose.
pub const COMPOSE_FILE: &str = "docker-compose.tls.yml";

/// The name of the file with Secrets for Kubernetes.
pub const KUBERNETES_FILE: &str = "kubernetes-secret.yml";

/// The directory in a container at which the server's files are mounted, with its final slash.
pub const MOUNT: &str = "/tls/";

/// Appends a YAML scalar in single quotes (YAML 1.2, section 7.3.2), in which a quote is doubled. Compose expands dollar
/// signs even there; two of them are one.
pub fn push_compose_scalar(text: &mut String, value: &str) {
    text.push('\'');
    for c in value.chars() {
        match c {
            '\'' => text.push_str("''"),
            '$' => text.push_str("$$"),
            c => text.push(c),
        }
    }
    text.push('\'');
}

/// The value of a scalar of a Compose file: one of [`push_compose_scalar`], or one without quotes or in double quotes.
pub fn compose_scalar(scalar: &str) -> String {
    let inner = scalar.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.map_or_else(|| scalar.trim_matches('"').to_owned(), |text| text.replace("''", "'")).replace("$$", "$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for (value, scalar) in [("", "''"), ("a b", "'a b'"), ("it's $x", "'it''s $$x'"), ("\"$$'", "'\"$$$$'''")] {
            let mut text = String::new();
            push_compose_scalar(&mut text, value);
            assert_eq!((text.as_str(), compose_scalar(&text)), (scalar, value.to_owned()));
        }
        assert_eq!((compose_scalar("\"true\""), compose_scalar("true")), ("true".to_owned(), "true".to_owned()));
    }
}
