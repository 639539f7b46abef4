//! The blocks of a PEM file (RFC 7468, and RFC 1421 for the headers of old key files).
//!
//! Written by hand because the blocks must be wiped, and errors must name the line; the crate `pem` does neither.

use base::{Code, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::foreign;

/// One block: the lines between a BEGIN and an END line. Wiped on drop, since it may hold a key.
#[derive(Clone)]
pub(crate) struct Block {
    /// The words between `BEGIN` and the dashes.
    pub(crate) label: String,
    /// The header lines of old key files, such as `Proc-Type: 4,ENCRYPTED`.
    pub(crate) headers: Vec<String>,
    /// The content.
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// The line of `BEGIN`, counted from 1.
    pub(crate) line: usize,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Every block of the text. Text outside of blocks, such as OpenSSL's bag attributes and text dumps, is passed
/// over, and so are blocks behind a comment sign.
///
/// # Errors
/// A block without its end, or of something else than base64, with the line at which it begins. [`Code::ForeignFormat`] for
/// a text of another kind, such as UTF-16, and for blocks inside quotation marks.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block>> {
    if let Some(kind) = foreign::recognize(text) {
        return Err(kind.error());
    }
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (this, after) = split_line(rest);
        if let Some(opened) = without_marks(this).strip_prefix(BEGIN) {
            // The end may stand in the same line: some people keep PEM in variables and lose the line breaks.
            let start = this.len() - opened.len();
            let (block, used) = read_block(rest.get(start..).unwrap_or_default(), line)?;
            found.push(block);
            let (block_text, remaining) = rest.split_at_checked(start + used).unwrap_or((rest, &[]));
            line += newlines(block_text);
            rest = remaining;
        } else if opens_within(this) {
            // It must not be passed over: readers would go on without its certificate.
            return Err(foreign::IN_LINE.error().position(line, 1));
        } else {
            line += newlines(rest.strip_suffix(after).unwrap_or_default());
            rest = after;
        }
    }
    match foreign::without_blocks(text) {
        Some(kind) if found.is_empty() => Err(kind.error()),
        _ => Ok(found),
    }
}

/// The line without white space and byte order marks in front. Files of Windows that were put together have a mark for each
/// of their parts.
fn without_marks(line: &[u8]) -> &[u8] {
    let mut rest = line.trim_ascii_start();
    while let Some(behind) = rest.strip_prefix(b"\xef\xbb\xbf") {
        rest = behind.trim_ascii_start();
    }
    rest
}

/// Whether a block begins behind something else on the line, as in `CA=-----BEGIN CERTIFICATE-----`. Comments and sentences
/// about such lines are text.
fn opens_within(line: &[u8]) -> bool {
    const COMMENTS: [&[u8]; 6] = [b"#", b";", b"//", b"%", b"*", b"-- "];
    let Some(at) = find(line, BEGIN) else { return false };
    let behind = line.get(at + BEGIN.len()..).unwrap_or_default();
    let Some(label_end) = find(behind, DASHES) else { return false };
    let content = behind.get(label_end + DASHES.len()..).unwrap_or_default().trim_ascii();
    let word = content.split(|octet| octet.is_ascii_whitespace() || *octet == b'-').next().unwrap_or_default();
    let is_base64 =
        word.len() >= 16 && word.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet));
    let is_comment = COMMENTS.iter().any(|sign| without_marks(line).starts_with(sign));
    !is_comment && (content.is_empty() || is_base64)
}

/// True if the text has a line that begins a block.
pub(crate) fn looks_like_pem(text: &[u8]) -> bool {
    find(text, BEGIN).is_some()
}

