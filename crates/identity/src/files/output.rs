//! A file that a sink wants written.

use base::Result;
use base::file::Mode;
use pki::key::KeyFormat;
use pki::{Certificate, PrivateKey};
use zeroize::Zeroizing;

/// A file of an identity: its name, what is in it, and who may read it.
#[derive(Clone)]
pub struct OutputFile {
    /// The name, in every directory that the file goes to.
    pub name: String,
    /// The bytes.
    pub contents: Zeroizing<Vec<u8>>,
    /// Who may read it.
    pub mode: Mode,
}

impl OutputFile {
    /// A file with a secret in it.
    pub fn private(name: impl Into<String>, contents: Zeroizing<Vec<u8>>) -> Self {
        Self { name: name.into(), contents, mode: Mode::Private }
    }

    /// A file that everybody may read.
    pub fn public(name: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), contents: Zeroizing::new(contents.into()), mode: Mode::Public }
    }
}

impl std::fmt::Debug for OutputFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The size and never the contents: they can be a private key, and debug output ends in logs.
        write!(f, "OutputFile({}, {} bytes)", self.name, self.contents.len())
    }
}

/// Certificates one after the other in PEM.
pub fn pem_of<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> String {
    certificates.into_iter().map(Certificate::to_pem).collect()
}

/// A key and the chain that belongs to it in one PEM text.
pub fn key_and_chain<'a>(
    key: &PrivateKey,
    format: KeyFormat,
    chain: impl IntoIterator<Item = &'a Certificate>,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut text = key.to_pem(format)?;
    text.push_str(&pem_of(chain));
    Ok(into_bytes(text))
}

/// The bytes of a secret text, without a copy that is left behind.
pub fn into_bytes(mut text: Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}
