//! The identity that is shown to the broker.

use alloc::string::{String, ToString};

use super::SlotKeeper;
use crate::date::Date;
use crate::identity::Identity;
use crate::life::hardware::Hardware;
use crate::life::source::Source;
use crate::record::Login;
use crate::session::platform::{Log, Tls, TlsPeer};
use crate::slots::WritableFlash;

impl<F: WritableFlash, H: Hardware> SlotKeeper<'_, F, H> {
    /// Gives the TLS client the identity whose turn it is, or the next one that it can use.
    pub(super) fn show<T: Tls>(&mut self, tls: &mut T, log: &impl Log) -> Result<(), String> {
        let sources = self.sources();
        let mut why = String::from("the device has no certificate yet");
        for _ in 0..sources.len() {
            self.turn %= sources.len();
            let Some(source) = sources.get(self.turn) else { break };
            match self.give(*source, tls) {
                Ok(()) => {
                    self.log_identity(*source, log);
                    return Ok(());
                }
                Err(error) => {
                    log.line(format_args!("identity: it cannot be used: {error}"));
                    why = error;
                    self.turn += 1;
                }
            }
        }
        Err(why)
    }

    fn give<T: Tls>(&mut self, source: Source, tls: &mut T) -> Result<(), String> {
        let generation = match source {
            Source::Slot(index) => self.load(index).map_err(|error| error.to_string())?,
            Source::Record => None,
        };
        let record = self.record;
        let (anchors, identity) = match (&generation, record.login()) {
            (Some(present), _) => (present.certificate.anchors.as_str(), Some(present.into())),
            (None, Login::Certificate { chain, key }) => (record.ca_chain(), Some(Identity { chain, key })),
            (None, Login::Token(_) | Login::Pending) => (record.ca_chain(), None),
        };
        let peer =
            TlsPeer { host: record.host(), skip_host_name_check: record.skips_host_name_check(), anchors, identity };
        tls.set_peer(&peer).map_err(|refusal| refusal.to_string())
    }

    fn log_identity(&mut self, source: Source, log: &impl Log) {
        let stored = match source {
            Source::Slot(index) => self.stored.get(index),
            Source::Record => None,
        };
        let sequence = stored.map(|stored| stored.identity.sequence());
        // Once for each change, and not before each connection.
        if self.logged.replace(sequence) == Some(sequence) {
            return;
        }
        match stored {
            Some(stored) => {
                let (sequence, end) = (stored.identity.sequence(), Date(stored.validity.not_after));
                log.line(format_args!("identity: certificate {sequence}, valid until {end}"));
            }
            None => log.line(format_args!("identity: the certificate of the record")),
        }
    }

    /// Erases the identities before the newest one, on a platform that accepts each certificate of a profile's CA.
    pub(super) fn forget_earlier(&mut self, log: &impl Log) {
        for earlier in self.stored.split_off(1.min(self.stored.len())) {
            if let Err(error) = self.slots.erase(&earlier.identity) {
                log.line(format_args!("identity: the slots: {error}"));
            }
        }
    }
}
