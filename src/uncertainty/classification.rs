//! Class probabilities and their uncertainty: the decomposition of Houlsby et al. 2011 (BALD, <https://arxiv.org/abs/1112.5745>), as Gal 2016 uses it.

use super::mixture::log_mean_exp;
use crate::{
    error::{Error, Result},
    stochastic::{Joinable, Samples},
};

/// What sampled passes say together about exclusive classes. Entropies are in nats.
///
/// ```text
/// p_t = softmax(f_t)   pbar = 1/T sum_t p_t
/// entropy              H = -sum_c pbar_c ln pbar_c            in [0, ln C]
/// expected entropy     A = -1/T sum_t sum_c p_tc ln p_tc
/// mutual information   H - A                                  in [0, H], and at most ln T
/// variation ratio      1 - (passes that vote for the most voted class) / T
/// ```
/// Of T passes, H is low by `1/(2T) sum_c Var(p_tc) / pbar_c` to second order, and the mutual information by the same, which is about 1/T of itself.
#[derive(Clone, Debug)]
pub struct ClassPrediction {
    passes: usize,
    classes: usize,
    summary: Summary,
    samples: Option<Samples>,
    layout: Layout,
}

/// What sampled passes say together about labels, each on its own. Entropies are in nats, at most ln 2.
#[derive(Clone, Debug)]
pub struct MultiLabelPrediction {
    passes: usize,
    labels: usize,
    summary: Summary,
    samples: Option<Samples>,
}

/// How the numbers of a packed row become distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Softmax,
    Sigmoid,
}

/// One entry a distribution, in order.
#[derive(Clone, Debug, Default)]
struct Summary {
    probabilities: Vec<f64>,
    log_probabilities: Vec<f64>,
    entropy: Vec<f64>,
    expected_entropy: Vec<f64>,
    mutual_information: Vec<f64>,
    variation_ratio: Vec<f64>,
}

impl ClassPrediction {
    pub(crate) fn of_logits(samples: Samples) -> Self {
        let [passes, rows, classes] = samples.dims();
        let mut summary = Summary::default();
        for row in 0..rows {
            summary.add(passes, classes, |pass, out| log_softmax(samples.row(pass, row), out));
        }
        Self { passes, classes, summary, samples: Some(samples), layout: Layout::Softmax }
    }

    pub(crate) fn of_binary_logits(samples: Samples) -> Self {
        let [passes, rows, _] = samples.dims();
        let mut summary = Summary::default();
        for row in 0..rows {
            summary.add(passes, 2, |pass, out| log_sigmoid(samples.row(pass, row)[0], out));
        }
        Self { passes, classes: 2, summary, samples: Some(samples), layout: Layout::Sigmoid }
    }

    /// The same prediction for every row: of classes as probable as their frequencies, which need not add up to 1. The training part's make
    /// the baseline that a model must beat. A frequency of zero has the logarithm of the smallest normal number, -708 nats: whether a class
    /// that was never seen is impossible is for the caller to say, by adding to the counts.
    ///
    /// # Errors
    /// [`Error::NoRows`] for none; [`Error::Config`] unless the frequencies are finite, not negative, and one is positive.
    pub fn constant(frequencies: &[f64], rows: usize) -> Result<Self> {
        if rows == 0 {
            return Err(Error::NoRows);
        }
        let total: f64 = frequencies.iter().sum();
        let bad = frequencies.iter().find(|share| !(share.is_finite() && **share >= 0.0));
        match bad {
            Some(bad) => return Err(Error::config("frequency", bad, "a number that is not negative")),
            None if !(total > 0.0 && total.is_finite()) => {
                return Err(Error::config("frequencies", total, "a positive sum"));
            }
            None => {}
        }
        let mut summary = Summary::default();
        for _ in 0..rows {
            let log = |frequency: f64| (frequency / total).max(f64::MIN_POSITIVE).ln();
            summary.add(1, frequencies.len(), |_, out| {
                out.iter_mut().zip(frequencies).for_each(|(out, &frequency)| *out = log(frequency));
            });
        }
        Ok(Self { passes: 1, classes: frequencies.len(), summary, samples: None, layout: Layout::Softmax })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.summary.entropy.len()
    }

