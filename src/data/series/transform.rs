//! What a model sees instead of the targets, and the way back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A chain of maps that can be undone: logarithms, and differences to what was before.
///
/// ```text
/// log:                      z_t = ln y_t
/// difference:               z_t = y_t - y_(t-1)
/// seasonal-difference:m:    z_t = y_t - y_(t-m)
/// ```
///
/// Written with a `+` between them, in the order in which they act; `log-difference` and `log-seasonal-difference` are two at once. A seasonal difference
/// without a number takes the season.
///
/// A difference is undone by adding up from the last known values *along a path*: the way back needs whole sampled paths. A quantile of the sum is not the
/// sum of quantiles.
///
/// # Examples
/// ```
/// use burn_zoo::data::series::Transform;
///
/// let transform: Transform = "log+difference".to_string().try_into()?;
/// let seen = transform.forward(&[1.0, 10.0, 1000.0]);
/// assert!(seen[0].is_nan() && (seen[1] - 10f64.ln()).abs() < 1e-12);
/// let back = transform.invert(&seen[1..], &[1.0]);
/// assert!((back[0] - 10.0).abs() < 1e-9 && (back[1] - 1000.0).abs() < 1e-9);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Transform(Vec<Stage>);

/// One map of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Log,
    Difference,
    /// By the season, unless a number of steps is said.
    Seasonal(Option<usize>),
}

impl TryFrom<String> for Transform {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let expected = || {
            "expected none, log, difference, seasonal-difference:12 (or without a number: the season), or several as log+difference"
                .to_string()
        };
        let mut stages = Vec::new();
        for word in text.split('+').map(str::trim) {
            let (word, lag) = match word.split_once(':') {
                Some((word, lag)) => (word, Some(lag.parse().ok().filter(|lag| *lag > 0).ok_or_else(expected)?)),
                None => (word, None),
            };
            let seasonal = |stage| if lag.is_some() { Stage::Seasonal(lag) } else { stage };
            match word {
                "none" if text.trim() == "none" => {}
                "log" if lag.is_none() => stages.push(Stage::Log),
                "difference" => stages.push(seasonal(Stage::Difference)),
                "seasonal-difference" => stages.push(Stage::Seasonal(lag)),
                "log-difference" => stages.extend([Stage::Log, seasonal(Stage::Difference)]),
                "log-seasonal-difference" => stages.extend([Stage::Log, Stage::Seasonal(lag)]),
                _ => return Err(expected()),
            }
        }
        Ok(Self(stages))
    }
}

impl From<Transform> for String {
    fn from(transform: Transform) -> Self {
        transform.to_string()
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, stage) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { "+" } else { "" })?;
            match stage {
                Stage::Log => f.write_str("log")?,
                Stage::Difference => f.write_str("difference")?,
                Stage::Seasonal(None) => f.write_str("seasonal-difference")?,
                Stage::Seasonal(Some(lag)) => write!(f, "seasonal-difference:{lag}")?,
            }
        }
        Ok(())
    }
}

impl Transform {
    /// That the chain makes sense.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.iter().skip(1).any(|stage| *stage == Stage::Log) {
            return Err(Error::config("transform", self, "log once and first: differences may be below 0"));
        }
        match self.0.len() > 4 || self.0.iter().any(|stage| matches!(stage, Stage::Seasonal(Some(10_001..)))) {
            true => Err(Error::config("transform", self, "at most 4 maps, of at most 10000 steps")),
            false => Ok(()),
        }
    }

    /// The same with the season where no number of steps was said.
    pub fn with_season(&self, season: usize) -> Self {
        let stage = |stage: &Stage| match stage {
            Stage::Seasonal(None) => Stage::Seasonal(Some(season)),
            other => *other,
        };
        Self(self.0.iter().map(stage).collect())
    }

    /// Whether logarithms are taken: values must be above 0.
    pub fn is_log(&self) -> bool {
        self.0.first() == Some(&Stage::Log)
    }

    /// How many values before the first one are needed, there and back.
    pub fn lag(&self) -> usize {
        self.lags().sum()
    }

    fn lags(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|stage| match stage {
            Stage::Log => None,
            Stage::Difference => Some(1),
            Stage::Seasonal(lag) => Some(lag.expect("the season was put in")),
        })
    }

    /// What the model sees of a series: as many numbers, NaN where one that is needed is not there.
    ///
    /// # Panics
    /// If a season was not put in.
    pub fn forward(&self, values: &[f64]) -> Vec<f64> {
        let mut seen: Vec<f64> = match self.is_log() {
            true => values.iter().map(|y| if *y > 0.0 { y.ln() } else { f64::NAN }).collect(),
            false => values.to_vec(),
        };
        for lag in self.lags() {
            seen = difference(&seen, lag);
        }
        seen
    }

    /// The values along a path of what the model predicts, from the values before it: the last [`lag`](Self::lag) of `history` are needed.
    ///
    /// # Panics
    /// If there are fewer, or a season was not put in.
    pub fn invert(&self, path: &[f64], history: &[f64]) -> Vec<f64> {
        let lag = self.lag();
        assert!(history.len() >= lag, "{lag} values before the path, found {}", history.len());
        // Before each difference, what it is taken of.
        let mut seen = Self(self.0.iter().filter(|stage| **stage == Stage::Log).copied().collect())
            .forward(&history[history.len() - lag..]);
        let mut befores = Vec::new();
        for lag in self.lags() {
            let next = difference(&seen, lag)[lag..].to_vec();
            befores.push((lag, seen));
            seen = next;
        }
        let mut path = path.to_vec();
        for (lag, before) in befores.into_iter().rev() {
            let known = before.len();
            let mut all = before;
            for z in path {
                all.push(z + all[all.len() - lag]);
            }
            path = all.split_off(known);
        }
        if self.is_log() {
            path.iter_mut().for_each(|z| *z = z.exp());
        }
        path
    }
}

