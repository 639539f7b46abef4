//! Many devices at once.

mod herd;
mod killed;
