//! Real targets: Gal & Ghahramani 2016a, equations 6 to 8 (<https://arxiv.org/abs/1506.02142>), and Kendall & Gal 2017 for predicted noise
//! (<https://arxiv.org/abs/1703.04977>).

use super::{
    classification::join_samples,
    forecast::quantile_of_sample,
    mixture::{Component, Transform, log_mean_exp, normal_quantile, quantile},
};
use crate::{
    error::{Error, Result},
    outputs::Point,
    stochastic::{Joinable, Predictive, Samples},
};

/// What sampled passes say together about real targets.
///
/// ```text
/// mean            mu = 1/T sum_t f_t
/// epistemic       1/T sum_t f_t^2 - mu^2                    (divided by T)
/// aleatoric       1/tau, or 1/T sum_t sigma_t^2
/// density         p(y) = 1/T sum_t N(y; f_t, sigma_t^2)     the predictive mixture
/// ```
/// After [`exponentiated`](Self::exponentiated), with m_t = exp(f_t + sigma_t^2 / 2), the mean of a log-normal:
/// ```text
/// mean            mu = 1/T sum_t m_t
/// epistemic       1/T sum_t m_t^2 - mu^2
/// aleatoric       1/T sum_t (exp(sigma_t^2) - 1) m_t^2
/// density         p(y) = 1/T sum_t N(ln y; f_t, sigma_t^2) / y
/// ```
/// All arrays are `[rows, targets]`, row by row, in the unit of the targets.
#[derive(Clone, Debug)]
pub struct RegressionPrediction {
    passes: usize,
    targets: usize,
    mean: Vec<f64>,
    epistemic: Vec<f64>,
    /// Empty while the noise is unknown.
    aleatoric: Vec<f64>,
    noise: Noise,
    /// Of the model's own unit: target = transform(model * scale + shift).
    scale: Vec<f64>,
    shift: Vec<f64>,
    transform: Transform,
    samples: Option<Samples>,
}

/// What is known of the noise of the data.
#[derive(Clone, Debug)]
enum Noise {
    Unknown,
    /// A precision for each target, in its unit before the transform.
    Constant(Vec<f64>),
    /// The samples hold the passes' log variances in the model's own unit.
    Predicted,
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
        let inside = self.holds(targets)?.into_iter().filter(|inside| *inside);
        Ok(inside.count() as f64 / targets.len() as f64)
    }

    /// Whether each target is inside.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of targets.
    pub fn holds(&self, targets: &[f64]) -> Result<Vec<bool>> {
        check_length("targets", self.lower.len(), targets.len())?;
        let bounds = self.lower.iter().zip(&self.upper);
        Ok(targets.iter().zip(bounds).map(|(y, (lower, upper))| (*lower..=*upper).contains(y)).collect())
    }

    /// The mean width.
    pub fn width(&self) -> f64 {
        self.widths().sum::<f64>() / self.lower.len() as f64
    }

    pub(super) fn widths(&self) -> impl Iterator<Item = f64> {
        self.lower.iter().zip(&self.upper).map(|(lower, upper)| upper - lower)
    }
}

impl RegressionPrediction {
    pub(crate) fn of_points(samples: Samples) -> Self {
        let targets = samples.dims()[2];
        Self::new(samples, targets, Noise::Unknown, vec![])
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
        Self::new(samples, targets, Noise::Predicted, variance)
    }

    /// The same prediction for every row: a mean and a standard deviation for each target. The training part's make the baseline that
    /// a model must beat; those of its logarithms, [`exponentiated`](Self::exponentiated), that of a model of logarithms.
    ///
    /// # Errors
    /// [`Error::NoRows`] for none; [`Error::Length`] unless there are as many standard deviations as means, and any; [`Error::Config`] for a
    /// mean that is not finite, and for a standard deviation that is not positive.
    pub fn constant(mean: &[f64], sd: &[f64], rows: usize) -> Result<Self> {
        if rows == 0 {
            return Err(Error::NoRows);
        }
        check_length("means", mean.len().max(1), mean.len())?;
        let zeros = Samples::new([1, rows, mean.len()], vec![0.0; rows * mean.len()]);
        let tau: Vec<f64> = sd.iter().map(|sd| sd.powi(-2)).collect();
        Point::summarise((), zeros)?.in_units(sd, mean)?.with_tau(&tau)
    }

