//! The scores of a prediction against the truth, under fixed names.

use serde::{Deserialize, Serialize};

use super::{
    ClassPrediction, RegressionPrediction,
    metrics::{Classified, Mean, mae, rmse},
};
use crate::error::Result;

/// How good a regression and its uncertainty are. Units are the targets'; several targets are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegressionScores {
    /// Rows.
    pub n: usize,
    /// Root of the mean squared error of the mean.
    pub rmse: f64,
    /// Mean absolute error of the mean.
    pub mae: f64,
    /// Mean negative log-likelihood of the predictive mixture, nats.
    pub nll: f64,
    /// Share of targets inside the interval.
    pub coverage: f64,
    /// Mean width of the interval.
    pub width: f64,
    /// Mean continuous ranked probability score.
    pub crps: f64,
}

impl RegressionScores {
    /// The names of the scores, in order.
    pub const NAMES: [&'static str; 7] = ["n", "rmse", "mae", "nll", "coverage", "width", "crps"];

    /// The scores, in the order of their names.
    pub fn values(&self) -> [f64; 7] {
        [self.n as f64, self.rmse, self.mae, self.nll, self.coverage, self.width, self.crps]
    }
}

/// How good class probabilities are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassScores {
    /// Rows.
    pub n: usize,
    /// Share of rows whose most probable class is right.
    pub accuracy: f64,
    /// Mean negative log-probability of the right class, nats.
    pub nll: f64,
    /// Mean squared distance from the one-hot truth, summed over classes.
    pub brier: f64,
    /// Expected calibration error over 15 bins of equal width.
    pub ece: f64,
}

impl RegressionPrediction {
    /// The scores against `targets`, with the interval of that level.
    ///
    /// # Errors
    /// As [`interval`](Self::interval) and [`log_likelihood`](Self::log_likelihood).
    pub fn scores(&self, targets: &[f64], level: f64) -> Result<RegressionScores> {
        let interval = self.interval(level)?;
        Ok(RegressionScores {
            n: self.rows(),
            rmse: rmse(self.mean(), targets)?,
            mae: mae(self.mean(), targets)?,
            nll: -Mean::of(&self.log_likelihood(targets)?)?.mean,
            coverage: interval.coverage(targets)?,
            width: interval.width(),
            crps: Mean::of(&self.crps(targets)?)?.mean,
        })
    }
}

impl ClassPrediction {
    /// The scores against the right classes.
    ///
    /// # Errors
    /// As [`Classified::new`].
    pub fn scores(&self, targets: &[usize]) -> Result<ClassScores> {
        let classified = Classified::new((0..self.rows()).map(|row| self.probabilities(row)), targets)?;
        Ok(ClassScores {
            n: self.rows(),
            accuracy: classified.accuracy(),
            nll: classified.nll(),
            brier: classified.brier(),
            ece: classified.ece(15),
        })
    }
}
