//! CONNECT.

use super::codec::Reader;

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V3_1,
    V3_1_1,
    V5,
}

/// The first packet of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) version: Version,
    pub(crate) clean_session: bool,
    pub(crate) client_id: String,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<String>,
}

impl Connect {
    /// Reads the packet's body. `None` is malformed, of an unknown version included: no CONNACK follows.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let name = reader.text()?;
        let version = match (name.as_str(), reader.u8()?) {
            ("MQIsdp", 3) => Version::V3_1,
            ("MQTT", 4) => Version::V3_1_1,
            ("MQTT", 5) => Version::V5,
            _ => return None,
        };
        let flags = reader.u8()?;
        // 3.1 does not reserve the bit.
        if version != Version::V3_1 && flags & 1 != 0 {
            return None;
        }
        // The real server did not enforce two seconds within thirty, so the simulator does not at all.
        let _keep_alive = reader.u16()?;
        if version == Version::V5 {
            reader.properties()?;
        }
        let client_id = reader.text()?;
        // 3.1 wants one, of at most 23 characters.
        if version == Version::V3_1 && !(1..=23).contains(&client_id.encode_utf16().count()) {
            return None;
        }
        if flags & 0x04 != 0 {
            if version == Version::V5 {
                reader.properties()?;
            }
            reader.text()?;
            reader.binary()?;
            // A will cannot have quality of service 3 (3.1.1, section 3.1.2.6).
            if flags & 0x18 == 0x18 {
                return None;
            }
        }
        let user_name = if flags & 0x80 != 0 { Some(reader.text()?) } else { None };
        let password = if flags & 0x40 != 0 { Some(reader.text()?) } else { None };
        if !reader.rest().is_empty() {
            return None;
        }
        Some(Self { version, clean_session: flags & 0x02 != 0, client_id, user_name, password })
    }

    /// True for a device that asks to be provisioned.
    pub(crate) fn wants_provisioning(&self) -> bool {
        self.user_name.as_deref() == Some("provision") || self.client_id == "provision"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_read_by_its_own_rules() {
        let v3 = b"\0\x06MQIsdp\x03\x02\0\x3c\0\x01c";
        assert_eq!(Connect::read(v3).map(|connect| connect.version), Some(Version::V3_1));
        let v4 = Connect::read(b"\0\x04MQTT\x04\xc0\0\x3c\0\0\0\x01u\0\x01p").unwrap();
        assert_eq!((v4.version, v4.clean_session), (Version::V3_1_1, false));
        assert_eq!((v4.user_name.as_deref(), v4.password.as_deref()), (Some("u"), Some("p")));
        let v5 = Connect::read(b"\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x09\0\x01c").unwrap();
        assert_eq!((v5.version, v5.client_id.as_str()), (Version::V5, "c"));
    }

    #[test]
    fn what_is_malformed_is_nothing() {
        for body in [
            &b""[..],
            b"\0\x04MQTT\x06\x02\0\x3c\0\0",
            b"\0\x04MQTX\x04\x02\0\x3c\0\0",
            b"\0\x04MQTT\x04\x03\0\x3c\0\0",
            b"\0\x04MQTT\x04\x82\0\x3c\0\0",
            b"\0\x06MQIsdp\x03\x02\0\x3c\0\0",
            b"\0\x04MQTT\x04\x02\0\x3c\0\x01cx",
        ] {
            assert_eq!(Connect::read(body), None, "{body:?}");
        }
    }
}
