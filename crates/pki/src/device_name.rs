//! device_name
