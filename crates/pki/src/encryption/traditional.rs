//! OpenSSL's own encryption of PEM blocks: `Proc-Type: 4,ENCRYPTED` (RFC 1421, section 4.6.1.1) with a key derived by one
//! round of MD5. `openssl rsa -aes256`, `openssl ec -aes256` and `step` write it.

use md5::Md5;
use sha1::Digest as _;
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::known::Unsupported;

/// True if the headers of a PEM block announce the encryption.
pub(crate) fn is_announced(headers: &[String]) -> bool {
    header(headers, "Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"))
}

/// The cipher and initialization vector of a block.
pub(crate) struct Traditional {
    cipher: Cipher,
    iv: Vec<u8>,
}

impl Traditional {
    /// Reads `DEK-Info: AES-256-CBC,0123..`.
    ///
    /// # Errors
    /// A cipher that is not read, or no such header.
    pub(crate) fn read(headers: &[String]) -> Result<Self, Unsupported> {
        let info = header(headers, "DEK-Info").ok_or_else(Unsupported::malformed)?;
        // The vector follows the name after a comma.
        let (name, iv) = info.split_once(',').unwrap_or((info, ""));
        let cipher = match name.trim().to_ascii_uppercase().as_str() {
            "AES-128-CBC" => Cipher::Aes128,
            "AES-192-CBC" => Cipher::Aes192,
            "AES-256-CBC" => Cipher::Aes256,
            "DES-CBC" => Cipher::Des,
            "DES-EDE3-CBC" => Cipher::TripleDes3,
            _ => return Err(Unsupported::header(name.trim())),
        };
        match octets(iv.trim()) {
            Some(iv) if iv.len() == cipher.block_length() => Ok(Self { cipher, iv }),
            _ => Err(Unsupported::malformed()),
        }
    }

    /// The plain octets; none for a wrong passphrase, which passes once in 256 times or so.
    pub(crate) fn decrypt(&self, passphrase: &str, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        // The first eight octets of the initialization vector are the salt: EVP_BytesToKey of OpenSSL, with a count of 1.
        let salt = self.iv.get(..8)?;
        let length = self.cipher.key_length();
        let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
        let mut last = Zeroizing::new(Vec::new());
        // Hashes are chained until the key is long enough.
        while key.len() < length {
            let hash = Md5::new().chain_update(last.as_slice()).chain_update(passphrase).chain_update(salt).finalize();
            last = Zeroizing::new(hash.to_vec());
            key.extend_from_slice(&last);
        }
        self.cipher.decrypt(key.get(..length)?, &self.iv, data)
    }
}

fn header<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
    headers.iter().find_map(|header| header.strip_prefix(name)?.trim_start().strip_prefix(':')).map(str::trim)
}

/// The octets of hexadecimal digits.
fn octets(text: &str) -> Option<Vec<u8>> {
    // OpenSSL writes capitals, and other programs small letters.
    let digits = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    pairs.collect()
}
