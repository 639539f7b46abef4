//! The subject that a device's request asks for, compared with the one that its certificate gets.
//!
//! ThingsBoard takes the first attribute of the first set that has a common name, other programs take the last common name.
//! So the certificate of a device has exactly one, in a set of its own, and nothing that the configuration does not have.

use super::attribute::{Attribute, AttributeKind, AttributeValue};
use super::{Rdn, Subject, write_attribute};

impl Subject {
    /// Why a device of this name may not have this subject, if `base` and the name are all that it may have. Parts of
    /// `base` can be left out, and so can the name.
    pub(crate) fn device_fault(&self, base: &Subject, name: &str) -> Option<String> {
        if let Some(fault) = self.common_name_fault() {
            return Some(fault);
        }
        if let Some(shared) = self.rdns.iter().find(|rdn| rdn.len() > 1) {
            return Some(shared_set(shared));
        }
        if let Some(common_name) = self.common_names().next()
            && !matches!(&common_name.value, AttributeValue::Text(text) if text == name)
        {
            return Some(for_another(common_name, name));
        }
        let mut left: Vec<&Attribute> = base.rdns.iter().flat_map(|rdn: &Rdn| rdn.iter()).collect();
        for attribute in self.rdns.iter().flat_map(|rdn| rdn.iter()).filter(|attribute| !is_common_name(attribute)) {
            let same = |other: &&Attribute| other.name == attribute.name && other.value == attribute.value;
            match left.iter().position(same) {
                // Each attribute of the configuration counts once, so that a second copy of it is one too many.
                Some(place) => drop(left.swap_remove(place)),
                None => {
                    return Some(format!("its subject has {}, which the subject of devices has not", shown(attribute)));
                }
            }
        }
        None
    }

    /// Why programs differ in the name that they take from this subject: it has several common names, or one in a set with
    /// other attributes.
    pub fn common_name_fault(&self) -> Option<String> {
        match self.common_names().count() {
            0 => None,
            1 => {
                let holder = self.rdns.iter().find(|rdn| rdn.iter().any(|attribute| is_common_name(&attribute)));
                holder.filter(|rdn| rdn.len() > 1).map(shared_set)
            }
            count => Some(format!("its subject {self} has {count} common names")),
        }
    }

    fn common_names(&self) -> impl Iterator<Item = &Attribute> {
        self.rdns.iter().flat_map(|rdn| rdn.iter()).filter(is_common_name)
    }
}

fn is_common_name(attribute: &&Attribute) -> bool {
    attribute.kind == Some(AttributeKind::CommonName)
}

fn shared_set(rdn: &Rdn) -> String {
    let attributes: Vec<String> = rdn.iter().map(shown).collect();
    format!("its subject has {} in one set of attributes", attributes.join(" and "))
}

/// The fault of a common name that is not the device's name. Two that look the same are shown with their code points.
fn for_another(common_name: &Attribute, name: &str) -> String {
    let what = format!("it is for {} and not for the device {name:?}", shown(common_name));
    let AttributeValue::Text(text) = &common_name.value else { return what };
    let in_code_points = |text: &str| {
        let points = text.chars().filter(|c| !c.is_ascii()).map(|c| format!("U+{:04X}", u32::from(c)));
        let points = points.collect::<Vec<_>>().join(" ");
        if points.is_empty() { "ASCII alone".to_owned() } else { points }
    };
    if text.is_ascii() && name.is_ascii() {
        return what;
    }
    let (own, wanted) = (in_code_points(text), in_code_points(name));
    format!("{what}: outside of ASCII, the request has {own}, and the name has {wanted}")
}

fn shown(attribute: &Attribute) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_attribute(&mut text, attribute);
    text
}

#[cfg(test)]
mod tests {
    use crate::names::subject::sample::{CN, O, Parts, SERIAL, name};

    const OU: &[u8] = &[0x55, 4, 11];
    const UID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01];
    const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

    #[test]
    fn the_name_and_parts_of_the_base_may_be_asked_for() {
        let base = name(&[&[(O, 12, b"Acme")], &[(OU, 12, b"a")], &[(OU, 12, b"b")]]);
        for asked in [
            name(&[]),
            name(&[&[(CN, 12, b"pump-1")]]),
            name(&[&[(CN, 19, b"pump-1")]]),
            name(&[&[(O, 19, b"Acme")], &[(CN, 12, b"pump-1")]]),
            name(&[&[(O, 12, b"Acme")]]),
            name(&[&[(OU, 12, b"b")], &[(O, 12, b"Acme")], &[(OU, 12, b"a")], &[(CN, 12, b"pump-1")]]),
        ] {
            assert_eq!(asked.device_fault(&base, "pump-1"), None, "{asked}");
        }
    }

    #[test]
    fn whatever_could_name_another_device_is_a_fault() {
        let base = name(&[&[(O, 12, b"Acme")], &[(OU, 12, b"a")]]);
        // The same letter in two normalization forms.
        let twin = name(&[&[(CN, 12, "d-é".as_bytes())]]).device_fault(&base, "d-e\u{301}").unwrap();
        assert!(twin.ends_with("outside of ASCII, the request has U+00E9, and the name has U+0301"), "{twin}");
        let own: &[Parts<'_>] = &[(CN, 12, b"pump-1")];
        for (asked, said) in [
            (name(&[&[(CN, 12, b"pump-2")]]), "CN=pump-2"),
            (name(&[&[(CN, 12, b"Pump-1")]]), "CN=Pump-1"),
            (name(&[&[(CN, 12, b"pump-1 ")]]), "pump-1"),
            (name(&[&[(CN, 2, b"\x01")]]), "CN=#"),
            (name(&[own, &[(CN, 12, b"pump-2")]]), "2 common names"),
            (name(&[own, own]), "2 common names"),
            (name(&[own, &[(CN, 30, b"\0p\0u\0m\0p\0-\x002")]]), "2 common names"),
            (name(&[own, &[(CN, 4, b"x")]]), "2 common names"),
            (name(&[&[(SERIAL, 19, b"pump-2"), (CN, 12, b"pump-1")]]), "serialNumber=pump-2 and CN=pump-1"),
            (name(&[&[(CN, 12, b"pump-1"), (O, 12, b"Acme")]]), "in one set"),
            (name(&[&[(O, 12, b"Acme"), (OU, 12, b"a")], own]), "in one set"),
            (name(&[own, &[(UID, 12, b"pump-2")]]), "UID=pump-2"),
            (name(&[own, &[(EMAIL, 22, b"a@b.c")]]), "emailAddress=a@b.c"),
            (name(&[own, &[(SERIAL, 19, b"pump-2")]]), "serialNumber=pump-2"),
            (name(&[own, &[(OU, 12, b"b")]]), "OU=b"),
            (name(&[&[(OU, 12, b"a")], &[(OU, 12, b"a")], own]), "OU=a"),
            (name(&[&[(O, 12, b"acme")], own]), "O=acme"),
            (name(&[own, &[(&[0x2a, 3], 12, b"pump-2")]]), "1.2.3="),
        ] {
            let fault = asked.device_fault(&base, "pump-1").unwrap_or_default();
            assert!(fault.contains(said), "{asked}: {fault}");
        }
    }
}
