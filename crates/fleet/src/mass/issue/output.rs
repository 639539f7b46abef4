//! Shards on their way to disk: written by many threads, made durable together, and only then given their names.

use std::sync::{Mutex, PoisonError};

use base::csv_writer::CsvWriter;
use base::file::{BulkDir, Mode};
use base::text::quote;
use base::{Code, Result};
use config::ClientFormat;
use ledger::JobUid;
use pki::Certificate;
use pki::identity::{Identity, X509};
use zeroize::Zeroizing;

use super::issued_leaf::IssuedLeaf;
use super::place_files::PlaceFiles;
use identity::files::device::{DeviceFiles, format_row};
use identity::files::identity::IdentityView;
use identity::files::keystore::KeystorePlan;
use identity::files::table::{FileRow, FileTable};
use store::shard::{Attempt, IndexLine, Layout, Packer, ShardStore, Sidecar, file_of, tar};

/// The destination of a job's shards.
pub(crate) struct ShardOutput {
    files: PlaceFiles,
    packer: Packer,
    tar: tar::TarWriter,
    extras: ExtraFiles,
    /// Memory that parts were made in and that others can be made in: wiping it each time would take longer than
    /// filling it.
    spare: Mutex<Vec<Zeroizing<Vec<u8>>>>,
}

/// The files of devices besides key and chain.
#[derive(Debug, Default)]
pub(crate) struct ExtraFiles {
    /// The trust anchors of the devices.
    pub(crate) anchors: Vec<Certificate>,
    /// Formats that were asked for.
    pub(crate) formats: Vec<ClientFormat>,
    /// The content and encryption of keystores, if one is requested.
    pub(crate) keystore: Option<KeystorePlan>,
    /// The prefix of such files, in place of the device's name.
    pub(crate) prefix: Option<String>,
}

/// A shard that has been written and that nothing looks for yet.
#[derive(Debug)]
pub(crate) struct WrittenShard {
    /// The names that it will have in the place; for directories of devices the one in which they wait.
    names: Vec<String>,
}

impl ShardOutput {
    /// Shards of the job that `place` belongs to. Files in an archive carry the time `now`.
    pub(crate) fn new(place: ShardStore, packer: Packer, extras: ExtraFiles, now: i64) -> Result<Self> {
        Ok(Self {
            files: PlaceFiles::open(place)?,
            packer,
            tar: tar::TarWriter::new(now),
            extras,
            spare: Mutex::default(),
        })
    }

    pub(crate) fn place(&self) -> &ShardStore {
        &self.files.place
    }

    /// Everything in the place.
    pub(crate) fn files(&self) -> &PlaceFiles {
        &self.files
    }

