//! How good predictions and their uncertainties are, as functions of plain numbers. Every score comes with its standard error over rows.

use serde::Serialize;

use crate::error::{Error, Result};

/// A score, and how far it may be off because the rows are a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The score.
    pub value: f64,
    /// Its standard error; one row has none, nor has an infinite score.
    pub standard_error: Option<f64>,
}

impl Estimate {
    /// The mean of `values`, one a row, and their standard deviation (divided by n - 1) over the square root of n.
    ///
    /// # Errors
    /// [`Error::NoRows`] for none.
    pub fn mean(values: &[f64]) -> Result<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return Err(Error::NoRows);
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let standard_error = (squares / (n - 1.0) / n).sqrt();
        Ok(Self { value: mean, standard_error: Some(standard_error).filter(|error| error.is_finite()) })
    }

    /// The square root of the score, by the delta method: its standard error is the score's over twice the root, and 0 where the root is.
    pub fn root(self) -> Self {
        let root = self.value.sqrt();
        let error = |error| if root > 0.0 { error / (2.0 * root) } else { 0.0 };
        Self { value: root, standard_error: self.standard_error.map(error) }
    }
}

/// The root of the mean squared error, in the targets' unit.
///
/// # Errors
/// [`Error::Length`], [`Error::NoRows`].
pub fn rmse(predicted: &[f64], targets: &[f64]) -> Result<Estimate> {
    Ok(Estimate::mean(&errors(predicted, targets)?.map(|e| e * e).collect::<Vec<_>>())?.root())
}

/// The mean absolute error, in the targets' unit.
///
/// # Errors
/// [`Error::Length`], [`Error::NoRows`].
pub fn mae(predicted: &[f64], targets: &[f64]) -> Result<Estimate> {
    Estimate::mean(&errors(predicted, targets)?.map(f64::abs).collect::<Vec<_>>())
}

/// The area under the receiver operating characteristic: the probability that a positive scores higher than a negative, ties counted half
/// (Hanley & McNeil 1982). 1/2 is no better than a coin. The standard error is DeLong's (DeLong, DeLong & Clarke-Pearson 1988,
/// <https://doi.org/10.2307/2531595>); fewer than two of either have none.
///
/// # Errors
/// [`Error::NoRows`] without positives or without negatives; [`Error::Value`] for a score that is NaN.
///
/// # Examples
/// ```
/// use burn_zoo::uncertainty::metrics::auroc;
///
/// assert_eq!(auroc(&[0.9, 0.5], &[0.1, 0.5])?.value, 0.875); // 3 of 4 pairs and half of one
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn auroc(positives: &[f64], negatives: &[f64]) -> Result<Estimate> {
    for (what, scores) in [("positives", positives), ("negatives", negatives)] {
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            let place = format!("scores of {what}, row {row}");
            return Err(Error::Value { place, value: "NaN".to_string(), expected: "a number" });
        }
    }
    let sorted = |scores: &[f64]| {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    // For each score, the share of the others that are below it.
    let below = |scores: &[f64], others: &[f64]| -> Vec<f64> {
        let share = |score: &f64| {
            let (less, not_more) =
                (others.partition_point(|other| other < score), others.partition_point(|other| other <= score));
            (less + not_more) as f64 / (2 * others.len()) as f64
        };
        scores.iter().map(share).collect()
    };
    let of_positives = Estimate::mean(&below(positives, &sorted(negatives)))?;
    let of_negatives = Estimate::mean(&below(negatives, &sorted(positives)))?;
    let standard_error = of_positives.standard_error.zip(of_negatives.standard_error).map(|(a, b)| a.hypot(b));
    Ok(Estimate { value: of_positives.value, standard_error })
}

/// The perplexity of a language model, by its mean of -ln p in nats for each token: e to that. As sure as if it chose among so many tokens alike. The standard
/// error is by the delta method. It may be compared with that of another model only if both predict the same tokens.
///
/// # Examples
/// ```
/// use burn_zoo::uncertainty::metrics::{Estimate, perplexity};
///
/// let nll = Estimate::mean(&[4_f64.ln(), 16_f64.ln()])?;
/// assert!((perplexity(nll).value - 8.0).abs() < 1e-12); // the geometric mean
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn perplexity(nll: Estimate) -> Estimate {
    let value = nll.value.exp();
    Estimate { value, standard_error: nll.standard_error.map(|error| value * error).filter(|error| error.is_finite()) }
}

/// The bits that a model needs for each character, by its mean of -ln p in nats for each character: that over ln 2. Without a model, one of 64 characters
/// takes 6 bits.
///
/// # Examples
/// ```
/// use burn_zoo::uncertainty::metrics::{Estimate, bits_per_character};
///
/// let nll = Estimate::mean(&[2_f64.ln(), 8_f64.ln()])?;
/// assert!((bits_per_character(nll).value - 2.0).abs() < 1e-12);
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn bits_per_character(nll: Estimate) -> Estimate {
    let bits = |nats: f64| nats / std::f64::consts::LN_2;
    Estimate { value: bits(nll.value), standard_error: nll.standard_error.map(bits) }
}

