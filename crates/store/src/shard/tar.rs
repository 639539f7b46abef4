//! Tar archives (POSIX.1-2017, pax: ustar with extended headers) of small files that only their owner can read.
//!
//! Written by hand because one kind of header is enough, and private keys must not pass through buffers that are not wiped.

use std::io::Read;

use base::{Code, Error, Result};
use zeroize::Zeroizing;

/// The unit of everything.
const BLOCK: usize = 512;
/// The longest name that a header has room for.
const NAME: usize = 100;
/// The end of an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Appends files to an archive that is being made in memory.
pub struct TarWriter {
    /// A header that lacks name, size, kind and checksum.
    header: [u8; BLOCK],
}

/// The positions of the fields in a header.
mod field {
    use std::ops::Range;

    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const UID: Range<usize> = 108..116;
    pub(super) const GID: Range<usize> = 116..124;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const MTIME: Range<usize> = 136..148;
    pub(super) const CHECKSUM: Range<usize> = 148..156;
    pub(super) const KIND: usize = 156;
    pub(super) const MAGIC: Range<usize> = 257..265;
}

impl TarWriter {
    /// Files that carry this time, in seconds since 1970.
    pub fn new(modified: i64) -> Self {
        let mut header = [0; BLOCK];
        put(&mut header, field::MODE, b"0000600\0");
        put(&mut header, field::UID, b"0000000\0");
        put(&mut header, field::GID, b"0000000\0");
        // ustar has eleven octal digits for the time. A clock outside of that range must not break the header.
        put(&mut header, field::MTIME, format!("{:011o}\0", modified.clamp(0, 0o777_7777_7777)).as_bytes());
        // The magic and the version "00". GNU tar writes other bytes here, which have another layout behind them.
        put(&mut header, field::MAGIC, b"ustar\x0000");
        Self { header }
    }

    /// Appends a file, and returns the offset of its contents in bytes.
    pub fn append(&self, name: &str, contents: &[u8], to: &mut Vec<u8>) -> usize {
        if name.len() > NAME || !name.is_ascii() {
            // Names in a header are ASCII; an extended header contains the whole name in UTF-8.
            let record = pax_record("path", name);
            self.entry(b"pax-path", b'x', &record, to);
        }
        // Readers without support for extended headers get as much of the name as fits.
        let short = name.as_bytes().get(..name.len().min(NAME)).unwrap_or_default();
        self.entry(short, b'0', contents, to)
    }

    fn entry(&self, name: &[u8], kind: u8, contents: &[u8], to: &mut Vec<u8>) -> usize {
        // Only name, size, kind and checksum differ between files, so the rest of the header is built once per archive.
        let mut header = self.header;
        put(&mut header, field::NAME, name);
        put(&mut header, field::SIZE, format!("{:011o}\0", contents.len()).as_bytes());
        if let Some(place) = header.get_mut(field::KIND) {
            *place = kind;
        }
        // The checksum is computed while its own field counts as spaces, and must be written last.
        let sum = checksum(&header);
        put(&mut header, field::CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
        to.extend_from_slice(&header);
        let start = to.len();
        to.extend_from_slice(contents);
        // Every entry fills whole blocks; readers skip the padding by the size.
        to.resize(start + contents.len().next_multiple_of(BLOCK), 0);
        start
    }

    /// The highest number of bytes that a file takes.
    pub fn room(name: &str, contents: usize) -> usize {
        // Room for both headers and the record of a long name: a
        // buffer that grows leaves its old memory behind unwiped.
        3 * BLOCK + (name.len() + 32).next_multiple_of(BLOCK) + contents.next_multiple_of(BLOCK)
    }
}

/// The sum of a header's bytes, the checksum itself counting as spaces.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(header) - header.get(field::CHECKSUM).map_or(0, sum) + 8 * u32::from(b' ')
}

fn put(header: &mut [u8; BLOCK], at: std::ops::Range<usize>, bytes: &[u8]) {
    for (to, from) in header.get_mut(at).unwrap_or_default().iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// `LENGTH KEY=VALUE\n`, the length including itself.
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    // The length includes its own digits, so that adding a digit can lengthen it again: 99 becomes 101.
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

/// A file in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveFile<'a> {
    /// The path inside the archive.
    pub name: &'a str,
    /// The bytes of the file.
    pub contents: &'a [u8],
}

/// The files of an archive that is in memory, in order.
pub struct TarReader<'a> {
    rest: &'a [u8],
    done: bool,
}

impl<'a> TarReader<'a> {
    /// A reader of the octets of an archive.
    pub fn new(archive: &'a [u8]) -> Self {
        Self { rest: archive, done: false }
    }

