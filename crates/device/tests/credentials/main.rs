//! The credentials record in images of NVS partitions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, and builds its images byte by byte"
)]

mod enrolment;
mod image;
mod nvs;
mod record;
