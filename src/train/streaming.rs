//! Training on sequences that go on from batch to batch.

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
};

use burn::{module::Module, tensor::Tensor};

use super::step::as_its_model;
use crate::{
    outputs::{Outputs, TokenLogits},
    pass::Pass,
    stochastic::{Stochastic, StochasticStream},
};

/// A model of the next word that can be trained on windows of long texts.
pub trait StreamingModel: Module + Display + StochasticStream<Tensor<2>, Output = TokenLogits> + 'static {}

impl<M: Module + Display + StochasticStream<Tensor<2>, Output = TokenLogits> + 'static> StreamingModel for M {}

/// A model that reads windows of texts that go on, and carries its state from batch to batch: truncated back-propagation, for
/// [`fit`](super::fit) on [`Examples::in_streams`](super::Examples::in_streams).
///
/// The masks are drawn anew for each window, by the key of its batch; gradients end at its first step. A window says itself where a text begins, and the
/// state with it. What validates has a state of its own.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, models::{LstmConfig, SequenceInput, Task}, train::{Examples, Quiet, Streaming, TrainConfig, fit}};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
///
/// let device = Device::flex();
/// let (input, task) = (SequenceInput::Words { vocabulary: 2, embedding: 4 }, Task::NextWord { vocabulary: 2 });
/// let lstm = LstmConfig::new(input, task).with_hidden(8).init(&device, Key::new(0));
/// // One text, 0 1 0 1 0, in two windows of two words: where it begins, its words; the words that follow.
/// let text = || Examples::new(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], vec![1.0, 0.0, 1.0, 0.0], 2)?.in_streams(1);
/// let config = TrainConfig::new().with_epochs(2);
/// let trained = fit(Streaming::new(lstm), &config, [text()?, text()?], &device, Quiet)?;
/// let lstm = trained.model.into_model();
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub struct Streaming<M: StreamingModel> {
    model: M,
    state: Arc<Mutex<Option<M::State>>>,
}

impl<M: StreamingModel> Streaming<M> {
    /// The model, before its first word.
    pub fn new(model: M) -> Self {
        Self { model, state: Arc::default() }
    }

    /// The model itself.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The same model, before its first word.
    fn apart(&self) -> Self {
        Self::new(self.model.clone())
    }
}

/// Steps clone the model that they train: the text goes on.
impl<M: StreamingModel> Clone for Streaming<M> {
    fn clone(&self) -> Self {
        Self { model: self.model.clone(), state: self.state.clone() }
    }
}

impl<M: StreamingModel> std::fmt::Debug for Streaming<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Streaming").field(&self.model).finish()
    }
}

as_its_model!(Streaming, StreamingModel);

impl<M: StreamingModel> Stochastic<Tensor<2>> for Streaming<M> {
    type Output = Outputs;

    fn run(&self, window: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        let mut state = self.state.lock().expect("no thread panics while it holds the state");
        let (output, next) = self.model.step(window, state.take(), pass);
        *state = Some(self.model.detached(next));
        Outputs::Tokens(output)
    }
}
