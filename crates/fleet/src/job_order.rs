//! The order for a whole job, kept in the ledger so that every station that works on the job issues alike identities.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use base::text::quote;
use base::{Code, Finding, Result};
use config::{ClientFormat, Config};
use ledger::{JobId, Parameters};
use pki::age::Recipient;
use pki::device_name::DeviceName;
use pki::{Algorithm, San, Subject};
use serde::{Deserialize, Serialize};

use identity::parameters::shared;
use identity::request::is_named_now;
use store::shard::ShardStore;
use store::shard::{Layout, Packing};

/// The form of identities and their layout, the same for all names of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOrder {
    /// The subject, but for the common name, which is the device's.
    pub subject: String,
    /// Alternative names of every device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub san: Vec<String>,
    /// The algorithm of the keys.
    pub alg: Algorithm,
    /// The lifetime of the certificates, in days.
    pub days: u32,
    /// True if a person named that number, which is then not shortened.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exact_days: bool,
    /// The fingerprint of the CA that issues those without a profile of their own.
    pub issuer: String,
    /// The profile of those whose line names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The layout of the files.
    pub layout: Layout,
    /// The compression and encryption of an archive.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub packing: Packing,
    /// For whom it is sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Files besides PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// The prefix of such files, in place of the device's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The job whose devices are renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<u64>,
    /// The name of the CA for each profile in the lines, as it was when the job was staged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub issuers: BTreeMap<String, String>,
    /// The names of the CAs of renewed devices. Each device keeps the one of its present certificate.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub renewed_by: BTreeSet<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_plain(packing: &Packing) -> bool {
    *packing == Packing::default()
}

/// The destination of the files, as requested.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The layout; unset, it follows from the rest.
    pub layout: Option<Layout>,
    /// The directory of the shards.
    pub out: Option<PathBuf>,
    /// The archive that takes all identities; files are written if there is none.
    pub archive: Option<PathBuf>,
    /// Compress the archive whatever it is called.
    pub zstd: bool,
    /// For whom the archive is sealed.
    pub recipients: Vec<Recipient>,
}

impl Destination {
    /// The layout and what becomes of the bytes.
    ///
    /// # Errors
    /// [`Code::Usage`] for what does not go together.
    pub fn resolve(&self) -> Result<(Layout, Packing)> {
        let usage = |what: &str, fix: &str| Err(Code::Usage.error(what).fix(fix));
        let layout = match (self.layout, &self.archive) {
            (None, Some(_)) => Layout::Archive,
            (None, None) => Layout::default(),
            (Some(layout), _) => layout,
        };
        match (layout, &self.out, &self.archive) {
            (Layout::Archive, Some(_), _) => {
                return usage("an archive is a file, and --out names a directory", "name it with --archive FILE");
            }
            (Layout::Archive, None, None) => {
                return usage("`--layout archive` requires an archive", "name it with --archive FILE");
            }
            (Layout::Directories | Layout::Shards, _, Some(_)) => {
                return usage("--archive is for the layout `archive`", "leave --layout out");
            }
            // `tbpki client` looks for a device in the store, where this layout puts it.
            (Layout::Directories, Some(_), _) => {
                return usage("the layout `directories` is in the store", "leave --out out, or use --layout shards");
            }
            (Layout::Shards, None, _) => {
                return usage(
                    "`--out` or `--archive` is required",
                    "name a directory with --out DIR, or an archive with --archive FILE",
                );
            }
            _ => {}
        }
        if layout != Layout::Archive {
            return match (self.zstd, self.recipients.is_empty()) {
                (false, true) => Ok((layout, Packing::default())),
                _ => usage("only archives are compressed or sealed", "name one with --archive FILE"),
            };
        }
        // The name is a promise to those who read it: a file `.age` that anyone can open would be believed sealed.
        let promised = self.archive.as_deref().map(packing_of_name).unwrap_or_default();
        let sealed = !self.recipients.is_empty();
        self.archive.as_deref().map_or(Ok(()), check_ending)?;
        if promised.sealed && !sealed {
            return usage(
                "the name of the archive ends with .age, but no recipient is given",
                "name a recipient with --recipient",
            );
        }
        Ok((layout, Packing { zstd: self.zstd || promised.zstd, sealed }))
    }

    /// True if neither a place nor its form is requested.
    fn is_empty(&self) -> bool {
        let Self { layout, out, archive, zstd, recipients } = self;
        layout.is_none() && out.is_none() && archive.is_none() && !zstd && recipients.is_empty()
    }

    /// The layout, the packing and the recipients of a new job.
    fn form(&self) -> Result<Form> {
        let (layout, packing) = self.resolve()?;
        Ok(Form { layout, packing, recipients: self.recipients.iter().map(ToString::to_string).collect() })
    }

