//! Many devices at once, and limits.

mod herd;
mod killed;
mod limits;
