//! The settings of a training run.

use burn::config::Config;
use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use crate::error::{Error, Result};

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015), epsilon 1e-8; weight decay is added to the gradient.
    Adam,
    /// AdamW (Loshchilov & Hutter 2019), epsilon 1e-8; weight decay is decoupled.
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum; weight decay is added to the gradient.
    Sgd,
}

/// How a model is trained.
///
/// # A step
/// ```text
/// loss      = mean over the batch of weight * loss of the row                   (Examples::with_weights, label_smoothing)
/// gradient  = d loss / d w + l1 * sign(w) + 2 * l2 * w                          (the penalties' part: of weights only)
/// gradient *= min(1, clip_norm / (norm of all gradients together + 1e-6))      (as PyTorch's clip_grad_norm_)
/// w         = the optimizer's step, at the epoch's learning rate               (schedule, warmup, weight_decay)
/// w        *= min(1, max_norm / norm of the weights into the unit)              (max_norm)
/// ```
/// *Weights* are the trained parameters of rank 2 and more: biases, and the scales of a normalisation, have rank 1 and are not penalised.
///
/// # References
/// Srivastava et al. 2014, <https://jmlr.org/papers/v15/srivastava14a.html> (max-norm, 3 to 4, with large, decaying learning rates, beside dropout);
/// Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063> (clipping by the global norm); Loshchilov & Hutter 2019,
/// <https://arxiv.org/abs/1711.05101> (an L2 penalty and a decoupled weight decay differ under Adam); Szegedy et al. 2016,
/// <https://arxiv.org/abs/1512.00567> (label smoothing).
#[derive(Config, Debug, PartialEq)]
pub struct TrainConfig {
    /// At most so many times over the training part.
    #[config(default = 300)]
    pub epochs: usize,
    /// Rows in a step. The last batch takes what is left; a single row left over joins it.
    #[config(default = 32)]
    pub batch_size: usize,
    /// The step size; with a schedule or a warm-up, the largest.
    #[config(default = 0.001)]
    pub learning_rate: f64,
    /// How weights follow their gradients.
    #[config(default = "OptimizerKind::AdamW")]
    pub optimizer: OptimizerKind,
    /// Of SGD only: how much of the last step goes into the next (Srivastava et al.: 0.95 to 0.99 with dropout).
    #[config(default = 0.9)]
    pub momentum: f64,
    /// Shrinks all parameters.
    #[config(default = 0.0001)]
    pub weight_decay: f64,
    /// Adds `l1 * sum of |w|` over the weights to the loss; 0 is none.
    #[config(default = 0.0)]
    pub l1: f64,
    /// Adds `l2 * sum of w^2` over the weights to the loss; 0 is none.
    #[config(default = 0.0)]
    pub l2: f64,
    /// After each step, the weights into a unit are scaled down to at most this norm (Euclidean); 0 is no limit. It holds for each output of a
    /// `Linear`, and each output channel of a `Conv1d`, `Conv2d` or `Conv3d`, but for layers that are a field named `output`: what leaves them is a
    /// prediction, not a unit. The biases do not count.
    #[config(default = 0.0)]
    pub max_norm: f64,
    /// Gradients are scaled down to at most this norm (Euclidean, of all parameters together); 0 is no limit.
    #[config(default = 0.0)]
    pub clip_norm: f64,
    /// How the learning rate goes over the epochs.
    #[config(default = "Schedule::Constant")]
    pub schedule: Schedule,
    /// For so many epochs `w` the learning rate rises: 1, 2, ... of `w + 1` parts; the schedule begins behind them.
    #[config(default = 0)]
    pub warmup: usize,
    /// Of a classification: the share `e` of the target that goes to all classes alike, `y (1 - e) + e / classes`; of a yes or no, there are two
    /// classes. Validation sees the targets as they are.
    #[config(default = 0.0)]
    pub label_smoothing: f64,
    /// Stops after so many epochs without a lower validation loss; the weights of the best epoch are kept in any case.
    #[config(default = 30)]
    pub patience: usize,
    /// Draws initial weights, order, masks and the split.
    #[config(default = 0)]
    pub seed: u64,
    /// Threads that prepare batches; 0 prepares them in the training thread. Changes no result.
    #[config(default = 0)]
    pub workers: usize,
}

impl TrainConfig {
    /// That a run with these settings can be made.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("epochs", self.epochs), ("batch_size", self.batch_size), ("patience", self.patience)] {
            if value == 0 {
                return Err(Error::config(format!("train.{name}"), value, "at least 1"));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::config("train.learning_rate", self.learning_rate, "a positive number"));
        }
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("l1", self.l1),
            ("l2", self.l2),
            ("max_norm", self.max_norm),
            ("clip_norm", self.clip_norm),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::config(format!("train.{name}"), value, "a number not below 0"));
            }
        }
        for (name, value) in [("momentum", self.momentum), ("label_smoothing", self.label_smoothing)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::config(format!("train.{name}"), value, format!("0 <= {name} < 1")));
            }
        }
        if self.warmup >= self.epochs {
            let expected = format!("less than train.epochs, {}", self.epochs);
            return Err(Error::config("train.warmup", self.warmup, expected));
        }
        self.schedule.check()?;
        match i64::try_from(self.seed) {
            Ok(_) => Ok(()),
            Err(_) => {
                let expected = format!("at most {}, the largest that TOML holds", i64::MAX);
                Err(Error::config("train.seed", self.seed, expected))
            }
        }
    }

    /// The learning rate in an epoch, from 1: a function of the settings alone.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::train::TrainConfig;
    ///
    /// let config = TrainConfig::new().with_epochs(6).with_learning_rate(1.0).with_schedule("linear".parse()?).with_warmup(2);
    /// let rates: Vec<f64> = (1..=6).map(|epoch| config.learning_rate_in(epoch)).collect();
    /// assert_eq!(rates, [1.0 / 3.0, 2.0 / 3.0, 1.0, 0.75, 0.5, 0.25]);
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn learning_rate_in(&self, epoch: usize) -> f64 {
        let factor = match epoch.checked_sub(self.warmup + 1) {
            Some(k) => self.schedule.factor(k, self.epochs - self.warmup),
            None => epoch as f64 / (self.warmup + 1) as f64,
        };
        self.learning_rate * factor
    }
}
