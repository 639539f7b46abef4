//! The repository: its documentation, fuzz corpora and test helpers match the code.

mod advice;
mod device_log;
mod docs;
mod fuzz_corpora;
mod helpers;
mod verbs;