    /// The number of classes.
    pub fn n_classes(&self) -> usize {
        self.classes
    }

    /// The number of passes.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The mean probability of each class in a row; they add up to 1.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn probabilities(&self, row: usize) -> &[f64] {
        &self.summary.probabilities[row * self.classes..][..self.classes]
    }

    /// The logarithms of [`probabilities`](Self::probabilities), nats: finite where a probability is too small for a floating-point number.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn log_probabilities(&self, row: usize) -> &[f64] {
        &self.summary.log_probabilities[row * self.classes..][..self.classes]
    }

    /// The most probable class of a row; the first of equals.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn class(&self, row: usize) -> usize {
        first_max(self.probabilities(row))
    }

    /// The entropy of the mean probabilities, nats, for each row: all uncertainty.
    pub fn entropy(&self) -> &[f64] {
        &self.summary.entropy
    }

    /// The mean entropy of the passes, nats, for each row: the ambiguity of the data (aleatoric).
    pub fn expected_entropy(&self) -> &[f64] {
        &self.summary.expected_entropy
    }

    /// Entropy less expected entropy, nats, for each row: what the networks disagree about (epistemic; BALD).
    pub fn mutual_information(&self) -> &[f64] {
        &self.summary.mutual_information
    }

    /// The share of passes that do not vote for the most voted class, for each row.
    pub fn variation_ratio(&self) -> &[f64] {
        &self.summary.variation_ratio
    }

    /// The probabilities of one pass, if the samples were kept.
    pub fn sample(&self, pass: usize, row: usize) -> Option<Vec<f64>> {
        let logits = self.samples.as_ref()?.row(pass, row);
        let mut out = vec![0.0; self.classes];
        match self.layout {
            Layout::Softmax => log_softmax(logits, &mut out),
            Layout::Sigmoid => log_sigmoid(logits[0], &mut out),
        }
        out.iter_mut().for_each(|x| *x = x.exp());
        Some(out)
    }
}

