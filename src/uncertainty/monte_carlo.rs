//! Monte Carlo dropout: Gal & Ghahramani, "Dropout as a Bayesian approximation", ICML 2016, <https://arxiv.org/abs/1506.02142>.

use std::ops::Range;

use burn::tensor::Tensor;

use super::MonteCarloStream;
use crate::{
    error::{Error, Result},
    key::Key,
    pass::Pass,
    replay::Recorder,
    stochastic::{Batch, Joinable, Predictive, Samples, Stochastic, StochasticStream},
};

/// What the rows of a pass share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// A pass is one network for all rows ("consistent" Monte Carlo dropout): a row's prediction does not depend on its batch, and curves are functions.
    #[default]
    Network,
    /// Each row of a pass has a network of its own, as in most libraries: good for marginals only.
    Rows,
}

/// Predicts by many passes, each through networks drawn from a seed.
///
/// The same seed gives the same masks always, and the same numbers on any chunk size to 1e-5 of the largest output (a product of another
/// shape rounds differently).
///
/// # Examples
/// See [`from_fn`](crate::from_fn), [`Mlp`](crate::models::Mlp) and [`UncertaintyHead`](crate::models::UncertaintyHead).
#[derive(Clone, Debug, PartialEq)]
pub struct MonteCarlo {
    passes: usize,
    seed: u64,
    sampling: Sampling,
    chunk: usize,
    memory: usize,
    keep_samples: bool,
    keep_graph: bool,
}

impl MonteCarlo {
    /// `passes` passes (T), seed 0. Ten show the spread, fifty give a usable variance (its relative standard error is about sqrt(2 / T)).
    ///
    /// # Panics
    /// For no passes.
    pub fn new(passes: usize) -> Self {
        assert!(passes > 0, "a prediction of no passes");
        Self {
            passes,
            seed: 0,
            sampling: Sampling::Network,
            chunk: 1024,
            memory: 512 << 20,
            keep_samples: false,
            keep_graph: false,
        }
    }

    /// Draws other networks.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Draws a network for all rows of a pass, or one for each.
    pub fn sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// At most so many rows in a forward pass (default 1024).
    ///
    /// # Panics
    /// For zero.
    pub fn chunk(self, rows: usize) -> Self {
        assert!(rows > 0, "chunks of no rows");
        Self { chunk: rows, ..self }
    }

    /// The same, of a model whose rows are so large that no more than these may be in a forward pass.
    pub(crate) fn chunk_within(self, rows: usize) -> Self {
        Self { chunk: self.chunk.min(rows), ..self }
    }

    /// At most so many bytes for samples (default 512 MiB): chunks are cut smaller where they would not fit, and a regression keeps its
    /// samples, which intervals and likelihoods need, only while they fit. A chunk has at least one row, and a pass costs some hundred bytes besides.
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Keeps the raw samples in the prediction; an error if they do not fit into the memory.
    pub fn keep_samples(self) -> Self {
        Self { keep_samples: true, ..self }
    }

    /// Allows inputs and models on autodiff devices: [`outputs`](Self::outputs) can then be differentiated, at the cost of a graph for each pass.
    pub fn keep_graph(self) -> Self {
        Self { keep_graph: true, ..self }
    }

    /// The number of passes.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The bytes that samples may take.
    pub(crate) fn memory_allowed(&self) -> usize {
        self.memory
    }

    /// The key of pass `number`: `Pass::network` of it is the network that the pass runs.
    pub fn key(&self, number: usize) -> Key {
        Key::new(self.seed).fold_str("monte_carlo").fold(number as u64)
    }

