//! How a training goes, on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr};

use burn_zoo::train::{Epoch, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, lines, or nothing.
pub enum Report {
    Bar(ProgressBar),
    Lines { epochs: usize, last: Option<Epoch> },
    Nothing,
}

impl Report {
    /// What suits standard error.
    pub fn new(quiet: bool) -> Self {
        match quiet {
            true => Self::Nothing,
            false if stderr().is_terminal() => {
                let style =
                    ProgressStyle::with_template("epoch {pos}/{len} {wide_bar} {msg}").expect("a valid template");
                Self::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style))
            }
            false => Self::Lines { epochs: 0, last: None },
        }
    }
}

impl Progress for Report {
    fn start(&mut self, total: usize) {
        match self {
            Self::Bar(bar) => bar.set_length(total as u64),
            Self::Lines { epochs, .. } => *epochs = total,
            Self::Nothing => {}
        }
    }

    fn epoch(&mut self, epoch: &Epoch) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(epoch.number as u64);
                bar.set_message(format!("train {:.4} valid {:.4}", epoch.train_loss, epoch.valid_loss));
            }
            Self::Lines { epochs, last } => {
                *last = Some(*epoch);
                if epoch.number == 1 || epoch.number.is_multiple_of(10) {
                    line(epoch, *epochs);
                    *last = None;
                }
            }
            Self::Nothing => {}
        }
    }

    fn end(&mut self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { epochs, last } => {
                if let Some(epoch) = last.take() {
                    line(&epoch, *epochs);
                }
            }
            Self::Nothing => {}
        }
    }
}

fn line(epoch: &Epoch, epochs: usize) {
    let best = if epoch.best { " best" } else { "" };
    let (number, train, valid) = (epoch.number, epoch.train_loss, epoch.valid_loss);
    // Nobody who reads standard error is no reason to stop training.
    let _ = writeln!(stderr(), "epoch {number}/{epochs} train_loss {train:.4} valid_loss {valid:.4}{best}");
}

/// How many rows were predicted: a counter on a terminal, nothing elsewhere.
pub struct Rows(Option<ProgressBar>);

impl Rows {
    /// What suits standard error.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{spinner} {human_pos} rows, {per_sec}, {elapsed}");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(style.expect("a valid template"))
        });
        Self(bar)
    }

    /// So many more.
    pub fn add(&mut self, rows: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(rows as u64);
        }
    }

    /// That was all.
    pub fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
