//! From the bytes of a shard's tar to those of its part: compressed, sealed, or as they are.

use std::borrow::Cow;
use std::io::Read;

use base::{Code, Result};
use pki::age::{self, Recipient};
use zeroize::Zeroizing;

use super::layout::Packing;
use super::tar;

/// The effort of zstd: its own default, which keeps up with two cores that make keys.
const LEVEL: i32 = 3;
/// The largest tar of a shard that is taken out of a part.
const LIMIT: u64 = 1 << 30;

/// Makes parts.
#[derive(Debug, Clone)]
pub struct Packer {
    packing: Packing,
    recipients: Vec<Recipient>,
}

impl Packer {
    /// A packer for parts of this packing, sealed for `recipients` if the packing is sealed.
    pub fn new(packing: Packing, recipients: Vec<Recipient>) -> Self {
        Self { packing, recipients }
    }

    /// The packing of its parts.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// The part for the files of a tar without its end.
    pub fn pack<'a>(&self, files: &'a mut Zeroizing<Vec<u8>>) -> Result<PackedPart<'a>> {
        let end = end(self.packing)?;
        let compressed = if self.packing.zstd {
            // PEM text compresses to less than half, mostly because of the common chain.
            let mut packed = Zeroizing::new(Vec::with_capacity(files.len() / 2));
            compress_into(files, &mut packed)?;
            packed.extend_from_slice(&end);
            Some(packed)
        } else {
            // Appending to the same buffer keeps the keys in one place, which is wiped.
            files.extend_from_slice(&end);
            None
        };
        let plain = compressed.as_ref().unwrap_or(files);
        if self.packing.sealed {
            return age::seal(&self.recipients, plain).map(PackedPart::Sealed);
        }
        Ok(compressed.map_or(PackedPart::Plain(files), PackedPart::Compressed))
    }
}

/// The bytes of a part.
pub enum PackedPart<'a> {
    /// Those of the tar, with its end.
    Plain(&'a [u8]),
    /// Compressed.
    Compressed(Zeroizing<Vec<u8>>),
    /// No secret any more.
    Sealed(Vec<u8>),
}

impl PackedPart<'_> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            PackedPart::Plain(bytes) => bytes,
            PackedPart::Compressed(bytes) => bytes,
            PackedPart::Sealed(bytes) => bytes,
        }
    }
}

/// What ends a tar: two empty blocks, in a frame of their own where they are compressed, so that parts without it can
/// be put one behind the other.
pub(crate) fn end(packing: Packing) -> Result<Cow<'static, [u8]>> {
    if !packing.zstd {
        return Ok(Cow::Borrowed(&tar::END));
    }
    let mut frame = Vec::new();
    compress_into(&tar::END, &mut frame)?;
    Ok(Cow::Owned(frame))
}

/// The tar in a part that is not sealed.
pub(crate) fn unpack(packing: Packing, part: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    if packing.sealed {
        return Err(Code::Sealed
            .error("this part of the archive is sealed")
            .fix("register and bundle in the same pass with `tbpki fleet run`"));
    }
    if !packing.zstd {
        return Ok(part);
    }
    let damaged = |error: std::io::Error| Code::ShardDamaged.error("this part cannot be decompressed").caused_by(error);
    let mut tar = Zeroizing::new(Vec::with_capacity(part.len().saturating_mul(3)));
    let decoder = zstd::Decoder::with_buffer(part.as_slice()).map_err(damaged)?;
    // The limit stops a small file that unpacks to terabytes.
    decoder.take(LIMIT).read_to_end(&mut tar).map_err(damaged)?;
    Ok(tar)
}

fn compress_into(bytes: &[u8], to: &mut Vec<u8>) -> Result<()> {
    let failed = |error: std::io::Error| Code::Internal.error("a part cannot be compressed").caused_by(error);
    let mut encoder = zstd::Encoder::new(to, LEVEL).map_err(failed)?;
    // The checksum lets `zstd --test` find a damaged archive, without the keys being read.
    encoder.include_checksum(true).map_err(failed)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64)).map_err(failed)?;
    std::io::Write::write_all(&mut encoder, bytes).map_err(failed)?;
    encoder.finish().map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back_alone_and_joined() {
        for packing in [Packing::default(), Packing { zstd: true, sealed: false }] {
            let packer = Packer::new(packing, Vec::new());
            let writer = tar::TarWriter::new(0);
            let parts: Vec<Zeroizing<Vec<u8>>> = ["a", "b"]
                .iter()
                .map(|name| {
                    let mut files = Zeroizing::new(Vec::new());
                    writer.append(name, &[7; 1000], &mut files);
                    Zeroizing::new(packer.pack(&mut files).unwrap().bytes().to_vec())
                })
                .collect();
            let names = |tar: &[u8]| -> Vec<String> {
                tar::TarReader::new(tar).map(|entry| entry.unwrap().name.to_owned()).collect()
            };
            assert_eq!(names(&unpack(packing, parts[0].clone()).unwrap()), ["a"]);
            let end = end(packing).unwrap();
            let mut joined: Vec<u8> =
                // As the archive is made: each part without its own end, and one end for all.
                parts.iter().flat_map(|part| part[..part.len() - end.len()].iter().copied()).collect();
            joined.extend_from_slice(&end);
            assert_eq!(names(&unpack(packing, Zeroizing::new(joined)).unwrap()), ["a", "b"]);
        }
    }

    #[test]
    fn what_is_sealed_or_damaged_is_not_read() {
        let zstd = Packing { zstd: true, sealed: false };
        assert_eq!(unpack(zstd, Zeroizing::new(vec![1; 99])).unwrap_err().code(), Code::ShardDamaged);
        let sealed = Packing { zstd: true, sealed: true };
        assert_eq!(unpack(sealed, Zeroizing::new(vec![1; 99])).unwrap_err().code(), Code::Sealed);
    }
}
