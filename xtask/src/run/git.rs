//! What git tells of the checkout.

use std::env;

use super::run;
use crate::error::Result;

/// The time that builds of this checkout have, in seconds since 1970: that of the commit. SOURCE_DATE_EPOCH replaces it.
pub(crate) fn source_time() -> Result<String> {
    if let Ok(time) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(time);
    }
    let time = run("git").args(["log", "-1", "--format=%ct"]).silent().read()?;
    Ok(time.trim().to_owned())
}
