//! Libraries that verify chains with revocation lists, at the date of a clock that a test moves.

use std::path::Path;

use pki::pem_bundle::PemBundle;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use tbpki_tests::Clock;
use tbpki_tests::oracle::openssl;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, anchor_from_trusted_cert,
};

/// The chain of a client or a server, and what the other side has to verify it.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// The leaf and its chain.
    pub(crate) chain: &'a Path,
    /// A file with the roots; it may contain other CAs too.
    pub(crate) anchors: &'a Path,
    /// A file with a revocation list of each CA of the chain, if revocation is checked.
    pub(crate) lists: Option<&'a Path>,
}

/// The verdict: the reason for a refusal.
pub(crate) type Verdict = Result<(), String>;

impl Shown<'_> {
    /// The verdict of OpenSSL, strict, for each certificate of the chain.
    pub(crate) fn openssl(&self, clock: &Clock) -> Verdict {
        let tool = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(self.anchors).arg("-untrusted");
        let tool = tool.arg(self.chain);
        let tool = match self.lists {
            Some(lists) => tool.arg("-crl_check_all").arg("-CRLfile").arg(lists),
            None => tool,
        };
        let outcome = tool.arg(self.chain).at(clock).run();
        if outcome.status == 0 { Ok(()) } else { Err(outcome.stderr_text()) }
    }

    /// The verdict of rustls-webpki, which refuses expired lists and a CA without a list.
    pub(crate) fn webpki(&self, clock: &Clock, usage: KeyUsage) -> Verdict {
        let roots = roots(self.anchors);
        let anchors = roots.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>().map_err(text)?;
        let chain: Vec<_> =
            CertificateDer::pem_file_iter(self.chain).map_err(text)?.collect::<Result<_, _>>().map_err(text)?;
        let (leaf, above) = chain.split_first().ok_or("there is no certificate")?;
        let leaf = EndEntityCert::try_from(leaf).map_err(text)?;
        let now = UnixTime::since_unix_epoch(clock.since_1970());
        let ders: Vec<_> = match self.lists {
            Some(lists) => CertificateRevocationListDer::pem_file_iter(lists)
                .map_err(text)?
                .collect::<Result<_, _>>()
                .map_err(text)?,
            None => Vec::new(),
        };
        let lists = ders.iter().map(|der| Ok(CertRevocationList::from(BorrowedCertRevocationList::from_der(der)?)));
        let lists = lists.collect::<Result<Vec<_>, webpki::Error>>().map_err(text)?;
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let options = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder.with_depth(RevocationCheckDepth::Chain).with_expiration_policy(ExpirationPolicy::Enforce).build()
        });
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, above, now, usage, options, None).map(drop).map_err(text)
    }
}

/// The self-signed certificates of a file: webpki would stop at any other one of them.
fn roots(file: &Path) -> Vec<CertificateDer<'static>> {
    let bundle = PemBundle::parse(&std::fs::read(file).unwrap()).unwrap();
    let roots = bundle.certificates.iter().filter(|one| one.subject_der() == one.issuer_der());
    roots.map(|one| CertificateDer::from(one.der().to_vec())).collect()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
