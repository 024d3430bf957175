//! Real targets: Gal & Ghahramani 2016a, equations 6 to 8 (<https://arxiv.org/abs/1506.02142>), and Kendall & Gal 2017 for predicted noise
//! (<https://arxiv.org/abs/1703.04977>).

use std::f64::consts::{PI, TAU};

use super::classification::join_samples;
use crate::{
    error::{Error, Result},
    stochastic::{Joinable, Samples},
};

/// What sampled passes say together about real targets.
///
/// ```text
/// mean            mu = 1/T sum_t f_t
/// epistemic       1/T sum_t f_t^2 - mu^2                    (divided by T)
/// aleatoric       1/tau, or 1/T sum_t sigma_t^2
/// density         p(y) = 1/T sum_t N(y; f_t, sigma_t^2)     the predictive mixture
/// ```
/// All arrays are `[rows, targets]`, row by row, in the unit of the targets.
#[derive(Clone, Debug)]
pub struct RegressionPrediction {
    passes: usize,
    targets: usize,
    mean: Vec<f64>,
    epistemic: Vec<f64>,
    noise: Noise,
    /// Of the model's own unit: target = model * scale + shift.
    scale: Vec<f64>,
    shift: Vec<f64>,
    samples: Option<Samples>,
}

/// What is known of the noise of the data.
#[derive(Clone, Debug)]
enum Noise {
    Unknown,
    /// A precision for each target, in the unit of the targets.
    Constant(Vec<f64>),
    /// Mean variances in the unit of the targets; the samples hold the passes' log variances in the model's.
    Predicted(Vec<f64>),
}

/// A central interval of each entry, `[rows, targets]` row by row, in the unit of the targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The probability that it is meant to hold.
    pub level: f64,
    /// The lower ends.
    pub lower: Vec<f64>,
    /// The upper ends.
    pub upper: Vec<f64>,
}

impl Interval {
    /// The share of `targets` inside.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of targets.
    pub fn coverage(&self, targets: &[f64]) -> Result<f64> {
        check_length("targets", self.lower.len(), targets.len())?;
        let bounds = self.lower.iter().zip(&self.upper);
        let inside = targets.iter().zip(bounds).filter(|(y, (lower, upper))| (**lower..=**upper).contains(*y));
        Ok(inside.count() as f64 / targets.len() as f64)
    }

    /// The mean width.
    pub fn width(&self) -> f64 {
        let widths: f64 = self.lower.iter().zip(&self.upper).map(|(lower, upper)| upper - lower).sum();
        widths / self.lower.len() as f64
    }
}

impl RegressionPrediction {
    pub(crate) fn of_points(samples: Samples) -> Self {
        let targets = samples.dims()[2];
        Self::new(samples, targets, Noise::Unknown)
    }

    pub(crate) fn of_gaussians(samples: Samples) -> Self {
        let [passes, rows, width] = samples.dims();
        let targets = width / 2;
        let mut variance = Vec::with_capacity(rows * targets);
        for row in 0..rows {
            for target in 0..targets {
                let sum: f64 = (0..passes).map(|pass| f64::from(samples.row(pass, row)[targets + target]).exp()).sum();
                variance.push(sum / passes as f64);
            }
        }
        Self::new(samples, targets, Noise::Predicted(variance))
    }

    fn new(samples: Samples, targets: usize, noise: Noise) -> Self {
        let [passes, rows, _] = samples.dims();
        let (mut means, mut variances) = (Vec::with_capacity(rows * targets), Vec::with_capacity(rows * targets));
        for row in 0..rows {
            for target in 0..targets {
                let (mut mean, mut squares) = (0.0, 0.0); // Welford: no difference of large squares
                for pass in 0..passes {
                    let f = f64::from(samples.row(pass, row)[target]);
                    let delta = f - mean;
                    mean += delta / (pass + 1) as f64;
                    squares += delta * (f - mean);
                }
                means.push(mean);
                variances.push(squares / passes as f64);
            }
        }
        let (scale, shift) = (vec![1.0; targets], vec![0.0; targets]);
        Self { passes, targets, mean: means, epistemic: variances, noise, scale, shift, samples: Some(samples) }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.mean.len() / self.targets
    }

    /// The number of targets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// The number of passes.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The mean over the passes.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The variance of the passes' means: what the networks disagree about.
    pub fn epistemic_variance(&self) -> &[f64] {
        &self.epistemic
    }

    /// The variance of the noise of the data.
    ///
    /// # Errors
    /// [`Error::NoTau`] if nothing is known about it.
    pub fn aleatoric_variance(&self) -> Result<Vec<f64>> {
        match &self.noise {
            Noise::Unknown => Err(Error::NoTau),
            Noise::Constant(tau) => Ok(tau.iter().cycle().take(self.mean.len()).map(|tau| 1.0 / tau).collect()),
            Noise::Predicted(variance) => Ok(variance.clone()),
        }
    }

