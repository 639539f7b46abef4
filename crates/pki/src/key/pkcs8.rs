//! PKCS#8 version 1 (RFC 5208) of elliptic curve keys.
//!
//! aws-lc writes the same bytes and takes a microsecond for them, a fifteenth of what generating the key costs.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair};
use zeroize::Zeroizing;

use super::public::identifier;
use crate::algorithm::Algorithm;
use crate::asn1::tlv::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, length_of, push, push_header};

/// `[1]`, in which ECPrivateKey (RFC 5915, section 3) has the public half.
const PUBLIC_KEY: u8 = 0xa1;

/// The key as PrivateKeyInfo, with its public half and with its curve named once, outside.
pub(super) fn of_ecdsa(algorithm: Algorithm, pair: &EcdsaKeyPair) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes()?;
    let (private, public) = (private.as_ref(), pair.public_key().as_ref());
    let identifier = identifier(algorithm);

    let bits = 1 + public.len();
    let inner = length_of(1) + length_of(private.len()) + length_of(length_of(bits));
    let outer = length_of(1) + identifier.len() + length_of(length_of(inner));

    // As large as it gets from the beginning, so that growing leaves no copy behind.
    let mut der = Zeroizing::new(Vec::with_capacity(length_of(outer)));
    push_header(&mut der, SEQUENCE, outer);
    // 0 is PrivateKeyInfo's version 1, and the 1 below is ECPrivateKey's only version.
    push(&mut der, INTEGER, &[0]);
    der.extend_from_slice(identifier);
    push_header(&mut der, OCTET_STRING, length_of(inner));
    push_header(&mut der, SEQUENCE, inner);
    push(&mut der, INTEGER, &[1]);
    push(&mut der, OCTET_STRING, private);
    push_header(&mut der, PUBLIC_KEY, length_of(bits));
    push_header(&mut der, BIT_STRING, bits);
    // The number of unused bits.
    der.push(0);
    der.extend_from_slice(public);
    Ok(der)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING};

    use super::*;

    #[test]
    fn it_is_what_aws_lc_writes() {
        for (algorithm, signing) in
            [(Algorithm::EcP256, &ECDSA_P256_SHA256_ASN1_SIGNING), (Algorithm::EcP384, &ECDSA_P384_SHA384_ASN1_SIGNING)]
        {
            // Some scalars begin with zeros.
            for _ in 0..1000 {
                let pair = EcdsaKeyPair::generate(signing).unwrap();
                let der = of_ecdsa(algorithm, &pair).unwrap();
                assert_eq!(*der, pair.to_pkcs8v1().unwrap().as_ref());
                assert_eq!(der.len(), der.capacity());
            }
        }
    }
}
