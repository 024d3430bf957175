//! What a model says of the steps behind one origin.

use crate::{
    data::series::Origin,
    error::{Error, Result},
    uncertainty::{Interval, RegressionPrediction, crps_of_sample, quantile_of_sample},
};

/// What sampled networks say together of the steps behind one origin. All arrays are `[steps, targets]`, one step after the other, in the targets' unit.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// Where it was made.
    pub origin: Origin,
    targets: usize,
    mean: Vec<f64>,
    epistemic: Vec<f64>,
    aleatoric: Vec<f64>,
    law: Law,
}

/// What intervals and scores are made of.
#[derive(Clone, Debug)]
enum Law {
    /// The mixture of the networks' normal or log-normal laws, exactly; it may have more steps.
    Mixture(RegressionPrediction),
    /// Sampled paths: the values of each entry, sorted.
    Paths(Vec<Vec<f64>>),
}

impl Forecast {
    /// Of the networks' laws, of which the first `steps` count.
    pub(super) fn of_mixture(
        origin: Origin,
        targets: usize,
        steps: usize,
        prediction: RegressionPrediction,
    ) -> Result<Self> {
        let first = |values: &[f64]| values[..steps * targets].to_vec();
        Ok(Self {
            origin,
            targets,
            mean: first(prediction.mean()),
            epistemic: first(prediction.epistemic_variance()),
            aleatoric: first(&prediction.aleatoric_variance()?),
            law: Law::Mixture(prediction),
        })
    }

    /// Of paths, `draws` of each network one after the other.
    pub(super) fn of_paths(origin: Origin, targets: usize, paths: &[Vec<f64>], draws: usize) -> Result<Self> {
        let (entries, networks) = (paths[0].len(), paths.len() / draws);
        let (mut mean, mut epistemic, mut aleatoric, mut sorted) = (vec![], vec![], vec![], vec![]);
        for entry in 0..entries {
            let values: Vec<f64> = paths.iter().map(|path| path[entry]).collect();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                let place = format!("step {} of a path", entry / targets + 1);
                return Err(Error::Value { place, value: value.to_string(), expected: "a finite number" });
            }
            let (all, total) = moments(&values);
            let of_networks: Vec<(f64, f64)> = values.chunks(draws).map(moments).collect();
            // The draws of a network estimate its variance without bias, and the spread of their means is too wide by a share of it.
            let within = of_networks.iter().map(|(_, variance)| variance / networks as f64).sum::<f64>();
            let within = if draws > 1 { within * draws as f64 / (draws - 1) as f64 } else { 0.0 };
            let within = within.min(total);
            mean.push(all);
            aleatoric.push(within);
            epistemic.push(total - within);
            let mut values = values;
            values.sort_by(f64::total_cmp);
            sorted.push(values);
        }
        Ok(Self { origin, targets, mean, epistemic, aleatoric, law: Law::Paths(sorted) })
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.mean.len() / self.targets
    }

    /// The number of paths that intervals and scores are quantiles of; none if they are those of the mixture.
    pub fn paths(&self) -> Option<usize> {
        match &self.law {
            Law::Mixture(_) => None,
            Law::Paths(sorted) => Some(sorted[0].len()),
        }
    }

    /// The mean.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviation of what comes.
    pub fn sd(&self) -> Vec<f64> {
        self.epistemic.iter().zip(&self.aleatoric).map(|(a, b)| (a + b).sqrt()).collect()
    }

    /// The part of it that the networks disagree about.
    pub fn sd_epistemic(&self) -> Vec<f64> {
        self.epistemic.iter().map(|variance| variance.sqrt()).collect()
    }

    /// The part of it that is the noise of the data, of all steps from the origin on.
    pub fn sd_aleatoric(&self) -> Vec<f64> {
        self.aleatoric.iter().map(|variance| variance.sqrt()).collect()
    }

    /// The median.
    ///
    /// # Errors
    /// As [`RegressionPrediction::interval`].
    pub fn median(&self) -> Result<Vec<f64>> {
        match &self.law {
            // The ends of an interval that holds next to nothing.
            Law::Mixture(_) => {
                let nothing = self.interval(1e-9)?;
                Ok(nothing.lower.iter().zip(&nothing.upper).map(|(a, b)| 0.5 * (a + b)).collect())
            }
            Law::Paths(sorted) => Ok(sorted.iter().map(|values| quantile_of_sample(values, 0.5)).collect()),
        }
    }

    /// The central interval: what comes falls inside with probability `level`.
    ///
    /// # Errors
    /// [`Error::Config`] for a level that is not in (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval> {
        match &self.law {
            Law::Mixture(prediction) => {
                let mut interval = prediction.interval(level)?;
                interval.lower.truncate(self.mean.len());
                interval.upper.truncate(self.mean.len());
                Ok(interval)
            }
            Law::Paths(sorted) => {
                if !(level > 0.0 && level < 1.0) {
                    return Err(Error::config("interval", level, "a probability between 0 and 1"));
                }
                let tail = 0.5 * (1.0 - level);
                let ends = sorted
                    .iter()
                    .map(|values| (quantile_of_sample(values, tail), quantile_of_sample(values, 1.0 - tail)));
                let (lower, upper) = ends.unzip();
                Ok(Interval { level, lower, upper })
            }
        }
    }

    /// The continuous ranked probability score of each entry.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of values; as [`RegressionPrediction::crps`].
    pub fn crps(&self, actual: &[f64]) -> Result<Vec<f64>> {
        if actual.len() != self.mean.len() {
            return Err(Error::length("values to judge a forecast by", self.mean.len(), actual.len()));
        }
        match &self.law {
            Law::Mixture(prediction) => {
                // Steps that are not judged are put where they do no harm.
                let mut whole = prediction.mean().to_vec();
                whole[..actual.len()].copy_from_slice(actual);
                let mut crps = prediction.crps(&whole)?;
                crps.truncate(actual.len());
                Ok(crps)
            }
            Law::Paths(sorted) => {
                Ok(sorted.iter().zip(actual).map(|(values, actual)| crps_of_sample(values, *actual)).collect())
            }
        }
    }
}

/// Mean and variance (divided by n).
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    (mean, values.iter().map(|x| (x - mean).powi(2) / n).sum())
}
