//! pem_bundle
