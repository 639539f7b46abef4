//! Files that only the holders of age keys can open: the format `age-encryption.org/v1`, written for X25519
//! recipients. Reading them is the business of those who have the keys, with `age` or any other implementation.
//!
//! Written by hand because only writing is needed (one stanza for each recipient, and a stream of sealed chunks), which the
//! crate `age` offers only together with reading, passphrases, plugins and localized messages.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};
use base::text::quote;
use base::{Code, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

mod bech32;

/// Octets of a sealed chunk, without its tag.
const CHUNK: usize = 64 << 10;
/// Octets of a Poly1305 tag.
const TAG: usize = 16;
/// The human-readable part of recipients.
const PREFIX: &str = "age";

/// A party that can open archives that are sealed for it: the public half of an age key, `age1..`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Recipient([u8; 32]);

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            Code::AgeRecipient
                .error(format!("{} is not a recipient that can be sealed for", shown(text)))
                .because(why)
                .fix("name what `age-keygen` printed as the public key: age1 and 58 more characters")
        };
        // Named apart, and never quoted: the text is a secret.
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(refused("this is a secret key; give the public key of the person who opens the files"));
        }
        if text.starts_with("ssh-") || text.starts_with("age1yubikey1") || text.starts_with("age1pq1") {
            return Err(refused("only X25519 recipients are known here"));
        }
        let octets = bech32::decode(PREFIX, text).ok_or_else(|| refused("its check characters do not fit"))?;
        let octets = <[u8; 32]>::try_from(octets).map_err(|_| refused("it has another length"))?;
        Ok(Self(octets))
    }
}

/// Text of a refused recipient. A secret key in the place of a public one is not repeated.
fn shown(text: &str) -> String {
    if text.to_ascii_uppercase().contains("SECRET") { "what was named".to_owned() } else { quote(text).to_string() }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(PREFIX, &self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// The recipients in a text with one a line; empty lines and those that begin with `#` are left out.
///
/// # Errors
/// [`Code::AgeRecipient`] naming the line.
pub fn recipients(text: &str) -> Result<Vec<Recipient>> {
    let lines = text.lines().enumerate().map(|(index, line)| (index, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| line.parse().map_err(|error: Error| error.item(format!("line {}", index + 1))))
        .collect()
}

/// Seals `plain` for all of `recipients`; each of them can open it alone.
///
/// # Errors
/// [`Code::AgeRecipient`] where there is none or one that nothing can be sealed for (a point of low order).
pub fn seal(recipients: &[Recipient], plain: &[u8]) -> Result<Vec<u8>> {
    let (mut out, key) = header(recipients)?;
    stream(&key, plain, &mut out)?;
    Ok(out)
}

/// The beginning of a file, and the key of its payload.
fn header(recipients: &[Recipient]) -> Result<(Vec<u8>, LessSafeKey)> {
    if recipients.is_empty() {
        return Err(Code::AgeRecipient.error("no recipient is given"));
    }
    let mut file_key = Zeroizing::new([0; 16]);
    rand::fill(&mut *file_key).map_err(broken)?;
    let mut out = b"age-encryption.org/v1\n".to_vec();
    for recipient in recipients {
        // A key of its own for each recipient (age v1: X25519 recipient stanza).
        stanza(recipient, &file_key, &mut out)?;
    }
    out.extend_from_slice(b"---");
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &*derive(&[], &*file_key, b"header")?);
    let mac = hmac::sign(&mac, &out);
    out.extend_from_slice(format!(" {}\n", STANDARD_NO_PAD.encode(mac.as_ref())).as_bytes());
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).map_err(broken)?;
    out.extend_from_slice(&nonce);
    let key = sealing_key(&*derive(&nonce, &*file_key, b"payload")?)?;
    Ok((out, key))
}

/// Seals what is written to it, in pieces.
pub struct Sealer<W> {
    out: W,
    key: LessSafeKey,
    /// What is not sealed yet: the last chunk is marked, so that it is known only at the end.
    waiting: Zeroizing<Vec<u8>>,
    counter: u64,
}

impl<W: Write> Sealer<W> {
    /// Begins a file for all of `recipients`.
    ///
    /// # Errors
    /// As [`seal`], and [`Code::FileUnwritable`].
    pub fn new(recipients: &[Recipient], mut out: W) -> Result<Self> {
        let (head, key) = header(recipients)?;
        out.write_all(&head)
            .map_err(|error| Code::FileUnwritable.error("the sealed file cannot be written").caused_by(error))?;
        Ok(Self { out, key, waiting: Zeroizing::new(Vec::with_capacity(2 * CHUNK)), counter: 0 })
    }

    /// Ends the file, and returns what it was written to.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(self.waiting.len(), true)?;
        Ok(self.out)
    }

    fn seal(&mut self, length: usize, is_last: bool) -> io::Result<()> {
        // Sealed in place, so that this buffer, which is not wiped, holds no plain text when it is dropped.
        let mut chunk: Vec<u8> = self.waiting.drain(..length).collect();
        let tag = seal_chunk(&self.key, self.counter, is_last, &mut chunk).map_err(io::Error::other)?;
        self.counter = self.counter.saturating_add(1);
        self.out.write_all(&chunk)?;
        self.out.write_all(tag.as_ref())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (2 * CHUNK).saturating_sub(self.waiting.len());
        let taken = bytes.get(..bytes.len().min(room)).unwrap_or(bytes);
        self.waiting.extend_from_slice(taken);
        // A full chunk waits until more follows, because the last one is marked as such.
        if self.waiting.len() > CHUNK {
            self.seal(CHUNK, false)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The file's key, wrapped for one recipient.
fn stanza(recipient: &Recipient, file_key: &[u8; 16], out: &mut Vec<u8>) -> Result<()> {
    let ephemeral = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).map_err(broken)?;
    let share = ephemeral.compute_public_key().map_err(broken)?;
    let salt = [share.as_ref(), &recipient.0].concat();
    // A recipient of low order gives a shared secret of zeros, which aws-lc refuses (RFC 7748, section 6.1).
    let unusable = Code::AgeRecipient.error(format!("nothing can be sealed for {recipient}"));
    let wrapping = agree_ephemeral(ephemeral, UnparsedPublicKey::new(&X25519, &recipient.0), unusable, |shared| {
        derive(&salt, shared, b"age-encryption.org/v1/X25519")
    })?;
    let mut body = file_key.to_vec();
    // A nonce of zeros is safe here: the wrapping key is used once.
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    sealing_key(&*wrapping)?.seal_in_place_append_tag(nonce, Aad::empty(), &mut body).map_err(broken)?;
    let [share, body] = [share.as_ref(), &body].map(|octets| STANDARD_NO_PAD.encode(octets));
    out.extend_from_slice(format!("-> X25519 {share}\n{body}\n").as_bytes());
    Ok(())
}

/// The payload: chunks under a counter, the last one marked, so that none can be left out or moved.
fn stream(key: &LessSafeKey, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut rest = plain;
    // Reserved at once: a vector that grows copies a plain text.
    out.reserve(plain.len().saturating_add(plain.len().div_ceil(CHUNK).saturating_add(1).saturating_mul(TAG)));
    for counter in 0_u64.. {
        let (chunk, more) = rest.split_at_checked(CHUNK).unwrap_or((rest, &[]));
        let start = out.len();
        out.extend_from_slice(chunk);
        let sealed = out.get_mut(start..).unwrap_or_default();
        let tag = seal_chunk(key, counter, more.is_empty(), sealed)?;
        out.extend_from_slice(tag.as_ref());
        if more.is_empty() {
            break;
        }
        rest = more;
    }
    Ok(())
}

fn seal_chunk(key: &LessSafeKey, counter: u64, is_last: bool, chunk: &mut [u8]) -> Result<Tag> {
    let mut nonce = [0; 12];
    // The nonce is a counter of 11 octets and a last-chunk flag (age v1: payload).
    for (to, from) in nonce.iter_mut().skip(3).zip(counter.to_be_bytes()) {
        *to = from;
    }
    let [.., last] = &mut nonce;
    // Without the flag an attacker could cut the file at a chunk, and it would still open.
    *last = u8::from(is_last);
    key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), chunk).map_err(broken)
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    let derived = Salt::new(HKDF_SHA256, salt).extract(secret);
    derived.expand(&[info], Length).and_then(|okm| okm.fill(&mut *key)).map_err(broken)?;
    Ok(key)
}

