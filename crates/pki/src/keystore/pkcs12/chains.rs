//! From loose bags to entries: which certificates are a key's chain, which are trusted, what things are called.
//!
//! PKCS#12 has no entries and no chains. An open key takes the certificate with its public half; a key that is not open the
//! one with its localKeyId, which some programs do not write and some do not keep. If neither tells it, the only key takes
//! the certificate that issued no other. The rest of a chain is found by names, and Java marks what it trusts by an attribute
//! of its own.

use std::collections::{HashMap, HashSet};
use std::str;

use base::Result;
use x509_parser::extensions::ParsedExtension;
use zeroize::Zeroizing;

use super::super::contents::{Body, KeystoreContents, KeystoreEntry, from_milliseconds};
use super::super::fault::unreadable;
use crate::key::PrivateKey;
use crate::names::subject::comparison_key;

/// The longest chain that is followed.
const MAX_CHAIN: usize = 32;
/// What all chains of a file may come to, in bytes. Each key gets its own copy, so that a small file with many keys and
/// one long chain would otherwise fill the memory.
const MAX_COPIED: usize = 64 << 20;

/// The bags of a file, opened.
#[derive(Default)]
pub(super) struct OpenedBags {
    pub(super) keys: Vec<KeyBag>,
    pub(super) certificates: Vec<CertificateBag>,
    /// The names of symmetric keys and texts.
    pub(super) secrets: Vec<Option<String>>,
}

/// A private key: PKCS#8, the reason why no password opened it, or none if no password was tried.
pub(super) struct KeyBag {
    pub(super) name: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) key: Option<Result<Zeroizing<Vec<u8>>>>,
}

/// A certificate with its attributes.
pub(super) struct CertificateBag {
    pub(super) name: Option<String>,
    /// The id of the key that it belongs to.
    pub(super) key_id: Option<Vec<u8>>,
    /// True if Java trusts it.
    pub(super) trusted: bool,
    pub(super) der: Vec<u8>,
}

/// Makes entries of what was found. A file without any key is a truststore, whether Java wrote it or not.
pub(super) fn link(opened: OpenedBags, intact: bool) -> Result<KeystoreContents> {
    let mut names = Names::new(&opened);
    let OpenedBags { keys, certificates, secrets } = opened;
    let certificates = Certificates::parse(&certificates)?;
    let mut in_chains = HashSet::new();
    let mut copied = 0_usize;
    let mut entries = Vec::new();
    let only_key = keys.len() == 1;
    let without_keys = keys.is_empty();
    for KeyBag { name, id, key } in keys {
        let public =
            key.as_ref().and_then(|key| key.as_ref().ok()).and_then(|key| certificates.public_half(key, only_key));
        // Several keys that are not open and have no ids cannot be matched with leaves by anything in the file.
        let leaf = certificates.leaf(public.as_deref(), id.as_deref(), only_key);
        let chain = leaf.map(|leaf| certificates.chain(leaf)).transpose()?.unwrap_or_default();
        // A certificate of a chain is no entry of its own. This is how Java lists the file.
        in_chains.extend(chain.iter().map(|certificate| certificate.der()));
        copied = chain.iter().fold(copied, |copied, certificate| copied.saturating_add(certificate.der().len()));
        if copied > MAX_COPIED {
            return Err(unreadable("the keystore repeats its chains absurdly often"));
        }
        let leaf_name = leaf.and_then(|leaf| leaf.bag.name.clone());
        let created = id.as_deref().and_then(milliseconds).and_then(from_milliseconds);
        let chain = chain.iter().map(|certificate| certificate.der().to_vec()).collect();
        entries.push(KeystoreEntry { alias: names.of(name.or(leaf_name)), created, body: Body::Key { key, chain } });
    }
    for certificate in &certificates.all {
        let der = certificate.der();
        let body = match certificate.bag.trusted {
            true => Body::Trusted(der.to_vec()),
            // OpenSSL's truststores (`-nokeys`) lack Java's mark.
            false if without_keys => Body::Trusted(der.to_vec()),
            false if in_chains.contains(der) => continue,
            false => Body::Certificate(der.to_vec()),
        };
        entries.push(KeystoreEntry { alias: names.of(certificate.bag.name.clone()), created: None, body });
    }
    for secret in secrets {
        entries.push(KeystoreEntry { alias: names.of(secret), created: None, body: Body::Secret });
    }
    Ok(KeystoreContents { intact, entries })
}

/// The time in a localKeyId as Java and we write it.
fn milliseconds(id: &[u8]) -> Option<i64> {
    str::from_utf8(id).ok()?.strip_prefix("Time ")?.parse().ok()
}

/// Gives the nameless the numbers that Java gives them, as far as these are free.
struct Names {
    taken: HashSet<String>,
    last: usize,
}

impl Names {
    fn new(opened: &OpenedBags) -> Self {
        let names = opened.keys.iter().map(|bag| &bag.name).chain(opened.certificates.iter().map(|bag| &bag.name));
        Self { taken: names.chain(&opened.secrets).flatten().cloned().collect(), last: 0 }
    }

