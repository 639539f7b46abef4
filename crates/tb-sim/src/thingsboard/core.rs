//! One ThingsBoard: the state that REST and MQTT share.

use std::sync::{Mutex, MutexGuard};

use crate::certificate::pem;
use crate::controls::{Controls, lock};
use crate::error::{Error, Result};
use crate::files;
use crate::thingsboard::jwt::Tokens;
use crate::thingsboard::settings::{Settings, Version};
use crate::thingsboard::state::State;

/// The state of one ThingsBoard.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) controls: Controls,
    /// The body of `certificate/download`, read once: as on the real server, a changed file takes effect after a restart.
    pub(crate) mqtts_ca: Option<Vec<u8>>,
    state: Mutex<State>,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let mqtts_ca = match &settings.mqtts_ca {
            Some(path) => Some(certificates_again(&files::text(path)?).ok_or_else(|| Error::no_certificate(path))?),
            None => None,
        };
        let controls = Controls::new(settings.latency, settings.rate);
        controls.set_clock_offset(settings.clock_offset);
        Ok(Self {
            tokens: Tokens::new(settings.token_life, settings.refresh_token_life),
            controls,
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

/// The certificates of a file, encoded again: 64 columns, without keys and other text.
fn certificates_again(text: &str) -> Option<Vec<u8>> {
    let certificates = pem::certificates(text);
    let again: String = certificates.iter().map(|der| pem::certificate(der)).collect();
    (!again.is_empty()).then(|| again.into_bytes())
}
