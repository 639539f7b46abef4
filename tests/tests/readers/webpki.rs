//! rustls-webpki, which decides for everything that is built on rustls.

use std::path::Path;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::outputs::{Content, Output, Owner, Purpose};
use crate::reader::{Reader, Verdict};

pub(crate) const WEBPKI: Reader = Reader { name: "webpki", party: "rustls", read };

fn read(output: &Output) -> Option<Verdict> {
    let (path, owner) = (output.path.as_path(), &output.owner);
    match &output.content {
        Content::Chain | Content::KeyAndChain => Some(verify(owner, &owner.anchors, path)),
        Content::Anchors => Some(verify(owner, path, &owner.chain)),
        _ => None,
    }
}

fn verify(owner: &Owner, anchors: &Path, chain: &Path) -> Verdict {
    let (anchors, chain) = (certificates(anchors)?, certificates(chain)?);
    let anchors = anchors.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>().map_err(text)?;
    let (leaf, above) = chain.split_first().ok_or("there is no certificate")?;
    let leaf = EndEntityCert::try_from(leaf).map_err(text)?;
    let usage = match owner.purpose {
        Purpose::Server => KeyUsage::server_auth(),
        Purpose::Device => KeyUsage::client_auth(),
    };
    let seconds = u64::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    // webpki does not verify names on the way: a verifier has to ask for that by itself.
    leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, above, now, usage, None, None).map_err(text)?;
    match owner.purpose {
        Purpose::Server => {
            leaf.verify_is_valid_for_subject_name(&ServerName::try_from("localhost").unwrap()).map_err(text)
        }
        Purpose::Device => Ok(()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path).map_err(text)?.collect::<Result<_, _>>().map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
