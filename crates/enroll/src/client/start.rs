//! What a run of the client begins with: a name and its proof, or the identity in place. It asks for the certificate and checks
//! the answer.

use base::text::printable;
use base::timestamp::rfc3339;
use base::{Code, Error, Finding, Result, Secret, Severity};
use pki::certificate::ExtendedKeyUsage;
use pki::key::SigningKey as _;
use pki::verify::{Purpose, leaf_alone};
use pki::{Algorithm, Certificate, San, Subject};
use provision::LoginKey;
use time::OffsetDateTime;

use super::files::Files;
use super::request::Proof;
use super::server::{Identity, Server, unexpected};

/// What a run begins with.
pub(super) enum Start<'a> {
    /// A name, and what proves it.
    First { name: &'a str, subject: Subject, proof: FirstProof<'a>, algorithm: Algorithm },
    /// The identity in place.
    Renewal(Identity),
}

/// The proof for a first certificate.
pub(super) enum FirstProof<'a> {
    Password(&'a Secret),
    Certificate(&'a Identity),
}

impl<'a> Start<'a> {
    /// What a run begins with: for a first certificate, no identity can be in place.
    pub(super) fn of(proof: &'a Proof, shown: Option<&'a Identity>, files: &mut Files<'_>) -> Result<Self> {
        let (name, proof, algorithm) = match (proof, shown) {
            (Proof::Password { name, password, algorithm }, _) => (name, FirstProof::Password(password), *algorithm),
            (Proof::Certificate { name, algorithm, .. }, Some(shown)) => {
                (name, FirstProof::Certificate(shown), *algorithm)
            }
            (Proof::Present | Proof::Certificate { .. }, _) => {
                let present = files.present()?;
                // Before the server is asked: it would have issued something.
                files.check_form()?;
                return Ok(Self::Renewal(present));
            }
        };
        files.check_absent()?;
        // Before a key is made: a name that no subject can have leaves nothing behind.
        let subject = Subject::default().with_common_name(name)?;
        Ok(Self::First { name, subject, proof, algorithm })
    }

    /// Makes a key, fetches a certificate for it, and stages both. The identity is read from the staged files.
    pub(super) fn obtain(&self, server: &Server, files: &mut Files<'_>) -> Result<Identity> {
        let key = match self {
            Self::First { name, algorithm, .. } => files.next_key(*algorithm, name, None)?,
            // A renewal keeps what the identity is: other programs of the host may read no other kind of key.
            Self::Renewal(present) => {
                let name = present.leaf().common_name().unwrap_or_default();
                files.next_key(present.key.public().algorithm(), &name, Some(present))?
            }
        };
        let leaf = self.ask(server, &key)?;
        let new = Identity { chain: vec![leaf], key };
        self.check(&new)?;
        let hierarchy = server.ca_certificates()?;
        files.stage_chain(&chain(new.leaf().clone(), &hierarchy)?)?;
        // From the disk and not from memory: what is tried out and confirmed is what will be moved into place.
        files.staged()?.ok_or_else(|| Code::Internal.error("the staged files are not those that were written"))
    }

    /// Asks for the certificate.
    fn ask(&self, server: &Server, key: &LoginKey) -> Result<Certificate> {
        let request = |subject: &[u8], sans: &[San]| pki::signing_request::write(key, subject, sans);
        let sent = match self {
            Self::First { name, subject, proof: FirstProof::Password(password), .. } => {
                server.enrol(&request(subject.to_der(), &[])?, name, password)?
            }
            Self::First { subject, proof: FirstProof::Certificate(proof), .. } => {
                server.enrol_with(&request(subject.to_der(), &[])?, proof)?
            }
            Self::Renewal(present) => {
                let leaf = present.leaf();
                server.renew(&request(leaf.subject_der(), &leaf.sans())?, present)?
            }
        };
        // An answer holds the issued certificate alone (RFC 7030, section 4.2.3). Some servers add its chain, in any
        // order.
        let mut of_key = sent
            .into_iter()
            .filter(|certificate| pki::key::is_same_key(certificate.spki_der(), key.public().spki_der()));
        let leaf = of_key.next().ok_or_else(|| unexpected("none of its certificates is for the key of the request"))?;
        if of_key.any(|other| other.der() != leaf.der()) {
            return Err(unexpected("several of its certificates are for the key of the request"));
        }
        Ok(leaf)
    }

    /// Fails unless the certificate is usable and the same identity.
    pub(super) fn check(&self, new: &Identity) -> Result<()> {
        let leaf = new.leaf();
        new.key.check_belongs_to(leaf.spki_der())?;
        let now = OffsetDateTime::now_utc();
        if now < leaf.not_before() || now > leaf.not_after() {
            return Err(
                unexpected("the certificate is not valid now").fix("check the clock of this machine and of the server")
            );
        }
        if leaf.is_ca() {
            return Err(unexpected(format!("the certificate is that of a CA: {}", leaf.subject())));
        }
        let present = match self {
            Self::Renewal(present) => present,
            Self::First { name, .. } if leaf.common_name().as_deref() == Some(*name) => {
                return faults(leaf, Purpose::Device, now)
                    .into_iter()
                    .next()
                    .map_or(Ok(()), |fault| Err(unusable(&fault)));
            }
            Self::First { .. } => {
                return Err(unexpected(format!("the certificate is for another name: {}", leaf.subject())));
            }
        };
        let same = present.leaf();
        // By bytes or by text: a CA may write the same name with another type of string.
        if leaf.subject_der() != same.subject_der() && leaf.subject() != same.subject() {
            return Err(unexpected("the certificate has another subject than the present one"));
        }
        if leaf.der() == same.der() {
            return Err(unexpected("the server sent the present certificate again"));
        }
        check_same_identity(leaf, same, now)
    }

    /// Whether the certificate is that of a server.
    pub(super) fn is_for_server(&self) -> bool {
        match self {
            Self::First { .. } => false,
            Self::Renewal(present) => purposes(present.leaf()) == [Purpose::Server],
        }
    }

    /// Whether there is no certificate yet.
    pub(super) fn is_first(&self) -> bool {
        matches!(self, Self::First { .. })
    }
}

/// Fails unless a certificate is as usable as the present one, for the same purposes and names, and for as long.
fn check_same_identity(leaf: &Certificate, present: &Certificate, now: OffsetDateTime) -> Result<()> {
    let (names, before) = (leaf.sans(), present.sans());
    if !names.iter().all(|san| before.contains(san)) || !before.iter().all(|san| names.contains(san)) {
        let list = |sans: &[San]| match sans {
            [] => "none".to_owned(),
            sans => sans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        return Err(unexpected(format!(
            "the alternative names of the certificate are {}, and those of the present one {}",
            printable(&list(&names)),
            printable(&list(&before))
        )));
    }
    if leaf.not_after() < present.not_after() {
        return Err(unexpected(format!(
            "the certificate ends on {}, before the present one, which ends on {}",
            rfc3339(leaf.not_after()),
            rfc3339(present.not_after())
        )));
    }
    for purpose in purposes(present) {
        // What the present one has too is a custom of its CA.
        let known = faults(present, purpose, now);
        let new = faults(leaf, purpose, now);
        if let Some(fault) = new.iter().find(|fault| !known.iter().any(|known| known.code == fault.code)) {
            return Err(unusable(fault));
        }
    }
    Ok(())
}

/// The purposes that a certificate is for. One without the extension can be for any (RFC 5280, section 4.2.1.12): it is used
/// to log in.
fn purposes(leaf: &Certificate) -> Vec<Purpose> {
    let Some(usages) = leaf.extended_key_usages() else { return vec![Purpose::Device] };
    [(Purpose::Device, ExtendedKeyUsage::ClientAuth), (Purpose::Server, ExtendedKeyUsage::ServerAuth)]
        .into_iter()
        .filter(|(_, usage)| usages.contains(usage))
        .map(|(purpose, _)| purpose)
        .collect()
}

/// The reasons for which peers refuse a certificate.
fn faults(leaf: &Certificate, purpose: Purpose, now: OffsetDateTime) -> Vec<Finding> {
    let all = leaf_alone(leaf, purpose, now).into_iter();
    all.filter(|finding| finding.severity >= Severity::Fault).collect()
}

fn unusable(fault: &Finding) -> Error {
    unexpected(format!("the certificate cannot be used: {fault}"))
}

/// The leaf and those between it and a root, from the hierarchy that the server sent.
fn chain(leaf: Certificate, hierarchy: &[Certificate]) -> Result<Vec<Certificate>> {
    let mut chain = vec![leaf];
    // A chain of certificates that sign each other is never longer than all of them.
    for _ in 0..=hierarchy.len() {
        let Some(last) = chain.last().filter(|last| !last.is_root()) else { break };
        let is_issuer = |ca: &&Certificate| last.names_as_issuer(ca) && last.verify_signed_by(ca).is_ok();
        let Some(issuer) = hierarchy.iter().find(is_issuer) else {
            return Err(unexpected(format!("its CA certificates do not have the issuer of {}", last.subject())));
        };
        if issuer.is_root() {
            break;
        }
        chain.push(issuer.clone());
    }
    Ok(chain)
}
