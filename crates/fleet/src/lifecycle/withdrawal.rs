//! Taking the credential of one device from the platform: a random token takes its place.

use std::path::Path;

use base::{Code, Error, Result, Secret};
use ledger::{Kind, State, View};
use provision::ThingsBoard;
use provision::platform::{IssuedCertificates, PlatformChange};
use store::ca::Ca;
use store::{all_tokens_of, holds_token};

use crate::platform::command_to_take_away;

/// A device whose credential is taken from the platform.
pub(crate) struct Withdrawal {
    /// The name of the device.
    pub(crate) name: String,
    ours: IssuedCertificates,
    /// The profile that provisions the device by its CA.
    profile: Option<String>,
    /// The credentials ids that the platform in focus may have, also under another name of the device.
    traces: Vec<Secret>,
    /// Whether the platform may have a token that is in no file.
    has_unknown_token: bool,
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
        let (mut profile, mut traces) = (None, Vec::new());
        for entry in view.history(Kind::Device, name)? {
            let is_registered = entry.reached(State::Registered).is_some();
            let Some(id) = entry.credentials_id else { continue };
            let of_profile = Ca::profile_of(&entry.issuer);
            if !is_meant(entry.role.is_in_use()) {
                ours.still_valid.push(id);
            } else {
                // From the last registered one on: a later one can be there if a swap was interrupted. A platform that
                // provisions by chain can have any.
                if is_registered && of_profile.is_none() {
                    traces.clear();
                }
                if is_registered || !traces.is_empty() || of_profile.is_some() {
                    traces.push(Secret::from(id.as_str()));
                }
                ours.credentials_ids.push(id);
            }
            profile = of_profile.map(str::to_owned).or(profile);
        }
        let recorded = view.device_tokens_of(name)?;
        let is_recorded_here = recorded.iter().any(|token| !token.is_elsewhere);
        let has_token = is_recorded_here || recorded.is_empty() && store.is_some_and(|store| holds_token(store, name));
        if has_token && ours.still_valid.is_empty() {
            traces.extend(ours.tokens.iter().cloned());
        }
        let has_unknown_token = is_recorded_here && ours.still_valid.is_empty() && ours.tokens.is_empty();
        Ok(Self { name: name.to_owned(), ours, profile, traces, has_unknown_token })
    }

    /// Takes the credential away. Returns the change.
    ///
    /// # Errors
    /// [`OtherCredential`](base::Code::OtherCredential) for a credential that is not of this store, and those of the platform.
    pub(crate) async fn carry_out(self, board: &ThingsBoard) -> Result<PlatformChange> {
        let change = board.unregister(&self.name, &self.ours).await?;
        if change == PlatformChange::Absent {
            self.check_gone(board).await?;
        }
        // In chain mode the next connection would create the device with the revoked certificate. A device with a token is
        // left alone.
        match &self.profile {
            Some(profile) if change == PlatformChange::Absent && self.ours.still_valid.is_empty() => {
                board.occupy(&self.name, profile).await
            }
            _ => Ok(change),
        }
    }

    /// Deletes the device with its history. Returns the change.
    ///
    /// # Errors
    /// [`Code::DeviceReturns`] if its profile creates devices, and those of [`Self::carry_out`].
    pub(crate) async fn delete(&self, board: &ThingsBoard) -> Result<PlatformChange> {
        let change = board.delete(&self.name, self.profile.as_deref()).await?;
        if change == PlatformChange::Absent {
            self.check_gone(board).await?;
        }
        Ok(change)
    }

    /// Fails if a device with another name has a credential of this one.
    async fn check_gone(&self, board: &ThingsBoard) -> Result<()> {
        board.check_unused(&self.name, &self.traces).await?;
        // A token that is in no file could be looked for by an operator alone.
        if self.has_unknown_token && !self.ours.others_too {
            return Err(Code::OtherCredential
                .error(format!(
                    "the platform has no device {:?}, and this store has no copy of its access token",
                    self.name
                ))
                .because("it may have been renamed there, and then its token is still in use")
                .item(&self.name)
                .fix("look for it in ThingsBoard"));
        }
        Ok(())
    }

    /// The result that [`Self::delete`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub(crate) async fn examine_deletion(&self, board: &ThingsBoard) -> Result<PlatformChange> {
        board.examine_deletion(&self.name, self.profile.as_deref()).await
    }

    /// The result that [`Self::carry_out`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::carry_out`].
    pub(crate) async fn examine(&self, board: &ThingsBoard) -> Result<PlatformChange> {
        let change = board.examine_unregistering(&self.name, &self.ours).await?;
        match &self.profile {
            Some(profile) if change == PlatformChange::Absent && board.has_profile(profile).await? => {
                Ok(PlatformChange::Created)
            }
            _ => Ok(change),
        }
    }
}

/// An error of a withdrawal with the command that decides about a credential of another party.
pub(crate) fn with_command(error: Error, name: &str, url: Option<&str>) -> Error {
    if error.code() != Code::OtherCredential {
        return error;
    }
    error.fix(format!("if it is no longer needed, take it away with `{}`", command_to_take_away(name, url)))
}
