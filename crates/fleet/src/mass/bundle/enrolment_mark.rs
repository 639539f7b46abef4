//! The mark of a directory with bundles of names without certificates: which names they are for, and how far the run is
//! that makes them.
//!
//! A password is recorded before its bundle is published, and a bundle that was published can be in a device. So the mark
//! tells the shards apart: those of the present run keep their passwords, the one that a killed run was about to publish
//! gets new ones, and all others get them only with `--again`.

use std::collections::BTreeMap;
use std::path::Path;

use base::file::{self, BulkDir, FileSet, Mode};
use base::{Code, Error, Result, digest};
use ledger::LedgerUid;
use serde::{Deserialize, Serialize};
use store::FILE_LIMIT;
use time::OffsetDateTime;

use super::bundler::BundleDescription;
use super::output::DIFFERENT;

/// The name of the mark.
const MARK: &str = "enrolment.json";

/// The content of the mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EnrolmentMark {
    version: u32,
    names: usize,
    /// SHA-256 over the names, each with a line feed.
    names_sha256: String,
    /// The identifier of the ledger with the passwords of the bundles; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ledger: Option<String>,
    /// The last run; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<EnrolmentRun>,
}

/// A run that makes all bundles of a directory, in one command or in several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EnrolmentRun {
    /// True while shards are left.
    pub(super) is_open: bool,
    /// True if it may replace passwords that can still be used.
    replaces: bool,
    /// The shards that it has published.
    published: Vec<u32>,
    /// The times at which the passwords of shards were made, in seconds since 1970 (UTC). A later one of the same device is
    /// not the one in its bundle.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    made: BTreeMap<u32, i64>,
    /// The shard whose passwords it was about to record and to publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<u32>,
    /// The parameters of its bundles.
    parameters: BundleDescription,
}

impl EnrolmentMark {
    /// The mark of these names, whose passwords a ledger has.
    pub(super) fn of<'n>(names: impl ExactSizeIterator<Item = &'n str>, ledger: LedgerUid) -> Self {
        let count = names.len();
        let text: String = names.flat_map(|name| [name, "\n"]).collect();
        Self {
            version: 1,
            names: count,
            names_sha256: digest::hex(&digest::sha256(text.as_bytes())),
            ledger: Some(ledger.to_string()),
            run: None,
        }
    }

    /// The mark in a directory; none without one.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`] if it is of another ledger; [`Code::OtherBundles`] if it is for other names; those of reading a
    /// file.
    pub(super) fn read(&self, dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MARK);
        let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(there) if there.ledger.is_some() && there.ledger != self.ledger => Err(of_other_ledger(&path)),
            Ok(there) if (Self { run: None, ledger: self.ledger.clone(), ..there.clone() }) == *self => Ok(Some(there)),
            _ => Err(Code::OtherBundles
                .error("the directory has bundles of other names")
                .at(path)
                .fix("use the same list as before, or another directory")),
        }
    }

    /// Whether a version has written it that did not record the ledger.
    pub(super) fn is_without_ledger(&self) -> bool {
        self.ledger.is_none()
    }

    /// Takes a directory for the bundles of these names. It must be new or empty.
    ///
    /// # Errors
    /// [`Code::TargetExists`], and those of the disk.
    pub(super) fn take(&self, dir: &Path) -> Result<()> {
        file::create_dir(dir)?;
        // What a run has left that was killed while it wrote the mark is swept away with the next one.
        if let Some(name) = BulkDir::open(dir)?.foreign_name()? {
            return Err(Code::TargetExists
                .error("the directory for the bundles is not empty")
                .at(dir)
                .because(format!("it holds {name:?}"))
                .fix("name a new or an empty directory"));
        }
        let mut set = FileSet::new(dir);
        set.add(MARK, self.text()?, Mode::Public)?;
        set.commit().map(drop)
    }

    /// Writes the state of the run.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        file::replace(&dir.join(MARK), &self.text()?, Mode::Public, FILE_LIMIT, |_| true)
    }

    fn text(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Code::Internal.error("the mark of bundles cannot be JSON").caused_by(error))?;
        Ok((text + "\n").into_bytes())
    }
}

