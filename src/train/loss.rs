//! How far outputs are from their targets.

use burn::tensor::{Tensor, activation::log_softmax, assert_shape};

use crate::outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Outputs, Point, TokenLogits};

/// The loss of each row of a batch.
#[derive(Clone, Debug)]
pub struct Loss(pub Tensor<1>);

impl Loss {
    /// How far an output is from its targets, by row.
    ///
    /// | output | targets | loss |
    /// |---|---|---|
    /// | `Point` | `[rows, targets]` | squared error, mean over the targets |
    /// | `Gaussian` | `[rows, targets]` | (log variance + squared error / variance) / 2, mean over the targets |
    /// | `Logits` | one-hot `[rows, classes]` | cross-entropy, nats |
    /// | `BinaryLogits`, `MultiLabelLogits` | 0 and 1, `[rows, labels]` | cross-entropy, nats, mean over the labels |
    /// | `TokenLogits` | numbers of words, `[rows, steps]`, -1 where nothing is predicted | cross-entropy, nats, mean over the words that are predicted |
    ///
    /// # Panics
    /// If the targets are of another shape than the output: class numbers are no one-hot rows.
    pub fn of(output: Outputs, targets: Tensor<2>) -> Self {
        let [rows, width] = match &output {
            Outputs::Point(Point(x)) | Outputs::Gaussian(Gaussian { mean: x, .. }) | Outputs::Logits(Logits(x)) => {
                x.dims()
            }
            Outputs::Binary(BinaryLogits(x)) | Outputs::MultiLabel(MultiLabelLogits(x)) => x.dims(),
            Outputs::Tokens(TokenLogits(x)) => [x.dims()[0], x.dims()[1]],
        };
        assert_shape!(targets, [rows, width]);
        let by_row = match output {
            Outputs::Point(Point(mean)) => (mean - targets).square().mean_dim(1),
            Outputs::Gaussian(Gaussian { mean, log_variance }) => {
                let error = (mean - targets).square() * (-log_variance.clone()).exp();
                ((log_variance + error) * 0.5).mean_dim(1)
            }
            Outputs::Logits(Logits(logits)) => -(log_softmax(logits, 1) * targets).sum_dim(1),
            Outputs::Binary(BinaryLogits(logits)) | Outputs::MultiLabel(MultiLabelLogits(logits)) => {
                // softplus(z) - y z, without overflow: max(z, 0) - y z + ln(1 + exp(-|z|)). The maximum is (z + |z|) / 2, so that
                // the gradient at 0 is sigmoid(0) - y.
                let size = logits.clone().abs();
                let overflow_free = (logits.clone() + size.clone()) * 0.5 + (-size).exp().log1p();
                (overflow_free - targets * logits).mean_dim(1)
            }
            Outputs::Tokens(TokenLogits(logits)) => {
                let counts = targets.clone().greater_equal_elem(0.0).float();
                let words = targets.clamp_min(0.0).int().unsqueeze_dim::<3>(2);
                let of_words = log_softmax(logits, 2).gather(2, words).squeeze_dim::<2>(2);
                let predicted = counts.clone().sum_dim(1).clamp_min(1.0);
                -(of_words * counts).sum_dim(1) / predicted
            }
        };
        Self(by_row.squeeze_dim(1))
    }

    /// Each row's, times its weight.
    #[cfg(feature = "train")]
    pub(super) fn weighted(self, weights: Option<Tensor<1>>) -> Self {
        match weights {
            Some(weights) => Self(self.0 * weights),
            None => self,
        }
    }
}
