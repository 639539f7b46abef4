//! A CA and a leaf of the simulator's own, for those who bring none.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::{Duration, OffsetDateTime};

use super::keys::LoadedKeys;
use crate::error::{Error, Result};

/// Key material for `localhost`, and the PEM text of the CA that clients have to trust.
pub(crate) fn make() -> Result<(LoadedKeys, String)> {
    let fault = |error: rcgen::Error| Error::new(error.to_string());
    let now = OffsetDateTime::now_utc();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "tb-sim CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // An hour earlier, for clients whose clock is behind.
    (ca.not_before, ca.not_after) = (now - Duration::hours(1), now + Duration::days(30));
    let ca_key = KeyPair::generate().map_err(fault)?;
    let ca_certificate = ca.self_signed(&ca_key).map_err(fault)?;
    let issuer = Issuer::new(ca, ca_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names).map_err(fault)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (now - Duration::hours(1), now + Duration::days(30));
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(fault)?;
    let certificate = leaf.signed_by(&key, &issuer).map_err(fault)?;

    // With the root, which is not needed: many real servers send it, and clients must not mind.
    let chain = vec![certificate.der().to_vec(), ca_certificate.der().to_vec()];
    let loaded = LoadedKeys::from_parts(chain, &PrivatePkcs8KeyDer::from(key.serialize_der()).into(), &[])?;
    Ok((loaded, crate::certificate::pem::certificate(ca_certificate.der())))
}