/// The error for a directory whose passwords another ledger has.
pub(super) fn of_other_ledger(path: &Path) -> Error {
    Code::PlaceTaken
        .error("the directory has the bundles of another store")
        .at(path)
        .because("the one-time passwords in them are in the ledger of that store")
        .fix("name another directory, or use the store that has made these bundles")
}

impl EnrolmentRun {
    /// A run that has published nothing.
    pub(super) fn new(replaces: bool, parameters: BundleDescription) -> Self {
        Self { is_open: true, replaces, published: Vec::new(), made: BTreeMap::new(), begun: None, parameters }
    }

    /// A run of an earlier version, which kept no state: what is there counts as published.
    pub(super) fn of_earlier_version(there: Vec<u32>, parameters: BundleDescription) -> Self {
        Self { is_open: false, published: there, ..Self::new(false, parameters) }
    }

    /// True if a request with `--again` and these parameters continues the run: it was begun by such a request.
    pub(super) fn is_continued_by_again(&self, wanted: &BundleDescription) -> bool {
        self.is_open && self.replaces && self.parameters.goes_with(wanted)
    }

    /// Fails if bundles with these parameters do not belong to the run.
    ///
    /// # Errors
    /// [`Code::OtherBundles`].
    pub(super) fn check(&self, wanted: &BundleDescription, dir: &Path, fix: &str) -> Result<()> {
        if self.parameters.goes_with(wanted) {
            return Ok(());
        }
        Err(Code::OtherBundles
            .error("these bundles were made with other parameters")
            .at(dir.join(MARK))
            .because(DIFFERENT)
            .fix(fix))
    }

    /// Counts the shard that a killed run was about to publish, if it `is_there`: what was there before was moved away first.
    pub(super) fn settle_begun(&mut self, is_there: impl FnOnce(u32) -> Result<bool>) -> Result<()> {
        if let Some(shard) = self.begun
            && is_there(shard)?
        {
            self.publish(shard, None);
        }
        Ok(())
    }

    /// True if the run has published a shard.
    pub(super) fn has_published(&self, shard: u32) -> bool {
        self.published.contains(&shard)
    }

    /// True if the run may give the names of a shard new passwords, although they have some that can be used: nothing can
    /// have those of a shard that was never published, and `--again` gives all others up.
    pub(super) fn may_replace(&self, shard: u32) -> bool {
        self.is_open && !self.has_published(shard) && (self.replaces || self.begun == Some(shard))
    }

    /// Takes shards back whose bundles are to be made again.
    pub(super) fn reopen(&mut self, shards: &[u32]) {
        if !self.is_open {
            (self.is_open, self.replaces) = (true, false);
        }
        self.published.retain(|shard| !shards.contains(shard));
    }

    /// A shard is about to get its passwords.
    pub(super) fn begin(&mut self, shard: u32) {
        self.begun = Some(shard);
    }

    /// The shard that was begun has no new passwords.
    pub(super) fn give_up(&mut self) {
        self.begun = None;
    }

    /// A shard has its name. `made` is the time at which the ledger has got its passwords, if it is known.
    pub(super) fn publish(&mut self, shard: u32, made: Option<OffsetDateTime>) {
        self.begun = None;
        self.published.push(shard);
        match made {
            Some(made) => self.made.insert(shard, made.unix_timestamp()),
            None => self.made.remove(&shard),
        };
    }

