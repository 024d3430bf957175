//! The settings of a training run.

use burn::config::Config;
use serde::{Deserialize, Serialize};

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
#[derive(Config, Debug, PartialEq)]
pub struct TrainConfig {
    /// At most so many times over the training part.
    #[config(default = 300)]
    pub epochs: usize,
    /// Rows in a step. The last batch takes what is left; a single row left over joins it.
    #[config(default = 32)]
    pub batch_size: usize,
    /// The step size.
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
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(Error::config("train.weight_decay", self.weight_decay, "a number not below 0"));
        }
        if i64::try_from(self.seed).is_err() {
            return Err(Error::config(
                "train.seed",
                self.seed,
                format!("at most {}, the largest that TOML holds", i64::MAX),
            ));
        }
        match (0.0..1.0).contains(&self.momentum) {
            true => Ok(()),
            false => Err(Error::config("train.momentum", self.momentum, "0 <= momentum < 1")),
        }
    }
}
