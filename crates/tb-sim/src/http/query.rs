//! Query strings and paths, decoded.

/// The parameters behind the question mark.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn new(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    // The plus first: behind the decoding, a plus that was encoded would become a space.
                    (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
                })
                .collect(),
        )
    }

    /// The first value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Undoes percent-encoding; what is no UTF-8 becomes replacement characters.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            // What is no escape stays as it is: no client of ours sends that.
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path's segments, decoded.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.trim_start_matches('/').split('/').map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::new("deviceName=My+D%C3%A9vice%2B&empty&page=0");
        assert_eq!(query.get("deviceName"), Some("My Dévice+"));
        assert_eq!(query.get("empty"), Some(""));
        assert_eq!(query.get("page"), Some("0"));
        assert_eq!(query.get("other"), None);
        assert_eq!(decode("a%2"), "a%2");
        assert_eq!(decode("%zz"), "%zz");
    }
}
