//! Predictions with uncertainty, from many sampled passes.
//!
//! | quantity | definition (T passes) | unit |
//! |---|---|---|
//! | mean | 1/T sum f_t | the target's |
//! | epistemic variance | 1/T sum f_t^2 - mean^2 (divided by T) | the target's, squared |
//! | aleatoric variance | 1/tau, or 1/T sum of the predicted variances | the target's, squared |
//! | total variance | epistemic + aleatoric | the target's, squared |
//! | interval | quantiles of the mixture of T Gaussians: contains the noise of the data | the target's |
//! | epistemic interval | quantiles of the T pass means: does not | the target's |
//! | of a model of logarithms | the same of the mixture of T log-normals ([`RegressionPrediction::exponentiated`]) | the target's |
//! | log-likelihood | log 1/T sum N(y; f_t, sigma_t^2), by log-sum-exp | nats |
//! | entropy | of the mean probabilities | nats |
//! | expected entropy | mean of the passes' entropies: the data's own ambiguity | nats |
//! | mutual information | entropy - expected entropy: what the passes disagree about (BALD) | nats |

mod classification;
mod forecast;
mod language;
pub mod metrics;
mod mixture;
mod monte_carlo;
mod regression;
mod scores;
mod stock;
mod stream;

pub use classification::{ClassPrediction, MultiLabelPrediction};
pub use forecast::{Baseline, ForecastScores, Judged, crps_of_gaussian, crps_of_sample, naive_mae, quantile_of_sample};
pub use language::{LanguageErrors, LanguageScores, LanguageTally};
pub use monte_carlo::{MonteCarlo, Sampling};
pub use regression::{Interval, RegressionPrediction};
pub use scores::{ClassErrors, ClassScores, RegressionErrors, RegressionScores};
pub use stock::StockMonteCarlo;
pub use stream::MonteCarloStream;

use burn::tensor::Tensor;

use crate::{
    error::{Error, Result},
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, OutputKind, Outputs, Point, TokenLogits},
    stochastic::{Joinable, Predictive, Samples},
};

/// The prediction of a model whose task is a choice at run time.
#[derive(Clone, Debug)]
pub enum Prediction {
    /// Of exclusive classes; two count as well. Of the next word, a row of the prediction is a step: those of the first row, then those of the second, ...
    Classes(ClassPrediction),
    /// Of labels that may hold together.
    MultiLabel(MultiLabelPrediction),
    /// Of real targets.
    Regression(RegressionPrediction),
}

impl Prediction {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes(prediction) => prediction.rows(),
            Self::MultiLabel(prediction) => prediction.rows(),
            Self::Regression(prediction) => prediction.rows(),
        }
    }

    /// The prediction as one of classes.
    ///
    /// # Errors
    /// [`Error::Prediction`] if it is none.
    pub fn classes(self) -> Result<ClassPrediction> {
        match self {
            Self::Classes(prediction) => Ok(prediction),
            other => Err(other.is_not("one of classes")),
        }
    }

    /// The prediction as one of labels.
    ///
    /// # Errors
    /// [`Error::Prediction`] if it is none.
    pub fn multi_label(self) -> Result<MultiLabelPrediction> {
        match self {
            Self::MultiLabel(prediction) => Ok(prediction),
            other => Err(other.is_not("one of labels")),
        }
    }

    /// The prediction as one of real targets.
    ///
    /// # Errors
    /// [`Error::Prediction`] if it is none.
    pub fn regression(self) -> Result<RegressionPrediction> {
        match self {
            Self::Regression(prediction) => Ok(prediction),
            other => Err(other.is_not("a regression")),
        }
    }

    fn is_not(&self, wanted: &'static str) -> Error {
        let found = match self {
            Self::Classes(_) => "one of classes",
            Self::MultiLabel(_) => "one of labels",
            Self::Regression(_) => "a regression",
        };
        Error::Prediction { wanted, found }
    }
}

impl Joinable for Prediction {
    fn join(&mut self, next: Self) {
        match (self, next) {
            (Self::Classes(all), Self::Classes(next)) => all.join(next),
            (Self::MultiLabel(all), Self::MultiLabel(next)) => all.join(next),
            (Self::Regression(all), Self::Regression(next)) => all.join(next),
            _ => panic!("predictions of different models"),
        }
    }

