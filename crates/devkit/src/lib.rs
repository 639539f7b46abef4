//! Flash images for ESP32 devices: chips, partition tables, NVS partitions, applications, and flashing.

pub mod application;
pub mod chip;
pub mod credentials;
#[cfg(feature = "flash")]
pub mod flash;
pub mod image;
pub mod nvs;
pub mod partition;
pub mod secure_cert;

pub use chip::Chip;