    /// Whether passwords that were made at this time are those of the bundles of a shard, as far as it is known.
    pub(super) fn is_of_bundles(&self, shard: u32, made: OffsetDateTime) -> bool {
        self.made.get(&shard).is_none_or(|known| *known == made.unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(port: u16) -> BundleDescription {
        serde_json::from_value(serde_json::json!({
            "version": 1, "chip": "esp32c3", "flash_size": "4MB", "credentials": { "offset": "0x9000", "bytes": 24576 },
            "merged": false, "broker": "broker.example", "port": port, "wifi_ssid": null, "ntp_server": "",
            "skip_host_name_check": false, "anchors_sha256": "", "application_sha256": "",
        }))
        .unwrap()
    }

    #[test]
    fn a_directory_is_taken_again_if_the_mark_was_not_finished() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("bundles");
        let mark = EnrolmentMark {
            version: 1,
            names: 0,
            names_sha256: String::new(),
            ledger: Some("a".to_owned()),
            run: None,
        };
        // As a killed process leaves them.
        file::create_dir(&dir).unwrap();
        BulkDir::open(&dir).unwrap().create_dir(".tbpki-staged-00000000").unwrap();
        mark.take(&dir).unwrap();
        assert_eq!(mark.read(&dir).unwrap(), Some(mark.clone()));
        let other = parent.path().join("other");
        file::create_dir(&other).unwrap();
        BulkDir::open(&other).unwrap().write("notes.txt", b"", Mode::Private).unwrap();
        assert_eq!(mark.take(&other).unwrap_err().code(), Code::TargetExists);
    }

    #[test]
    fn passwords_are_replaced_where_nothing_was_published_or_all_is_given_up() {
        let mut run = EnrolmentRun::new(false, parameters(1));
        assert!(!run.may_replace(0), "another directory may have them");
        run.begin(0);
        assert!(run.may_replace(0) && !run.may_replace(1));
        run.settle_begun(|_| Ok(false)).unwrap();
        assert!(run.may_replace(0), "killed before it was published");
        run.settle_begun(|_| Ok(true)).unwrap();
        assert!(run.has_published(0) && !run.may_replace(0));
        let mut again = EnrolmentRun::new(true, parameters(1));
        again.publish(1, None);
        assert!(again.may_replace(0) && !again.may_replace(1), "a bundle of this run may be in a device");
        again.is_open = false;
        again.reopen(&[1]);
        assert!(!again.may_replace(1) && !again.has_published(1));
    }

    #[test]
    fn passwords_of_another_time_are_not_those_of_the_bundles() {
        let mut run = EnrolmentRun::new(false, parameters(1));
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        run.publish(0, Some(time(5)));
        run.publish(1, None);
        assert!(run.is_of_bundles(0, time(5)) && !run.is_of_bundles(0, time(6)));
        assert!(run.is_of_bundles(1, time(6)), "killed before it was written down");
    }

    #[test]
    fn again_continues_a_run_of_its_own_and_no_other() {
        let mut run = EnrolmentRun::new(true, parameters(1));
        assert!(run.is_continued_by_again(&parameters(1)) && !run.is_continued_by_again(&parameters(2)));
        assert_eq!(run.check(&parameters(2), Path::new("d"), "f").unwrap_err().code(), Code::OtherBundles);
        run.is_open = false;
        assert!(!run.is_continued_by_again(&parameters(1)), "it is done");
        assert!(!EnrolmentRun::new(false, parameters(1)).is_continued_by_again(&parameters(1)));
    }

    #[test]
    fn a_mark_of_an_earlier_version_has_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let uid = |octet: &str| octet.repeat(16).parse::<LedgerUid>().unwrap();
        let mark = EnrolmentMark::of(["a", "b"].into_iter(), uid("a5"));
        assert_eq!(mark.read(dir.path()).unwrap(), None);
        mark.take(dir.path()).unwrap();
        assert_eq!(mark.take(dir.path()).unwrap_err().code(), Code::TargetExists);
        let there = mark.read(dir.path()).unwrap().unwrap();
        assert_eq!(there, mark);
        let run = Some(EnrolmentRun::of_earlier_version(vec![0], parameters(1)));
        EnrolmentMark { run: run.clone(), ..there }.write(dir.path()).unwrap();
        assert_eq!(mark.read(dir.path()).unwrap().unwrap().run, run);
        let other = EnrolmentMark::of(["a"].into_iter(), uid("a5"));
        assert_eq!(other.read(dir.path()).unwrap_err().code(), Code::OtherBundles);
        let other = EnrolmentMark::of(["a", "b"].into_iter(), uid("5a"));
        assert_eq!(other.read(dir.path()).unwrap_err().code(), Code::PlaceTaken);
        // As an earlier version has written it.
        let earlier = EnrolmentMark { ledger: None, run: None, ..mark.clone() };
        earlier.write(dir.path()).unwrap();
        assert!(mark.read(dir.path()).unwrap().unwrap().is_without_ledger());
    }
}
