//! Certificates that vouch for themselves: roots, and leaves that are trusted one by one.

use base::{Code, Result};

use super::{Issued, Issuer, Order, sign};
use crate::issue::chain_period::ChainPeriod;
use crate::issue::tbs::IssuedBy;

/// Signs every certificate with the certificate's own key.
#[derive(Debug, Clone, Copy)]
pub struct SelfSigned;

impl Issuer for SelfSigned {
    fn period(&self) -> Option<&ChainPeriod> {
        None
    }

    fn issue(&self, order: Order) -> Result<Issued> {
        let (key, public) = order.key.resolve()?;
        let key = key.ok_or_else(|| {
            Code::CsrRefused
                .error("only the holder of a key can sign with it")
                .fix("issue the request under a CA, or let tbpki make the key")
        })?;
        let issuer = IssuedBy { name_der: order.contents.subject.to_der(), key_id: public.key_id(), key: &public };
        let certificate = sign(&order.contents, &public, &issuer, &key)?;
        Ok(Issued { key: Some(key), chain: vec![certificate] })
    }
}
