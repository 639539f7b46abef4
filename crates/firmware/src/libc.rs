//! The C library functions that Mbed TLS and the radio call and that the ROM of these chips lacks.

use core::ffi::{c_int, c_void};

/// A pointer to the first byte with this value, or null.
///
/// # Safety
/// As in C, `bytes` must point to `length` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memchr(bytes: *const c_void, value: c_int, length: usize) -> *mut c_void {
    let bytes = bytes.cast::<u8>();
    // Not `core`'s search and not a plain loop: the compiler may replace both with a call of this very function.
    let mut at = 0;
    while at < length {
        // SAFETY: `at` is less than `length`, and the caller guarantees `length` bytes.
        let here = unsafe { bytes.add(at) };
        // SAFETY: the same.
        if unsafe { here.read_volatile() } == value as u8 {
            return here.cast_mut().cast();
        }
        at += 1;
    }
    core::ptr::null_mut()
}
