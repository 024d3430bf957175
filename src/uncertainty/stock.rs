//! Monte Carlo over models with Burn's own `nn::Dropout`, which knows no pass.

use burn::module::{Flag, Module, ModuleMapper, Param};

use super::monte_carlo::read;
use crate::{
    error::{Error, Result},
    stochastic::{Batch, Predictive},
};

/// Samples a model that was built of Burn's own layers, as far as that goes.
///
/// Burn's `Dropout` acts on autodiff devices only, so the model and the input are put on one, without gradients; batch normalisation is
/// frozen (it would otherwise normalise by the batch and move its running statistics).
///
/// What it cannot promise, and [`MonteCarlo`](super::MonteCarlo) over our [`Dropout`](crate::nn::Dropout) does:
/// - seeds: Burn's generator is one for the process, and other threads draw from it too
/// - a row's prediction independent of its batch: each row of each pass has its own mask, and rows that are predicted alone get others
/// - gradients through a sampled network, and speed: passes run one after the other, at Burn's 15 ns a mask entry
///
/// # Examples
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::{module::Module, nn::{Dropout, DropoutConfig, Linear, LinearConfig}, tensor::{Device, Tensor}};
/// use burn_zoo::{outputs::Logits, uncertainty::StockMonteCarlo};
///
/// #[derive(Module, Debug)]
/// struct Net { linear: Linear, dropout: Dropout }
///
/// let device = Device::flex();
/// let net = Net { linear: LinearConfig::new(4, 3).init(&device), dropout: DropoutConfig::new(0.5).init() };
/// let x = Tensor::<2>::ones([2, 4], &device);
/// let prediction = StockMonteCarlo::new(20)
///     .predict(&net, x, |net, x| Logits(net.linear.forward(net.dropout.forward(x))))?;
/// assert_eq!(prediction.rows(), 2);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StockMonteCarlo {
    passes: usize,
}

impl StockMonteCarlo {
    /// `passes` passes, one after the other.
    ///
    /// # Panics
    /// For no passes.
    pub fn new(passes: usize) -> Self {
        assert!(passes > 0, "a prediction of no passes");
        Self { passes }
    }

    /// What the passes say together; `forward` is the model's own forward function.
    ///
    /// # Errors
    /// [`Error::NoNoise`] if the model has no `burn::nn::Dropout`; [`Error::NoRows`]; [`Error::NotFinite`].
    pub fn predict<M, I, O>(&self, model: &M, input: I, forward: impl Fn(&M, I) -> O) -> Result<O::Prediction>
    where
        M: Module,
        I: Batch,
        O: Predictive,
    {
        if input.rows() == 0 {
            return Err(Error::NoRows);
        }
        let on_autodiff = model.devices().iter().any(|device| device.is_autodiff());
        // `train` would restore the flags that `valid` put down; the layers' own are set below in any case.
        let model = if on_autodiff { model.clone() } else { model.clone().train() };
        let mut flags = Sampling { container: Vec::new(), dropouts: 0 };
        let model = model.no_grad().map(&mut flags);
        if flags.dropouts == 0 {
            return Err(Error::NoNoise);
        }
        let (rows, input) = (input.rows(), input.autodiff());
        let (mut outputs, mut kind) = (Vec::with_capacity(self.passes), None);
        for _ in 0..self.passes {
            let output = forward(&model, input.clone());
            kind = Some(output.kind());
            outputs.push(output.packed().without_autodiff());
        }
        O::summarise(kind.expect("there are passes"), read(outputs, 0..rows)?)
    }
}

/// Puts every dropout's flag up and every other layer's down.
struct Sampling {
    container: Vec<String>,
    dropouts: usize,
}

impl ModuleMapper for Sampling {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.container.push(container_type.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.container.pop();
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        let dropout = self.container.last().is_some_and(|container| container == "Struct:Dropout");
        self.dropouts += usize::from(dropout);
        flag.with_value(dropout)
    }
}
