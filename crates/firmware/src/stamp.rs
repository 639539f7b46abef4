//! What an image says of itself to tools that never run it.

use crate::log::log;

/// Whether certificates are held against the date, as text that can be found in an ELF file (by the symbol) and in an
/// image (by its beginning).
#[unsafe(no_mangle)]
#[used]
// The name is part of a file format, and not of this program.
#[allow(non_upper_case_globals)]
static tbpki_dates: [u8; 24] =
    *if cfg!(feature = "dates") { b"tbpki:dates checked\0\0\0\0\0" } else { b"tbpki:dates not checked\0" };

/// Says what this is.
pub(crate) fn show() {
    // Read from where it lies, so that it stays there.
    let stamp = core::hint::black_box(&tbpki_dates);
    let dates =
        if stamp.starts_with(b"tbpki:dates checked") { "checked" } else { "NOT checked: an expired one is accepted" };
    log!("tbpki firmware {}; dates of certificates are {dates}", env!("CARGO_PKG_VERSION"));
}
