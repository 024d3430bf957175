//! What burn-train asks of a model, and the losses.

use std::fmt::Display;

use burn::{
    module::Module,
    tensor::{ExecutionError, Tensor, activation::log_softmax},
    train::{
        InferenceStep, ItemLazy, TrainOutput, TrainStep,
        metric::{Adaptor, LossInput},
    },
};

use super::loader::TrainBatch;
use crate::{
    models::{Mlp, UncertaintyHead},
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Outputs, Point},
    pass::Pass,
    stochastic::Stochastic,
};

/// A model that can be trained on rows of numbers.
pub trait Trainable:
    Module
    + Display
    + TrainStep<Input = TrainBatch, Output = Loss>
    + InferenceStep<Input = TrainBatch, Output = Loss>
    + 'static
{
}

impl<M> Trainable for M where
    M: Module
        + Display
        + TrainStep<Input = TrainBatch, Output = Loss>
        + InferenceStep<Input = TrainBatch, Output = Loss>
        + 'static
{
}

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
    pub fn of(output: Outputs, targets: Tensor<2>) -> Self {
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
        };
        Self(by_row.squeeze_dim(1))
    }
}

impl Adaptor<LossInput> for Loss {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.0.clone())
    }
}

impl ItemLazy for Loss {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.0.device().flush()?;
        Ok(Self(self.0.without_autodiff()))
    }
}

macro_rules! steps {
    ($($model:ty),*) => {$(
        impl TrainStep for $model {
            type Input = TrainBatch;
            type Output = Loss;

            fn step(&self, batch: TrainBatch) -> TrainOutput<Loss> {
                let loss = Loss::of(self.run(batch.inputs, &Pass::train(batch.mask_key)), batch.targets);
                TrainOutput::new(self, loss.0.clone().mean().backward(), loss)
            }
        }

        impl InferenceStep for $model {
            type Input = TrainBatch;
            type Output = Loss;

            fn step(&self, batch: TrainBatch) -> Loss {
                Loss::of(self.run(batch.inputs, &Pass::mean()), batch.targets)
            }
        }
    )*};
}
steps!(Mlp, UncertaintyHead);
