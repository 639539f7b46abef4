//! `tbpki serve` and foreign clients: who gets a certificate, and which status and text each refusal has.

mod absence;
mod approval;
mod crowd;
mod device;
mod faults;
mod foreign;
mod host;
mod keys;
mod lists;
mod password;
mod platform;
mod policy;
mod renewal;
mod restart;
mod rollover;
mod servers;
mod two_platforms;
mod unconfirmed;
mod unit;