    fn of(&mut self, name: Option<String>) -> String {
        // An empty name could not be typed as an alias.
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| {
            loop {
                self.last += 1;
                let number = self.last.to_string();
                if !self.taken.contains(&number) {
                    return number;
                }
            }
        })
    }
}

/// The certificates of a file, by what links them.
struct Certificates<'a> {
    all: Vec<Known<'a>>,
    /// Positions of those that can be a leaf, by the octets of the SubjectPublicKeyInfo.
    by_key: HashMap<&'a [u8], Vec<usize>>,
    /// Positions of those that can be in a chain, by subject.
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
}

/// A certificate with what links it.
struct Known<'a> {
    bag: &'a CertificateBag,
    /// Names in the form in which they are compared: after a change of software the issuer of a certificate can be
    /// written in another string type than the subject of its CA.
    subject: Vec<u8>,
    issuer: Vec<u8>,
    subject_key_id: Option<&'a [u8]>,
    authority_key_id: Option<&'a [u8]>,
    /// The SubjectPublicKeyInfo in DER.
    spki: &'a [u8],
}

impl<'a> Known<'a> {
    fn parse(bag: &'a CertificateBag) -> Result<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(&bag.der)
            .map_err(|_| unreadable("the keystore contains a certificate that cannot be parsed"))?;
        let (mut subject_key_id, mut authority_key_id) = (None, None);
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => subject_key_id = Some(id.0),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    authority_key_id = id.key_identifier.as_ref().map(|id| id.0);
                }
                _ => {}
            }
        }
        let subject = comparison_key(certificate.tbs_certificate.subject.as_raw());
        let issuer = comparison_key(certificate.tbs_certificate.issuer.as_raw());
        let spki = certificate.tbs_certificate.subject_pki.raw;
        Ok(Self { bag, subject, issuer, subject_key_id, authority_key_id, spki })
    }

    fn der(&self) -> &'a [u8] {
        &self.bag.der
    }
}

impl<'a> Certificates<'a> {
    fn parse(bags: &'a [CertificateBag]) -> Result<Self> {
        let all = bags.iter().map(Known::parse).collect::<Result<Vec<_>>>()?;
        let mut by_subject: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
        for (position, known) in all.iter().enumerate().filter(|(_, known)| !known.bag.trusted) {
            by_subject.entry(known.subject.clone()).or_default().push(position);
            by_key.entry(known.spki).or_default().push(position);
        }
        Ok(Self { all, by_key, by_subject })
    }

    /// The SubjectPublicKeyInfo of a key in PKCS#8; none if there is nothing to choose, or for a key of a kind that tbpki does
    /// not use.
    fn public_half(&self, key: &[u8], only_key: bool) -> Option<Vec<u8>> {
        let is_choice = self.by_key.len() > usize::from(only_key);
        is_choice.then(|| PrivateKey::from_pkcs8_der(key).ok()).flatten().map(|key| key.spki_der().to_vec())
    }

