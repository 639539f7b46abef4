//! EST clients of others.

mod bouncycastle;
mod strongswan;