    /// What the passes say together about all rows of `input`.
    ///
    /// # Errors
    /// - [`Error::NoRows`]
    /// - [`Error::NoNoise`], [`Error::DuplicateSite`], [`Error::WeightMaskByRow`]: the first pass is audited ([`Recorder::audit`])
    /// - [`Error::Autodiff`] unless [`keep_graph`](Self::keep_graph) was said
    /// - [`Error::NotFinite`]
    /// - [`Error::Memory`] if samples were to be kept and do not fit
    pub fn predict<I, M>(&self, model: &M, input: I) -> Result<<M::Output as Predictive>::Prediction>
    where
        I: Batch,
        M: Stochastic<I> + ?Sized,
    {
        let plan = self.plan(model, &input)?;
        let needed = plan.bytes_a_row.saturating_mul(input.rows());
        if self.keep_samples && needed > self.memory {
            return Err(Error::Memory { needed, memory: self.memory });
        }
        let mut all: Option<<M::Output as Predictive>::Prediction> = None;
        self.predict_blocks(model, &input, &plan, |_, mut prediction| {
            if needed > self.memory || !(self.keep_samples || prediction.needs_samples()) {
                prediction.forget_samples();
            }
            append(&mut all, prediction);
            Ok(())
        })?;
        Ok(all.expect("there are rows"))
    }

    /// The same in blocks of rows, one after the other: `each` gets the rows' range and their prediction, with its samples. Memory does not
    /// grow with the number of rows.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and what `each` returns.
    pub fn predict_each<I, M>(
        &self,
        model: &M,
        input: I,
        each: impl FnMut(Range<usize>, <M::Output as Predictive>::Prediction) -> Result<()>,
    ) -> Result<()>
    where
        I: Batch,
        M: Stochastic<I> + ?Sized,
    {
        let plan = self.plan(model, &input)?;
        self.predict_blocks(model, &input, &plan, each)
    }

    /// The raw output of every pass over all rows, on the model's device and, with [`keep_graph`](Self::keep_graph), with its graph.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn outputs<I: Batch, M: Stochastic<I> + ?Sized>(&self, model: &M, input: I) -> Result<Vec<M::Output>> {
        self.plan(model, &input)?;
        let mut outputs: Vec<Option<M::Output>> = (0..self.passes).map(|_| None).collect();
        model.run_many(input, &self.passes_from(&self.keys(), 0), &mut |number, output| outputs[number] = Some(output));
        Ok(outputs.into_iter().map(|output| output.expect("the model runs every pass")).collect())
    }

    /// The mean network's output as a prediction of one pass, for comparison: dropout is the identity (weight scaling).
    ///
    /// # Errors
    /// As [`predict`](Self::predict), without the audit.
    pub fn mean_network<I, M>(&self, model: &M, input: I) -> Result<<M::Output as Predictive>::Prediction>
    where
        I: Batch,
        M: Stochastic<I> + ?Sized,
    {
        self.check(&input)?;
        let mut all: Option<<M::Output as Predictive>::Prediction> = None;
        for range in blocks(input.rows(), self.chunk) {
            let output = model.run(input.slice(range.clone()), &Pass::mean());
            let (kind, packed) = (output.kind(), self.on_inner(output.packed())?);
            let prediction = M::Output::summarise(kind, read(vec![packed], range)?)?;
            append(&mut all, prediction);
        }
        Ok(all.expect("there are rows"))
    }

    /// Runs a model that carries a state: each sampled network has its own. Of the settings, the number of passes and the seed count.
    pub fn stream<'a, I, M>(&self, model: &'a M) -> MonteCarloStream<'a, I, M>
    where
        I: Clone,
        M: StochasticStream<I>,
    {
        MonteCarloStream::new(model, self.keys())
    }

    /// Runs the mean network of a model that carries a state, for comparison: predictions of one pass, in which dropout is the identity.
    pub fn mean_stream<I, M>(model: &M) -> MonteCarloStream<'_, I, M>
    where
        I: Clone,
        M: StochasticStream<I>,
    {
        MonteCarloStream::mean(model)
    }

    /// Runs the first pass on the first row and returns what it drew, and where; [`predict`](Self::predict) begins with it.
    ///
    /// # Errors
    /// As [`predict`](Self::predict). Rates of zero are legal, and [`Recorder::all_rates_zero`] tells: the prediction is then without spread.
    pub fn audit<I: Batch, M: Stochastic<I> + ?Sized>(&self, model: &M, input: &I) -> Result<Recorder> {
        Ok(self.plan(model, input)?.recorder)
    }

    fn plan<I: Batch, M: Stochastic<I> + ?Sized>(&self, model: &M, input: &I) -> Result<Plan> {
        self.check(input)?;
        let (recorder, keys) = (Recorder::new(), self.keys());
        let pass = self.passes_from(&keys[..1], 0)[0].recorded(&recorder);
        let output = self.on_inner(model.run(input.slice(0..1), &pass).packed())?;
        recorder.audit()?;
        Ok(Plan { keys, bytes_a_row: self.passes.saturating_mul(output.dims()[1] * size_of::<f32>()), recorder })
    }

    fn check<I: Batch>(&self, input: &I) -> Result<()> {
        if input.rows() == 0 {
            return Err(Error::NoRows);
        }
        match input.is_autodiff() && !self.keep_graph {
            true => Err(Error::Autodiff { what: "input" }),
            false => Ok(()),
        }
    }

    fn on_inner(&self, output: Tensor<2>) -> Result<Tensor<2>> {
        match output.is_autodiff() && !self.keep_graph {
            true => Err(Error::Autodiff { what: "model" }),
            false => Ok(output.without_autodiff()),
        }
    }

    fn predict_blocks<I, M>(
        &self,
        model: &M,
        input: &I,
        plan: &Plan,
        mut each: impl FnMut(Range<usize>, <M::Output as Predictive>::Prediction) -> Result<()>,
    ) -> Result<()>
    where
        I: Batch,
        M: Stochastic<I> + ?Sized,
    {
        // Twice: the passes' outputs on the device, and what is read back.
        let rows = self.chunk.min(self.memory / plan.bytes_a_row.saturating_mul(2).max(1)).max(1);
        // Where nothing is ever dropped, one pass is all of them, and rounding makes no spread of differently shaped products.
        let same = plan.recorder.all_rates_zero();
        let keys = if same { &plan.keys[..1] } else { &plan.keys };
        for range in blocks(input.rows(), rows) {
            let passes = self.passes_from(keys, range.start as u64);
            let mut outputs: Vec<Option<Tensor<2>>> = vec![None; passes.len()];
            let mut kind = None;
            model.run_many(input.slice(range.clone()), &passes, &mut |number, output| {
                kind = Some(output.kind());
                outputs[number] = Some(output.packed().without_autodiff());
            });
            let mut outputs: Vec<_> =
                outputs.into_iter().map(|output| output.expect("the model runs every pass")).collect();
            if same {
                outputs = vec![outputs.swap_remove(0); self.passes];
            }
            let kind = kind.expect("there are passes");
            each(range.clone(), M::Output::summarise(kind, read(outputs, range)?)?)?;
        }
        Ok(())
    }

    fn keys(&self) -> Vec<Key> {
        (0..self.passes).map(|number| self.key(number)).collect()
    }

    fn passes_from(&self, keys: &[Key], first: u64) -> Vec<Pass<'static>> {
        let pass = |&key: &Key| match self.sampling {
            Sampling::Network => Pass::network(key),
            Sampling::Rows => Pass::rows(key, first),
        };
        keys.iter().map(pass).collect()
    }
}