fn sealing_key(key: &[u8]) -> Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(broken)
}

fn broken(_: Unspecified) -> Error {
    Code::Internal.error("a file cannot be sealed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The identity of the format's own test suite (C2SP, testkit), as its public half.
    const ALICE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn recipients_read_back_and_mistyped_ones_are_refused() {
        let alice: Recipient = ALICE.parse().unwrap();
        assert_eq!(alice.to_string(), ALICE);
        let listed = recipients(&format!("# the factory\n\n{ALICE}\r\n  {ALICE} \n")).unwrap();
        assert_eq!(listed, [alice.clone(), alice]);
        for bad in ["", "age1", "ssh-ed25519 AAAA", &ALICE[..61], &ALICE.replace("ql3", "ql4"), "age1yubikey1q"] {
            assert_eq!(bad.parse::<Recipient>().unwrap_err().code(), Code::AgeRecipient, "{bad}");
        }
        let error = recipients(&format!("{ALICE}\nage1x")).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn a_secret_key_is_refused_and_not_repeated() {
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        for text in [secret, &secret.to_lowercase()] {
            let error = text.parse::<Recipient>().unwrap_err().to_string();
            assert!(error.contains("secret key") && !error.to_uppercase().contains("GFPYY"), "{error}");
        }
    }

    #[test]
    fn a_sealed_file_has_a_header_and_as_many_chunks_as_it_needs() {
        let alice: Recipient = ALICE.parse().unwrap();
        let header = "age-encryption.org/v1\n".len() + ("-> X25519 \n\n".len() + 43 * 2) + ("--- \n".len() + 43);
        for (size, chunks) in [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 2), (3 * CHUNK, 3)] {
            let sealed = seal(std::slice::from_ref(&alice), &vec![7; size]).unwrap();
            assert_eq!(sealed.len(), header + 16 + size + chunks * TAG, "{size}");
        }
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let mut sealer = Sealer::new(std::slice::from_ref(&alice), Vec::new()).unwrap();
            // Pieces that do not divide a chunk.
            vec![7; size].chunks(1000).for_each(|piece| sealer.write_all(piece).unwrap());
            let at_once = seal(std::slice::from_ref(&alice), &vec![7; size]).unwrap();
            assert_eq!(sealer.finish().unwrap().len(), at_once.len(), "{size}");
        }
        assert!(seal(&[], b"x").is_err());
        // A point of low order would make the shared secret known to everybody.
        assert_eq!(seal(&[Recipient([0; 32])], b"x").unwrap_err().code(), Code::AgeRecipient);
    }
}