    /// The next header and contents, whatever they are; none at the end.
    fn raw(&mut self) -> Result<Option<(u8, ArchiveFile<'a>)>> {
        let Some((header, rest)) = self.rest.split_first_chunk::<BLOCK>() else {
            // Reading stops at the last entry, so a part can be read from the middle of an archive.
            // A part of a joined archive has no end of its own.
            return if self.rest.is_empty() { Ok(None) } else { Err(damaged("it ends within a header")) };
        };
        // The format ends with two zero blocks, but a missing second one loses no file.
        if header == &[0; BLOCK] {
            return Ok(None);
        }
        let number = |at| octal(header.get(at).unwrap_or_default()).ok_or_else(|| damaged("a number is none"));
        // The checksum detects an offset that does not point at a header, for example after a truncated copy.
        if number(field::CHECKSUM)? != u64::from(checksum(header)) {
            return Err(damaged("a header has another checksum"));
        }
        let size = usize::try_from(number(field::SIZE)?).map_err(|_| damaged("a file is too large"))?;
        // A size near the highest number would overflow when it is rounded up.
        let padded = size.checked_next_multiple_of(BLOCK).ok_or_else(|| damaged("a file is too large"))?;
        let (contents, after) =
            rest.split_at_checked(padded).ok_or_else(|| damaged("it ends within the contents of a file"))?;
        self.rest = after;
        let name = header.get(field::NAME).unwrap_or_default();
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        // What a header can say of a name in UTF-8 may be cut within a character.
        let name = std::str::from_utf8(name.get(..end).unwrap_or_default()).unwrap_or_default();
        let kind = header.get(field::KIND).copied().unwrap_or_default();
        Ok(Some((kind, ArchiveFile { name, contents: contents.get(..size).unwrap_or_default() })))
    }

