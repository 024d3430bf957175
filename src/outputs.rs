//! What the numbers that leave a model mean. Logits and probabilities cannot be confused: there is no output of probabilities.

use burn::tensor::Tensor;

/// Scores of `classes` exclusive classes, before the softmax: `[rows, classes]`.
#[derive(Clone, Debug)]
pub struct Logits(pub Tensor<2>);

/// The score of the second of two classes, before the sigmoid: `[rows, 1]`.
#[derive(Clone, Debug)]
pub struct BinaryLogits(pub Tensor<2>);

/// A score for each of `labels` labels that may hold together, before the sigmoid: `[rows, labels]`.
#[derive(Clone, Debug)]
pub struct MultiLabelLogits(pub Tensor<2>);

/// Real targets without a word about their noise: `[rows, targets]`.
#[derive(Clone, Debug)]
pub struct Point(pub Tensor<2>);

/// Real targets, each with the variance of its noise (Kendall & Gal 2017).
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[rows, targets]`
    pub mean: Tensor<2>,
    /// The natural logarithm of the variance of the noise: `[rows, targets]`
    pub log_variance: Tensor<2>,
}

/// Scores of the next word at each step of a sequence, before the softmax: `[rows, steps, vocabulary]`.
#[derive(Clone, Debug)]
pub struct TokenLogits(pub Tensor<3>);

/// The output of a model whose task is a choice at run time.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // handles: moved once a pass, never stored in bulk
pub enum Outputs {
    /// Exclusive classes.
    Logits(Logits),
    /// Two classes.
    Binary(BinaryLogits),
    /// Labels.
    MultiLabel(MultiLabelLogits),
    /// Real targets.
    Point(Point),
    /// Real targets with predicted noise.
    Gaussian(Gaussian),
    /// The next word at each step.
    Tokens(TokenLogits),
}

/// Which of the [`Outputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Exclusive classes.
    Logits,
    /// Two classes.
    Binary,
    /// Labels.
    MultiLabel,
    /// Real targets.
    Point,
    /// Real targets with predicted noise.
    Gaussian,
    /// The next word at each step.
    Tokens {
        /// Of so many words.
        vocabulary: usize,
    },
}
