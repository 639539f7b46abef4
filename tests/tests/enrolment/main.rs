//! `tbpki serve` and foreign clients: who gets a certificate, and which status and text each refusal has.

mod absence;
mod approval;
mod bouncycastle;
mod crowd;
mod device;
mod host;
mod limits;
mod lists;
mod password;
mod platform;
mod policy;
mod renewal;
mod restart;
mod rollover;
mod strongswan;
mod unit;
