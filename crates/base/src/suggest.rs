//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that `given` was most likely meant to be, where one is near enough.
pub fn closest<'a>(given: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // No name of ours is that long, and the distance costs time and memory by the product of both lengths.
    if given.len() > 64 {
        return None;
    }
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(given, candidate), *candidate))
        // A third of the letters wrong is a typing error; more is another word.
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
