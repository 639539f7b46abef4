//! The demand of a CA for a certificate policy (RFC 5280, sections 4.2.1.11 and 6.1), which Java and Go process whether it
//! is marked as critical or not.
//!
//! Only a path without any policy is found. Mappings and what is inhibited are not followed.

use base::{Code, Finding};

use crate::read::certificate::{Certificate, Policies};

/// The demand of the CAs above, and the policies that are valid for all certificates so far.
#[derive(Default)]
pub(super) struct PolicyState<'a> {
    /// The number of further certificates before the demand holds, and the certificate that sets it.
    demand: Option<(u32, &'a Certificate)>,
    valid: ValidPolicies<'a>,
}

/// The policies that are valid for a path.
#[derive(Default)]
enum ValidPolicies<'a> {
    #[default]
    Any,
    /// These, by their object identifiers; none is left if it is empty.
    Some(Vec<&'a [u8]>),
}

/// anyPolicy (2.5.29.32.0), the content of its object identifier.
const ANY: &[u8] = &[0x55, 0x1d, 0x20, 0];

impl<'a> PolicyState<'a> {
    /// Takes in the next certificate of the path, from the anchor (which does not count) down. The fault of a path that
    /// lacks the policy that a CA demands is found once.
    pub(super) fn descend(&mut self, certificate: &'a Certificate, is_leaf: bool) -> Option<Finding> {
        let policies = certificate.policies();
        self.valid.restrict(policies);
        let finding = self.fault();
        if is_leaf || !certificate.is_self_issued() {
            self.demand = self.demand.map(|(left, ca)| (left.saturating_sub(1), ca));
        }
        // In a leaf, only 0 has a meaning (section 6.1.5 (b)).
        if let Some(own) = policies.required_after.filter(|own| !is_leaf || *own == 0)
            && self.demand.is_none_or(|(left, _)| own < left)
        {
            self.demand = Some((own, certificate));
        }
        // The demand of a CA holds for those below it.
        if is_leaf { finding.or_else(|| self.fault()) } else { finding }
    }

    fn fault(&mut self) -> Option<Finding> {
        let (0, ca) = self.demand? else { return None };
        if !self.valid.is_none() {
            return None;
        }
        self.demand = None;
        let by = ca.label();
        Some(
            Code::PolicyRequired
                .fault(format!("{by} requires a certificate policy (policyConstraints), and the path has none"))
                .because("Java and Go refuse such a path; tbpki issues certificates without policies")
                .fix("have that certificate issued again without policyConstraints"),
        )
    }
}

impl<'a> ValidPolicies<'a> {
    fn restrict(&mut self, policies: &'a Policies) {
        let Some(ids) = &policies.ids else {
            *self = Self::Some(Vec::new());
            return;
        };
        // What a mapped policy is called below is not followed, so that each may be one of them.
        if policies.are_mapped && !self.is_none() {
            *self = Self::Any;
            return;
        }
        if ids.iter().any(|id| id == ANY) {
            return;
        }
        *self = Self::Some(match self {
            Self::Any => ids.iter().map(Vec::as_slice).collect(),
            Self::Some(valid) => valid.iter().copied().filter(|id| ids.iter().any(|own| own == id)).collect(),
        });
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Some(valid) if valid.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension};
    use testkit::der::element;

    use super::*;
    use crate::read::certificate::testing;

    /// policyConstraints with requireExplicitPolicy.
    fn demand(params: &mut CertificateParams, after: u8) {
        let value = element(0x30, &element(0x80, &[after]));
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 36], value));
    }

    fn policy(params: &mut CertificateParams, id: &[u8]) {
        let value = element(0x30, &element(0x30, &element(6, id)));
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 32], value));
    }

    /// Whether a chain below a root has a fault. The functions change the issuing CA and the leaf.
    fn is_refused(of_ca: impl Fn(&mut CertificateParams), of_leaf: impl Fn(&mut CertificateParams)) -> bool {
        let (mut ca, mut leaf) = (testing::ca("Issuing", Some(0)), testing::leaf("pump-1"));
        of_ca(&mut ca);
        of_leaf(&mut leaf);
        let issuing = testing::root("Root").issue(&ca);
        let leaf = issuing.issue(&leaf);
        let mut state = PolicyState::default();
        let above = state.descend(&issuing.certificate, false);
        let found = state.descend(&leaf.certificate, true);
        assert!(above.is_none(), "{above:?}");
        found.is_some_and(|finding| finding.code == Code::PolicyRequired)
    }

    /// As Java 17 and Go 1.24 decide.
    #[test]
    fn a_path_without_the_policy_that_a_ca_requires_is_refused() {
        let a = [0x2a, 3];
        let nothing = |_: &mut CertificateParams| {};
        assert!(!is_refused(nothing, nothing));
        assert!(is_refused(|ca| demand(ca, 0), nothing));
        assert!(is_refused(|ca| demand(ca, 1), nothing), "the leaf counts");
        assert!(!is_refused(|ca| demand(ca, 2), nothing));
        assert!(is_refused(nothing, |leaf| demand(leaf, 0)));
        assert!(!is_refused(nothing, |leaf| demand(leaf, 1)));
        let with = |ca: &mut CertificateParams| {
            demand(ca, 0);
            policy(ca, &a);
        };
        assert!(!is_refused(with, |leaf| policy(leaf, &a)));
        assert!(!is_refused(with, |leaf| policy(leaf, ANY)));
        assert!(is_refused(with, |leaf| policy(leaf, &[0x2a, 4])));
        assert!(is_refused(with, nothing));
        assert!(is_refused(|ca| demand(ca, 0), |leaf| policy(leaf, &a)), "the CA has none");
    }
}
