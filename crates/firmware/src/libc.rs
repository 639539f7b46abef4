//! What Mbed TLS and the radio take from a C library, and the ROM of these chips does not have.

use core::ffi::{c_int, c_void};

/// The first byte of this value, or null.
///
/// # Safety
/// As in C: `bytes` points to `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memchr(bytes: *const c_void, value: c_int, length: usize) -> *mut c_void {
    let bytes = bytes.cast::<u8>();
    // A loop of its own, because the library's search may be made of this very function.
    let mut at = 0;
    while at < length {
        // SAFETY: the caller says that there are `length` bytes.
        let here = unsafe { bytes.add(at) };
        // SAFETY: the same.
        if unsafe { here.read_volatile() } == value as u8 {
            return here.cast_mut().cast();
        }
        at += 1;
    }
    core::ptr::null_mut()
}
