//! What a model is for, and what its last layer therefore means.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, OutputKind, Outputs, Point, TokenLogits},
};

/// What a model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// One or several real numbers.
    Regression {
        /// How many.
        targets: usize,
        /// What is said about the noise of the data.
        noise: Noise,
    },
    /// One of two classes.
    Binary,
    /// One of several classes.
    MultiClass {
        /// How many.
        classes: usize,
    },
    /// Any of several labels, independently.
    MultiLabel {
        /// How many.
        labels: usize,
    },
    /// The next word at each step of a sequence.
    NextWord {
        /// How many words there are.
        vocabulary: usize,
    },
}

/// The noise of the data about a regression's mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Noise {
    /// Nothing is said: no interval for an observation, no log-likelihood.
    None,
    /// The same everywhere: a precision tau for each target, fitted on the validation part after training, not trained.
    #[default]
    Constant,
    /// A variance for each row, predicted by the model (Kendall & Gal 2017).
    Predicted,
}

impl Task {
    /// The width of the model's last layer.
    pub fn d_output(&self) -> usize {
        match *self {
            Self::Regression { targets, noise: Noise::Predicted } => 2 * targets,
            Self::Regression { targets, .. } => targets,
            Self::Binary => 1,
            Self::MultiClass { classes } => classes,
            Self::MultiLabel { labels } => labels,
            Self::NextWord { vocabulary } => vocabulary,
        }
    }

    /// Which output the model has.
    pub fn output(&self) -> OutputKind {
        match *self {
            Self::Regression { noise: Noise::Predicted, .. } => OutputKind::Gaussian,
            Self::Regression { .. } => OutputKind::Point,
            Self::Binary => OutputKind::Binary,
            Self::MultiClass { .. } => OutputKind::Logits,
            Self::MultiLabel { .. } => OutputKind::MultiLabel,
            Self::NextWord { vocabulary } => OutputKind::Tokens { vocabulary },
        }
    }

    /// That there is something to predict.
    ///
    /// # Errors
    /// [`Error::Config`] for no targets or labels, and for fewer than two classes or words.
    pub(crate) fn check(&self) -> Result<()> {
        let (name, n, least) = match *self {
            Self::Regression { targets, .. } => ("targets", targets, 1),
            Self::MultiClass { classes } => ("classes", classes, 2),
            Self::MultiLabel { labels } => ("labels", labels, 1),
            Self::NextWord { vocabulary } => ("vocabulary", vocabulary, 2),
            Self::Binary => return Ok(()),
        };
        match n < least {
            true => Err(Error::config(name, n, format!("at least {least}"))),
            false => Ok(()),
        }
    }

    /// Bounds on predicted log variances (of standardised targets): a variance of e^-10 to e^10. Beyond them the loss has no gradient worth having.
    pub(crate) const LOG_VARIANCE: [f64; 2] = [-10.0, 10.0];
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Regression { targets: 1, noise } => write!(f, "a regression with {noise} noise"),
            Self::Regression { targets, noise } => write!(f, "a regression of {targets} targets with {noise} noise"),
            Self::Binary => f.write_str("a classifier of two classes"),
            Self::MultiClass { classes } => write!(f, "a classifier of {classes} classes"),
            Self::MultiLabel { labels } => write!(f, "a predictor of {labels} labels"),
            Self::NextWord { vocabulary } => write!(f, "a predictor of the next of {vocabulary} words"),
        }
    }
}

impl std::fmt::Display for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "unknown",
            Self::Constant => "constant",
            Self::Predicted => "predicted",
        })
    }
}

/// The meaning of the last layer's numbers.
///
/// # Shapes
/// - raw: `[rows, d_output]`; predicted noise: the means first, then the log variances; of the next word, one step after the other
pub(crate) fn meaning(raw: Tensor<2>, kind: OutputKind) -> Outputs {
    match kind {
        OutputKind::Logits => Outputs::Logits(Logits(raw)),
        OutputKind::Binary => Outputs::Binary(BinaryLogits(raw)),
        OutputKind::MultiLabel => Outputs::MultiLabel(MultiLabelLogits(raw)),
        OutputKind::Point => Outputs::Point(Point(raw)),
        OutputKind::Tokens { vocabulary } => {
            let [rows, width] = raw.dims();
            Outputs::Tokens(TokenLogits(raw.reshape([rows, width / vocabulary, vocabulary])))
        }
        OutputKind::Gaussian => {
            let targets = raw.dims()[1] / 2;
            let [low, high] = Task::LOG_VARIANCE;
            let mean = raw.clone().narrow(1, 0, targets);
            let log_variance = raw.narrow(1, targets, targets).clamp(low, high);
            Outputs::Gaussian(Gaussian { mean, log_variance })
        }
    }
}