    /// Epistemic and aleatoric variance together.
    ///
    /// # Errors
    /// [`Error::NoTau`] if nothing is known about the noise of the data.
    pub fn total_variance(&self) -> Result<Vec<f64>> {
        Ok(self
            .aleatoric_variance()?
            .iter()
            .zip(&self.epistemic)
            .map(|(aleatoric, epistemic)| aleatoric + epistemic)
            .collect())
    }

    /// The standard deviation of an observation: the root of the total variance.
    ///
    /// # Errors
    /// [`Error::NoTau`] if nothing is known about the noise of the data.
    pub fn sd(&self) -> Result<Vec<f64>> {
        Ok(self.total_variance()?.into_iter().map(f64::sqrt).collect())
    }

    /// The precision of the noise of each target, in the targets' unit to the power of -2, if it is constant.
    pub fn tau(&self) -> Option<&[f64]> {
        match &self.noise {
            Noise::Constant(tau) => Some(tau),
            _ => None,
        }
    }

    /// The prediction for targets that the model saw as `(target - shift) / scale`: means, variances and predicted noise in the targets' unit.
    /// A constant noise must be given afterwards ([`with_tau`](Self::with_tau)): its unit is the targets'.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one scale and one shift for each target; [`Error::Config`] for a scale of zero, and for numbers that are
    /// not finite.
    pub fn in_units(mut self, scale: &[f64], shift: &[f64]) -> Result<Self> {
        check_length("scales", self.targets, scale.len())?;
        check_length("shifts", self.targets, shift.len())?;
        if let Some(scale) = scale.iter().find(|scale| !scale.is_finite() || **scale == 0.0) {
            return Err(Error::config("scale", scale, "a finite number that is not zero"));
        }
        if let Some(shift) = shift.iter().find(|shift| !shift.is_finite()) {
            return Err(Error::config("shift", shift, "a finite number"));
        }
        let targets = self.targets;
        for (i, (mean, epistemic)) in self.mean.iter_mut().zip(&mut self.epistemic).enumerate() {
            *mean = *mean * scale[i % targets] + shift[i % targets];
            *epistemic *= scale[i % targets].powi(2);
        }
        match &mut self.noise {
            Noise::Predicted(variance) => {
                variance.iter_mut().enumerate().for_each(|(i, variance)| *variance *= scale[i % targets].powi(2));
            }
            Noise::Constant(tau) => tau.iter_mut().zip(scale).for_each(|(tau, scale)| *tau /= scale.powi(2)),
            Noise::Unknown => {}
        }
        for target in 0..targets {
            self.shift[target] = self.shift[target] * scale[target] + shift[target];
            self.scale[target] *= scale[target];
        }
        Ok(self)
    }

    /// The prediction with a constant noise of the data: precision `tau` for each target, in the targets' unit to the power of -2.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one for each target; [`Error::Config`] unless they are positive; [`Error::Prediction`] for predicted noise.
    pub fn with_tau(mut self, tau: &[f64]) -> Result<Self> {
        check_length("precisions tau", self.targets, tau.len())?;
        if let Some(tau) = tau.iter().find(|tau| !(tau.is_finite() && **tau > 0.0)) {
            return Err(Error::config("tau", tau, "a positive number"));
        }
        if matches!(self.noise, Noise::Predicted(_)) {
            let (wanted, found) = ("a regression with constant noise", "one that predicts its noise");
            return Err(Error::Prediction { wanted, found });
        }
        self.noise = Noise::Constant(tau.to_vec());
        Ok(self)
    }

    /// The precision of each target that makes `targets` most likely under the predictive mixture. Fit it on the validation part: on the
    /// training part the noise looks smaller than it is.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of targets; [`Error::SamplesNotKept`]; [`Error::Config`] if every target is met exactly, so that no precision is the best.
    pub fn fit_tau(&self, targets: &[f64]) -> Result<Vec<f64>> {
        check_length("targets", self.mean.len(), targets.len())?;
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let n = self.rows() as f64;
        (0..self.targets)
            .map(|target| {
                // errors[row][pass], squared
                let mut squares = Vec::with_capacity(self.rows() * self.passes);
                for row in 0..self.rows() {
                    let y = targets[row * self.targets + target];
                    squares.extend((0..self.passes).map(|pass| (y - self.mean_of(samples, pass, row, target)).powi(2)));
                }
                let mean_square = squares.iter().sum::<f64>() / squares.len() as f64;
                if !(mean_square > 0.0 && mean_square.is_finite()) {
                    return Err(Error::config(
                        "tau",
                        format!("1 / {mean_square}"),
                        "targets that the predictions do not meet exactly",
                    ));
                }
                let likelihood = |log_tau: f64| {
                    let tau = log_tau.exp();
                    let row = |squares: &[f64]| log_mean_exp(squares.iter().map(|square| -0.5 * tau * square));
                    squares.chunks(self.passes).map(row).sum::<f64>() / n + 0.5 * log_tau
                };
                // The best precision is at least that of a single Gaussian about each pass, and the mixture may be much narrower.
                let start = -mean_square.ln();
                Ok(maximise(likelihood, start - 2.0, start + 12.0).exp())
            })
            .collect()
    }

