//! The stamps that tools find in an image without running it.

use crate::log::log;

/// Whether the firmware checks validity dates, as a text that tools find in an ELF file by its symbol and in an image by
/// its prefix.
#[unsafe(no_mangle)]
#[used]
// The symbol's name is part of the file format.
#[allow(non_upper_case_globals)]
static tbpki_dates: [u8; 24] =
    *if cfg!(feature = "dates") { b"tbpki:dates checked\0\0\0\0\0" } else { b"tbpki:dates not checked\0" };

/// The text of a firmware that fetches identities over the network. `bundle-firmware --enroll` requires it, because an
/// earlier firmware does not read records of version 2.
#[cfg(feature = "wifi")]
#[unsafe(no_mangle)]
#[used]
#[allow(non_upper_case_globals)]
static tbpki_enrolls: [u8; 16] = *b"tbpki:enrolls\0\0\0";

/// Logs the version, and whether validity dates are checked.
pub(crate) fn show() {
    // `black_box` keeps the linker from dropping the text, which is otherwise never read.
    let stamp = core::hint::black_box(&tbpki_dates);
    #[cfg(feature = "wifi")]
    core::hint::black_box(&tbpki_enrolls);
    let dates = if stamp.starts_with(b"tbpki:dates checked") {
        "checked"
    } else {
        "NOT checked: expired certificates are accepted"
    };
    log!("tbpki firmware {}; validity dates of certificates are {dates}", env!("CARGO_PKG_VERSION"));
}
