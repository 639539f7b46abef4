//! Which platforms may have an access token of a device: the file in the store has the last one only, and a store can give
//! a device another one at each platform.

use std::path::Path;

use base::Result;
use ledger::{Ledger, View};
use store::{holds_token, retire_token};

/// Whether a platform may have a token of a device.
///
/// # Errors
/// Those of the ledger, here and below.
pub(crate) fn may_have_token(store: &Path, view: &View, name: &str) -> Result<bool> {
    Ok(holds_token(store, name) || !view.device_tokens_of(name)?.is_empty())
}

/// Records that any known platform may have the token of a device whose file comes from a version that did not record the
/// platform. Does nothing for other devices.
pub(crate) fn record_unplaced(store: &Path, ledger: &mut Ledger, name: &str) -> Result<()> {
    if holds_token(store, name) && ledger.device_tokens_of(name)?.is_empty() {
        ledger.transaction(|transaction| transaction.device_token_may_be_anywhere(name))?;
    }
    Ok(())
}

/// Records that the platform in focus has no token of a device any more. The file is kept under another name once no
/// platform has one.
pub(crate) fn record_gone(store: &Path, ledger: &mut Ledger, name: &str) -> Result<()> {
    if !may_have_token(store, ledger, name)? {
        return Ok(());
    }
    record_unplaced(store, ledger, name)?;
    ledger.transaction(|transaction| transaction.device_token_gone(name))?;
    if ledger.device_tokens_of(name)?.is_empty() { retire_token(store, name) } else { Ok(()) }
}
