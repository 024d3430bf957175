//! Monte Carlo over models that carry a state.

use super::monte_carlo::read;
use crate::{
    error::{Error, Result},
    key::Key,
    pass::Pass,
    replay::Recorder,
    stochastic::{Predictive, StochasticStream},
};

/// Many sampled networks reading one stream, each with its own state; a network's masks stay the same along the stream.
pub struct MonteCarloStream<'a, I, M: StochasticStream<I>> {
    model: &'a M,
    /// The key of each, none for the mean network, and its state.
    networks: Vec<(Option<Key>, Option<M::State>)>,
    audited: bool,
}

impl<'a, I: Clone, M: StochasticStream<I>> MonteCarloStream<'a, I, M> {
    pub(super) fn new(model: &'a M, keys: Vec<Key>) -> Self {
        Self { model, networks: keys.into_iter().map(|key| (Some(key), None)).collect(), audited: false }
    }

    /// The mean network alone, which draws nothing.
    pub(super) fn mean(model: &'a M) -> Self {
        Self { model, networks: vec![(None, None)], audited: true }
    }

    /// Feeds the next window to every network and gives their prediction for its rows.
    ///
    /// # Errors
    /// [`Error::NoNoise`](crate::Error::NoNoise) and [`Error::DuplicateSite`](crate::Error::DuplicateSite): the first network's first step is
    /// audited ([`Recorder::audit`]); [`Error::Autodiff`], where a graph would grow along the stream; [`Error::NotFinite`](crate::Error::NotFinite), and the states have moved on nevertheless.
    pub fn step(&mut self, window: I) -> Result<<M::Output as Predictive>::Prediction> {
        let (mut outputs, mut kind) = (Vec::with_capacity(self.networks.len()), None);
        for (key, state) in &mut self.networks {
            let (recorder, pass) = (Recorder::new(), key.map_or(Pass::mean(), Pass::network));
            let pass = if self.audited { pass } else { pass.recorded(&recorder) };
            let (output, next) = self.model.step(window.clone(), state.take(), &pass);
            if !self.audited {
                recorder.audit()?;
                self.audited = true;
            }
            *state = Some(next);
            kind = Some(output.kind());
            let packed = output.packed();
            if packed.is_autodiff() {
                return Err(Error::Autodiff { what: "model" });
            }
            outputs.push(packed);
        }
        let rows = outputs.first().map_or(0, |output| output.dims()[0]);
        M::Output::summarise(kind.expect("there are networks"), read(outputs, 0..rows)?)
    }
}
