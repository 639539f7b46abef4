//! crates/firmware/budgets.toml.

use std::fs;

use toml::{Table, Value};

use crate::error::{Doing, Error, Result};
use crate::workspace::root;

/// The limits of a chip's build.
pub(super) struct Budget {
    /// The chip's name, which is the feature that chooses it.
    pub(super) chip: String,
    /// The target triple.
    pub(super) target: String,
    /// True if the build must check dates.
    pub(super) dates: bool,
    /// True if the build must fetch identities.
    pub(super) enrolls: bool,
    /// The most bytes of the application.
    pub(super) application: u64,
    /// The most bytes of RAM that it uses from the start.
    pub(super) static_ram: u64,
}

impl Budget {
    /// True if the chip needs a compiler for Xtensa.
    pub(super) fn on_xtensa(&self) -> bool {
        self.target.starts_with("xtensa-")
    }

    /// Fails if a size is over its limit.
    pub(super) fn check(&self, what: &str, size: u64, limit: u64) -> Result<()> {
        if size <= limit {
            return Ok(());
        }
        let over = size - limit;
        Err(Error::new(format!("{}: {what} has {size} bytes, {over} more than its budget of {limit}", self.chip))
            .fix("make it smaller, or raise the budget with a reason in crates/firmware/budgets.toml"))
    }
}

/// The budgets of all chips.
pub(super) fn all() -> Result<Vec<Budget>> {
    let path = root().join("crates/firmware/budgets.toml");
    let text = fs::read_to_string(&path).doing(format!("read {}", path.display()))?;
    parse(&text).map_err(|error| Error::new(format!("{}: {error}", path.display())))
}

fn parse(text: &str) -> Result<Vec<Budget>> {
    // By hand and not by serde: a missing key is named with its chip and what it takes.
    let table: Table = text.parse().doing("read it as TOML")?;
    table.iter().map(|(chip, values)| budget(chip, values)).collect()
}

fn budget(chip: &str, values: &Value) -> Result<Budget> {
    let missing = |key: &str, takes: &str| Error::new(format!("[{chip}] needs {key}, {takes}"));
    let size = |key: &str| {
        let value = values.get(key).and_then(Value::as_integer).and_then(|size| u64::try_from(size).ok());
        value.ok_or_else(|| missing(key, "a number of bytes"))
    };
    let switch = |key: &str| values.get(key).and_then(Value::as_bool).ok_or_else(|| missing(key, "true or false"));
    Ok(Budget {
        chip: chip.to_owned(),
        target: values
            .get("target")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| missing("target", "a target triple"))?,
        dates: switch("dates")?,
        enrolls: switch("enrolls")?,
        application: size("application")?,
        static_ram: size("static_ram")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_has_a_whole_budget() {
        let budgets = all().unwrap_or_else(|error| panic!("{error}"));
        assert!(budgets.iter().any(|budget| budget.chip == "esp32c3" && budget.application <= 1 << 20));
    }

    #[test]
    fn a_size_over_its_limit_is_an_error_with_the_difference() {
        let text = "[c]\ntarget = 't'\ndates = true\nenrolls = true\napplication = 1_000\nstatic_ram = 5\n";
        let budgets = parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert!(budgets[0].check("application", 1_000, 1_000).is_ok());
        let error = budgets[0].check("application", 1_010, 1_000).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("c: application has 1010 bytes, 10 more than its budget")));
    }

    #[test]
    fn a_budget_without_a_limit_is_refused() {
        assert!(parse("[c]\ntarget = 't'\ndates = true\nenrolls = true\nstatic_ram = 5\n").is_err());
    }
}
