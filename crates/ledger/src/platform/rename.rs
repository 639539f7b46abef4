//! A platform that has moved to another address.

use base::{Code, Error, Result};

use crate::ledger::Ledger;
use crate::platform::url::PlatformUrl;
use crate::platform::{KnownPlatform, PlatformId};
use crate::transaction::Transaction;
use crate::value::values;

impl Ledger {
    /// Gives a platform another address. Everything that is recorded of it stays. May be repeated. Returns false if the ledger
    /// knows only the new address, so that nothing was renamed.
    ///
    /// # Errors
    /// [`Code::UnknownPlatform`] if the ledger does not know the old address; [`Code::PlatformInUse`] if it has registrations
    /// or open steps at the new one.
    pub fn rename_platform(&mut self, old: &PlatformUrl, new: &PlatformUrl) -> Result<bool> {
        let renamed = self.transaction(|transaction| transaction.rename_platform(old, new))?;
        self.look_at_platforms()?;
        Ok(renamed)
    }
}

impl Transaction<'_> {
    fn rename_platform(&self, old: &PlatformUrl, new: &PlatformUrl) -> Result<bool> {
        let known = self.platforms()?;
        let find = |url: &PlatformUrl| known.iter().find(|platform| platform.url == *url);
        let present = match (find(old), find(new)) {
            // The command was interrupted after its commit, or is repeated, or the old address has a slip.
            (None, Some(_)) => return Ok(false),
            (None, None) => return Err(unknown(old, &known)),
            (Some(old), Some(new)) if old.id != new.id => {
                if new.id == PlatformId::FIRST || self.has_rows(new.id)? {
                    return Err(in_use(new));
                }
                // Without registrations, the row only shows that a command has asked that platform.
                for table in ["registration", "platform_step", "platform_work"] {
                    self.execute(&format!("DELETE FROM {table} WHERE platform = ?1"), values![new.id.0])?;
                }
                self.execute("DELETE FROM platform WHERE id = ?1", values![new.id.0])?;
                old.id
            }
            (Some(old), _) => old.id,
        };
        // By its row, because earlier versions wrote the address in other words. The first platform is the first row.
        match present {
            PlatformId::FIRST => self.execute(
                "UPDATE platform SET url = ?1 WHERE id = (SELECT MIN(id) FROM platform)",
                values![new.as_str()],
            )?,
            PlatformId(id) => self.execute("UPDATE platform SET url = ?1 WHERE id = ?2", values![new.as_str(), id])?,
        };
        Ok(true)
    }

    /// Whether something was registered at a platform, or is open there.
    fn has_rows(&self, platform: PlatformId) -> Result<bool> {
        let sql = "SELECT 1 FROM registration WHERE platform = ?1 AND registered_at IS NOT NULL UNION ALL \
            SELECT 1 FROM platform_step WHERE platform = ?1 UNION ALL \
            SELECT 1 FROM renewal_step WHERE platform = ?1 UNION ALL \
            SELECT 1 FROM device_token WHERE platform = ?1 LIMIT 1";
        Ok(self.one(sql, values![platform.0])?.is_some())
    }
}

fn unknown(url: &PlatformUrl, known: &[KnownPlatform]) -> Error {
    let error = Code::UnknownPlatform.error(format!("the ledger does not know a platform {url}"));
    if known.is_empty() {
        return error
            .because("no command of this version has recorded a registration yet")
            .fix("nothing is to be done: the first platform that a command uses has all registrations");
    }
    let urls: Vec<&str> = known.iter().map(|platform| platform.url.as_str()).collect();
    error.because(format!("it knows {}", urls.join(", "))).fix("compare the address, its port included")
}

fn in_use(new: &KnownPlatform) -> Error {
    Code::PlatformInUse
        .error(format!("the ledger has registrations or open steps at {}", new.url))
        .because("two platforms cannot become one: a device may have another certificate at each")
        .fix(format!(
            "if both addresses are those of one server, use {} from now on: `tbpki register --all` registers the devices \
             there that are missing",
            new.url
        ))
}
