//! Keys of P-256 by Mbed TLS: one is made, and one signs a digest.
//!
//! A crate of its own, because the functions of Mbed TLS are `unsafe`, and all unsafe code of this repository is below
//! `crates/firmware`. Keys are plain numbers here; their text and the requests that they sign are safe code of `device`.

#![no_std]

use core::ffi::{c_int, c_uchar, c_void};
use core::mem::MaybeUninit;
use core::slice;

use mbedtls_rs_sys::{
    MBEDTLS_ECP_PF_UNCOMPRESSED, mbedtls_ecdsa_write_signature, mbedtls_ecp_gen_key,
    mbedtls_ecp_group_id_MBEDTLS_ECP_DP_SECP256R1 as SECP256R1, mbedtls_ecp_keypair, mbedtls_ecp_keypair_free,
    mbedtls_ecp_keypair_init, mbedtls_ecp_read_key, mbedtls_ecp_write_key_ext, mbedtls_ecp_write_public_key,
    mbedtls_md_type_t_MBEDTLS_MD_SHA256 as SHA256,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// The length of a private key in bytes: a number, big-endian.
pub const PRIVATE: usize = 32;

/// The length of a public key in bytes: an uncompressed point (SEC 1, section 2.3.3).
pub const PUBLIC: usize = 65;

/// The length of a digest in bytes: SHA-256.
pub const DIGEST: usize = 32;

/// The longest signature in bytes: an `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3) with two numbers of 33 bytes.
pub const SIGNATURE: usize = 72;

/// A private key and its public key.
pub struct KeyNumbers {
    /// The private key.
    pub private: Zeroizing<[u8; PRIVATE]>,
    /// The public key.
    pub public: [u8; PUBLIC],
}

/// An error code of Mbed TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyError(pub i32);

/// A new key. `random` must be a true random generator, or one that was seeded by it.
///
/// # Errors
/// [`KeyError`], for example without memory.
pub fn generate(random: &mut impl CryptoRng) -> Result<KeyNumbers, KeyError> {
    let mut key = KeyPair::new();
    let (callback, context) = callback(random);
    // SAFETY: the key pair is initialized, and the context is what the callback expects and outlives the call.
    done(unsafe { mbedtls_ecp_gen_key(SECP256R1, key.as_ptr(), Some(callback), context) })?;
    let mut numbers = KeyNumbers { private: Zeroizing::new([0; PRIVATE]), public: [0; PUBLIC] };
    let (private, public) = (numbers.private.as_mut_ptr(), numbers.public.as_mut_ptr());
    let mut length = 0;
    // SAFETY: the key pair is initialized, and the buffer has the length that is stated.
    done(unsafe { mbedtls_ecp_write_key_ext(key.as_ptr(), &mut length, private, PRIVATE) })?;
    let format = MBEDTLS_ECP_PF_UNCOMPRESSED as c_int;
    // SAFETY: the same.
    done(unsafe { mbedtls_ecp_write_public_key(key.as_ptr(), format, &mut length, public, PUBLIC) })?;
    Ok(numbers)
}

/// Signs a digest. Returns the signature and its length.
///
/// # Errors
/// [`KeyError`], for example for a number that is no key of this curve.
pub fn sign(
    private: &[u8; PRIVATE],
    digest: &[u8; DIGEST],
    random: &mut impl CryptoRng,
) -> Result<([u8; SIGNATURE], usize), KeyError> {
    let mut key = KeyPair::new();
    // SAFETY: the key pair is initialized, and the buffer has the length that is stated.
    done(unsafe { mbedtls_ecp_read_key(SECP256R1, key.as_ptr(), private.as_ptr(), PRIVATE) })?;
    let (mut signature, mut length) = ([0; SIGNATURE], 0);
    let (callback, context) = callback(random);
    // SAFETY: the key pair is initialized and is the context of ECDSA in Mbed TLS 3, the buffers have the lengths that are
    // stated, and the context of the callback is what it expects and outlives the call.
    done(unsafe {
        mbedtls_ecdsa_write_signature(
            key.as_ptr(),
            SHA256,
            digest.as_ptr(),
            DIGEST,
            signature.as_mut_ptr(),
            SIGNATURE,
            &mut length,
            Some(callback),
            context,
        )
    })?;
    Ok((signature, length))
}

/// A key pair of Mbed TLS, which is wiped and freed when it is dropped.
struct KeyPair(MaybeUninit<mbedtls_ecp_keypair>);

impl KeyPair {
    fn new() -> Self {
        let mut pair = MaybeUninit::uninit();
        // SAFETY: the function initializes what it is given. An empty pair has no pointers into itself and can be moved.
        unsafe { mbedtls_ecp_keypair_init(pair.as_mut_ptr()) };
        Self(pair)
    }

    fn as_ptr(&mut self) -> *mut mbedtls_ecp_keypair {
        self.0.as_mut_ptr()
    }
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        // SAFETY: `new` has initialized the pair. Mbed TLS overwrites the numbers before it frees them.
        unsafe { mbedtls_ecp_keypair_free(self.as_ptr()) };
    }
}

type Callback = unsafe extern "C" fn(*mut c_void, *mut c_uchar, usize) -> c_int;

/// The generator as a callback for Mbed TLS, with its context. The context is valid as long as the generator is borrowed.
fn callback<R: CryptoRng>(random: &mut R) -> (Callback, *mut c_void) {
    (fill::<R>, core::ptr::from_mut(random).cast())
}

/// Fills a buffer of Mbed TLS.
///
/// # Safety
/// `context` must point to an `R` that nothing else uses, and `bytes` to `length` writable bytes.
unsafe extern "C" fn fill<R: CryptoRng>(context: *mut c_void, bytes: *mut c_uchar, length: usize) -> c_int {
    if length > 0 {
        // SAFETY: the caller guarantees both. Every buffer that Mbed TLS asks to fill was initialized by it.
        let (random, bytes) = unsafe { (&mut *context.cast::<R>(), slice::from_raw_parts_mut(bytes, length)) };
        random.fill_bytes(bytes);
    }
    0
}

fn done(code: c_int) -> Result<(), KeyError> {
    if code == 0 { Ok(()) } else { Err(KeyError(code)) }
}
