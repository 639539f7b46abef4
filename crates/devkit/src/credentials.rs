//! The NVS partition with a device's credentials record.

use base::{Code, Error, Result};
use device::record::{NAMESPACE, RecordValue};
use device::{Record, record};
use zeroize::Zeroizing;

use crate::nvs::{self, Keys, NvsNamespace, NvsValue};

/// A credentials record of these parts.
///
/// # Errors
/// [`Code::BadRecord`], which names the first invalid part.
pub fn record(parts: record::Parts) -> Result<Record> {
    Record::new(parts).map_err(|invalid| Code::BadRecord.error(invalid.to_string()))
}

/// The NVS partition with `record`, `size` bytes long, encrypted if keys are given.
///
/// # Errors
/// Those of [`nvs::partition`].
pub fn partition(record: &Record, size: usize, keys: Option<&Keys>) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; size]);
    write_into(record, &mut bytes, keys)?;
    Ok(bytes)
}

/// Writes the NVS partition with `record` into `bytes`, which has the size of the partition.
///
/// # Errors
/// Those of [`nvs::partition`].
pub fn write_into(record: &Record, bytes: &mut [u8], keys: Option<&Keys>) -> Result<()> {
    let entries = record.entries();
    let entries: Vec<(&str, NvsValue<'_>)> = entries.iter().map(|entry| (entry.key, value(entry.value))).collect();
    nvs::write_into(&[NvsNamespace { name: NAMESPACE, entries: &entries }], bytes, keys)
}

/// Reads the record of a partition with the reader of the firmware.
///
/// # Errors
/// [`Code::ReadBack`] with the reader's error.
pub fn read(partition: &[u8]) -> Result<Record> {
    Record::read(partition).map_err(unreadable)
}

fn unreadable(error: record::ReadError) -> Error {
    Code::ReadBack.error("the device cannot read its credentials from this partition").caused_by(error)
}

/// The NVS value of a record's value.
pub fn value(value: RecordValue<'_>) -> NvsValue<'_> {
    match value {
        RecordValue::U8(number) => NvsValue::U8(number),
        RecordValue::U16(number) => NvsValue::U16(number),
        RecordValue::Str(text) => NvsValue::Text(text),
        RecordValue::Blob(bytes) => NvsValue::Blob(bytes),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use device::record::{Login, Parts};

    use super::*;

    fn pem(label: &str, bytes: usize) -> String {
        let body = "QUJD\n".repeat(bytes / 5);
        format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
    }

    /// A record with a certificate.
    pub(crate) fn sample() -> Record {
        record(parts(1000)).unwrap()
    }

    fn parts(chain: usize) -> Parts {
        Parts {
            device_name: "pump-1".to_owned(),
            wifi_ssid: "workshop".to_owned(),
            wifi_password: "hunter22".into(),
            host: "broker.example".to_owned(),
            port: 8883,
            ca_chain: pem("CERTIFICATE", 800),
            login: Login::Certificate { chain: pem("CERTIFICATE", chain), key: pem("PRIVATE KEY", 240).into() },
            skip_host_name_check: false,
            ntp_server: "pool.ntp.org".to_owned(),
            enrolment: None,
        }
    }

    #[test]
    fn the_device_reads_records_of_every_length() {
        // Every length within a page, so that chunks end before, at and after a page's end.
        for chain in (500..5000).step_by(5) {
            let written = record(parts(chain)).unwrap();
            assert_eq!(read(&partition(&written, 0x6000, None).unwrap()).unwrap(), written, "{chain}");
        }
    }

    #[test]
    fn an_encrypted_partition_is_read_after_decryption() {
        let keys = Keys::generate().unwrap();
        let written = record(parts(1000)).unwrap();
        let mut encrypted = partition(&written, 0x6000, Some(&keys)).unwrap();
        assert_eq!(read(&encrypted).unwrap_err().code(), Code::ReadBack);
        keys.decrypt_partition(&mut encrypted).unwrap();
        assert_eq!(read(&encrypted).unwrap(), written);
    }

    #[test]
    fn an_invalid_record_names_the_part() {
        let error = record(Parts { wifi_password: "short".into(), ..parts(500) }).unwrap_err();
        assert_eq!(error.code(), Code::BadRecord);
        assert!(!format!("{error:?}").contains("short\""), "{error:?}");
    }

    #[test]
    fn the_error_of_a_large_record_has_the_sizes() {
        let large = record(parts(16_000)).unwrap();
        let error = partition(&large, 0x4000, None).unwrap_err();
        assert_eq!(error.code(), Code::RecordTooLarge);
        assert!(error.to_string().contains("24576") && error.to_string().contains("16384"), "{error}");
        partition(&large, 24576, None).unwrap();
    }
}