/// Reads a block from behind `-----BEGIN `, and returns the number of its octets.
fn read_block(text: &[u8], line: usize) -> Result<(Block, usize)> {
    let damaged = |label: &str, what: &str| damaged(label, what).position(line, 1);
    let (label_end, end) = match (find(text, DASHES), find(text, END)) {
        (Some(label_end), Some(end)) if label_end < end => (label_end, end),
        _ => return Err(damaged(&first_line(text), "has no END line")),
    };
    let body = text.get(label_end + DASHES.len()..end).unwrap_or_default();
    let label = String::from_utf8_lossy(text.get(..label_end).unwrap_or_default()).trim().to_owned();
    if let Some(next) = find(body, BEGIN) {
        let on = line + newlines(text.get(..label_end + DASHES.len() + next).unwrap_or_default());
        return Err(damaged(&label, "has no END line").because(format!("the next block begins on line {on}")));
    }
    let tail = text.get(end + END.len()..).unwrap_or_default();
    let Some(closed) = find(tail, DASHES) else { return Err(damaged(&label, "has no END line")) };
    if tail.get(..closed).unwrap_or_default().trim_ascii() != label.as_bytes() {
        return Err(damaged(&label, "ends with the END line of something else"));
    }
    // A foreign private key is refused when it is opened, so that a listing can still show it.
    if let Some(kind) = foreign::of_block(&label, &[]).filter(|_| !label.ends_with("PRIVATE KEY")) {
        return Err(kind.error().position(line, 1));
    }
    let (headers, base64) = split_headers(body);
    let der = STANDARD.decode(&*base64).map_err(|_| match foreign::of_damaged_block(body) {
        Some(kind) => kind.error().position(line, 1),
        None => damaged(&label, "is not base64"),
    })?;
    let used = end + END.len() + closed + DASHES.len();
    Ok((Block { label, headers, der: Zeroizing::new(der), line }, used))
}

/// The headers, and the base64 without white space.
fn split_headers(body: &[u8]) -> (Vec<String>, Zeroizing<Vec<u8>>) {
    let mut headers = Vec::new();
    let mut rest = body.trim_ascii_start();
    // Base64 has no colon, so a line with one is a header; headers go on until an empty line.
    while split_line(rest).0.contains(&b':') {
        loop {
            let (line, after) = split_line(rest);
            rest = after;
            if line.trim_ascii().is_empty() {
                break;
            }
            headers.push(String::from_utf8_lossy(line).trim().to_owned());
        }
        rest = rest.trim_ascii_start();
    }
    // The whole size at once, so that no half-filled copy of a key is left behind by a growing buffer.
    let mut base64 = Zeroizing::new(Vec::with_capacity(rest.len()));
    base64.extend(rest.iter().copied().filter(|octet| !octet.is_ascii_whitespace()));
    (headers, base64)
}

/// The first line without its end, and what follows; lines end with LF, CRLF or CR.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|octet| matches!(octet, b'\n' | b'\r')) {
        Some(end) => {
            let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
            let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
            (line, rest)
        }
        None => (text, &[]),
    }
}

fn newlines(text: &[u8]) -> usize {
    // A carriage return alone ends a line too, as in files of old Macs.
    let lone_returns = text.windows(2).filter(|pair| matches!(pair, [b'\r', next] if *next != b'\n')).count();
    text.iter().filter(|octet| **octet == b'\n').count() + lone_returns
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(split_line(text).0).trim_end_matches('-').to_owned()
}

