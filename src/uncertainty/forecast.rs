//! Forecasts that every model should beat, and scores of forecasts, as functions of plain numbers.

use serde::{Deserialize, Serialize};

use super::mixture::{Transform, normal_quantile};
use crate::error::{Error, Result};

/// A forecast of one series that takes no training: a normal law for each step, so that mean and median are one.
///
/// # References
/// R. J. Hyndman & G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., sections 5.2 and 5.5, <https://otexts.com/fpp3/>.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The forecast of each step.
    pub mean: Vec<f64>,
    /// Its standard deviation.
    pub sd: Vec<f64>,
}

impl Baseline {
    /// The value of the same place in the last season that has one:
    ///
    /// ```text
    /// mean_h = y_(T + h - m (k + 1)),    k = floor((h - 1) / m)
    /// sd_h   = s sqrt(k + 1),            s^2 = mean of (y_t - y_(t - m))^2
    /// ```
    ///
    /// Values that are NaN are missing: no difference is taken to them, and an earlier season, or else the last value, stands for them.
    ///
    /// # Errors
    /// [`Error::Data`] if no two values are a season apart: then the forecast has no spread.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::uncertainty::Baseline;
    ///
    /// let forecast = Baseline::seasonal_naive(&[1.0, 5.0, 2.0, 6.0], 2, 3)?;
    /// assert_eq!((forecast.mean, forecast.sd), (vec![2.0, 6.0, 2.0], vec![1.0, 1.0, 2f64.sqrt()]));
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn seasonal_naive(history: &[f64], season: usize, horizon: usize) -> Result<Self> {
        let errors = differences(history, season);
        let n = errors.len() as f64;
        if errors.is_empty() {
            return Err(too_short("seasonal-naive", &format!("two values that are {season} steps apart")));
        }
        let s = (errors.iter().map(|e| e * e / n).sum::<f64>()).sqrt();
        let last = history.iter().rev().find(|y| y.is_finite()).expect("there are errors");
        let before = |h: usize| (1..).map_while(move |back| (history.len() + h).checked_sub(back * season + 1));
        let mean = |h: usize| {
            let known = before(h).filter(|&at| at < history.len()).map(|at| history[at]);
            known.into_iter().find(|y| y.is_finite()).unwrap_or(*last)
        };
        let sd = |h: usize| s * (((h - 1) / season + 1) as f64).sqrt();
        Ok(Self { mean: (1..=horizon).map(mean).collect(), sd: (1..=horizon).map(sd).collect() })
    }

    /// The straight line through the first and the last value:
    ///
    /// ```text
    /// mean_h = y_T + h b,    b = (y_T - y_1) / (T - 1)
    /// sd_h   = s sqrt(h (1 + h / (T - 1))),    s^2 = sum of (y_t - y_(t-1) - b)^2 / (T - 2)
    /// ```
    ///
    /// Values that are NaN are missing.
    ///
    /// # Errors
    /// [`Error::Data`] for fewer than two differences of neighbours.
    pub fn drift(history: &[f64], horizon: usize) -> Result<Self> {
        let known: Vec<(usize, f64)> = history.iter().copied().enumerate().filter(|(_, y)| y.is_finite()).collect();
        let steps = differences(history, 1);
        let (Some(&(from, first)), Some(&(to, last)), 2..) = (known.first(), known.last(), steps.len()) else {
            return Err(too_short("drift", "three values, each a step behind the other"));
        };
        let length = (to - from) as f64;
        let slope = (last - first) / length;
        let squares: f64 = steps.iter().map(|step| (step - slope).powi(2)).sum();
        let s = (squares / (steps.len() - 1) as f64).sqrt();
        // The last value may lie some steps before the end.
        let ahead = |h: usize| (history.len() - 1 - to + h) as f64;
        let sd = |h: f64| s * (h * (1.0 + h / length)).sqrt();
        Ok(Self {
            mean: (1..=horizon).map(|h| last + ahead(h) * slope).collect(),
            sd: (1..=horizon).map(|h| sd(ahead(h))).collect(),
        })
    }

