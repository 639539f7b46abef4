//! Identities: made once, asked for again, below imported CAs, and at stations.

mod asked_again;
mod kept_by_force;
mod missing_files;
mod not_given;
mod own_ca;
mod several;
mod station_bundle;
