//! credentials_id
