//! PEM text: reading leniently, as BouncyCastle does, and writing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The DER of every `CERTIFICATE` and `X509 CERTIFICATE`, in the order of the file. Everything else is passed over.
pub(crate) fn certificates(text: &str) -> Vec<Vec<u8>> {
    blocks(text)
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE" || block.tag() == "X509 CERTIFICATE")
        .map(pem::Pem::into_contents)
        .collect()
}

/// All blocks that can be read.
pub(crate) fn blocks(text: &str) -> Vec<pem::Pem> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let from = rest.get(start..).unwrap_or_default();
        let end = from.find("-----END ").and_then(|end| {
            // A last line may lack its line end.
            let line = from.get(end..)?.find('\n');
            Some(line.map_or(from.len(), |length| end + length + 1))
        });
        let Some(end) = end else { break };
        // A block that cannot be read is no block.
        blocks.extend(from.get(..end).and_then(|block| pem::parse(block).ok()));
        rest = from.get(end..).unwrap_or_default();
    }
    blocks
}

/// One certificate, in lines of 64 characters.
pub(crate) fn certificate(der: &[u8]) -> String {
    encode("CERTIFICATE", der)
}

/// A block of this kind.
pub(crate) fn encode(tag: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {tag}-----\n");
    for (index, c) in body.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push_str(&format!("\n-----END {tag}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_around_blocks_is_passed_over_and_they_are_written_in_64_columns() {
        let der = vec![7_u8; 100];
        let text = format!("Bag Attributes\n{}junk\n{}", certificate(&der), certificate(&[1]));
        assert_eq!(certificates(&text), [der.clone(), vec![1]]);
        assert_eq!(certificates(&text.replace('\n', "\r\n")), [der.clone(), vec![1]]);
        assert!(certificate(&der).lines().all(|line| line.len() <= 64));
        assert!(certificates("no PEM").is_empty());
    }
}