    /// The central interval of each step.
    ///
    /// # Errors
    /// [`Error::Config`] for a level that is none.
    pub fn interval(&self, level: f64) -> Result<Vec<[f64; 2]>> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::config("level", level, "a number between 0 and 1"));
        }
        let z = normal_quantile(0.5 + 0.5 * level);
        Ok(self.mean.iter().zip(&self.sd).map(|(mean, sd)| [mean - z * sd, mean + z * sd]).collect())
    }
}

/// The differences to the value some steps before, of the pairs that are both there.
fn differences(values: &[f64], lag: usize) -> Vec<f64> {
    let pairs = values.iter().zip(values.iter().skip(lag.max(1)));
    pairs.map(|(before, y)| y - before).filter(|difference| difference.is_finite()).collect()
}

fn too_short(forecast: &str, needs: &str) -> Error {
    Error::Data { place: format!("{forecast} forecast"), reason: format!("the series is too short: it needs {needs}") }
}

/// The continuous ranked probability score of a normal forecast, in the target's unit; of one without spread, the absolute error:
///
/// ```text
/// sd (u (2 F(u) - 1) + 2 f(u) - 1 / sqrt(pi)),    u = (y - mean) / sd
/// ```
///
/// # References
/// T. Gneiting & A. E. Raftery, Strictly proper scoring rules, prediction, and estimation, JASA 102, 2007, eq. 21.
pub fn crps_of_gaussian(mean: f64, sd: f64, actual: f64) -> f64 {
    Transform::Identity.crps(&[(mean, sd)], actual)
}

/// The continuous ranked probability score of a forecast by equally likely samples, in the target's unit:
///
/// ```text
/// 1/n sum |x_i - y|  -  1/(2 n^2) sum_i sum_j |x_i - x_j|
/// ```
///
/// That is the score of the samples as they are: of n independent samples of a law, it is above the law's by about 1/n of its mean distance.
///
/// # Panics
/// For no samples.
pub fn crps_of_sample(sample: &[f64], actual: f64) -> f64 {
    assert!(!sample.is_empty(), "a score of no samples");
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let to_actual = sorted.iter().map(|x| (x - actual).abs() / n).sum::<f64>();
    // Of the sorted ones, x_i is the larger of i pairs and the smaller of n - 1 - i.
    let among =
        sorted.iter().zip(0..).map(|(x, i)| (x - actual) * (2.0 * f64::from(i) - (n - 1.0)) / n).sum::<f64>() / n;
    (to_actual - among).max(0.0) // rounding
}

/// The `p`-quantile of a sample, by linear interpolation between its sorted values (R's type 7).
///
/// # Panics
/// For no samples, and for a `p` outside of 0 to 1.
pub fn quantile_of_sample(sorted: &[f64], p: f64) -> f64 {
    assert!(!sorted.is_empty() && (0.0..=1.0).contains(&p), "the {p}-quantile of {} samples", sorted.len());
    let place = p * (sorted.len() - 1) as f64;
    let (low, share) = (place as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    // Of equal ends, infinite ones too, the end.
    if sorted[low] == sorted[high] { sorted[low] } else { sorted[low] + share * (sorted[high] - sorted[low]) }
}

/// The mean absolute error of the seasonal-naive forecast within a series: what [`ForecastScores::mase`] divides by. None without two values a season
/// apart, and where it is 0.
///
/// # References
/// R. J. Hyndman & A. B. Koehler, Another look at measures of forecast accuracy, Int. J. of Forecasting 22, 2006.
pub fn naive_mae(train: &[f64], season: usize) -> Option<f64> {
    let errors = differences(train, season);
    let n = errors.len() as f64;
    Some(errors.iter().map(|error| error.abs() / n).sum::<f64>()).filter(|mae| *mae > 0.0)
}

/// A forecast of one value, and what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What came.
    pub actual: f64,
    /// The mean of the forecast, for squared errors.
    pub mean: f64,
    /// Its median, for absolute errors.
    pub median: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// Its continuous ranked probability score.
    pub crps: f64,
    /// The series' [`naive_mae`] in the training part, if there is one.
    pub scale: Option<f64>,
}