fn difference(values: &[f64], lag: usize) -> Vec<f64> {
    let before = std::iter::repeat_n(f64::NAN, lag).chain(values.iter().copied());
    values.iter().zip(before).map(|(y, before)| y - before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(text: &str) -> Transform {
        Transform::try_from(text.to_string()).unwrap().with_season(12)
    }

    #[test]
    fn a_chain_is_read_as_it_is_written() {
        for text in ["none", "log", "difference", "log+seasonal-difference:12+difference", "difference+difference"] {
            assert_eq!(transform(text).to_string(), text);
        }
        assert_eq!(transform("log-difference").to_string(), "log+difference");
        assert_eq!(transform("log-seasonal-difference:4").to_string(), "log+seasonal-difference:4");
        assert_eq!(transform("seasonal-difference").to_string(), "seasonal-difference:12");
        for text in ["", "ln", "log+", "none+log", "seasonal-difference:0", "log:3", "difference:x"] {
            let error = Transform::try_from(text.to_string()).unwrap_err();
            assert!(error.starts_with("expected none, log,"), "{text}: {error}");
        }
        let error = transform("difference+log").check().unwrap_err().to_string();
        assert_eq!(error, "`transform` is difference+log: expected log once and first: differences may be below 0");
    }

    #[test]
    fn differences_are_those_of_a_hand_calculation() {
        let seen = transform("seasonal-difference:2+difference").forward(&[1.0, 2.0, 4.0, 8.0, 16.0]);
        // By two: 3, 6, 12; of those: 3, 6.
        assert!(seen[..3].iter().all(|z| z.is_nan()));
        assert_eq!(seen[3..], [3.0, 6.0]);
        assert_eq!(transform("seasonal-difference:2+difference").lag(), 3);
    }

    #[test]
    fn a_path_comes_back_from_the_last_known_values() {
        let values: Vec<f64> = (1..60).map(|i| 50.0 + f64::from(i) + 20.0 * (f64::from(i) * 0.7).sin()).collect();
        for text in [
            "none",
            "log",
            "difference",
            "log-difference",
            "seasonal-difference:7",
            "log+seasonal-difference:12+difference",
            "difference+seasonal-difference:12+difference",
        ] {
            let transform = transform(text);
            let seen = transform.forward(&values);
            for origin in [transform.lag(), 30, 58] {
                let back = transform.invert(&seen[origin..], &values[..origin]);
                let far = back.iter().zip(&values[origin..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(back.len() == values.len() - origin && far < 1e-9, "{text} from {origin}: {far}");
            }
        }
    }

    #[test]
    fn the_median_path_of_a_logarithm_is_no_mean() {
        // exp of symmetric samples: the way back acts on samples, whose mean is above the exponential of their mean.
        let log = transform("log");
        let mean = [-1.0, 0.0, 1.0].iter().map(|z| log.invert(&[*z], &[])[0]).sum::<f64>() / 3.0;
        assert!((mean - (1.0 + 2.0 * 1f64.cosh()) / 3.0).abs() < 1e-12 && mean > 1.3);
    }
}
