//! One ThingsBoard: what REST and MQTT work on.

use std::sync::{Mutex, MutexGuard};

use crate::error::{Error, Result};
use crate::files;
use crate::jwt::Tokens;
use crate::pem;
use crate::settings::{Settings, Version};
use crate::shared::{Manners, lock};
use crate::state::State;

/// All of it.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) manners: Manners,
    /// What `certificate/download` hands out: read once, so a change of the file shows after a restart.
    pub(crate) mqtts_ca: Option<Vec<u8>>,
    state: Mutex<State>,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let mqtts_ca = match &settings.mqtts_ca {
            Some(path) => Some(certificates_again(&files::text(path)?).ok_or_else(|| Error::no_certificate(path))?),
            None => None,
        };
        let manners = Manners::new(settings.latency, settings.rate);
        manners.set_clock_offset(settings.clock_offset);
        Ok(Self {
            tokens: Tokens::new(settings.token_life, settings.refresh_token_life),
            manners,
            state: Mutex::new(State::new(&settings)),
            mqtts_ca,
            settings,
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn is_4_3(&self) -> bool {
        self.settings.version == Version::V4_3
    }
}

/// The certificates of a file, written anew: 64 columns, without keys and other text.
fn certificates_again(text: &str) -> Option<Vec<u8>> {
    let certificates = pem::certificates(text);
    let again: String = certificates.iter().map(|der| pem::certificate(der)).collect();
    (!again.is_empty()).then(|| again.into_bytes())
}
