//! Lines of CSV (RFC 4180) that no spreadsheet takes for formulas.

use std::fmt::Write as _;

use pki::digest;

use super::made::Made;

/// The columns of an archive's index. `part` is where the shard's part begins in the archive, or the file that it is
/// where parts cannot be joined; `offset` counts within the part, unpacked.
pub(crate) const INDEX: &str = "name,serial,fingerprint,credentials_id,offset,length,part";

/// Appends the line of a device to the index of its part, which knows all columns but the last.
pub(crate) fn index_line(device: &Made, offset: usize, length: usize, to: &mut String) {
    field(&device.name, to);
    // Writing to a String cannot fail.
    let _ = writeln!(
        to,
        ",{},{},{},{offset},{length}",
        device.serial,
        digest::hex(&device.fingerprint),
        device.credentials_id
    );
}

/// Appends a field: quoted where it has to be, and with an apostrophe before what a spreadsheet would compute.
pub(crate) fn field(text: &str, to: &mut String) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.contains(['"', ',', '\n', '\r']);
    if quoted {
        to.push('"');
    }
    if formula {
        to.push('\'');
    }
    match quoted {
        true => to.push_str(&text.replace('"', "\"\"")),
        false => to.push_str(text),
    }
    if quoted {
        to.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_have_to_be_and_no_formulas() {
        let of = |text: &str| {
            let mut line = String::new();
            field(text, &mut line);
            line
        };
        assert_eq!(of("pump-1"), "pump-1");
        assert_eq!(of("a,\"b\""), "\"a,\"\"b\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@x"] {
            assert_eq!(of(formula), format!("'{formula}"));
        }
        assert_eq!(of("=a,b"), "\"'=a,b\"");
    }
}