    /// As [`Self::form`], where only a part is requested: the rest is that of `kept`.
    fn form_within(&self, kept: &Form) -> Form {
        let named = self.archive.as_deref().map(packing_of_name).unwrap_or_default();
        let by_place = match (&self.out, &self.archive) {
            (_, Some(_)) => Some(Layout::Archive),
            (Some(_), None) => Some(Layout::Shards),
            (None, None) => None,
        };
        let sealed = kept.packing.sealed || named.sealed || !self.recipients.is_empty();
        Form {
            layout: self.layout.or(by_place).unwrap_or(kept.layout),
            packing: Packing { zstd: kept.packing.zstd || named.zstd || self.zstd, sealed },
            recipients: match self.recipients.is_empty() {
                true => kept.recipients.clone(),
                false => self.recipients.iter().map(ToString::to_string).collect(),
            },
        }
    }

    /// The directory that the shards of the job lie in.
    pub(crate) fn directory(&self, store: &Path) -> Result<PathBuf> {
        match (&self.out, &self.archive) {
            (Some(out), _) => Ok(out.clone()),
            (None, Some(archive)) => absolute_parent(archive).map(|archive| ShardStore::parts_of(&archive)),
            (None, None) => Ok(store.to_owned()),
        }
    }
}

/// Fails for the name of another kind of archive, such as `.zip`: the file would be a tar that no program expects there.
fn check_ending(archive: &Path) -> Result<()> {
    let ending = archive.extension().map(|ending| ending.to_string_lossy().into_owned());
    match ending.as_deref() {
        None | Some("tar" | "zst" | "tzst" | "age") => Ok(()),
        Some(ending) => Err(Code::Usage
            .error(format!("an archive cannot have a name that ends with {}", quote(&format!(".{ending}"))))
            .argument("--archive")
            .fix("use .tar, .tar.zst for a compressed archive, or .tar.age for a sealed one")),
    }
}

/// The packing that the name of an archive promises.
fn packing_of_name(archive: &Path) -> Packing {
    Packing::of_name(&archive.file_name().unwrap_or_default().to_string_lossy())
}

/// The form of a job's files: what all of its shards must have in common.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    layout: Layout,
    packing: Packing,
    recipients: Vec<String>,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.layout.as_str())?;
        if self.packing.zstd {
            f.write_str(", compressed")?;
        }
        match (self.packing.sealed, self.recipients.is_empty()) {
            (true, false) => write!(f, ", sealed for {}", self.recipients.join(", ")),
            (true, true) => f.write_str(", sealed"),
            (false, _) if self.layout == Layout::Archive => f.write_str(", not sealed"),
            (false, _) => Ok(()),
        }
    }
}

/// The path with its directory written out, so that it leads there from anywhere.
fn absolute_parent(path: &Path) -> Result<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| Code::Usage.error("this is not the name of a file").at(path))?;
    // Absolute and without links: the place is recorded, and the next run may start in another directory.
    let parent = parent
        .canonicalize()
        .map_err(|error| Code::FileUnwritable.error("this directory cannot be found").at(parent).caused_by(error))?;
    Ok(parent.join(name))
}

impl JobOrder {
    /// What the configuration asks for, with what goes to `destination` below the CA with the fingerprint `issuer`.
    ///
    /// # Errors
    /// [`Code::Usage`] and [`Code::FleetFormat`] for what does not go together.
    pub(crate) fn new(
        config: &Config,
        destination: &Destination,
        profile: Option<&DeviceName>,
        issuer: String,
    ) -> Result<(Self, Option<Finding>)> {
        let (layout, packing) = destination.resolve()?;
        let client = &config.client;
        let mut formats: Vec<ClientFormat> =
            // Every layout has PEM, so that it is no extra file.
            client.formats.value.iter().copied().filter(|format| *format != ClientFormat::Pem).collect();
        let mut note = None;
        if layout == Layout::Archive && !formats.is_empty() {
            let error =
                Code::FleetFormat.error("an archive contains one PEM file for each device and no other formats");
            // A request of this command line fails. A setting for other verbs is left out with a note.
            if is_named_now(&client.formats) {
                return Err(error.fix("leave --format out, or use --out DIR"));
            }
            note = Some(Code::FleetFormat.note("the formats of client.formats are left out of the archive"));
            formats.clear();
        }
        let order = Self {
            subject: config.subject()?.to_string(),
            san: client.san.value.iter().map(ToString::to_string).collect(),
            alg: client.alg.value,
            days: client.days.value.number(),
            exact_days: is_named_now(&client.days),
            issuer,
            profile: profile.map(|profile| profile.as_str().to_owned()),
            layout,
            packing,
            recipients: destination.recipients.iter().map(ToString::to_string).collect(),
            formats: formats.iter().map(|format| format.name().to_owned()).collect(),
            prefix: client.prefix.value.as_ref().map(|prefix| prefix.as_str().to_owned()),
            renews: None,
            issuers: BTreeMap::new(),
            renewed_by: BTreeSet::new(),
        };
        Ok((order, note))
    }

