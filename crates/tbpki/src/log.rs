//! The log of `-v`: steps and their durations, never a secret.

use tracing::level_filters::LevelFilter;

use crate::args::Global;

/// Sends log lines to standard error, as many as `-v` asks for.
pub(crate) fn start(global: &Global) {
    let level = match global.verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Without a time: journald and CI systems add their own.
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).without_time().init();
}
