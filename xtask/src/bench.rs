//! `cargo xtask bench`: we and the others, side by side in one run.

mod fleet;
mod identities;
mod images;
mod measure;
mod peers;
mod register;
mod scratch;

use clap::{Args, ValueEnum};

use crate::error::Result;

/// Measure us and the tools that we replace, side by side in one run
#[derive(Args)]
#[command(long_about = "Measure us and the tools that we replace, side by side in one run.\n\n\
    Whole processes take turns, so that whatever else the machine does slows all of them alike. Medians are printed, \
    their ratios, and whether the ratio that we want is reached.")]
pub(crate) struct Bench {
    what: What,

    /// How often each contender runs; the slow ones run less often
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    rounds: u32,

    /// Fail if a ratio is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// One client identity, and RSA-4096 keys
    Identities,
    /// Registering devices at a ThingsBoard, `--rounds` times 60 of them
    Register,
    /// Identities by the hundred thousand: in memory, on disk, in an archive, registered
    Fleet,
    /// NVS partitions, and flash images of 1,000 devices
    Images,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match self.what {
            What::Identities => identities::compare(self.rounds, self.strict),
            What::Register => register::compare(self.rounds.saturating_mul(60), self.strict),
            What::Fleet => fleet::compare(self.rounds, self.strict),
            What::Images => images::compare(self.rounds, self.strict),
        }
    }
}
