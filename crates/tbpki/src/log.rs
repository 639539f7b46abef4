//! The log: of `-v`, steps and their durations; of a service, faults as well without it. Never a secret.

use tracing::level_filters::LevelFilter;

use crate::args::Global;

/// Sends log lines to standard error, as many as `-v` asks for. A service (`is_service`) has no result that tells about its
/// faults, so it logs warnings without `-v`, and errors with `--quiet`.
pub(crate) fn start(global: &Global, is_service: bool) {
    let Some(level) = level(global.verbose, global.quiet, is_service) else { return };
    // Without a time: journald and CI systems add their own.
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).without_time().init();
}

fn level(verbose: u8, quiet: bool, is_service: bool) -> Option<LevelFilter> {
    match (verbose, quiet) {
        (0, false) => is_service.then_some(LevelFilter::WARN),
        (0, true) => is_service.then_some(LevelFilter::ERROR),
        (1, _) => Some(LevelFilter::INFO),
        (2, _) => Some(LevelFilter::DEBUG),
        _ => Some(LevelFilter::TRACE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_logs_faults_without_an_option() {
        assert_eq!(level(0, false, true), Some(LevelFilter::WARN));
        assert_eq!(level(0, true, true), Some(LevelFilter::ERROR));
        assert_eq!((level(0, false, false), level(0, true, false)), (None, None));
        for is_service in [false, true] {
            assert_eq!(level(1, false, is_service), Some(LevelFilter::INFO));
        }
    }
}