fn damaged(label: &str, what: &str) -> Error {
    let code = if label.contains("PRIVATE KEY") {
        Code::KeyUnreadable
    } else if label.contains("REQUEST") {
        Code::CsrUnreadable
    } else {
        Code::CertificateUnreadable
    };
    code.error(format!("the PEM block {} {what}", base::text::quote(label)))
        .fix("copy the whole block again, from the line with BEGIN to the line with END")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, usize)> {
        blocks(text.as_bytes()).unwrap().into_iter().map(|block| (block.label, block.line)).collect()
    }

    #[test]
    fn text_around_blocks_is_passed_over() {
        let text = "\u{feff}Bag Attributes\n    friendlyName: x\n-----BEGIN A-----\nAAAA\n-----END A-----\n\
                    # -----BEGIN HIDDEN-----\n# AAAA\n# -----END HIDDEN-----\r\n  -----BEGIN B C-----\r\nAA==\r\n-----END B C-----";
        assert_eq!(labels(text), [("A".to_owned(), 3), ("B C".to_owned(), 9)]);
    }

    #[test]
    fn line_breaks_are_optional() {
        assert_eq!(blocks(b"-----BEGIN A-----AAEC-----END A-----").unwrap()[0].der[..], [0, 1, 2]);
        assert_eq!(
            labels("-----BEGIN A-----\rAA==\r-----END A-----\r-----BEGIN B-----\rAA==\r-----END B-----").len(),
            2
        );
    }

    #[test]
    fn headers_are_kept_apart() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAEC\n-----END RSA PRIVATE KEY-----\n";
        let block = &blocks(text.as_bytes()).unwrap()[0];
        assert_eq!(block.headers, ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00"]);
        assert_eq!(block.der[..], [0, 1, 2]);
    }

    #[test]
    fn damage_is_reported_with_its_line() {
        for (text, code) in [
            ("\n-----BEGIN CERTIFICATE-----\nAA==\n", Code::CertificateUnreadable),
            ("\n-----BEGIN CERTIFICATE-----\nA*==\n-----END CERTIFICATE-----\n", Code::CertificateUnreadable),
            ("\n-----BEGIN PRIVATE KEY-----\nAA==\n-----END CERTIFICATE-----\n", Code::KeyUnreadable),
            ("\n-----BEGIN NEW CERTIFICATE REQUEST-----", Code::CsrUnreadable),
            ("\n-----BEGIN -----END ", Code::CertificateUnreadable),
        ] {
            let error = blocks(text.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!((error.code(), error.finding().location.line), (code, Some(2)), "{text}");
        }
    }

    #[test]
    fn byte_order_marks_are_no_part_of_a_line() {
        let text = "\u{feff}-----BEGIN A-----\nAA==\n-----END A-----\n\u{feff}-----BEGIN B-----\r\nAA==\r\n-----END B-----\u{feff}\u{feff} \
                    -----BEGIN C-----\nAA==\n-----END C-----\n";
        assert_eq!(labels(text), [("A".to_owned(), 1), ("B".to_owned(), 4), ("C".to_owned(), 6)]);
    }

    #[test]
    fn a_block_within_a_line_is_not_passed_over() {
        let good = "-----BEGIN A-----\nAA==\n-----END A-----\n";
        for line in [
            "CA=-----BEGIN B-----",
            "<ca>-----BEGIN B-----\r",
            "> -----BEGIN B-----",
            "x -----BEGIN B-----MIIBAAAAAAAAAAAAAA==-----END B-----",
        ] {
            let error = blocks(format!("{good}{line}\nAA==\n-----END B-----\n").as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!((error.code(), error.finding().location.line), (Code::ForeignFormat, Some(4)), "{line}");
        }
        for line in ["# -----BEGIN B-----", "; -----BEGIN B-----", "Copy the lines from -----BEGIN B----- to its end."]
        {
            assert_eq!(labels(&format!("{line}\n{good}")), [("A".to_owned(), 2)], "{line}");
        }
    }

    #[test]
    fn a_missing_end_line_is_told_from_damage() {
        let text =
            "\n-----BEGIN CERTIFICATE-----\nAA==\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let error = blocks(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(error.finding().location.line, Some(2));
        assert!(error.finding().what.ends_with("has no END line"), "{error}");
        assert_eq!(error.finding().why.as_deref(), Some("the next block begins on line 4"));
    }

    #[test]
    fn utf_16_is_named_as_what_it_is() {
        let error = blocks(b"\xff\xfe-\0-\0").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("UTF-16"));
    }
}
