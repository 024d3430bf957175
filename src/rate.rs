//! A dropout rate, checked once.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The probability of *dropping*, in `[0, 1)`.
///
/// Everywhere in this crate a rate is the probability that a unit is dropped (PyTorch's and Keras' `p`). Srivastava et
/// al. 2014 and Gal & Ghahramani 2016 write `p` for the probability of *keeping*: their 0.8 is our 0.2.
///
/// Zero is legal and draws nothing; one is not (everything would be dropped, and `1 / (1 - 1)` is no number).
///
/// # Examples
/// ```
/// use burn_zoo::Rate;
///
/// let rate = Rate::new(0.2)?;
/// assert_eq!(rate.scale(), 1.25); // kept units are multiplied by 1 / (1 - rate)
/// assert!(Rate::new(1.5).is_err());
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// Nothing is dropped.
    pub const ZERO: Self = Self(0.0);

    /// Checks that `rate` lies in `[0, 1)`.
    ///
    /// # Errors
    /// [`Error::Rate`] for anything else, NaN included.
    pub fn new(rate: f64) -> Result<Self> {
        match (0.0..1.0).contains(&rate) {
            true => Ok(Self(rate)),
            false => Err(Error::Rate { rate }),
        }
    }

    /// The probability of dropping.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The probability of keeping, `1 - rate`.
    pub fn keep(self) -> f64 {
        1.0 - self.0
    }

    /// What inverted dropout multiplies kept units by, `1 / (1 - rate)`.
    pub fn scale(self) -> f64 {
        1.0 / self.keep()
    }

    /// Whether nothing is ever dropped.
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = Error;

    fn try_from(rate: f64) -> Result<Self> {
        Self::new(rate)
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> f64 {
        rate.0
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_below_one_are_rates() {
        for good in [0.0, 1e-9, 0.2, 0.999] {
            assert_eq!(Rate::new(good).unwrap().get(), good);
        }
        for bad in [-0.1, 1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(matches!(Rate::new(bad), Err(Error::Rate { .. })));
        }
    }

    #[test]
    fn keep_and_drop_are_not_swapped() {
        let rate = Rate::new(0.2).unwrap();
        assert_eq!((rate.get(), rate.keep(), rate.scale()), (0.2, 0.8, 1.25));
    }
}
