//! How far long work is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use fleet::mass::Status;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Talker;

/// How often a plain line comes.
const LINE: Duration = Duration::from_secs(10);

/// Shows how far work is.
pub(crate) struct Progress {
    talk: Talker,
    form: Form,
}

enum Form {
    /// Not begun.
    Waiting,
    /// A bar, and what it is about.
    Bar(ProgressBar, &'static str),
    /// Lines, and when the last one came.
    Lines(Instant),
}

impl Progress {
    pub(crate) fn new(talk: Talker) -> Self {
        Self { talk, form: Form::Waiting }
    }

    /// Shows the latest.
    pub(crate) fn show(&mut self, status: &Status) {
        match &mut self.form {
            Form::Bar(bar, what) if *what == status.what => {
                bar.set_position(status.done);
                bar.set_message(pace(status));
            }
            Form::Lines(last) => {
                if last.elapsed() >= LINE {
                    *last = Instant::now();
                    self.talk.say(format!("{}: {} of {}{}", status.what, status.done, status.total, pace(status)));
                }
            }
            Form::Waiting | Form::Bar(..) => {
                self.finish();
                self.form = if self.talk.is_quiet() || !wants_bar() {
                    Form::Lines(Instant::now())
                } else {
                    Form::Bar(bar(status), status.what)
                };
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Form::Bar(bar, _) = &self.form {
            bar.finish_and_clear();
        }
        self.form = Form::Waiting;
    }
}

fn wants_bar() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TBPKI_NO_PROGRESS").is_none_or(|value| value.is_empty())
}

fn bar(status: &Status) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(status.total), ProgressDrawTarget::stderr_with_hz(8));
    // The template is ours: were it wrong, indicatif's own would do.
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}{msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(status.what);
    bar.set_position(status.done);
    bar
}

/// Rate and time left, where there is something to tell.
fn pace(status: &Status) -> String {
    let Some(rate) = status.rate() else { return String::new() };
    let left = status.left().map(|left| format!(", {} left", span(left))).unwrap_or_default();
    format!(", {rate:.0} a second{left}")
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
    fn the_time_left_is_told_in_units_that_fit() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_pace_is_told_once_there_is_one() {
        let status = Status { what: "issuing", done: 10, total: 30, now: 10, elapsed: Duration::from_secs(1) };
        assert_eq!(pace(&status), ", 10 a second, 2 s left");
        assert_eq!(pace(&Status { now: 0, ..status }), "");
    }
}
