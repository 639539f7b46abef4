//! Many identities, and what becomes of identities that exist: names, jobs, registration, bundles, reports.
//!
//! One device is a fleet of one. The crate `identity` makes single identities; [`mass`] makes and handles jobs.

pub mod actorcloud;
pub mod bundle;
pub mod due_leaf;
pub mod identity_files;
mod job_order;
pub mod lifecycle;

pub mod mass;
pub mod names;
pub mod overview;
pub mod platform;
pub mod profile;
pub mod register;
pub mod selection;
pub mod stop;
pub mod token;