/// How good forecasts are. Units are the targets'. There are no standard errors: forecasts from neighbouring origins share most of their steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastScores {
    /// Values that were forecast.
    pub n: usize,
    /// Mean absolute error of the medians, each over the training part's [`naive_mae`] of its series: below 1, better than the seasonal-naive forecast was
    /// in the training part, a season ahead. Of the series that have such a scale; none if none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mase: Option<f64>,
    /// Root of the mean squared error of the means.
    pub rmse: f64,
    /// Mean continuous ranked probability score.
    pub crps: f64,
    /// Share of values inside the interval.
    pub coverage: f64,
    /// Mean width of the interval.
    pub width: f64,
}

impl ForecastScores {
    /// The names of the scores, in order.
    pub const NAMES: [&'static str; 6] = ["n", "mase", "rmse", "crps", "coverage", "width"];

    /// The scores of some forecasts.
    ///
    /// # Errors
    /// [`Error::NoRows`] for none; [`Error::Value`] for a number that is not finite.
    pub fn of(judged: &[Judged]) -> Result<Self> {
        if judged.is_empty() {
            return Err(Error::NoRows);
        }
        let mean = |what: &str, value: &dyn Fn(&Judged) -> f64| {
            let values: Vec<f64> = judged.iter().map(value).collect();
            match values.iter().position(|value| !value.is_finite()) {
                Some(at) => {
                    let place = format!("{what} of forecast {at}");
                    Err(Error::Value { place, value: values[at].to_string(), expected: "a finite number" })
                }
                None => Ok(values.iter().map(|value| value / values.len() as f64).sum::<f64>()),
            }
        };
        let inside = |j: &Judged| f64::from(u8::from(j.lower <= j.actual && j.actual <= j.upper));
        let scaled = |j: &Judged| Some((j.actual - j.median).abs() / j.scale?);
        let scaled: Vec<f64> = judged.iter().filter_map(scaled).collect();
        mean("the error", &|j| j.actual - j.median)?;
        let mase = (!scaled.is_empty()).then(|| scaled.iter().map(|error| error / scaled.len() as f64).sum());
        Ok(Self {
            n: judged.len(),
            mase,
            rmse: mean("the squared error", &|j| (j.actual - j.mean).powi(2))?.sqrt(),
            crps: mean("the score", &|j| j.crps)?,
            coverage: mean("the coverage", &inside)?,
            width: mean("the width", &|j| j.upper - j.lower)?,
        })
    }

    /// The scores, in the order of their names.
    pub fn values(&self) -> [Option<f64>; 6] {
        let Self { n, mase, rmse, crps, coverage, width } = *self;
        [Some(n as f64), mase, Some(rmse), Some(crps), Some(coverage), Some(width)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn the_seasonal_naive_forecast_is_that_of_a_hand_calculation() {
        // Errors a season apart: 1, 1, 4; their mean square is 6.
        let forecast = Baseline::seasonal_naive(&[1.0, 2.0, 3.0, 2.0, 3.0, 7.0], 3, 7).unwrap();
        assert_eq!(forecast.mean, [2.0, 3.0, 7.0, 2.0, 3.0, 7.0, 2.0]);
        let s = 6f64.sqrt();
        for (sd, k) in forecast.sd.iter().zip([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0]) {
            assert!((sd - s * f64::sqrt(k)).abs() < 1e-12);
        }
        let [low, high] = forecast.interval(0.95).unwrap()[0];
        assert!((low - (2.0 - 1.959964 * s)).abs() < 1e-5 && (high - (2.0 + 1.959964 * s)).abs() < 1e-5);
    }

    #[test]
    fn the_drift_forecast_is_that_of_a_hand_calculation() {
        // Slope (7 - 1) / 3 = 2; steps 1, 3, 2, less the slope -1, 1, 0: s^2 = 2 / (4 - 2).
        let forecast = Baseline::drift(&[1.0, 2.0, 5.0, 7.0], 2).unwrap();
        assert_eq!(forecast.mean, [9.0, 11.0]);
        assert!((forecast.sd[0] - (1.0f64 + 1.0 / 3.0).sqrt()).abs() < 1e-12);
        assert!((forecast.sd[1] - (2.0f64 * (1.0 + 2.0 / 3.0)).sqrt()).abs() < 1e-12);
        // A straight line goes on, and is sure of it.
        assert_eq!(Baseline::drift(&[1.0, 2.0, 3.0], 2).unwrap(), Baseline { mean: vec![4.0, 5.0], sd: vec![0.0; 2] });
    }

    #[test]
    fn what_is_missing_is_no_difference_and_no_forecast() {
        let forecast = Baseline::seasonal_naive(&[1.0, 5.0, 2.0, NAN, 3.0, NAN], 2, 2).unwrap();
        assert_eq!((forecast.mean, forecast.sd[0]), (vec![3.0, 5.0], 1.0)); // 5 is two seasons before
        let forecast = Baseline::drift(&[1.0, 3.0, 4.0, NAN], 1).unwrap();
        assert_eq!(forecast.mean, [7.0]); // two steps of 1.5 behind the 4
        for short in [&[1.0][..], &[], &[1.0, NAN, NAN]] {
            assert!(Baseline::seasonal_naive(short, 2, 1).is_err() && Baseline::drift(short, 1).is_err());
        }
        let error = Baseline::seasonal_naive(&[1.0, 2.0], 12, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "seasonal-naive forecast: the series is too short: it needs two values that are 12 steps apart"
        );
    }

    #[test]
    fn the_score_of_samples_is_that_of_its_definition_and_of_many_that_of_the_law() {
        let sample = [3.0, 1.0, 4.0, 1.0, 5.0];
        let by_pairs: f64 = sample.iter().flat_map(|a: &f64| sample.iter().map(move |b| (a - b).abs())).sum();
        let to_actual: f64 = sample.iter().map(|x| (x - 2.5f64).abs()).sum();
        assert!((crps_of_sample(&sample, 2.5) - (to_actual / 5.0 - by_pairs / 50.0)).abs() < 1e-12);
        assert_eq!(crps_of_sample(&[2.0], 5.0), 3.0);
        // Quantiles at equal distances are the best few samples that there are.
        let many: Vec<f64> = (0..4000).map(|i| normal_quantile((f64::from(i) + 0.5) / 4000.0)).collect();
        assert!((crps_of_sample(&many, 0.7) - crps_of_gaussian(0.0, 1.0, 0.7)).abs() < 1e-4);
        // Gneiting & Raftery's equation where u = 0: sd (2 f(0) - 1 / sqrt(pi)).
        let at_mean = 2.0 * (2.0 / std::f64::consts::TAU.sqrt() - 1.0 / std::f64::consts::PI.sqrt());
        assert!((crps_of_gaussian(3.0, 2.0, 3.0) - at_mean).abs() < 1e-12);
        assert_eq!(crps_of_gaussian(3.0, 0.0, 5.0), 2.0);
    }

    #[test]
    fn scores_are_means_over_what_was_forecast() {
        let judged = |actual: f64, mean: f64, scale| Judged {
            actual,
            mean,
            median: mean + 1.0,
            lower: mean - 2.0,
            upper: mean + 2.0,
            crps: 0.5,
            scale,
        };
        let scores = ForecastScores::of(&[judged(1.0, 0.0, Some(2.0)), judged(5.0, 2.0, None)]).unwrap();
        assert_eq!((scores.n, scores.mase, scores.rmse), (2, Some(0.0), 5f64.sqrt()));
        assert_eq!((scores.crps, scores.coverage, scores.width), (0.5, 0.5, 4.0));
        assert_eq!(ForecastScores::of(&[judged(5.0, 2.0, None)]).unwrap().mase, None);
        let error = ForecastScores::of(&[judged(NAN, 2.0, None)]).unwrap_err().to_string();
        assert_eq!(error, "the error of forecast 0: `NaN` is not a finite number");
        assert!(matches!(ForecastScores::of(&[]), Err(Error::NoRows)));
        assert_eq!(naive_mae(&[1.0, 2.0, 4.0, 2.0], 2), Some(1.5));
        assert_eq!(naive_mae(&[1.0, 2.0, 1.0, 2.0], 2), None);
    }

    #[test]
    fn quantiles_lie_between_the_samples() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|p| quantile_of_sample(&sorted, p)), [1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(quantile_of_sample(&[7.0], 0.3), 7.0);
    }
}
