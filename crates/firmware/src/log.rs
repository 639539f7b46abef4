//! Log lines on UART0, each with the uptime in seconds.

use core::fmt;

/// Prints a line.
pub(crate) fn line(line: fmt::Arguments<'_>) {
    let uptime = embassy_time::Instant::now().as_millis();
    esp_println::println!("[{:>5}.{:03}] {line}", uptime / 1_000, uptime % 1_000);
}

/// `log!("what: {why}")`
macro_rules! log {
    ($($words:tt)*) => { $crate::log::line(format_args!($($words)*)) };
}

pub(crate) use log;
