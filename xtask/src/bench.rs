//! `cargo xtask bench`: tbpki and other tools, side by side in one run.

mod enroll;
mod fleet;
mod go_program;
mod identities;
mod images;
mod life;
mod lists;
mod measure;
mod peers;
mod programs;
mod register;
mod scratch;
mod startup;

use clap::{Args, ValueEnum};

use crate::error::Result;

/// Measure tbpki and the tools that it replaces, side by side in one run
#[derive(Args)]
#[command(long_about = "Measure tbpki and the tools that it replaces, side by side in one run.\n\n\
    Whole processes take turns, so other load on the machine slows all of them alike. The output has medians, ratios, \
    and PASS or MISS for each required ratio.")]
pub(crate) struct Bench {
    what: What,

    /// Runs of each contender; slow ones run less often
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    rounds: u32,

    /// Life alone: a hundredth of the devices, to see that everything runs
    #[arg(long)]
    small: bool,

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
    /// Lists, reports and images of 10,000 and 200,000 devices
    Lists,
    /// Renewals and revocation lists of 100,000 devices, ledgers of a million, and the renewal of a server
    Life,
    /// Renewals over the network, with bare handshakes and step-ca
    Enroll,
    /// The size of the program and its start-up time, with step and mkcert
    Startup,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match self.what {
            What::Identities => identities::compare(self.rounds, self.strict),
            What::Register => register::compare(self.rounds.saturating_mul(60), self.strict),
            What::Fleet => fleet::compare(self.rounds, self.strict),
            What::Images => images::compare(self.rounds, self.strict),
            What::Lists => lists::compare(self.strict),
            What::Enroll => enroll::compare(self.rounds, self.strict),
            What::Startup => startup::compare(self.rounds, self.strict),
            What::Life if self.small => life::compare(self.rounds, self.strict, life::Sizes::SMALL),
            What::Life => life::compare(self.rounds, self.strict, life::Sizes::FULL),
        }
    }
}