    fn new(samples: Samples, targets: usize, noise: Noise, aleatoric: Vec<f64>) -> Self {
        let [passes, rows, _] = samples.dims();
        let of = |row, target| moments((0..passes).map(|pass| f64::from(samples.row(pass, row)[target])));
        let entries = (0..rows).flat_map(|row| (0..targets).map(move |target| (row, target)));
        let (mean, epistemic) = entries.map(|(row, target)| of(row, target)).unzip();
        let (scale, shift, transform) = (vec![1.0; targets], vec![0.0; targets], Transform::Identity);
        Self { passes, targets, mean, epistemic, aleatoric, noise, scale, shift, transform, samples: Some(samples) }
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
        match self.noise {
            Noise::Unknown => Err(Error::NoTau),
            _ => Ok(self.aleatoric.clone()),
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

    /// The precision of the noise of each target, in the targets' unit to the power of -2, if it is constant; of the targets' logarithms, if
    /// the prediction is [`exponentiated`](Self::exponentiated).
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
    /// not finite; [`Error::Prediction`] for an exponentiated prediction, whose unit is final.
    pub fn in_units(mut self, scale: &[f64], shift: &[f64]) -> Result<Self> {
        self.check_not_exponentiated()?;
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
        self.aleatoric.iter_mut().enumerate().for_each(|(i, variance)| *variance *= scale[i % targets].powi(2));
        if let Noise::Constant(tau) = &mut self.noise {
            tau.iter_mut().zip(scale).for_each(|(tau, scale)| *tau /= scale.powi(2));
        }
        for target in 0..targets {
            self.shift[target] = self.shift[target] * scale[target] + shift[target];
            self.scale[target] *= scale[target];
        }
        Ok(self)
    }

    /// The prediction with a constant noise of the data: precision `tau` for each target, in the targets' unit to the power of -2; of the
    /// targets' logarithms, if the prediction is [`exponentiated`](Self::exponentiated).
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one for each target; [`Error::Config`] unless they are positive; [`Error::Prediction`] for predicted
    /// noise; of an exponentiated prediction, what `exponentiated` says.
    pub fn with_tau(mut self, tau: &[f64]) -> Result<Self> {
        check_length("precisions tau", self.targets, tau.len())?;
        if let Some(tau) = tau.iter().find(|tau| !(tau.is_finite() && **tau > 0.0)) {
            return Err(Error::config("tau", tau, "a positive number"));
        }
        if matches!(self.noise, Noise::Predicted) {
            let (wanted, found) = ("a regression with constant noise", "one that predicts its noise");
            return Err(Error::Prediction { wanted, found });
        }
        self.noise = Noise::Constant(tau.to_vec());
        self.aleatoric = tau.iter().cycle().take(self.mean.len()).map(|tau| 1.0 / tau).collect();
        match self.transform {
            Transform::Identity => Ok(self),
            Transform::Log => self.of_log_normals(),
        }
    }

    /// The prediction of the targets, where the model's are their logarithms: every pass's Gaussian becomes a log-normal. Means, variances,
    /// intervals, likelihoods and scores are exact, and in the targets' own unit; the precision tau stays that of the logarithms. Say
    /// [`in_units`](Self::in_units) before, if the model's logarithms are standardised.
    ///
    /// The mean depends on the noise: while that is unknown it counts as zero.
    ///
    /// # Errors
    /// [`Error::SamplesNotKept`]; [`Error::Value`] with the row, if a variance is beyond the floating-point numbers; [`Error::Prediction`] for
    /// a second time.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::uncertainty::RegressionPrediction;
    ///
    /// // The logarithm is 2 ± 0.5 in the training part.
    /// let baseline = RegressionPrediction::constant(&[2.0], &[0.5], 1)?.exponentiated()?;
    /// assert!((baseline.mean()[0] - f64::exp(2.0 + 0.5 * 0.5 / 2.0)).abs() < 1e-12);
    /// let interval = baseline.interval(0.9)?;
    /// assert!((interval.upper[0] - f64::exp(2.0 + 0.5 * 1.644_853_627)).abs() < 1e-6);
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn exponentiated(mut self) -> Result<Self> {
        self.check_not_exponentiated()?;
        self.transform = Transform::Log;
        self.of_log_normals()
    }

    fn check_not_exponentiated(&self) -> Result<()> {
        match self.transform {
            Transform::Identity => Ok(()),
            Transform::Log => {
                Err(Error::Prediction { wanted: "on the model's own scale", found: "exponentiated already" })
            }
        }
    }

    /// The moments of log-normals, from the samples.
    fn of_log_normals(mut self) -> Result<Self> {
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let (mut means, mut epistemics, mut aleatorics) = (vec![], vec![], vec![]);
        for entry in 0..self.mean.len() {
            let [mean, epistemic, aleatoric] = self.log_normal(samples, entry);
            if !(mean.is_finite() && (epistemic + aleatoric).is_finite()) {
                let components = self.components(samples, entry);
                let largest = components.map(|(mean, _)| mean).fold(f64::NEG_INFINITY, f64::max);
                let (place, value) = (self.place(entry), format!("exp({largest})"));
                return Err(Error::Value { place, value, expected: "a prediction whose variance is a finite number" });
            }
            means.push(mean);
            epistemics.push(epistemic);
            aleatorics.push(aleatoric);
        }
        (self.mean, self.epistemic) = (means, epistemics);
        if !matches!(self.noise, Noise::Unknown) {
            self.aleatoric = aleatorics;
        }
        Ok(self)
    }

    /// Mean, epistemic and aleatoric variance of an entry's log-normals.
    fn log_normal(&self, samples: &Samples, entry: usize) -> [f64; 3] {
        let components = self.components(samples, entry);
        let (mean, epistemic) = moments(components.clone().map(|component| Transform::Log.mean(component)));
        let aleatoric = components.map(|component| Transform::Log.variance(component)).sum::<f64>();
        [mean, epistemic, aleatoric / self.passes as f64]
    }

    fn components<'a>(&'a self, samples: &'a Samples, entry: usize) -> impl Iterator<Item = Component> + Clone + 'a {
        let (row, target) = (entry / self.targets, entry % self.targets);
        (0..self.passes).map(move |pass| self.component(samples, pass, row, target))
    }

    /// The first row whose mean or variance is no finite number: as it stands, and if it is `exponentiated`.
    pub(crate) fn infinite(&self, exponentiated: bool) -> Option<usize> {
        let finite = |entry: usize| {
            let aleatoric = self.aleatoric.get(entry).copied().unwrap_or_default();
            let own = [self.mean[entry], self.epistemic[entry], aleatoric];
            let log_normal =
                self.samples.as_ref().filter(|_| exponentiated).map(|samples| self.log_normal(samples, entry));
            let is_finite = |moments: [f64; 3]| moments.iter().sum::<f64>().is_finite();
            is_finite(own) && log_normal.is_none_or(is_finite)
        };
        (0..self.mean.len()).find(|entry| !finite(*entry)).map(|entry| entry / self.targets)
    }

    /// The precision of each target that makes `targets` most likely under the predictive mixture. Fit it on the validation part: on the
    /// training part the noise looks smaller than it is.
    ///
    /// `targets` are in the prediction's unit, the precision in that of the transformed targets: a model of logarithms gives the same
    /// precision for `ln y` as its [`exponentiated`](Self::exponentiated) prediction for `y`.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of targets; [`Error::Value`] for a target that has no logarithm, if the prediction is exponentiated;
    /// [`Error::SamplesNotKept`]; [`Error::Config`] if every target is met exactly, so that no precision is the best.
    pub fn fit_tau(&self, targets: &[f64]) -> Result<Vec<f64>> {
        let targets = self.latent(targets)?;
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let n = self.rows() as f64;
        (0..self.targets)
            .map(|target| {
                // errors[row][pass], squared
                let mut squares = Vec::with_capacity(self.rows() * self.passes);
                for row in 0..self.rows() {
                    let y = targets[row * self.targets + target];
                    squares.extend((0..self.passes).map(|pass| (y - self.output(samples, pass, row, target)).powi(2)));
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
    /// [`Error::Length`], [`Error::NoTau`], [`Error::SamplesNotKept`]; [`Error::Value`] with the row for a target that is not positive, if the
    /// prediction is exponentiated.
    pub fn log_likelihood(&self, targets: &[f64]) -> Result<Vec<f64>> {
        let z = self.latent(targets)?;
        self.for_each_mixture(|mixture, entry| self.transform.log_density(mixture, z[entry]))
    }

    /// The continuous ranked probability score of the predictive mixture, in the targets' unit, for each entry, in closed form. Less is better.
    ///
    /// # Errors
    /// As [`log_likelihood`](Self::log_likelihood).
    ///
    /// # References
    /// Grimit et al. 2006 for Gaussians; for log-normals E |Y - Y'| follows from their partial means.
    pub fn crps(&self, targets: &[f64]) -> Result<Vec<f64>> {
        let z = self.latent(targets)?;
        self.for_each_mixture(|mixture, entry| self.transform.crps(mixture, z[entry]))
    }

    /// The central interval of the predictive mixture: an observation falls inside with probability `level`. It contains the noise of the data.
    ///
    /// # Errors
    /// [`Error::Config`] for a level that is not in (0, 1); [`Error::NoTau`]; [`Error::SamplesNotKept`].
    pub fn interval(&self, level: f64) -> Result<Interval> {
        check_level(level)?;
        let tail = (1.0 - level) / 2.0;
        let z = normal_quantile(tail);
        let end = |mixture: &[Component], side| self.transform.target(quantile(mixture, tail, z, side));
        let ends = self.for_each_mixture(|mixture, _| (end(mixture, 1.0), end(mixture, -1.0)))?;
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
            let mean = |pass| self.transform.mean(self.component(samples, pass, row, target));
            let mut means: Vec<f64> = (0..self.passes).map(mean).collect();
            means.sort_by(f64::total_cmp);
            (quantile_of_sample(&means, tail), quantile_of_sample(&means, 1.0 - tail))
        });
        let (lower, upper) = ends.unzip();
        Ok(Interval { level, lower, upper })
    }

    /// The mean that one pass predicts, if the samples were kept.
    pub fn sample(&self, pass: usize, row: usize, target: usize) -> Option<f64> {
        Some(self.transform.mean(self.component(self.samples.as_ref()?, pass, row, target)))
    }

    /// What one pass says of an entry, before the transform.
    fn output(&self, samples: &Samples, pass: usize, row: usize, target: usize) -> f64 {
        f64::from(samples.row(pass, row)[target]) * self.scale[target] + self.shift[target]
    }

    /// The Gaussian of one pass, before the transform; unknown noise counts as none.
    fn component(&self, samples: &Samples, pass: usize, row: usize, target: usize) -> Component {
        let sd = match &self.noise {
            Noise::Unknown => 0.0,
            Noise::Constant(tau) => tau[target].sqrt().recip(),
            Noise::Predicted => {
                let sd = (0.5 * f64::from(samples.row(pass, row)[self.targets + target])).exp();
                (sd * self.scale[target].abs()).max(f64::MIN_POSITIVE) // a Gaussian, if a narrow one
            }
        };
        (self.output(samples, pass, row, target), sd)
    }

    /// Applies `f` to the components of each entry's mixture, before the transform.
    fn for_each_mixture<R>(&self, f: impl Fn(&[Component], usize) -> R) -> Result<Vec<R>> {
        if matches!(self.noise, Noise::Unknown) {
            return Err(Error::NoTau);
        }
        let samples = self.samples.as_ref().ok_or(Error::SamplesNotKept)?;
        let mut mixture = vec![(0.0, 0.0); self.passes];
        let entries = (0..self.mean.len()).map(|entry| {
            let (row, target) = (entry / self.targets, entry % self.targets);
            for (pass, component) in mixture.iter_mut().enumerate() {
                *component = self.component(samples, pass, row, target);
            }
            f(&mixture, entry)
        });
        Ok(entries.collect())
    }

    /// The targets before the transform.
    fn latent(&self, targets: &[f64]) -> Result<Vec<f64>> {
        check_length("targets", self.mean.len(), targets.len())?;
        let latent: Vec<f64> = targets.iter().map(|&target| self.transform.latent(target)).collect();
        match latent.iter().position(|z| self.transform == Transform::Log && !z.is_finite()) {
            Some(entry) => {
                let (place, value) = (self.place(entry), targets[entry].to_string());
                Err(Error::Value { place, value, expected: "a positive number, which a model of logarithms needs" })
            }
            None => Ok(latent),
        }
    }

    /// Where an entry is, in words.
    pub(super) fn place(&self, entry: usize) -> String {
        match self.targets {
            1 => format!("row {entry}"),
            targets => format!("row {}, target {}", entry / targets, entry % targets),
        }
    }
}

impl Joinable for RegressionPrediction {
    fn join(&mut self, next: Self) {
        let units = |prediction: &Self| {
            (
                prediction.passes,
                prediction.scale.clone(),
                prediction.shift.clone(),
                prediction.transform,
                prediction.tau().map(<[f64]>::to_vec),
            )
        };
        assert_eq!(units(self), units(&next), "predictions of different models");
        self.mean.extend(next.mean);
        self.epistemic.extend(next.epistemic);
        self.aleatoric.extend(next.aleatoric);
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

/// The mean and the variance (divided by n), by Welford: no difference of large squares.
fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        let delta = value - mean;
        mean += delta / n;
        squares += delta * (value - mean);
    }
    (mean, squares / n)
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
