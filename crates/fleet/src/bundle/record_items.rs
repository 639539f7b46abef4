//! What `inspect` shows of a partition with a device's credentials record.

use base::{Code, Result};
use device::Record;
use device::flash_table::{TABLE_LEN, TABLE_OFFSETS, TABLE_STEP, is_table, nvs_partitions};
use device::nvs::{MAX_PARTITION, NvsError, PAGE};
use device::record::{ReadError, RecordValue, key};
use pki::inspect::{InspectPasswords, InspectedItem, RecordEntryView, inspect_entries};
use time::OffsetDateTime;

/// The entries with certificates and keys, in the order in which they are shown, each with its role.
const ENTRIES: [(&str, &str); 4] = [
    (key::CLIENT_KEY, "the key of the device"),
    (key::CLIENT_CHAIN, "the chain of the device, leaf first"),
    (key::CA_CHAIN, "trust anchors for the broker"),
    (key::ENROLL_ANCHORS, "trust anchors for the enrolment service"),
];

/// The certificates and keys of the record in an NVS partition, or in the merged image of a flash. `None` for other files,
/// and if there is no record of tbpki, or an encrypted one.
///
/// # Errors
/// [`Code::BadRecord`] if the partition has a record that a device cannot read; the errors of [`inspect_entries`].
pub fn record_items(
    bytes: &[u8],
    passwords: &InspectPasswords,
    now: OffsetDateTime,
) -> Result<Option<Vec<InspectedItem>>> {
    let found = match record(bytes)? {
        None => in_flash(bytes)?,
        found => found,
    };
    let Some(record) = found else { return Ok(None) };
    let entries = record.entries();
    let mut found = Vec::new();
    for (name, role) in ENTRIES {
        let entry = entries.iter().find(|entry| entry.key == name);
        let Some(RecordValue::Blob(pem)) = entry.map(|entry| entry.value) else { continue };
        // Mbed TLS needs the NUL at the end; an entry of a NUL alone is an empty one.
        let pem = pem.strip_suffix(b"\0").unwrap_or(pem);
        if !pem.is_empty() {
            found.push((RecordEntryView { name: name.to_owned(), role: role.to_owned() }, pem));
        }
    }
    inspect_entries(found, passwords, now).map(Some)
}

/// The record in an NVS partition.
fn record(bytes: &[u8]) -> Result<Option<Record>> {
    let is_size = u32::try_from(bytes.len()).is_ok_and(|size| size.is_multiple_of(PAGE) && size <= MAX_PARTITION);
    if !is_size {
        return Ok(None);
    }
    match Record::read(bytes) {
        Ok(record) => Ok(Some(record)),
        Err(ReadError::Nvs(
            NvsError::Flash(_) | NvsError::Size(_) | NvsError::Blank | NvsError::NoNamespace { .. },
        )) => Ok(None),
        Err(error) => Err(Code::BadRecord
            .error("a device cannot read the credentials record in this partition")
            .because(error)
            .fix("make the partition again: `tbpki bundle-firmware`, or `tbpki fleet bundle` for a fleet")),
    }
}

/// The record in the first NVS partition that has one, of the merged image of a flash, which has a partition table.
fn in_flash(bytes: &[u8]) -> Result<Option<Record>> {
    let tables = TABLE_OFFSETS.step_by(TABLE_STEP).filter_map(|offset| {
        let start = usize::try_from(offset).ok()?;
        bytes.get(start..start.checked_add(TABLE_LEN)?).filter(|table| is_table(table))
    });
    for place in tables.take(1).flat_map(nvs_partitions) {
        let (start, size) = (place.offset as usize, place.size as usize);
        let partition = start.checked_add(size).and_then(|end| bytes.get(start..end));
        if let Some(partition) = partition
            && let Some(record) = record(partition)?
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use device::record::{EnrolmentSettings, Login, Parts};
    use devkit::credentials;
    use pki::inspect::Content;

    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    fn parts() -> Parts {
        Parts {
            device_name: "pump-1".to_owned(),
            wifi_ssid: "workshop".to_owned(),
            wifi_password: "hunter22".into(),
            host: "tb.example".to_owned(),
            port: 8883,
            ca_chain: CERTIFICATE.repeat(2),
            login: Login::Certificate { chain: CERTIFICATE.repeat(2), key: KEY.into() },
            skip_host_name_check: false,
            ntp_server: "pool.ntp.org".to_owned(),
            enrolment: None,
        }
    }

    fn partition(parts: Parts) -> Vec<u8> {
        credentials::partition(&credentials::record(parts).unwrap(), 0x6000, None).unwrap().to_vec()
    }

    fn items(bytes: &[u8]) -> Result<Option<Vec<InspectedItem>>> {
        record_items(bytes, &InspectPasswords::default(), OffsetDateTime::UNIX_EPOCH)
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        let items = items(bytes).unwrap().unwrap();
        items.into_iter().map(|item| item.entry.unwrap().name).collect()
    }

    #[test]
    fn every_certificate_and_the_key_are_shown_with_their_entries() {
        let bytes = partition(parts());
        assert_eq!(names(&bytes), ["client_key", "client_chain", "client_chain", "ca_chain", "ca_chain"]);
        assert!(matches!(items(&bytes).unwrap().unwrap()[0].content, Content::PrivateKey(_)));
    }

    #[test]
    fn anchors_of_the_enrolment_service_are_shown_and_empty_entries_are_not() {
        let enrolment = EnrolmentSettings {
            host: "est.example".to_owned(),
            port: 443,
            label: String::new(),
            anchors: CERTIFICATE.to_owned(),
            password: "one-time-password-of-the-device".into(),
            renew_days: 0,
            salt: [7; 16],
        };
        let parts = Parts { login: Login::Pending, enrolment: Some(enrolment), ..parts() };
        assert_eq!(names(&partition(parts)), ["ca_chain", "ca_chain", "enroll_anchors"]);
    }

    #[test]
    fn other_files_are_none_and_a_changed_record_is_an_error() {
        for other in [Vec::new(), vec![0xFF; 0x6000], vec![0; 4096], CERTIFICATE.as_bytes().to_vec()] {
            assert!(items(&other).unwrap().is_none());
        }
        let mut changed = partition(parts());
        let place = changed.windows(10).position(|bytes| bytes == b"tb.example").unwrap();
        changed[place] = b'x';
        assert_eq!(items(&changed).unwrap_err().code(), Code::BadRecord);
    }
}