    /// The logarithm of the density of the predictive mixture at `targets`, in nats, for each entry.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NoTau`], [`Error::SamplesNotKept`].
    pub fn log_likelihood(&self, targets: &[f64]) -> Result<Vec<f64>> {
        check_length("targets", self.mean.len(), targets.len())?;
        self.for_each_mixture(|mixture, entry| {
            let y = targets[entry];
            log_mean_exp(mixture.iter().map(|&(mean, sd)| {
                let u = (y - mean) / sd;
                -0.5 * u * u - sd.ln() - 0.5 * TAU.ln()
            }))
        })
    }

    /// The continuous ranked probability score of the predictive mixture, in the targets' unit, for each entry: Grimit et al. 2006, closed form. Less is better.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NoTau`], [`Error::SamplesNotKept`].
    pub fn crps(&self, targets: &[f64]) -> Result<Vec<f64>> {
        check_length("targets", self.mean.len(), targets.len())?;
        let spread = |m: f64, sd: f64| 2.0 * sd * density(m / sd) + m * (2.0 * distribution(m / sd) - 1.0);
        self.for_each_mixture(|mixture, entry| {
            let t = mixture.len() as f64;
            let to_target: f64 = mixture.iter().map(|&(mean, sd)| spread(targets[entry] - mean, sd)).sum();
            let mut among = 0.0;
            for (i, &(a, sd_a)) in mixture.iter().enumerate() {
                among += spread(0.0, sd_a * std::f64::consts::SQRT_2);
                among += 2.0 * mixture[..i].iter().map(|&(b, sd_b)| spread(a - b, sd_a.hypot(sd_b))).sum::<f64>();
            }
            to_target / t - 0.5 * among / (t * t)
        })
    }

    /// The central interval of the predictive mixture: an observation falls inside with probability `level`. It contains the noise of the data.
    ///
    /// # Errors
    /// [`Error::Config`] for a level that is not in (0, 1); [`Error::NoTau`]; [`Error::SamplesNotKept`].
    pub fn interval(&self, level: f64) -> Result<Interval> {
        check_level(level)?;
        let tail = (1.0 - level) / 2.0;
        let z = normal_quantile(tail);
        let ends =
            self.for_each_mixture(|mixture, _| (quantile(mixture, tail, z, 1.0), quantile(mixture, tail, z, -1.0)))?;
        let (lower, upper) = ends.into_iter().unzip();
        Ok(Interval { level, lower, upper })
    }

    /// The central interval of the passes' means (quantiles by linear interpolation): where the *mean* is, as far as the networks disagree. An
    /// observation falls inside far less often than `level` says.
    ///
    /// # Errors
    /// [`Error::Config`] for a level that is not in (0, 1); [`Error::SamplesNotKept`].
    pub fn epistemic_interval(&self, level: f64) -> Result<Interval> {
        check_level(level)?;
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let tail = (1.0 - level) / 2.0;
        let ends = (0..self.mean.len()).map(|entry| {
            let (row, target) = (entry / self.targets, entry % self.targets);
            let mut means: Vec<f64> = (0..self.passes).map(|pass| self.mean_of(samples, pass, row, target)).collect();
            means.sort_by(f64::total_cmp);
            let at = |p: f64| {
                let (whole, part) = ((p * (means.len() - 1) as f64).floor(), (p * (means.len() - 1) as f64).fract());
                let next = means[(whole as usize + 1).min(means.len() - 1)];
                means[whole as usize] + part * (next - means[whole as usize])
            };
            (at(tail), at(1.0 - tail))
        });
        let (lower, upper) = ends.unzip();
        Ok(Interval { level, lower, upper })
    }

    /// The mean that one pass predicts, if the samples were kept.
    pub fn sample(&self, pass: usize, row: usize, target: usize) -> Option<f64> {
        Some(self.mean_of(self.samples.as_ref()?, pass, row, target))
    }

    fn mean_of(&self, samples: &Samples, pass: usize, row: usize, target: usize) -> f64 {
        f64::from(samples.row(pass, row)[target]) * self.scale[target] + self.shift[target]
    }