    /// Fails if a file is in the way of a device, before a key is made for it.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        // The other layouts write into a directory of the job alone, where nothing can be in the way.
        if self.files.place.layout() == Layout::Directories && self.files.dir.holds(name)? {
            return Err(Code::TargetExists
                .error(format!("the ledger has no identity of the device {}, but its directory exists", quote(name)))
                .at(self.files.dir.path().join(name))
                .fix("move it away first"));
        }
        Ok(())
    }

    /// Writes a shard under names that nothing looks for. Does not wait for the disk; what fails leaves nothing.
    pub(crate) fn write(&self, job: JobUid, attempt: Attempt, made: &[IssuedLeaf]) -> Result<WrittenShard> {
        // The names are returned with the error, because a part that was begun must be removed.
        let written = match self.files.place.layout() {
            Layout::Directories => {
                let name = attempt.waiting(job);
                self.directories(&name, made).map(|()| vec![name.clone()]).map_err(|error| (error, vec![name]))
            }
            Layout::Shards => {
                let name = attempt.directory();
                let partial = Attempt::partial(&name);
                self.shard(&partial, made).map(|()| vec![name]).map_err(|error| (error, vec![partial]))
            }
            Layout::Archive => self
                .part(attempt, made)
                .map_err(|(error, names)| (error, names.iter().map(|name| Attempt::partial(name)).collect())),
        };
        written.map(|names| WrittenShard { names }).map_err(|(error, left)| {
            self.discard_names(&left);
            error
        })
    }

    fn directories(&self, waiting: &str, made: &[IssuedLeaf]) -> Result<()> {
        let dir = self.files.dir.create_dir(waiting)?;
        let mut scratch = Zeroizing::new(Vec::new());
        for device in made {
            let inner = dir.create_dir(&device.name)?;
            let prefix = self.extras.prefix.as_deref().unwrap_or(&device.name);
            let files = DeviceFiles {
                prefix,
                formats: &self.extras.formats,
                holds_key: true,
                has_anchors: !self.extras.anchors.is_empty(),
                keystore: self.extras.keystore.clone(),
            }
            .table();
            self.files_of(&inner, device, &files, files.written(), &mut scratch)?;
        }
        Ok(())
    }

    fn shard(&self, partial: &str, made: &[IssuedLeaf]) -> Result<()> {
        let dir = self.files.dir.create_dir(partial)?;
        // Buffers for the whole shard: allocating and wiping them for each device would cost as much as signing.
        let mut scratch = Zeroizing::new(Vec::new());
        let mut combined = Zeroizing::new(Vec::new());
        for device in made {
            combined.clear();
            combined.reserve(device.combined_length());
            device.combined(&mut combined);
            let name = file_of(&device.name);
            dir.write(&name, &combined, Mode::Private)?;
            // Read back at once, from the cache: a wrong write is detected before the shard counts.
            dir.check(&name, &combined, &mut scratch)?;
            if !self.extras.formats.is_empty() {
                // Every file of a shard is named by its device, or they would meet.
                let files = DeviceFiles {
                    prefix: &device.name,
                    formats: &[],
                    holds_key: true,
                    has_anchors: false,
                    keystore: self.extras.keystore.clone(),
                }
                .table();
                let wanted: Vec<FileRow> =
                    self.extras.formats.iter().map(|format| format_row(&device.name, *format)).collect();
                self.files_of(&dir, device, &files, wanted.iter(), &mut scratch)?;
            }
        }
        Ok(())
    }

    /// Some of the files that `client` would write.
    fn files_of<'f>(
        &self,
        dir: &BulkDir,
        device: &IssuedLeaf,
        files: &FileTable,
        wanted: impl Iterator<Item = &'f FileRow>,
        scratch: &mut Zeroizing<Vec<u8>>,
    ) -> Result<()> {
        // Parsed again from DER, because the code of `client` takes another type. It costs little compared with a
        // keystore.
        let key = pki::PrivateKey::from_pem_or_der(device.key.pkcs8_der(), None)?;
        let x509 = X509 {
            key: Some(key),
            leaf: Certificate::from_der(&device.leaf)?,
            intermediates: device.issuer.certificates.clone(),
        };
        let identity = Identity { name: device.name.clone(), anchors: self.extras.anchors.clone(), x509 };
        let held = IdentityView::of(&identity);
        for row in wanted {
            let file = files.write(row, &held)?;
            dir.write(&file.name, &file.contents, file.mode)?;
            dir.check(&file.name, &file.contents, scratch)?;
        }
        Ok(())
    }

    /// A part of the archive, complete by itself, its index, and its certificates where they cannot be read from it.
    fn part(&self, attempt: Attempt, made: &[IssuedLeaf]) -> Result<Vec<String>, (base::Error, Vec<String>)> {
        let packing = self.packer.packing();
        let mut names = vec![attempt.part(packing), attempt.sidecar(Sidecar::Index)];
        if packing.sealed {
            names.push(attempt.sidecar(Sidecar::Certificates));
        }
        let fill = || -> Result<()> {
            let room =
                made.iter().map(|device| tar::TarWriter::room(&file_of(&device.name), device.combined_length())).sum();
            let mut files = self.spare(room);
            // Reserved in full: a buffer that grows leaves copies of keys in freed memory.
            let mut index = CsvWriter::new(Vec::with_capacity(made.len() * 256));
            let mut combined = Zeroizing::new(Vec::new());
            for device in made {
                combined.clear();
                combined.reserve(device.combined_length());
                device.combined(&mut combined);
                let offset = self.tar.append(&file_of(&device.name), &combined, &mut files);
                IndexLine {
                    name: &device.name,
                    serial: &device.serial,
                    fingerprint: &device.fingerprint,
                    credentials_id: &device.credentials_id,
                    offset,
                    length: combined.len(),
                }
                .append(None, &mut index)?;
            }
            let part = self.packer.pack(&mut files)?;
            self.partial(&attempt.part(packing), part.bytes(), Mode::Private)?;
            // `part` borrows the buffer that goes back to the pool.
            drop(part);
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(files);
            let index =
                index.finish().map_err(|error| Code::Internal.error("an index cannot be ended").caused_by(error))?;
            self.partial(&attempt.sidecar(Sidecar::Index), &index, Mode::Private)?;
            // A sealed part cannot be read here any more. `bundle` and `check` need the certificates.
            if packing.sealed {
                let mut certificates = Vec::with_capacity(made.len() * 1024);
                made.iter().for_each(|device| device.leaf_pem(&mut certificates));
                self.partial(&attempt.sidecar(Sidecar::Certificates), &certificates, Mode::Private)?;
            }
            Ok(())
        };
        match fill() {
            Ok(()) => Ok(names),
            Err(error) => Err((error, names)),
        }
    }

    /// Empty memory with room for so many bytes, so that it does not move while it is filled.
    fn spare(&self, room: usize) -> Zeroizing<Vec<u8>> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_default();
        memory.clear();
        // Some room more, because shards differ a little in size.
        if memory.capacity() < room {
            memory = Zeroizing::new(Vec::with_capacity(room + room / 8));
        }
        memory
    }

    fn partial(&self, name: &str, bytes: &[u8], mode: Mode) -> Result<()> {
        let partial = Attempt::partial(name);
        // One large write: parts have megabytes, and the others are small files in great numbers.
        self.files.dir.write_large(&partial, bytes, mode)?;
        self.files.dir.check(&partial, bytes, &mut Zeroizing::new(Vec::new()))
    }

    /// Waits until every shard that was written is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.files.dir.sync_all()
    }

    /// Gives a shard the names by which it is found, once the ledger has it.
    pub(crate) fn publish(&self, written: &WrittenShard) -> Result<()> {
        match self.files.place.layout() {
            Layout::Directories => written.names.iter().try_for_each(|name| self.files.deliver(name)),
            Layout::Shards | Layout::Archive => {
                written.names.iter().try_for_each(|name| self.files.publish_partial(&Attempt::partial(name)))
            }
        }
    }

    /// Removes what was written of a shard that the ledger does not have.
    pub(crate) fn discard(&self, written: &WrittenShard) {
        match self.files.place.layout() {
            Layout::Directories => self.discard_names(&written.names),
            Layout::Shards | Layout::Archive => {
                self.discard_names(&written.names.iter().map(|name| Attempt::partial(name)).collect::<Vec<_>>());
            }
        }
    }

    fn discard_names(&self, names: &[String]) {
        for name in names {
            // A file that stays is a leftover, which the next run removes: no error is needed.
            if let Err(error) = self.files.dir.remove(name) {
                tracing::warn!(name, %error, "a leftover stays");
            }
        }
    }
}
