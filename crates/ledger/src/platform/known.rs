//! The platforms that a ledger knows, and the row of the one in focus.

use base::Result;

use crate::platform::columns::PlatformColumns;
use crate::platform::focus::Focus;
use crate::platform::url::PlatformUrl;
use crate::platform::{KnownPlatform, PlatformId};
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

impl View {
    /// The platforms that the ledger knows, the first one first.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn platforms(&self) -> Result<Vec<KnownPlatform>> {
        let rows = self.query("SELECT id, url FROM platform ORDER BY id", &[])?;
        let mut known = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = if known.is_empty() { PlatformId::FIRST } else { PlatformId(row.get(0)?) };
            known.push(KnownPlatform { id, url: PlatformUrl::stored(row.get(1)?) });
        }
        Ok(known)
    }

    /// The same ledger, about the platform with this URL: everything that is read and recorded of registrations is about
    /// that one. Without a URL, it is about the first platform.
    pub fn focused(mut self, url: Option<PlatformUrl>) -> Result<Self> {
        self.set_focus_url(url);
        self.look_at_platforms()?;
        Ok(self)
    }

    /// Reads the platforms again: another process may have recorded one.
    pub fn look_at_platforms(&self) -> Result<()> {
        self.set_focus(Focus::of(self.focus_url(), &self.platforms()?));
        Ok(())
    }

    /// The URLs of the platforms that the ledger knows, if it knows some and the one in focus is not among them.
    pub fn other_platforms_of_unknown(&self) -> Result<Vec<PlatformUrl>> {
        if self.focus().columns.platform != PlatformId::UNKNOWN {
            return Ok(Vec::new());
        }
        Ok(self.platforms()?.into_iter().map(|platform| platform.url).collect())
    }

    /// Whether the ledger knows a platform that is not in focus.
    pub fn has_other_platforms(&self) -> bool {
        self.focus().columns.others
    }

    /// The platform in focus; `None` if the ledger has no row for it.
    pub fn platform_in_focus(&self) -> Option<PlatformId> {
        let platform = self.focus().columns.platform;
        (platform != PlatformId::UNKNOWN).then_some(platform)
    }

    /// Whether the ledger can have rows about further platforms.
    pub(crate) fn has_further_platforms(&self) -> bool {
        let PlatformColumns { platform, others } = self.focus().columns;
        others || platform != PlatformId::FIRST
    }

    pub(crate) fn columns(&self) -> PlatformColumns {
        self.focus().columns
    }
}

impl Transaction<'_> {
    /// The platform in focus, to be written about: the ledger has a row of it from now on.
    pub(crate) fn platform(&self) -> Result<PlatformId> {
        if let (Some(url), false) = (self.focus_url(), self.focus().is_known) {
            // Two stations may record their first platform at the same moment, and only one can be the first.
            self.lock_platforms()?;
            let sql = "INSERT INTO platform (url, made_at) VALUES (?1, ?2) ON CONFLICT (url) DO NOTHING";
            self.execute(sql, values![url.as_str(), self.now()])?;
            self.look_at_platforms()?;
        }
        Ok(self.columns().platform)
    }

    fn lock_platforms(&self) -> Result<()> {
        // A file has one writer at a time.
        if self.is_shared() {
            self.execute("LOCK TABLE platform IN SHARE ROW EXCLUSIVE MODE", &[])?;
        }
        Ok(())
    }
}