    /// Applies `f` to the components (mean, standard deviation) of each entry's mixture.
    fn for_each_mixture<R>(&self, f: impl Fn(&[(f64, f64)], usize) -> R) -> Result<Vec<R>> {
        if matches!(self.noise, Noise::Unknown) {
            return Err(Error::NoTau);
        }
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let mut mixture = vec![(0.0, 0.0); self.passes];
        let entries = (0..self.mean.len()).map(|entry| {
            let (row, target) = (entry / self.targets, entry % self.targets);
            for (pass, component) in mixture.iter_mut().enumerate() {
                let sd = match &self.noise {
                    Noise::Constant(tau) => tau[target].sqrt().recip(),
                    _ => {
                        (0.5 * f64::from(samples.row(pass, row)[self.targets + target])).exp()
                            * self.scale[target].abs()
                    }
                };
                *component = (self.mean_of(samples, pass, row, target), sd);
            }
            f(&mixture, entry)
        });
        Ok(entries.collect())
    }
}

impl Joinable for RegressionPrediction {
    fn join(&mut self, next: Self) {
        let units = |prediction: &Self| {
            (
                prediction.passes,
                prediction.scale.clone(),
                prediction.shift.clone(),
                prediction.tau().map(<[f64]>::to_vec),
            )
        };
        assert_eq!(units(self), units(&next), "predictions of different models");
        self.mean.extend(next.mean);
        self.epistemic.extend(next.epistemic);
        if let (Noise::Predicted(all), Noise::Predicted(next)) = (&mut self.noise, next.noise) {
            all.extend(next);
        }
        join_samples(&mut self.samples, next.samples);
    }

    fn needs_samples(&self) -> bool {
        true // intervals and likelihoods are made of them
    }

    fn forget_samples(&mut self) {
        self.samples = None;
    }
}

fn check_length(what: &str, expected: usize, found: usize) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(Error::length(what, expected, found)),
    }
}

fn check_level(level: f64) -> Result<()> {
    match level > 0.0 && level < 1.0 {
        true => Ok(()),
        false => Err(Error::config("interval", level, "a probability between 0 and 1")),
    }
}

/// log 1/n sum exp, without overflow.
fn log_mean_exp(terms: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let n = terms.len() as f64;
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + (terms.map(|term| (term - max).exp()).sum::<f64>() / n).ln()
}

fn density(u: f64) -> f64 {
    (-0.5 * u * u).exp() / (2.0 * PI).sqrt()
}

fn distribution(u: f64) -> f64 {
    0.5 * libm::erfc(-u * std::f64::consts::FRAC_1_SQRT_2)
}

/// The `p`-quantile of a mixture of Gaussians (mean, sd), given that of N(0, 1), from below (`side` 1) or from above (-1): Newton's steps, and
/// bisection where they would leave the bracket.
fn quantile(mixture: &[(f64, f64)], p: f64, z: f64, side: f64) -> f64 {
    let t = mixture.len() as f64;
    // The components' own quantiles bracket the mixture's: below the least of them every component has less than p, and so on.
    let ends = mixture.iter().map(|&(mean, sd)| side * mean + z * sd);
    let (mut low, mut high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let (mut x, width) = (0.5 * (low + high), high - low);
    for _ in 0..200 {
        let (mut excess, mut slope) = (-p, 0.0);
        for &(mean, sd) in mixture {
            let u = (x - side * mean) / sd;
            excess += distribution(u) / t;
            slope += density(u) / (sd * t);
        }
        if excess > 0.0 {
            high = x
        } else {
            low = x
        }
        let newton = x - excess / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        // Relative to the problem: targets have units, small ones too.
        if (next - x).abs() <= 1e-13 * (width + x.abs()) {
            return side * next;
        }
        x = next;
    }
    side * x
}

/// The `p`-quantile of N(0, 1), by bisection of its distribution: 60 halvings of [-40, 40] reach the last digits.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if distribution(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Where a function of one number is largest: the best of a grid, then golden section about it.
fn maximise(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    const STEPS: usize = 56;
    let step = (high - low) / STEPS as f64;
    let values: Vec<f64> = (0..=STEPS).map(|i| f(low + i as f64 * step)).collect();
    let best = (0..=STEPS).reduce(|best, i| if values[i] > values[best] { i } else { best }).expect("there are steps");
    let (mut a, mut b) = (low + (best as f64 - 1.0) * step, low + (best as f64 + 1.0) * step);
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut c, mut d) = (b - ratio * (b - a), a + ratio * (b - a));
    let (mut at_c, mut at_d) = (f(c), f(d));
    while b - a > 1e-10 {
        if at_c > at_d {
            (b, d, at_d) = (d, c, at_c);
            c = b - ratio * (b - a);
            at_c = f(c);
        } else {
            (a, c, at_c) = (c, d, at_d);
            d = a + ratio * (b - a);
            at_d = f(d);
        }
    }
    0.5 * (a + b)
}