impl MultiLabelPrediction {
    pub(crate) fn of_logits(samples: Samples) -> Self {
        let [passes, rows, labels] = samples.dims();
        let mut summary = Summary::default();
        for row in 0..rows {
            for label in 0..labels {
                summary.add(passes, 2, |pass, out| log_sigmoid(samples.row(pass, row)[label], out));
            }
        }
        Self { passes, labels, summary, samples: Some(samples) }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.summary.entropy.len() / self.labels
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The number of passes.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The mean probability that each label holds, `[rows, labels]` row by row.
    pub fn probabilities(&self) -> Vec<f64> {
        self.summary.probabilities.iter().skip(1).step_by(2).copied().collect()
    }

    /// The entropy of each label's mean probability, nats, `[rows, labels]` row by row.
    pub fn entropy(&self) -> &[f64] {
        &self.summary.entropy
    }

    /// The mean entropy of the passes, nats, `[rows, labels]` row by row.
    pub fn expected_entropy(&self) -> &[f64] {
        &self.summary.expected_entropy
    }

    /// Entropy less expected entropy, nats, `[rows, labels]` row by row.
    pub fn mutual_information(&self) -> &[f64] {
        &self.summary.mutual_information
    }

    /// The share of passes that vote against the majority, `[rows, labels]` row by row.
    pub fn variation_ratio(&self) -> &[f64] {
        &self.summary.variation_ratio
    }

    /// The probability of each label in one pass, if the samples were kept.
    pub fn sample(&self, pass: usize, row: usize) -> Option<Vec<f64>> {
        let logits = self.samples.as_ref()?.row(pass, row);
        Some(logits.iter().map(|&z| 1.0 / (1.0 + (-f64::from(z)).exp())).collect())
    }
}

impl Summary {
    /// Adds a distribution of which each pass gives the logarithms.
    fn add(&mut self, passes: usize, classes: usize, log_probabilities: impl Fn(usize, &mut [f64])) {
        let (mut log_p, mut mean, mut votes) = (vec![0.0; classes], vec![0.0; classes], vec![0u32; classes]);
        let (mut expected, mut first, mut agree) = (0.0, vec![0.0; classes], true);
        for pass in 0..passes {
            log_probabilities(pass, &mut log_p);
            match pass {
                0 => first.copy_from_slice(&log_p),
                _ => agree &= log_p == first,
            }
            votes[first_max(&log_p)] += 1;
            for (mean, &log_p) in mean.iter_mut().zip(&log_p) {
                let p = log_p.exp();
                *mean += p;
                expected -= if p > 0.0 { p * log_p } else { 0.0 };
            }
        }
        let t = passes as f64;
        let total: f64 = mean.iter().sum();
        mean.iter_mut().for_each(|p| *p /= total); // total is T up to rounding: the sum is then 1 to the last bits
        for (class, &p) in mean.iter().enumerate() {
            self.log_probabilities.push(match p >= f64::MIN_POSITIVE {
                true => p.ln(),
                // Lost, or digits of it: once more, by logarithms.
                false => log_mean_exp(
                    (0..passes)
                        .map(|pass| {
                            log_probabilities(pass, &mut log_p);
                            log_p[class]
                        })
                        .collect::<Vec<_>>()
                        .into_iter(),
                ),
            });
        }
        let entropy = mean.iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum::<f64>();
        let expected = expected / t;
        // Jensen: the difference is not negative, but for rounding; and zero, but for rounding, where all passes say the same.
        self.mutual_information.push(if agree { 0.0 } else { (entropy - expected).clamp(0.0, entropy) });
        self.variation_ratio.push(1.0 - f64::from(votes.iter().copied().max().unwrap_or(0)) / t);
        self.entropy.push(entropy);
        self.expected_entropy.push(expected);
        self.probabilities.extend(mean);
    }

    fn join(&mut self, next: Self) {
        self.probabilities.extend(next.probabilities);
        self.log_probabilities.extend(next.log_probabilities);
        self.entropy.extend(next.entropy);
        self.expected_entropy.extend(next.expected_entropy);
        self.mutual_information.extend(next.mutual_information);
        self.variation_ratio.extend(next.variation_ratio);
    }
}

impl Joinable for ClassPrediction {
    fn join(&mut self, next: Self) {
        assert_eq!((self.passes, self.classes), (next.passes, next.classes), "predictions of different models");
        self.summary.join(next.summary);
        join_samples(&mut self.samples, next.samples);
    }

    fn forget_samples(&mut self) {
        self.samples = None;
    }
}

impl Joinable for MultiLabelPrediction {
    fn join(&mut self, next: Self) {
        assert_eq!((self.passes, self.labels), (next.passes, next.labels), "predictions of different models");
        self.summary.join(next.summary);
        join_samples(&mut self.samples, next.samples);
    }

    fn forget_samples(&mut self) {
        self.samples = None;
    }
}

/// Samples of all rows, or none.
pub(super) fn join_samples(all: &mut Option<Samples>, next: Option<Samples>) {
    match (all.as_mut(), next) {
        (Some(all), Some(next)) => all.join(next),
        _ => *all = None,
    }
}

fn log_softmax(logits: &[f32], out: &mut [f64]) {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &z| max.max(f64::from(z)));
    let sum: f64 = logits.iter().map(|&z| (f64::from(z) - max).exp()).sum();
    let norm = max + sum.ln();
    out.iter_mut().zip(logits).for_each(|(out, &z)| *out = f64::from(z) - norm);
}

/// The logarithms of 1 - sigmoid(z) and sigmoid(z).
fn log_sigmoid(z: f32, out: &mut [f64]) {
    let z = f64::from(z);
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    (out[0], out[1]) = (-softplus(z), -softplus(-z));
}

fn first_max(values: &[f64]) -> usize {
    (0..values.len()).reduce(|best, i| if values[i] > values[best] { i } else { best }).unwrap_or(0)
}
