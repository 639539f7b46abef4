//! The file with the revocation lists, read once for each version of it. Everyone can ask for it, and it has up to 64 MiB:
//! reading it for each request would let a few clients fill the memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Result, file};
use hyper::body::Bytes;
use identity::lifecycle::revocation_lists::list_file::LIMIT;
use pki::Certificate;
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use pki::tbs::list_name;

use crate::serve::tls::{Version, version};

/// The file, with what was read of it last.
#[derive(Debug)]
pub(crate) struct ListFile {
    path: PathBuf,
    read: Mutex<Option<Arc<PublishedLists>>>,
}

/// The contents of the file. Copies share the memory.
#[derive(Debug)]
pub(crate) struct PublishedLists {
    version: Version,
    /// The file as it is.
    pub(super) pem: Bytes,
    lists: Vec<PublishedList>,
    /// Which list a CA has signed, by the SHA-256 of its certificate; `None` if it has signed none of them.
    of_cas: Mutex<HashMap<[u8; 32], Option<Bytes>>>,
}

#[derive(Debug)]
struct PublishedList {
    /// The list in DER. Its entries are not kept: parsed, they take a multiple of it.
    der: Bytes,
    /// The name by which the distribution points of certificates call for it; `None` if the list names no key.
    name: Option<String>,
}

impl ListFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// The present contents; `None` if there is no file.
    ///
    /// # Errors
    /// Those of reading the file.
    pub(super) fn present(&self) -> Result<Option<Arc<PublishedLists>>> {
        // Locked while it is read: others would read the same.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the file is read: if it changes meanwhile, the next request reads it again.
        let Some(version) = version(&self.path) else {
            *read = None;
            // An error, for example of the permissions, is told apart from a missing file.
            return file::read_optional(&self.path, LIMIT).map(|_| None);
        };
        if let Some(lists) = read.as_ref().filter(|lists| lists.version == version) {
            return Ok(Some(lists.clone()));
        }
        // Not kept until the other one is read: two versions take twice the memory.
        *read = None;
        *read = PublishedLists::read(&self.path, version)?.map(Arc::new);
        Ok(read.clone())
    }
}

impl PublishedLists {
    fn read(path: &Path, version: Version) -> Result<Option<Self>> {
        let Some(mut pem) = file::read_optional(path, LIMIT)? else { return Ok(None) };
        // A file that cannot be parsed is served as it is, and has no list of a CA.
        let ders = PemBundle::parse(&pem).map(|bundle| bundle.crls).unwrap_or_default();
        let lists = ders.into_iter().filter_map(|der| {
            let name = Crl::from_der(&der).ok()?.authority_key_id().map(list_name);
            Some(PublishedList { der: der.into(), name })
        });
        let lists = lists.collect();
        Ok(Some(Self { version, pem: std::mem::take(&mut *pem).into(), lists, of_cas: Mutex::default() }))
    }

    /// The list that the distribution points of certificates call for by this name.
    pub(super) fn named(&self, name: &str) -> Option<Bytes> {
        let list = self.lists.iter().find(|list| list.name.as_deref() == Some(name))?;
        Some(list.der.clone())
    }

    /// The list that a CA has signed. Looked for once for each CA.
    pub(super) fn of_ca(&self, ca: &Certificate) -> Option<Bytes> {
        let mut of_cas = self.of_cas.lock().unwrap_or_else(PoisonError::into_inner);
        let found = of_cas.entry(ca.fingerprint()).or_insert_with(|| {
            let is_of = |list: &&PublishedList| Crl::from_der(&list.der).is_ok_and(|list| list.is_issued_by(ca));
            self.lists.iter().find(is_of).map(|list| list.der.clone())
        });
        found.clone()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test writes the file that the service reads")]
mod tests {
    use std::fs;

    use pki::armor;
    use testkit::certificates;

    use super::*;

    fn pem(lists: &[&[u8]]) -> Vec<u8> {
        let mut pem = Vec::new();
        lists.iter().for_each(|list| armor::append("X509 CRL", list, &mut pem));
        pem
    }

    #[test]
    fn the_file_is_read_once_for_each_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lists.pem");
        let file = ListFile::new(path.clone());
        assert!(file.present().unwrap().is_none());
        let ca = certificates::root("CA");
        let first = certificates::crl(&ca, &[]);
        fs::write(&path, pem(&[&first])).unwrap();
        let read = file.present().unwrap().unwrap();
        assert!(Arc::ptr_eq(&read, &file.present().unwrap().unwrap()), "an unchanged file is not read again");
        assert_eq!(read.pem, pem(&[&first]));

        // As `tbpki crl` replaces it: another file under the same name.
        let second = certificates::crl(&ca, &[&[1]]);
        fs::write(dir.path().join("new"), pem(&[&second])).unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(file.present().unwrap().unwrap().pem, pem(&[&second]));
        fs::remove_file(&path).unwrap();
        assert!(file.present().unwrap().is_none());
    }

    #[test]
    fn each_ca_has_the_list_that_it_has_signed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lists.pem");
        let (one, other, namesake) =
            (certificates::root("CA"), certificates::root("Other CA"), certificates::root("CA"));
        let lists = [certificates::crl(&one, &[]), certificates::crl(&other, &[&[7]])];
        fs::write(&path, pem(&[&lists[0], &lists[1]])).unwrap();
        let read = ListFile::new(path).present().unwrap().unwrap();
        let of = |ca: &certificates::TestCertificate| read.of_ca(&Certificate::from_der(&ca.der).unwrap());
        for _ in 0..2 {
            assert_eq!(of(&one).as_deref(), Some(lists[0].as_slice()));
            assert_eq!(of(&other).as_deref(), Some(lists[1].as_slice()));
            assert_eq!(of(&namesake), None, "a CA of the same name has another key");
        }
    }
}
