//! How good predictions and their uncertainties are, as functions of plain numbers.

use crate::error::{Error, Result};

/// A mean and its standard error over rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The standard deviation (divided by n - 1) over the square root of n; 0 for one value.
    pub standard_error: f64,
}

impl Mean {
    /// Of `values`.
    ///
    /// # Errors
    /// [`Error::NoRows`] for none.
    pub fn of(values: &[f64]) -> Result<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return Err(Error::NoRows);
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Ok(Self { mean, standard_error: (squares / (n - 1.0).max(1.0) / n).sqrt() })
    }
}

/// The root of the mean squared error, in the targets' unit.
///
/// # Errors
/// [`Error::Length`], [`Error::NoRows`].
pub fn rmse(predicted: &[f64], targets: &[f64]) -> Result<f64> {
    Ok(Mean::of(&errors(predicted, targets)?.map(|e| e * e).collect::<Vec<_>>())?.mean.sqrt())
}

/// The mean absolute error, in the targets' unit.
///
/// # Errors
/// [`Error::Length`], [`Error::NoRows`].
pub fn mae(predicted: &[f64], targets: &[f64]) -> Result<f64> {
    Ok(Mean::of(&errors(predicted, targets)?.map(f64::abs).collect::<Vec<_>>())?.mean)
}

fn errors<'a>(predicted: &'a [f64], targets: &'a [f64]) -> Result<impl Iterator<Item = f64> + 'a> {
    match predicted.len() == targets.len() {
        true => Ok(predicted.iter().zip(targets).map(|(p, y)| p - y)),
        false => Err(Error::length("predictions", targets.len(), predicted.len())),
    }
}

/// Class probabilities of many rows, and the classes that were right.
#[derive(Clone, Debug)]
pub struct Classified<'a> {
    rows: Vec<&'a [f64]>,
    targets: &'a [usize],
}

impl<'a> Classified<'a> {
    /// Rows of probabilities, each with its target.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Length`] for another number of targets than rows; [`Error::Value`] for a target that is no class.
    pub fn new(rows: impl IntoIterator<Item = &'a [f64]>, targets: &'a [usize]) -> Result<Self> {
        let rows: Vec<&[f64]> = rows.into_iter().collect();
        if rows.is_empty() {
            return Err(Error::NoRows);
        }
        if rows.len() != targets.len() {
            return Err(Error::length("targets", rows.len(), targets.len()));
        }
        match (0..rows.len()).find(|&row| targets[row] >= rows[row].len()) {
            Some(row) => {
                Err(Error::Value { place: format!("row {row}"), value: targets[row].to_string(), expected: "a class" })
            }
            None => Ok(Self { rows, targets }),
        }
    }

    /// The share of rows whose most probable class is right.
    pub fn accuracy(&self) -> f64 {
        self.mean(|p, target| f64::from(u8::from(top(p).0 == target)))
    }

    /// The mean of -ln p(target), in nats.
    pub fn nll(&self) -> f64 {
        self.mean(|p, target| -p[target].ln())
    }

    /// The mean squared distance from the one-hot target, summed over the classes: 0 to 2.
    pub fn brier(&self) -> f64 {
        self.mean(|p, target| {
            p.iter().enumerate().map(|(class, p)| (p - f64::from(u8::from(class == target))).powi(2)).sum()
        })
    }

    /// The expected calibration error over `bins` bins of equal width of the top probability (Guo et al. 2017 take 15): the mean distance between confidence
    /// and accuracy, bins weighted by their rows. A confidence of exactly 1 belongs to the last bin.
    ///
    /// # Panics
    /// For no bins.
    pub fn ece(&self, bins: usize) -> f64 {
        assert!(bins > 0, "a calibration error over no bins");
        let mut sums = vec![(0.0, 0.0); bins]; // (confidence, accuracy)
        for (p, &target) in self.rows.iter().zip(self.targets) {
            let (class, confidence) = top(p);
            let bin = &mut sums[((confidence * bins as f64) as usize).min(bins - 1)];
            bin.0 += confidence;
            bin.1 += f64::from(u8::from(class == target));
        }
        sums.iter().map(|(confidence, accuracy)| (confidence - accuracy).abs()).sum::<f64>() / self.rows.len() as f64
    }

    fn mean(&self, score: impl Fn(&[f64], usize) -> f64) -> f64 {
        let scores = self.rows.iter().zip(self.targets).map(|(p, &target)| score(p, target));
        scores.sum::<f64>() / self.rows.len() as f64
    }
}

fn top(p: &[f64]) -> (usize, f64) {
    let better = |best: (usize, f64), (class, &p)| if p > best.1 { (class, p) } else { best };
    p.iter().enumerate().fold((0, f64::NEG_INFINITY), better)
}
