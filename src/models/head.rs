//! The Monte Carlo dropout head: uncertainty for somebody else's backbone. Sampling the last layers alone is the cheap end of Gal & Ghahramani
//! 2016 (<https://arxiv.org/abs/1506.02142>): what the backbone does not know about its own features stays unsaid.

use burn::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor},
};

use super::{
    mlp::{Mlp, MlpConfig},
    task::Task,
    view::View,
};
use crate::{
    error::Result,
    key::Key,
    nn::Activation,
    outputs::Outputs,
    pass::Pass,
    rate::Rate,
    stochastic::{Batch, Predictive, Stochastic},
};

/// Configuration of an [`UncertaintyHead`].
#[derive(Config, Debug, PartialEq)]
pub struct HeadConfig {
    /// The width of the backbone's features.
    pub d_input: usize,
    /// What is predicted.
    pub task: Task,
    /// The width of a hidden layer; without one the head is linear.
    pub hidden: Option<usize>,
    /// The function behind the hidden layer.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// The rate on the features and behind the hidden layer. 0.5 is what Gal & Ghahramani put before LeNet's last layer.
    #[config(default = "Rate::new(0.5).expect(\"0.5 is a rate\")")]
    pub rate: Rate,
}

/// Dropout, an optional hidden layer with dropout, and a linear layer, to be put over a backbone.
///
/// Its sites are its network's: `input_dropout`, `layers.0.dropout`. So a key stands for the same head alone, over a backbone and in a typed view.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, models::{HeadConfig, Task}, uncertainty::MonteCarlo};
/// # #[cfg(feature = "flex")] {
/// use burn::{nn::LinearConfig, tensor::{Device, Tensor, activation::relu}};
///
/// let device = Device::flex();
/// let backbone = LinearConfig::new(8, 16).init(&device); // anybody's module
/// let head = HeadConfig::new(16, Task::MultiClass { classes: 3 }).init(&device, Key::new(0));
/// let model = head.over(|x: Tensor<2>| relu(backbone.forward(x)));
/// let prediction = MonteCarlo::new(50).predict(&model, Tensor::ones([4, 8], &device))?.classes()?;
/// assert_eq!(prediction.probabilities(0).len(), 3);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct UncertaintyHead {
    network: Mlp,
}

impl HeadConfig {
    /// That the head can be built.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a width of zero.
    pub fn check(&self) -> Result<()> {
        self.network().check()
    }

    /// A head with weights drawn from `init_key`.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device, init_key: Key) -> UncertaintyHead {
        UncertaintyHead { network: self.network().init(device, init_key) }
    }

    fn network(&self) -> MlpConfig {
        MlpConfig::new(self.d_input, self.task)
            .with_hidden(self.hidden.into_iter().collect())
            .with_activation(self.activation)
            .with_input_rate(self.rate)
            .with_rates(vec![self.rate])
    }
}

impl UncertaintyHead {
    /// The numbers of the last layer.
    ///
    /// # Shapes
    /// - features: `[rows, d_input]`
    /// - output: `[rows, d_output]`; predicted noise: the means, then the log variances
    pub fn forward(&self, features: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        self.network.forward(features, pass)
    }

    /// The head's network, for its typed views ([`Mlp::classifier`] and so on), which have an `over` of their own.
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The head behind `backbone`, a function from inputs to features `[rows, d_input]`. Features are computed once, the head is sampled.
    pub fn over<I, F>(&self, backbone: F) -> Over<&Mlp, F>
    where
        I: Batch,
        F: Fn(I) -> Tensor<2> + Send + Sync,
    {
        Over { head: &self.network, backbone }
    }
}

impl<O: Predictive> View<'_, Mlp, O> {
    /// See [`UncertaintyHead::over`].
    pub fn over<I, F>(self, backbone: F) -> Over<Self, F>
    where
        I: Batch,
        F: Fn(I) -> Tensor<2> + Send + Sync,
    {
        Over { head: self, backbone }
    }
}

impl Stochastic<Tensor<2>> for UncertaintyHead {
    type Output = Outputs;

    fn run(&self, input: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        self.network.run(input, pass)
    }

    fn run_many(&self, input: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        self.network.run_many(input, passes, sink);
    }
}

/// A sampled head behind a backbone that is computed once.
#[derive(Clone, Copy, Debug)]
pub struct Over<H, F> {
    head: H,
    backbone: F,
}

impl<I, H, F> Stochastic<I> for Over<H, F>
where
    I: Batch,
    H: Stochastic<Tensor<2>>,
    F: Fn(I) -> Tensor<2> + Send + Sync,
{
    type Output = H::Output;

    fn run(&self, input: I, pass: &Pass<'_>) -> Self::Output {
        self.head.run((self.backbone)(input), pass)
    }

    fn run_many(&self, input: I, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Self::Output)) {
        self.head.run_many((self.backbone)(input), passes, sink);
    }
}
