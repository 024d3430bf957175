//! How a training goes, on standard error: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn_zoo::{
    Check,
    train::{Epoch, Progress, Schedule, TrainConfig},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::notes::warning_of;

/// A bar, lines, or nothing.
pub struct Report {
    shape: Shape,
    /// Whether the learning rate changes, and is worth a word.
    with_learning_rate: bool,
    /// The epochs that are on the disk.
    done: Arc<AtomicUsize>,
}

enum Shape {
    Bar(ProgressBar),
    Lines { epochs: usize, last: Option<Epoch> },
    Nothing,
}

impl Report {
    /// What suits standard error, for a training with these settings.
    pub fn new(quiet: bool, config: &TrainConfig) -> Self {
        let with_learning_rate = config.schedule != Schedule::Constant || config.warmup > 0;
        let shape = match quiet {
            true => Shape::Nothing,
            false if stderr().is_terminal() => {
                let style =
                    ProgressStyle::with_template("epoch {pos}/{len} {wide_bar} {msg}").expect("a valid template");
                Shape::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style))
            }
            false => Shape::Lines { epochs: 0, last: None },
        };
        Self { shape, with_learning_rate, done: Arc::default() }
    }

    /// For whoever interrupts: clears the bar, and tells how many epochs are on the disk.
    pub fn interrupted(&self) -> impl Fn() -> usize + Send + 'static {
        let bar = if let Shape::Bar(bar) = &self.shape { Some(bar.clone()) } else { None };
        let done = self.done.clone();
        move || {
            bar.iter().for_each(ProgressBar::finish_and_clear);
            done.load(Ordering::SeqCst)
        }
    }

    /// The learning rate, where it changes.
    fn learning_rate(&self, epoch: &Epoch) -> String {
        if self.with_learning_rate { format!(" lr {:.2e}", epoch.learning_rate) } else { String::new() }
    }

    fn line(&self, epoch: &Epoch, epochs: usize) {
        let (lr, best) = (self.learning_rate(epoch), if epoch.best { " best" } else { "" });
        let (number, train, valid) = (epoch.number, epoch.train_loss, epoch.valid_loss);
        // Nobody who reads standard error is no reason to stop training.
        let _ = writeln!(stderr(), "epoch {number}/{epochs} train_loss {train:.4} valid_loss {valid:.4}{lr}{best}");
    }
}

impl Progress for Report {
    fn start(&mut self, total: usize) {
        match &mut self.shape {
            Shape::Bar(bar) => bar.set_length(total as u64),
            Shape::Lines { epochs, .. } => *epochs = total,
            Shape::Nothing => {}
        }
    }

    fn resumed(&mut self, curve: &[Epoch]) {
        self.done.store(curve.len(), Ordering::SeqCst);
        match &self.shape {
            Shape::Bar(bar) => bar.set_position(curve.len() as u64),
            Shape::Lines { .. } => drop(writeln!(stderr(), "goes on behind epoch {}", curve.len())),
            Shape::Nothing => {}
        }
    }

    fn epoch(&mut self, epoch: &Epoch) {
        self.done.store(epoch.number, Ordering::SeqCst);
        match &self.shape {
            Shape::Bar(bar) => {
                let (train, valid, lr) = (epoch.train_loss, epoch.valid_loss, self.learning_rate(epoch));
                bar.set_position(epoch.number as u64);
                bar.set_message(format!("train {train:.4} valid {valid:.4}{lr}"));
            }
            Shape::Lines { epochs, .. } => {
                let (epochs, shown) = (*epochs, epoch.number == 1 || epoch.number.is_multiple_of(10));
                if shown {
                    self.line(epoch, epochs);
                }
                self.shape = Shape::Lines { epochs, last: (!shown).then_some(*epoch) };
            }
            Shape::Nothing => {}
        }
    }

    fn faults(&mut self, faults: &[Check]) {
        match (&self.shape, warning_of(faults)) {
            (Shape::Bar(bar), Some(warning)) => bar.println(warning),
            (Shape::Lines { .. }, Some(warning)) => drop(writeln!(stderr(), "{warning}")),
            _ => {}
        }
    }

    fn end(&mut self) {
        match &self.shape {
            Shape::Bar(bar) => bar.finish_and_clear(),
            Shape::Lines { epochs, last: Some(epoch) } => self.line(epoch, *epochs),
            Shape::Lines { last: None, .. } | Shape::Nothing => {}
        }
    }
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
