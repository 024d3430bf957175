//! The scores of a prediction against the truth, under fixed names, with their standard errors over rows.

use serde::{Deserialize, Serialize};

use super::{
    ClassPrediction, RegressionPrediction,
    metrics::{Classified, Estimate},
};
use crate::error::{Error, Result};

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
    /// How far they may be off because the rows are a sample; one row does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<RegressionErrors>,
}

/// The standard errors over rows of [`RegressionScores`]. The targets of a row are averaged first: they are not independent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // of the scores of the same names
pub struct RegressionErrors {
    /// By the delta method.
    pub rmse: f64,
    pub mae: f64,
    pub nll: f64,
    pub coverage: f64,
    pub width: f64,
    pub crps: f64,
}

impl RegressionScores {
    /// The names of the scores, in order.
    pub const NAMES: [&'static str; 7] = ["n", "rmse", "mae", "nll", "coverage", "width", "crps"];

    /// The scores, in the order of their names.
    pub fn values(&self) -> [f64; 7] {
        [self.n as f64, self.rmse, self.mae, self.nll, self.coverage, self.width, self.crps]
    }

    /// Their standard errors, in the order of their names; the number of rows has none.
    pub fn standard_errors(&self) -> [Option<f64>; 7] {
        match self.standard_error {
            Some(RegressionErrors { rmse, mae, nll, coverage, width, crps }) => {
                [None, Some(rmse), Some(mae), Some(nll), Some(coverage), Some(width), Some(crps)]
            }
            None => [None; 7],
        }
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
    /// How far they may be off because the rows are a sample; one row does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<ClassErrors>,
}

/// The standard errors over rows of [`ClassScores`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // of the scores of the same names
pub struct ClassErrors {
    pub accuracy: f64,
    pub nll: f64,
    pub brier: f64,
    /// The jackknife's.
    pub ece: f64,
}

impl ClassScores {
    /// The names of the scores, in order.
    pub const NAMES: [&'static str; 5] = ["n", "accuracy", "nll", "brier", "ece"];

    /// The scores, in the order of their names.
    pub fn values(&self) -> [f64; 5] {
        [self.n as f64, self.accuracy, self.nll, self.brier, self.ece]
    }

    /// Their standard errors, in the order of their names; the number of rows has none.
    pub fn standard_errors(&self) -> [Option<f64>; 5] {
        match self.standard_error {
            Some(ClassErrors { accuracy, nll, brier, ece }) => {
                [None, Some(accuracy), Some(nll), Some(brier), Some(ece)]
            }
            None => [None; 5],
        }
    }
}

impl RegressionPrediction {
    /// The scores against `targets`, with the interval of that level. They are finite numbers.
    ///
    /// # Errors
    /// As [`interval`](Self::interval) and [`log_likelihood`](Self::log_likelihood); [`Error::Value`] with the row for a target that is not
    /// finite, or so far from the prediction that a score is not.
    pub fn scores(&self, targets: &[f64], level: f64) -> Result<RegressionScores> {
        let interval = self.interval(level)?;
        let inside = interval.holds(targets)?.into_iter().map(|inside| f64::from(u8::from(inside)));
        let errors = || self.mean().iter().zip(targets).map(|(mean, y)| mean - y);
        let rmse = self.averaged(errors().map(|error| error * error), "a finite squared error")?.root();
        let mae = self.averaged(errors().map(f64::abs), "a finite error")?;
        let nll = self.log_likelihood(targets)?.into_iter().map(|likelihood| -likelihood);
        let nll = self.averaged(nll, "a finite log-likelihood")?;
        let coverage = self.averaged(inside, "a share")?;
        let width = self.averaged(interval.widths(), "a finite width")?;
        let crps = self.averaged(self.crps(targets)?.into_iter(), "a finite score")?;
        let error = |estimate: Estimate| estimate.standard_error;
        let standard_error = || {
            Some(RegressionErrors {
                rmse: error(rmse)?,
                mae: error(mae)?,
                nll: error(nll)?,
                coverage: error(coverage)?,
                width: error(width)?,
                crps: error(crps)?,
            })
        };
        Ok(RegressionScores {
            n: self.rows(),
            rmse: rmse.value,
            mae: mae.value,
            nll: nll.value,
            coverage: coverage.value,
            width: width.value,
            crps: crps.value,
            standard_error: standard_error(),
        })
    }

    /// The mean of the rows' means over the targets.
    fn averaged(&self, entries: impl Iterator<Item = f64>, expected: &'static str) -> Result<Estimate> {
        let entries: Vec<f64> = entries.collect();
        if let Some(entry) = entries.iter().position(|value| !value.is_finite()) {
            return Err(Error::Value { place: self.place(entry), value: entries[entry].to_string(), expected });
        }
        let row = |targets: &[f64]| targets.iter().sum::<f64>() / targets.len() as f64;
        Estimate::mean(&entries.chunks(self.targets()).map(row).collect::<Vec<_>>())
    }
}

impl ClassPrediction {
    /// The scores against the right classes. The likelihood is of the [`log_probabilities`](Self::log_probabilities), and so finite.
    ///
    /// # Errors
    /// As [`Classified::new`].
    pub fn scores(&self, targets: &[usize]) -> Result<ClassScores> {
        let classified = self.classified(targets)?;
        let nll = targets.iter().enumerate().map(|(row, &target)| -self.log_probabilities(row)[target]);
        let nll = Estimate::mean(&nll.collect::<Vec<_>>())?;
        let (accuracy, brier, ece) = (classified.accuracy(), classified.brier(), classified.ece(15));
        let standard_error = || {
            Some(ClassErrors {
                accuracy: accuracy.standard_error?,
                nll: nll.standard_error?,
                brier: brier.standard_error?,
                ece: ece.standard_error?,
            })
        };
        Ok(ClassScores {
            n: self.rows(),
            accuracy: accuracy.value,
            nll: nll.value,
            brier: brier.value,
            ece: ece.value,
            standard_error: standard_error(),
        })
    }

    /// The mean probabilities with the right classes, for scores and for a table of reliability.
    ///
    /// # Errors
    /// As [`Classified::new`].
    pub fn classified<'a>(&'a self, targets: &'a [usize]) -> Result<Classified<'a>> {
        Classified::new((0..self.rows()).map(|row| self.probabilities(row)), targets)
    }
}