    /// The leaf of the key with this public half and this id. For the only key of a file it may also be found by what it did
    /// not issue.
    fn leaf(&self, public: Option<&[u8]>, id: Option<&[u8]>, only_key: bool) -> Option<&Known<'a>> {
        let candidates = || self.all.iter().filter(|known| !known.bag.trusted);
        let is_of_id = |known: &&Known<'a>| id.is_some() && known.bag.key_id.as_deref() == id;
        if let Some(positions) = public.and_then(|public| self.by_key.get(public)) {
            let owned = || positions.iter().filter_map(|position| self.all.get(*position));
            // After a renewal with the same key the id tells which of the certificates is in use.
            return owned().find(is_of_id).or_else(|| owned().next());
        }
        let by_id = candidates().find(is_of_id);
        if by_id.is_some() || !only_key {
            return by_id;
        }
        // A self-signed certificate issues itself, and would otherwise hide the only candidate.
        let issued = candidates().filter(|known| known.subject != known.issuer);
        let issuers: HashSet<&Vec<u8>> = issued.map(|known| &known.issuer).collect();
        candidates().find(|known| !issuers.contains(&known.subject))
    }

    /// The leaf and its issuers, up to a self-issued one or as far as the file goes.
    fn chain<'b>(&'b self, leaf: &'b Known<'a>) -> Result<Vec<&'b Known<'a>>> {
        let mut chain = vec![leaf];
        let mut last = leaf;
        while last.subject != last.issuer {
            let Some(issuer) = self.issuer(last) else { break };
            // Two CAs that certified each other form a circle, and the file may contain both certificates.
            if chain.iter().any(|known| known.der() == issuer.der()) {
                break;
            }
            if chain.len() == MAX_CHAIN {
                return Err(unreadable(format!("the keystore contains a chain of more than {MAX_CHAIN} certificates")));
            }
            chain.push(issuer);
            last = issuer;
        }
        Ok(chain)
    }

    /// Of several of one name the one with the right key id, as after the renewal of a CA.
    fn issuer(&self, of: &Known<'a>) -> Option<&Known<'a>> {
        let named = self.by_subject.get(&of.issuer)?.iter().filter_map(|position| self.all.get(*position));
        let with_id = |known: &&Known<'a>| of.authority_key_id.is_some() && known.subject_key_id == of.authority_key_id;
        // Without a matching key id any CA of the name is taken: old CAs have no subjectKeyIdentifier.
        named.clone().find(with_id).or_else(|| named.clone().next())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    fn bag(der: &[u8]) -> CertificateBag {
        CertificateBag { name: None, key_id: None, trusted: false, der: der.to_vec() }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// A CA that issued itself, and how it issues others.
    fn ca(name: &str) -> (Vec<u8>, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let der = params(name).self_signed(&key).unwrap().der().to_vec();
        (der, Issuer::new(params(name), key))
    }

    fn issued(name: &str, issuer: &Issuer<'_, KeyPair>) -> (Vec<u8>, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let der = params(name).signed_by(&key, issuer).unwrap().der().to_vec();
        (der, Issuer::new(params(name), key))
    }

    fn chain_of(leaf: &[u8], bags: &[CertificateBag]) -> Result<Vec<Vec<u8>>> {
        let certificates = Certificates::parse(bags)?;
        let leaf = certificates.all.iter().find(|known| known.der() == leaf).unwrap();
        Ok(certificates.chain(leaf)?.iter().map(|known| known.der().to_vec()).collect())
    }

    #[test]
    fn of_two_cas_of_one_name_the_right_one_is_taken() {
        let (old, _) = ca("CA");
        let (new, issuer) = ca("CA");
        let (leaf, _) = issued("leaf", &issuer);
        assert_eq!(chain_of(&leaf, &[bag(&old), bag(&leaf), bag(&new)]).unwrap(), [leaf, new]);
    }

    #[test]
    fn two_cas_that_issued_each_other_end_the_chain() {
        let (_, a) = ca("A");
        let (_, b) = ca("B");
        let (b_by_a, _) = issued("B", &a);
        let (a_by_b, _) = issued("A", &b);
        let chain = chain_of(&a_by_b, &[bag(&a_by_b), bag(&b_by_a)]).unwrap();
        assert_eq!(chain, [a_by_b, b_by_a]);
    }

    #[test]
    fn a_chain_without_an_end_is_refused() {
        let (mut der, mut issuer) = ca("0");
        let mut bags = vec![bag(&der)];
        for number in 1..=MAX_CHAIN {
            (der, issuer) = issued(&number.to_string(), &issuer);
            bags.push(bag(&der));
        }
        assert!(chain_of(&der, &bags).is_err());
        // Without its root the chain is as long as it may be.
        bags.remove(0);
        assert_eq!(chain_of(&der, &bags).unwrap().len(), MAX_CHAIN);
    }

    #[test]
    fn a_trusted_certificate_is_part_of_no_chain() {
        let (root, issuer) = ca("CA");
        let (leaf, _) = issued("leaf", &issuer);
        let trusted = CertificateBag { trusted: true, ..bag(&root) };
        assert_eq!(chain_of(&leaf, &[bag(&leaf), trusted]).unwrap(), [leaf]);
    }

    #[test]
    fn a_certificate_of_no_key_is_not_trusted() {
        let (stray, _) = ca("stray");
        let keys = vec![KeyBag { name: Some("key".to_owned()), id: None, key: None }];
        let certificates = vec![bag(super::super::super::fixtures::LEAF), bag(&stray)];
        let contents = link(OpenedBags { keys, certificates, secrets: Vec::new() }, true).unwrap();
        assert!(matches!(contents.entries[0].body, Body::Key { key: None, .. }));
        assert!(matches!(&contents.entries[1].body, Body::Certificate(der) if *der == stray));
    }

    #[test]
    fn the_nameless_get_unused_numbers() {
        let (one, _) = ca("one");
        let (two, _) = ca("two");
        let named = CertificateBag { name: Some("1".to_owned()), ..bag(&one) };
        let contents = link(OpenedBags { certificates: vec![bag(&two), named], ..OpenedBags::default() }, true);
        let aliases: Vec<_> = contents.unwrap().entries.into_iter().map(|entry| entry.alias).collect();
        assert_eq!(aliases, ["2", "1"]);
    }

    #[test]
    fn a_small_file_cannot_fill_the_memory_with_copies() {
        let key = |_| KeyBag { name: Some("key".to_owned()), id: Some(vec![1]), key: None };
        // The leaf has more than 400 octets, so that its copies exceed the limit.
        let keys = (0..MAX_COPIED / 400 + 1).map(key).collect();
        let leaf = bag(super::super::super::fixtures::LEAF);
        let certificates = vec![CertificateBag { key_id: Some(vec![1]), ..leaf }];
        assert!(link(OpenedBags { keys, certificates, secrets: Vec::new() }, true).is_err());
    }
}
