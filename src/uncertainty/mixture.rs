//! Mixtures of equally weighted Gaussians, as they are or exponentiated: moments, density, quantiles and score.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// The mean and the standard deviation of a Gaussian.
pub(super) type Component = (f64, f64);

/// What the target is of the number z that a model predicts (with the scale and the shift undone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// z itself, which is Gaussian.
    Identity,
    /// exp(z), which is log-normal.
    Log,
}

impl Transform {
    /// The target of z. Quantiles go the same way: the map is monotone.
    pub fn target(self, z: f64) -> f64 {
        match self {
            Self::Identity => z,
            Self::Log => z.exp(),
        }
    }

    /// The z of a target.
    pub fn latent(self, target: f64) -> f64 {
        match self {
            Self::Identity => target,
            Self::Log => target.ln(),
        }
    }

    /// The mean of a component's target.
    pub fn mean(self, (mean, sd): Component) -> f64 {
        match self {
            Self::Identity => mean,
            Self::Log => (mean + 0.5 * sd * sd).exp(),
        }
    }

    /// The variance of a component's target.
    pub fn variance(self, (mean, sd): Component) -> f64 {
        match self {
            Self::Identity => sd * sd,
            Self::Log => (sd * sd).exp_m1() * (2.0 * mean + sd * sd).exp(),
        }
    }

    /// The logarithm of the density of the mixture's target where z is.
    pub fn log_density(self, mixture: &[Component], z: f64) -> f64 {
        let terms = mixture.iter().map(|&(mean, sd)| {
            let u = (z - mean) / sd;
            -0.5 * u * u - sd.ln() - 0.5 * TAU.ln()
        });
        log_mean_exp(terms) - if self == Self::Log { z } else { 0.0 } // of exp(z), whose derivative is exp(z)
    }

    /// The continuous ranked probability score of the mixture's target where z is: E |Y - y| - 1/2 E |Y - Y'|.
    pub fn crps(self, mixture: &[Component], z: f64) -> f64 {
        let t = mixture.len() as f64;
        let to_target: f64 = mixture.iter().map(|&component| self.distance(component, (z, 0.0))).sum();
        let mut among = 0.0;
        for (i, &a) in mixture.iter().enumerate() {
            among += self.distance(a, a) + 2.0 * mixture[..i].iter().map(|&b| self.distance(a, b)).sum::<f64>();
        }
        to_target / t - 0.5 * among / (t * t)
    }

    /// The mean distance of the targets of two components, drawn independently.
    fn distance(self, a: Component, b: Component) -> f64 {
        let (m, sd) = (a.0 - b.0, a.1.hypot(b.1));
        match self {
            _ if sd == 0.0 => (self.target(a.0) - self.target(b.0)).abs(),
            Self::Identity => 2.0 * sd * density(m / sd) + m * (2.0 * distribution(m / sd) - 1.0),
            // E |A - B| = E A (2 P(A > B | A's mass) - 1) + E B (...): weighting a log-normal by its own value shifts z by its variance.
            Self::Log => {
                let share = |by: f64| libm::erf(by / sd * FRAC_1_SQRT_2);
                self.mean(a) * share(m + a.1 * a.1) + self.mean(b) * share(b.1 * b.1 - m)
            }
        }
    }
}

/// log 1/n sum exp, without overflow.
pub(super) fn log_mean_exp(terms: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
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
    0.5 * libm::erfc(-u * FRAC_1_SQRT_2)
}

/// The `p`-quantile of a mixture of Gaussians (mean, sd), given that of N(0, 1), from below (`side` 1) or from above (-1): Newton's steps, and
/// bisection where they would leave the bracket.
pub(super) fn quantile(mixture: &[Component], p: f64, z: f64, side: f64) -> f64 {
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
pub(super) fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if distribution(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}
