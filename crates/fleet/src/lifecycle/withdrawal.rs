//! Taking the credential of one device from the platform: a random token takes its place.

use std::path::Path;

use base::Result;
use ledger::{Kind, View};
use provision::ThingsBoard;
use provision::platform::{IssuedCertificates, PlatformChange};
use store::all_tokens_of;
use store::ca::Ca;

/// A device whose credential is taken from the platform.
pub(crate) struct Withdrawal {
    /// The name of the device.
    pub(crate) name: String,
    ours: IssuedCertificates,
    /// The profile that provisions the device by its CA.
    profile: Option<String>,
}

impl Withdrawal {
    /// The withdrawal of the certificates that are not in use any more. While one is in use, the device keeps its credential.
    /// `store` is the directory of the store, of which a token of the device may be on the platform.
    ///
    /// # Errors
    /// Those of the ledger and of the token files, here and below.
    pub(crate) fn of_revoked(store: Option<&Path>, view: &View, name: &str) -> Result<Self> {
        Self::of(store, view, name, |is_in_use| !is_in_use)
    }

    /// The withdrawal of every certificate of the device, also of the present one. `others_too`: a certificate that this
    /// store has never issued and a token that it does not have are taken as well.
    pub(crate) fn of_all(store: &Path, view: &View, name: &str, others_too: bool) -> Result<Self> {
        let mut withdrawal = Self::of(Some(store), view, name, |_| true)?;
        withdrawal.ours.others_too = others_too;
        Ok(withdrawal)
    }

    fn of(store: Option<&Path>, view: &View, name: &str, is_meant: impl Fn(bool) -> bool) -> Result<Self> {
        let tokens = store.map_or_else(|| Ok(Vec::new()), |store| all_tokens_of(store, name))?;
        let mut ours = IssuedCertificates { tokens, ..IssuedCertificates::default() };
        let mut profile = None;
        for entry in view.history(Kind::Device, name)? {
            let Some(id) = entry.credentials_id else { continue };
            let ids = if is_meant(entry.role.is_in_use()) { &mut ours.credentials_ids } else { &mut ours.still_valid };
            ids.push(id);
            profile = Ca::profile_of(&entry.issuer).map(str::to_owned).or(profile);
        }
        Ok(Self { name: name.to_owned(), ours, profile })
    }

    /// Takes the credential away. Returns the change.
    ///
    /// # Errors
    /// [`OtherCredential`](base::Code::OtherCredential) for a credential that is not of this store, and those of the platform.
    pub(crate) async fn carry_out(self, board: &ThingsBoard) -> Result<PlatformChange> {
        let change = board.unregister(&self.name, &self.ours).await?;
        // In chain mode the next connection would create the device with the revoked certificate. A device with a token is
        // left alone.
        match &self.profile {
            Some(profile) if change == PlatformChange::Absent && self.ours.still_valid.is_empty() => {
                board.occupy(&self.name, profile).await
            }
            _ => Ok(change),
        }
    }

    /// The result that [`Self::carry_out`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::carry_out`].
    pub(crate) async fn examine(&self, board: &ThingsBoard) -> Result<PlatformChange> {
        board.examine_unregistering(&self.name, &self.ours).await
    }
}