    /// What the ledger kept of a job.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] for what this version does not know.
    pub(crate) fn kept(parameters: &Parameters) -> Result<Self> {
        serde_json::from_str(parameters.as_str())
            .map_err(|error| Code::LedgerUnreadable.error("what was asked for a job cannot be read").caused_by(error))
    }

    /// Fails if the job is continued with a destination that asks for another form than the job was staged with. What
    /// `destination` leaves out is as in the job.
    ///
    /// # Errors
    /// [`Code::OtherParameters`].
    pub(crate) fn check_continued(&self, job: JobId, destination: &Destination) -> Result<()> {
        let kept = self.form();
        self.check_form(job, &kept, &destination.form_within(&kept))
    }

    /// As [`Self::check_continued`] for a command that is repeated as a whole: an archive without recipients is plain.
    ///
    /// # Errors
    /// [`Code::OtherParameters`]; [`Code::Usage`] for options that do not go together.
    pub(crate) fn check_repeated(&self, job: JobId, destination: &Destination) -> Result<()> {
        if destination.is_empty() {
            return Ok(());
        }
        self.check_form(job, &self.form(), &destination.form()?)
    }

    fn form(&self) -> Form {
        Form { layout: self.layout, packing: self.packing, recipients: self.recipients.clone() }
    }

    fn check_form(&self, job: JobId, kept: &Form, requested: &Form) -> Result<()> {
        // Its shards are written in one form. Keys in plain text must never be in a file that is believed sealed.
        if kept == requested {
            return Ok(());
        }
        Err(Code::OtherParameters
            .error(format!("job {job} was staged with another layout, compression or recipients"))
            .because(format!("{kept} before, {requested} now"))
            .fix(format!(
                "continue it with `tbpki fleet issue --resume {job}`, or give it up with `tbpki fleet cancel {job}` \
                 and run this command again"
            )))
    }

    /// As the ledger keeps it.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        Parameters::of(self)
    }

    /// For whom archives are sealed.
    pub(crate) fn recipients(&self) -> Result<Vec<Recipient>> {
        self.recipients.iter().map(|text| text.parse()).collect()
    }

    /// Files besides PEM.
    pub(crate) fn formats(&self) -> Result<Vec<ClientFormat>> {
        self.formats.iter().map(|text| text.parse()).collect()
    }

    /// Alternative names of every device.
    pub(crate) fn sans(&self) -> Result<Vec<San>> {
        self.san.iter().map(|text| text.parse()).collect()
    }

    /// What is wanted of one device, with these alternative names and below the CA with this fingerprint, in the form
    /// that the devices of a fleet share.
    pub(crate) fn wanted(&self, sans: &[San], issuer: &str) -> Result<Parameters> {
        shared(&self.subject, sans, self.alg, self.days, issuer, self.prefix.as_deref())
    }
}

/// The subject that devices share, which has to be what it was when the job was staged.
pub(crate) fn check_subject(order: &JobOrder, config: &Config) -> Result<Subject> {
    let subject = config.subject()?;
    // Shards that are issued already have the earlier subject, and one fleet has one subject.
    if subject.to_string() == order.subject {
        return Ok(subject);
    }
    Err(Code::OtherParameters
        .error("the subject in keygen.toml is not the one that the job was staged with")
        .because(format!("{:?} before, {:?} now", order.subject, subject.to_string()))
        .fix("set it back until the job is done"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(out: Option<&str>, archive: Option<&str>) -> Destination {
        Destination { out: out.map(PathBuf::from), archive: archive.map(PathBuf::from), ..Destination::default() }
    }

    #[test]
    fn the_layout_follows_from_where_the_files_go() {
        assert_eq!(to(Some("fleet"), None).resolve().unwrap().0, Layout::Shards);
        let (layout, packing) = to(None, Some("f.tar.zst")).resolve().unwrap();
        assert_eq!((layout, packing), (Layout::Archive, Packing { zstd: true, sealed: false }));
        let directories = Destination { layout: Some(Layout::Directories), ..Destination::default() };
        assert_eq!(directories.resolve().unwrap().0, Layout::Directories);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let with = |layout| Destination { layout: Some(layout), ..to(Some("x"), None) };
        let zstd = Destination { zstd: true, ..to(Some("x"), None) };
        for wrong in [
            to(None, None),
            to(Some("x"), Some("y.tar")),
            to(None, Some("y.tar.age")),
            to(None, Some("y.tar.gz")),
            to(None, Some("y.zip")),
            with(Layout::Archive),
            with(Layout::Directories),
            zstd,
            Destination { layout: Some(Layout::Shards), ..to(None, Some("y.tar")) },
        ] {
            assert_eq!(wrong.resolve().unwrap_err().code(), Code::Usage, "{wrong:?}");
        }
    }
}
