//! Renewal and revocation: the verbs, and what other programs make of their results.

mod lists;
