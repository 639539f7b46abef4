//! The rules that are not met yet, with their numbers of today.

/// The count for one rule.
pub(super) struct Measure {
    /// The rule, as in the table of allowances.
    pub(super) rule: String,
    pub(super) count: usize,
    /// The number that is allowed to everyone.
    pub(super) limit: usize,
    /// The places that were counted; empty if the rule names the place.
    pub(super) found: Vec<String>,
    pub(super) reason: String,
}

/// A rule and the number that it may reach for now.
pub(super) type Allowance = (&'static str, usize);

/// Rules that some crate does not meet yet. A number may only go down: when the count is lower than the number here,
/// the check fails until the number is lowered or the line is removed.
pub(super) const NOT_MET_YET: &[Allowance] = &[];

/// The most places that one message lists.
const MOST_LISTED: usize = 12;

/// Compares the counts with the limits and allowances, and returns a message for each difference.
pub(super) fn judge(measures: &[Measure], allowances: &[Allowance]) -> Vec<String> {
    let mut faults = Vec::new();
    for measure in measures {
        let Measure { rule, count, limit, .. } = measure;
        let allowance = allowances.iter().find(|(of, _)| of == rule).map(|(_, number)| *number);
        let allowed = allowance.unwrap_or(*limit);
        if *count > allowed {
            faults.push(too_many(measure, allowed));
        } else if allowance.is_some() && count <= limit {
            faults.push(format!("{rule}: met now; remove its line from {}", file!()));
        // A number that is too high would let the fault come back unnoticed.
        } else if *count < allowed && allowance.is_some() {
            faults.push(format!("{rule}: {count} now; lower the {allowed} in {}", file!()));
        }
    }
    let unknown = |(rule, _): &&Allowance| !measures.iter().any(|measure| measure.rule == *rule);
    faults.extend(
        allowances
            .iter()
            .filter(unknown)
            .map(|(rule, _)| format!("{rule}: no such rule; remove its line from {}", file!())),
    );
    faults
}

fn too_many(measure: &Measure, allowed: usize) -> String {
    let Measure { rule, count, found, reason, .. } = measure;
    let mut message = format!("{rule}: {count}, allowed: {allowed} ({reason})");
    for place in found.iter().take(MOST_LISTED) {
        message.push_str(&format!("\n    {place}"));
    }
    if found.len() > MOST_LISTED {
        message.push_str(&format!("\n    and {} more", found.len() - MOST_LISTED));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(count: usize, limit: usize) -> Vec<Measure> {
        let found = (0..count).map(|number| format!("place {number}")).collect();
        vec![Measure { rule: "rule".to_owned(), count, limit, found, reason: "reason".to_owned() }]
    }

    #[test]
    fn more_than_allowed_is_a_fault_that_lists_the_places() {
        assert!(judge(&measure(0, 0), &[]).is_empty());
        assert_eq!(judge(&measure(1, 0), &[]), ["rule: 1, allowed: 0 (reason)\n    place 0"]);
        assert_eq!(judge(&measure(3, 0), &[("rule", 2)]).len(), 1);
        assert!(judge(&measure(14, 0), &[])[0].ends_with("\n    and 2 more"));
    }

    #[test]
    fn an_allowance_that_could_be_lower_is_a_fault() {
        assert!(judge(&measure(3, 0), &[("rule", 3)]).is_empty());
        assert!(judge(&measure(2, 0), &[("rule", 3)])[0].starts_with("rule: 2 now; lower the 3 in "));
        assert!(judge(&measure(0, 0), &[("rule", 3)])[0].starts_with("rule: met now; remove"));
        assert!(judge(&measure(15, 15), &[("rule", 20)])[0].starts_with("rule: met now; remove"));
    }

    #[test]
    fn an_allowance_for_no_rule_is_a_fault() {
        assert!(judge(&[], &[("rule", 3)])[0].starts_with("rule: no such rule"));
    }
}