    fn needs_samples(&self) -> bool {
        matches!(self, Self::Regression(_))
    }

    fn forget_samples(&mut self) {
        match self {
            Self::Classes(prediction) => prediction.forget_samples(),
            Self::MultiLabel(prediction) => prediction.forget_samples(),
            Self::Regression(prediction) => prediction.forget_samples(),
        }
    }
}

macro_rules! predictive {
    ($($output:ty => $prediction:ty, $packed:expr, $summarise:expr;)*) => {$(
        impl Predictive for $output {
            type Kind = ();
            type Prediction = $prediction;

            fn kind(&self) {}

            fn packed(self) -> Tensor<2> {
                let packed: fn(Self) -> Tensor<2> = $packed;
                packed(self)
            }

            fn summarise(_: (), samples: Samples) -> Result<$prediction> {
                Ok($summarise(samples))
            }
        }
    )*};
}
predictive! {
    Logits => ClassPrediction, |logits| logits.0, ClassPrediction::of_logits;
    BinaryLogits => ClassPrediction, |logits| logits.0, ClassPrediction::of_binary_logits;
    MultiLabelLogits => MultiLabelPrediction, |logits| logits.0, MultiLabelPrediction::of_logits;
    Point => RegressionPrediction, |point| point.0, RegressionPrediction::of_points;
    Gaussian => RegressionPrediction, pack_gaussian, RegressionPrediction::of_gaussians;
}

/// The prediction's rows are steps: those of the first row, then those of the second, ...
impl Predictive for TokenLogits {
    /// How many words there are.
    type Kind = usize;
    type Prediction = ClassPrediction;

    fn kind(&self) -> usize {
        self.0.dims()[2]
    }

    fn packed(self) -> Tensor<2> {
        let [rows, steps, vocabulary] = self.0.dims();
        self.0.reshape([rows, steps * vocabulary])
    }

    fn summarise(vocabulary: usize, samples: Samples) -> Result<ClassPrediction> {
        let [passes, rows, width] = samples.dims();
        let steps = [passes, rows * (width / vocabulary), vocabulary];
        Ok(ClassPrediction::of_logits(Samples::new(steps, samples.values())))
    }
}

fn pack_gaussian(gaussian: Gaussian) -> Tensor<2> {
    Tensor::cat(vec![gaussian.mean, gaussian.log_variance], 1)
}

impl Predictive for Outputs {
    type Kind = OutputKind;
    type Prediction = Prediction;

    fn kind(&self) -> OutputKind {
        match self {
            Self::Logits(_) => OutputKind::Logits,
            Self::Binary(_) => OutputKind::Binary,
            Self::MultiLabel(_) => OutputKind::MultiLabel,
            Self::Point(_) => OutputKind::Point,
            Self::Gaussian(_) => OutputKind::Gaussian,
            Self::Tokens(tokens) => OutputKind::Tokens { vocabulary: tokens.kind() },
        }
    }

    fn packed(self) -> Tensor<2> {
        match self {
            Self::Logits(Logits(raw)) | Self::Binary(BinaryLogits(raw)) => raw,
            Self::MultiLabel(MultiLabelLogits(raw)) | Self::Point(Point(raw)) => raw,
            Self::Gaussian(gaussian) => pack_gaussian(gaussian),
            Self::Tokens(tokens) => tokens.packed(),
        }
    }

    fn summarise(kind: OutputKind, samples: Samples) -> Result<Prediction> {
        Ok(match kind {
            OutputKind::Logits => Prediction::Classes(ClassPrediction::of_logits(samples)),
            OutputKind::Binary => Prediction::Classes(ClassPrediction::of_binary_logits(samples)),
            OutputKind::MultiLabel => Prediction::MultiLabel(MultiLabelPrediction::of_logits(samples)),
            OutputKind::Point => Prediction::Regression(RegressionPrediction::of_points(samples)),
            OutputKind::Gaussian => Prediction::Regression(RegressionPrediction::of_gaussians(samples)),
            OutputKind::Tokens { vocabulary } => Prediction::Classes(TokenLogits::summarise(vocabulary, samples)?),
        })
    }
}
