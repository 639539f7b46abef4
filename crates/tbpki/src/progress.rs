//! The progress of long operations: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet::mass::Status;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Messages;

/// The interval of plain lines.
const LINE: Duration = Duration::from_secs(10);

/// The bar that is on the terminal.
// Global, because a prompt in the depth of an operation knows nothing of the bar of its verb.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes the bar away while `question` uses the terminal, and shows it again afterwards.
pub(crate) fn without_bar<T>(question: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(question),
        None => question(),
    }
}

fn set_shown(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Shows the progress of an operation.
pub(crate) struct Progress {
    messages: Messages,
    form: Form,
}

enum Form {
    /// Not started.
    Waiting,
    /// A bar, and the operation that it shows.
    Bar(ProgressBar, &'static str),
    /// Lines, and the time of the last one.
    Lines(Instant),
}

impl Progress {
    pub(crate) fn new(messages: Messages) -> Self {
        Self { messages, form: Form::Waiting }
    }

    /// Shows a new status.
    pub(crate) fn show(&mut self, status: &Status) {
        match &mut self.form {
            Form::Bar(bar, what) if *what == status.what => {
                bar.set_position(status.done);
                bar.set_message(pace(status));
            }
            // A log of a service gets a line every ten seconds instead of one for each step.
            Form::Lines(last) => {
                if last.elapsed() >= LINE {
                    *last = Instant::now();
                    self.messages.say(format!("{}: {} of {}{}", status.what, status.done, status.total, pace(status)));
                }
            }
            // Another operation gets a bar of its own, because its total differs.
            Form::Waiting | Form::Bar(..) => {
                self.finish();
                self.form = if self.messages.is_quiet() || !wants_bar() {
                    Form::Lines(Instant::now())
                } else {
                    let bar = bar(status);
                    set_shown(Some(bar.clone()));
                    Form::Bar(bar, status.what)
                };
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&mut self) {
        if let Form::Bar(bar, _) = &self.form {
            bar.finish_and_clear();
            set_shown(None);
        }
        self.form = Form::Waiting;
    }
}

fn wants_bar() -> bool {
    // A bar in a file would be a row of control characters, and some CI systems have terminals that show only lines.
    std::io::stderr().is_terminal() && std::env::var_os("TBPKI_NO_PROGRESS").is_none_or(|value| value.is_empty())
}

fn bar(status: &Status) -> ProgressBar {
    // 8 times a second: a terminal over a slow line must not slow the work down.
    let bar = ProgressBar::with_draw_target(Some(status.total), ProgressDrawTarget::stderr_with_hz(8));
    // The template is a constant. If it were invalid, indicatif would use its default.
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}{msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(status.what);
    bar.set_position(status.done);
    bar
}

/// The rate and the remaining time, if they are known.
fn pace(status: &Status) -> String {
    let Some(rate) = status.rate() else { return String::new() };
    let left = status.left().map(|left| format!(", {} left", span(left))).unwrap_or_default();
    format!(", {rate:.0} per second{left}")
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_has_units_that_fit() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_rate_is_shown_if_it_is_known() {
        let status = Status { what: "issuing", done: 10, total: 30, now: 10, elapsed: Duration::from_secs(1) };
        assert_eq!(pace(&status), ", 10 per second, 2 s left");
        assert_eq!(pace(&Status { now: 0, ..status }), "");
    }
}