    fn file(&mut self) -> Result<Option<ArchiveFile<'a>>> {
        let mut path = None;
        while let Some((kind, entry)) = self.raw()? {
            match kind {
                b'x' => path = pax_path(entry.contents),
                b'0' | 0 => {
                    let name = path.take().unwrap_or(entry.name);
                    return Ok(Some(ArchiveFile { name, ..entry }));
                }
                // Links and devices never occur in our archives. To unpack one of an attacker's archive would write
                // elsewhere.
                _ => return Err(damaged("it holds something that is not a file")),
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for TarReader<'a> {
    type Item = Result<ArchiveFile<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.file().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Passes the files of an archive on that is read in pieces, with one file at a time in memory, of at most `limit` bytes.
///
/// # Errors
/// [`Code::ShardDamaged`], and those of `take` and of the reader.
pub fn each(archive: &mut dyn Read, limit: usize, take: &mut dyn FnMut(ArchiveFile<'_>) -> Result<()>) -> Result<()> {
    let cut = |error: std::io::Error| damaged("it ends too early").caused_by(error);
    let mut piece = Zeroizing::new(Vec::new());
    loop {
        let start = piece.len();
        piece.resize(start + BLOCK, 0);
        let header = piece.get_mut(start..).unwrap_or_default();
        archive.read_exact(header).map_err(cut)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let kind = header.get(field::KIND).copied().unwrap_or_default();
        let size = octal(header.get(field::SIZE).unwrap_or_default()).and_then(|size| usize::try_from(size).ok());
        let size = size.filter(|size| *size <= limit).ok_or_else(|| damaged("a file is too large"))?;
        let start = piece.len();
        // What the archive really holds decides how much memory is taken.
        let padded = size.next_multiple_of(BLOCK);
        let got = archive.take(padded as u64).read_to_end(&mut piece).map_err(cut)?;
        if got != padded || piece.len() != start + padded {
            return Err(damaged("it ends within the contents of a file"));
        }
        // An extended header stays in the buffer, because it belongs to the file that follows.
        if kind == b'x' {
            continue;
        }
        for entry in TarReader::new(&piece) {
            take(entry?)?;
        }
        piece.clear();
    }
}

/// The path in the records of an extended header.
fn pax_path(mut records: &[u8]) -> Option<&str> {
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(records.get(..space)?).ok()?.parse().ok()?;
        let record = std::str::from_utf8(records.get(space + 1..length.checked_sub(1)?)?).ok()?;
        if let Some(path) = record.strip_prefix("path=") {
            return Some(path);
        }
        records = records.get(length..)?;
    }
    None
}

fn octal(text: &[u8]) -> Option<u64> {
    // POSIX lets a field end with a space or a NUL, and older writers put spaces in front of it.
    let digits = text.iter().copied().skip_while(|byte| *byte == b' ').take_while(|byte| !matches!(byte, 0 | b' '));
    digits
        .map(|byte| (b'0'..=b'7').contains(&byte).then(|| u64::from(byte - b'0')))
        .try_fold(0, |sum: u64, digit| sum.checked_mul(8)?.checked_add(digit?))
}

fn damaged(why: &str) -> Error {
    Code::ShardDamaged.error("this is not an archive as tbpki writes it").because(why)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test lays a file before another program")]
mod tests {
    use std::process::Command;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> (Vec<u8>, Vec<usize>) {
        let writer = TarWriter::new(1_764_000_000);
        let mut out = Vec::new();
        let offsets = files.iter().map(|(name, contents)| writer.append(name, contents, &mut out)).collect();
        out.extend_from_slice(&END);
        (out, offsets)
    }

    fn long() -> String {
        // 172 octets, more than the 100 of a tar header, with characters of two octets.
        "ü".repeat(64) + &"x".repeat(40) + ".pem"
    }

    #[test]
    fn files_read_back_with_names_of_every_kind() {
        let long = long();
        let files: Vec<(&str, &[u8])> =
            // Sizes on both sides of a block of 512.
            vec![("a.pem", b"one"), (&long, b""), ("pümpe.pem", &[7; 512]), ("b.pem", &[8; 513])];
        let (bytes, offsets) = archive(&files);
        assert_eq!(bytes.len() % BLOCK, 0);
        let read: Vec<ArchiveFile<'_>> = TarReader::new(&bytes).collect::<Result<_>>().unwrap();
        let expected: Vec<ArchiveFile<'_>> =
            files.iter().map(|(name, contents)| ArchiveFile { name, contents }).collect();
        assert_eq!(read, expected);
        for ((_, contents), offset) in files.iter().zip(offsets) {
            assert_eq!(&bytes[offset..offset + contents.len()], *contents);
        }
    }

    #[test]
    fn tar_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let long = long();
        let (bytes, _) = archive(&[("a.pem", b"one"), (&long, b"two"), ("pümpe.pem", &[b'3'; 600])]);
        std::fs::write(dir.path().join("t.tar"), bytes).unwrap();
        let tar = |args: &[&str]| {
            let output =
                Command::new("tar").args(args).current_dir(dir.path()).env("LC_ALL", "C.UTF-8").output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(tar(&["--quoting-style=literal", "-tf", "t.tar"]), format!("a.pem\n{long}\npümpe.pem\n"));
        // The files contain private keys, whatever the umask of who unpacks them.
        assert!(tar(&["-tvf", "t.tar"]).starts_with("-rw------- "));
        tar(&["-xf", "t.tar"]);
        assert_eq!(std::fs::read(dir.path().join("pümpe.pem")).unwrap(), [b'3'; 600]);
        assert_eq!(std::fs::read(dir.path().join(long)).unwrap(), b"two");
    }

    #[test]
    fn an_archive_is_read_in_pieces() {
        let long = long();
        let (bytes, _) = archive(&[("a.pem", b"one"), (&long, &[7; 600]), ("b.pem", b"")]);
        let mut read = Vec::new();
        each(&mut bytes.as_slice(), 600, &mut |entry| {
            read.push((entry.name.to_owned(), entry.contents.len()));
            Ok(())
        })
        .unwrap();
        assert_eq!(read, [("a.pem".to_owned(), 3), (long, 600), ("b.pem".to_owned(), 0)]);
        assert!(each(&mut bytes.as_slice(), 599, &mut |_| Ok(())).is_err(), "over the limit");
        // Within a header, within a file, and without the two empty blocks of the end.
        for cut in [1, 511, 600, bytes.len() - 1024] {
            assert!(each(&mut &bytes[..cut], 600, &mut |_| Ok(())).is_err(), "{cut}");
        }
    }

    #[test]
    fn damage_is_noticed() {
        let (bytes, _) = archive(&[("a.pem", &[1; 700])]);
        for cut in [1, 511, 600, 1500] {
            assert!(TarReader::new(&bytes[..cut]).any(|entry| entry.is_err()), "{cut}");
        }
        let mut flipped = bytes.clone();
        // A bit of the name, which only the checksum of the header shows.
        flipped[0] ^= 1;
        assert_eq!(TarReader::new(&flipped).next().unwrap().unwrap_err().code(), Code::ShardDamaged);
        assert_eq!(TarReader::new(&[]).count(), 0);
    }
}