struct Plan {
    keys: Vec<Key>,
    /// Of samples.
    bytes_a_row: usize,
    recorder: Recorder,
}

/// Adds the prediction of the next rows to that of the rows before, if there were any.
fn append<P: Joinable>(all: &mut Option<P>, next: P) {
    match all {
        Some(all) => all.join(next),
        None => *all = Some(next),
    }
}

/// `0..rows` in pieces of `size`.
fn blocks(rows: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(size).map(move |start| start..rows.min(start + size))
}

/// Reads the packed outputs of all passes over the rows of `range` in one go.
pub(super) fn read(outputs: Vec<Tensor<2>>, range: Range<usize>) -> Result<Samples> {
    let (passes, [rows, width]) = (outputs.len(), outputs[0].dims());
    if rows != range.len() {
        return Err(Error::length("rows of the model's output", range.len(), rows));
    }
    let values = Tensor::cat(outputs, 0).try_into_vec_as::<f32>().map_err(|error| Error::Device {
        device: "of the model".to_string(),
        reason: format!("reading the output failed: {error}"),
    })?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => {
            let (pass, row) = (at / (rows * width), range.start + at / width % rows);
            Err(Error::NotFinite { row, pass, value: values[at] })
        }
        None => Ok(Samples::new([passes, rows, width], values)),
    }
}