fn errors<'a>(predicted: &'a [f64], targets: &'a [f64]) -> Result<impl Iterator<Item = f64> + 'a> {
    match predicted.len() == targets.len() {
        true => Ok(predicted.iter().zip(targets).map(|(p, y)| p - y)),
        false => Err(Error::length("predictions", targets.len(), predicted.len())),
    }
}

/// The rows whose most probable class has a probability in [`low`, `high`); in the last bin, 1 as well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The lower edge.
    pub low: f64,
    /// The upper edge.
    pub high: f64,
    /// The number of rows.
    pub n: usize,
    /// The mean probability of their most probable class; 0 for no rows.
    pub confidence: f64,
    /// The share of rows where that class is right; 0 for no rows.
    pub accuracy: f64,
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
    pub fn accuracy(&self) -> Estimate {
        self.mean(|p, target| share(top(p).0 == target))
    }

    /// The mean of -ln p(target), in nats: infinite where the probability of a target is 0. The scores of a [`ClassPrediction`] are finite:
    /// it knows logarithms of probabilities that are too small for a number.
    ///
    /// [`ClassPrediction`]: super::ClassPrediction
    pub fn nll(&self) -> Estimate {
        self.mean(|p, target| -p[target].ln())
    }

    /// The mean squared distance from the one-hot target, summed over the classes: 0 to 2.
    pub fn brier(&self) -> Estimate {
        self.mean(|p, target| p.iter().enumerate().map(|(class, p)| (p - share(class == target)).powi(2)).sum())
    }

    /// Confidence and accuracy in `bins` bins of equal width of the top probability, from 0 to 1: a reliability diagram's numbers. A
    /// confidence of exactly 1 belongs to the last bin.
    ///
    /// # Panics
    /// For no bins.
    pub fn reliability(&self, bins: usize) -> Vec<Bin> {
        assert!(bins > 0, "a table of no bins");
        let edge = |i: usize| i as f64 / bins as f64;
        let empty = |i| Bin { low: edge(i), high: edge(i + 1), n: 0, confidence: 0.0, accuracy: 0.0 };
        let mut table: Vec<Bin> = (0..bins).map(empty).collect();
        for (confidence, right) in self.tops() {
            let bin = &mut table[bin_of(confidence, bins)];
            bin.n += 1;
            bin.confidence += confidence;
            bin.accuracy += right;
        }
        for bin in table.iter_mut().filter(|bin| bin.n > 0) {
            bin.confidence /= bin.n as f64;
            bin.accuracy /= bin.n as f64;
        }
        table
    }

    /// The expected calibration error over the bins of [`reliability`](Self::reliability) (Guo et al. 2017 take 15): the mean distance
    /// between confidence and accuracy, bins weighted by their rows. It is biased upwards where bins have few rows. The standard error is
    /// the jackknife's.
    ///
    /// # Panics
    /// For no bins.
    pub fn ece(&self, bins: usize) -> Estimate {
        let n = self.rows.len() as f64;
        // By how much confidence exceeds accuracy, added up over the rows of each bin.
        let gap = |bin: &Bin| bin.n as f64 * (bin.confidence - bin.accuracy);
        let gaps: Vec<f64> = self.reliability(bins).iter().map(gap).collect();
        let sum: f64 = gaps.iter().map(|gap| gap.abs()).sum();
        // Without a row, one bin changes.
        let without = |(confidence, right): (f64, f64)| {
            let gap = gaps[bin_of(confidence, bins)];
            (sum - gap.abs() + (gap - (confidence - right)).abs()) / (n - 1.0)
        };
        let standard_error = (self.rows.len() > 1).then(|| {
            let without: Vec<f64> = self.tops().map(without).collect();
            let mean = without.iter().sum::<f64>() / n;
            ((n - 1.0) / n * without.iter().map(|ece| (ece - mean).powi(2)).sum::<f64>()).sqrt()
        });
        Estimate { value: sum / n, standard_error }
    }

    fn mean(&self, score: impl Fn(&[f64], usize) -> f64) -> Estimate {
        let scores = self.rows.iter().zip(self.targets).map(|(p, &target)| score(p, target));
        Estimate::mean(&scores.collect::<Vec<_>>()).expect("there are rows")
    }

    /// The top probability of each row, and 1 where its class is right, else 0.
    fn tops(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.rows.iter().zip(self.targets).map(|(p, &target)| {
            let (class, confidence) = top(p);
            (confidence, share(class == target))
        })
    }
}

fn bin_of(confidence: f64, bins: usize) -> usize {
    ((confidence * bins as f64) as usize).min(bins - 1)
}

fn share(right: bool) -> f64 {
    f64::from(u8::from(right))
}

fn top(p: &[f64]) -> (usize, f64) {
    let better = |best: (usize, f64), (class, &p)| if p > best.1 { (class, p) } else { best };
    p.iter().enumerate().fold((0, f64::NEG_INFINITY), better)
}
