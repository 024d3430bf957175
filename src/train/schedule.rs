//! How the learning rate goes over the epochs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate goes over the epochs; within an epoch it stays.
///
/// It is written as text, as in `--set train.schedule=step:30:0.1`. Each is what PyTorch's scheduler of the name below gives that is stepped once an
/// epoch, for `n = epochs - warmup` epochs behind the warm-up, at the `k`-th of them from 0:
///
/// | text | factor | PyTorch |
/// |---|---|---|
/// | `constant` | 1 | |
/// | `linear` | 1 - k / n | `LinearLR(start_factor=1, end_factor=0, total_iters=n)` |
/// | `cosine` | (1 + cos(pi k / n)) / 2 | `CosineAnnealingLR(T_max=n)` |
/// | `step:EPOCHS:GAMMA` | gamma ^ floor(k / epochs) | `StepLR(step_size=epochs, gamma)` |
/// | `exponential:GAMMA` | gamma ^ k | `ExponentialLR(gamma)` |
///
/// `linear` and `cosine` reach zero only behind the last epoch: none is spent without learning. A training that stops early has not seen their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// One rate.
    #[default]
    Constant,
    /// Down to zero in equal steps.
    Linear,
    /// Down to zero along half a cosine (Loshchilov & Hutter 2017, without restarts; <https://arxiv.org/abs/1608.03983>).
    Cosine,
    /// Times `gamma` after every so many epochs.
    Step {
        /// At least 1.
        epochs: usize,
        /// In `(0, 1]`.
        gamma: f64,
    },
    /// Times `gamma` after every epoch.
    Exponential {
        /// In `(0, 1]`.
        gamma: f64,
    },
}

impl Schedule {
    /// What the learning rate is multiplied by in the `k`-th of `n` epochs, from 0.
    pub fn factor(self, k: usize, n: usize) -> f64 {
        let share = k as f64 / n as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - share,
            Self::Cosine => (1.0 + (std::f64::consts::PI * share).cos()) / 2.0,
            Self::Step { epochs, gamma } => gamma.powf((k / epochs) as f64),
            Self::Exponential { gamma } => gamma.powf(k as f64),
        }
    }

    /// That its numbers make a schedule: text is checked when it is read, values by [`TrainConfig::check`](super::TrainConfig::check).
    pub(super) fn check(self) -> Result<Self> {
        let good = match self {
            Self::Constant | Self::Linear | Self::Cosine => true,
            Self::Step { epochs, gamma } => epochs > 0 && gamma > 0.0 && gamma <= 1.0,
            Self::Exponential { gamma } => gamma > 0.0 && gamma <= 1.0,
        };
        if good { Ok(self) } else { Err(unreadable(&self.to_string())) }
    }
}

fn unreadable(text: &str) -> Error {
    let expected = "`constant`, `linear`, `cosine`, `step:EPOCHS:GAMMA` or `exponential:GAMMA`, EPOCHS at least 1 and 0 < GAMMA <= 1";
    Error::config("train.schedule", text, expected)
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text.split(':').collect::<Vec<_>>()[..] {
            ["constant"] => Some(Self::Constant),
            ["linear"] => Some(Self::Linear),
            ["cosine"] => Some(Self::Cosine),
            ["step", epochs, gamma] => {
                epochs.parse().ok().zip(gamma.parse().ok()).map(|(epochs, gamma)| Self::Step { epochs, gamma })
            }
            ["exponential", gamma] => gamma.parse().ok().map(|gamma| Self::Exponential { gamma }),
            _ => None,
        };
        parsed.ok_or_else(|| unreadable(text))?.check()
    }
}

impl TryFrom<String> for Schedule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Linear => f.write_str("linear"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { epochs, gamma } => write!(f, "step:{epochs}:{gamma}"),
            Self::Exponential { gamma } => write!(f, "exponential:{gamma}"),
        }
    }
}

/// The learning rate of each step, for burn-train: that of the step's epoch.
#[cfg(feature = "train")]
#[derive(Clone, Debug)]
pub(super) struct LearningRates {
    config: super::TrainConfig,
    steps_an_epoch: usize,
    /// Since the first epoch, whichever the run began with.
    done: usize,
}

#[cfg(feature = "train")]
impl LearningRates {
    /// For a run of so many steps an epoch that begins with `first_epoch`, from 1.
    pub(super) fn new(config: &super::TrainConfig, steps_an_epoch: usize, first_epoch: usize) -> Self {
        Self { config: config.clone(), steps_an_epoch, done: (first_epoch - 1) * steps_an_epoch }
    }
}

#[cfg(feature = "train")]
impl burn::optim::lr_scheduler::LrScheduler for LearningRates {
    fn step(&mut self) -> f64 {
        self.done += 1;
        self.config.learning_rate_in(self.done.div_ceil(self.steps_an_epoch))
    }

    /// Nothing: the epoch that a run begins with says it all.
    fn to_record(&self) -> burn::optim::lr_scheduler::LrSchedulerRecord {
        burn::optim::lr_scheduler::LrSchedulerRecord::new()
    }

    fn load_record(&mut self, _: burn::optim::lr_scheduler::LrSchedulerRecord) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::TrainConfig;

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        for text in ["constant", "linear", "cosine", "step:30:0.1", "exponential:0.95", "step:1:1"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        assert_eq!("step:30:0.1".parse::<Schedule>().unwrap(), Schedule::Step { epochs: 30, gamma: 0.1 });
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_those_that_are() {
        for text in [
            "",
            "cos",
            "Linear",
            "step",
            "step:3",
            "step:0:0.5",
            "step:3:0",
            "step:-1:0.5",
            "step:3:1.5",
            "step:3:0.5:",
            "exponential",
            "exponential:0",
            "exponential:NaN",
            "exponential:inf",
            "constant:1",
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`train.schedule` is {text}: expected `constant`, `linear`")),
                "{error}"
            );
        }
        let made = TrainConfig::new().with_schedule(Schedule::Step { epochs: 0, gamma: 0.5 });
        assert!(made.check().unwrap_err().to_string().starts_with("`train.schedule` is step:0:0.5: expected"));
    }

    #[test]
    fn the_rate_of_the_first_epoch_behind_the_warm_up_is_the_learning_rate() {
        for text in ["constant", "linear", "cosine", "step:2:0.1", "exponential:0.9"] {
            for warmup in [0, 1, 3] {
                let config = TrainConfig::new().with_epochs(5).with_schedule(text.parse().unwrap()).with_warmup(warmup);
                let rates: Vec<f64> = (1..=5).map(|epoch| config.learning_rate_in(epoch)).collect();
                assert_eq!(rates[warmup], config.learning_rate, "{text}");
                assert!(
                    rates[..=warmup].is_sorted() && rates[warmup..].is_sorted_by(|a, b| a >= b),
                    "{text}: {rates:?}"
                );
                assert!(rates.iter().all(|rate| *rate > 0.0), "{text}: {rates:?}");
            }
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_run_that_begins_later_has_the_rates_of_its_epochs() {
        use burn::optim::lr_scheduler::LrScheduler;
        let config = TrainConfig::new().with_epochs(4).with_schedule(Schedule::Linear);
        let rates = |first: usize| {
            let mut scheduler = LearningRates::new(&config, 3, first);
            (0..3 * (5 - first)).map(|_| scheduler.step()).collect::<Vec<_>>()
        };
        let whole = rates(1);
        let expected = |epoch: usize| [config.learning_rate_in(epoch); 3];
        assert_eq!(whole, [expected(1), expected(2), expected(3), expected(4)].concat());
        assert_eq!(rates(3), whole[6..]);
    }
}
