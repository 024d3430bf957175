//! The multilayer perceptron with dropout: Srivastava et al. 2014 (rates, scaling; <https://jmlr.org/papers/v15/srivastava14a.html>) and
//! Gal & Ghahramani 2016 (dropout before every weight layer as approximate inference; <https://arxiv.org/abs/1506.02142>).

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, assert_shape},
};

use super::{
    fold::fold,
    task::{Task, meaning},
    view::views,
};
use crate::{
    error::{Error, Result},
    key::Key,
    nn::{Activation, BatchNorm, BatchNormConfig, Dropout, init_weights, to_inverted_scaling, to_original_scaling},
    outputs::Outputs,
    pass::Pass,
    rate::Rate,
    stochastic::Stochastic,
};

/// Configuration of [`Mlp`].
///
/// # Rates
/// Usual are 0.2 to 0.5. Srivastava et al. drop 0.2 of real-valued inputs and 0.2 to 0.5 of hidden units (their appendix A). Gal &
/// Ghahramani put the same rate before *every* weight layer, 0.005 to 0.1 for tables of 300 to 46 000 rows and 50 or 100 units. Below the usual range
/// there is little regularisation and, in Monte Carlo, little spread; far above it, too few units survive to carry the function: the
/// network underfits, learns slowly, and the spread says more about the rate than about the data. Choose it by the validation log-likelihood.
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// The number of features.
    pub d_input: usize,
    /// What is predicted.
    pub task: Task,
    /// The number of units of each hidden layer; none at all makes a linear model.
    #[config(default = "vec![64, 64]")]
    pub hidden: Vec<usize>,
    /// The function behind each hidden layer.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// The rate on the features.
    #[config(default = "Rate::new(0.1).expect(\"0.1 is a rate\")")]
    pub input_rate: Rate,
    /// The rate behind each hidden layer; one number holds for all of them.
    #[config(default = "vec![Rate::new(0.2).expect(\"0.2 is a rate\")]")]
    pub rates: Vec<Rate>,
    /// Whether a batch normalisation stands between each hidden layer and its activation.
    #[config(default = false)]
    pub batch_norm: bool,
}

/// Linear layers with dropout before each of them.
///
/// ```text
/// x -> dropout -> [linear -> batch norm? -> activation -> dropout] * hidden -> linear
/// ```
/// Sites: `input_dropout`, `layers.0.dropout`, `layers.1.dropout`, ...
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, models::{MlpConfig, Task}, uncertainty::MonteCarlo};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex();
/// let mlp = MlpConfig::new(4, Task::MultiClass { classes: 3 }).init(&device, Key::new(0).fold_str("init"));
/// let x = Tensor::ones([2, 4], &device);
/// let logits = mlp.forward(x.clone(), &Pass::mean()); // the mean network
/// let prediction = MonteCarlo::new(20).predict(&mlp.classifier()?, x)?; // twenty sampled ones
/// assert!(prediction.mutual_information()[0] >= 0.0);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Mlp {
    input_dropout: Dropout,
    layers: Vec<MlpLayer>,
    output: Linear,
    #[module(skip)]
    task: Task,
}

/// One hidden layer of an [`Mlp`].
#[derive(Module, Debug)]
pub struct MlpLayer {
    linear: Linear,
    norm: Option<BatchNorm>,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
}

impl MlpConfig {
    /// That the network can be built.
    ///
    /// # Errors
    /// [`Error::Config`] for a width of zero, for more than 100 hidden layers or 2^31 parameters, and for a number of rates that is neither one nor that of the hidden layers.
    pub fn check(&self) -> Result<()> {
        self.task.check()?;
        if self.d_input == 0 {
            return Err(Error::config("d_input", 0, "at least 1"));
        }
        if self.hidden.contains(&0) {
            return Err(Error::config("hidden", format!("{:?}", self.hidden), "widths of at least 1"));
        }
        if self.hidden.len() > MOST_LAYERS {
            let layers = format!("{} layers", self.hidden.len());
            return Err(Error::config("hidden", layers, format!("at most {MOST_LAYERS} layers")));
        }
        if self.parameters().is_none_or(|parameters| parameters > MOST_PARAMETERS) {
            let expected = format!("a network of at most {MOST_PARAMETERS} parameters");
            return Err(Error::config("hidden", format!("{:?}", self.hidden), expected));
        }
        let (rates, layers) = (self.rates.len(), self.hidden.len());
        match rates == layers || rates == 1 {
            true => Ok(()),
            false => Err(Error::config(
                "rates",
                format!("{rates} rates"),
                match layers {
                    0 | 1 => "1".to_string(),
                    _ => format!("1 or {layers}, one for each hidden layer"),
                },
            )),
        }
    }

    /// The number of trained parameters: running statistics are none. `None` if no machine could hold them.
    pub(crate) fn parameters(&self) -> Option<usize> {
        let widths: Vec<usize> =
            [self.d_input].into_iter().chain(self.hidden.iter().copied()).chain([self.task.d_output()]).collect();
        let linear = widths.windows(2).map(|ends| ends[0].checked_add(1)?.checked_mul(ends[1]));
        let norm = self.hidden.iter().map(|width| width.checked_mul(if self.batch_norm { 2 } else { 0 }));
        linear.chain(norm).try_fold(0, |sum: usize, layer| sum.checked_add(layer?))
    }

    /// A network with weights drawn from `init_key` ([`init_weights`]).
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device, init_key: Key) -> Mlp {
        self.check().unwrap_or_else(|error| panic!("{error}"));
        init_weights(self.layers(device), init_key)
    }

    /// The network, whose weights are still to be drawn.
    pub(super) fn layers(&self, device: &Device) -> Mlp {
        let inputs = [self.d_input].into_iter().chain(self.hidden.iter().copied());
        let layer = |(i, (d_input, &d_hidden)): (usize, (usize, &usize))| MlpLayer {
            linear: LinearConfig::new(d_input, d_hidden).init(device),
            norm: self.batch_norm.then(|| BatchNormConfig::new(d_hidden).init(device)),
            activation: self.activation,
            dropout: Dropout::new(self.rates[if self.rates.len() == 1 { 0 } else { i }]),
        };
        Mlp {
            input_dropout: Dropout::new(self.input_rate),
            layers: inputs.zip(&self.hidden).enumerate().map(layer).collect(),
            output: LinearConfig::new(*self.hidden.last().unwrap_or(&self.d_input), self.task.d_output()).init(device),
            task: self.task,
        }
    }
}

impl Mlp {
    /// The numbers of the last layer; [`Stochastic::run`] gives them their meaning.
    ///
    /// # Shapes
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`; predicted noise: the means, then the log variances
    pub fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let mut x = self.input_dropout.forward(x, &pass.at("input_dropout"));
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &pass.at("layers").at(i)); // [rows, hidden[i]]
        }
        self.output.forward(x) // [rows, d_output]
    }

    /// The number of features that it reads.
    pub fn d_input(&self) -> usize {
        self.first().weight.dims()[0]
    }

    /// The layer that reads the features.
    pub(super) fn first(&self) -> &Linear {
        self.layers.first().map_or(&self.output, |layer| &layer.linear)
    }

    /// The network that predicts alike without scaling in training, if weights are multiplied by `1 - rate` at test ([`to_original_scaling`]).
    pub fn to_original_scaling(self) -> Self {
        self.map_linear(to_original_scaling)
    }

    /// Reads weights that were trained with the original scaling ([`to_inverted_scaling`]).
    pub fn to_inverted_scaling(self) -> Self {
        self.map_linear(to_inverted_scaling)
    }

    /// Changes each linear layer, given the rate of the dropout before it.
    fn map_linear(mut self, change: fn(Linear, Rate) -> Linear) -> Self {
        let mut rate = self.input_dropout.rate();
        for layer in &mut self.layers {
            layer.linear = change(layer.linear.clone(), rate);
            rate = layer.dropout.rate();
        }
        self.output = change(self.output, rate);
        self
    }
}

views!(Mlp);

impl MlpLayer {
    fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let [d_input, _] = self.linear.weight.dims();
        assert_shape!(x, [_, d_input]);
        let x = self.linear.forward(x);
        let x = match &self.norm {
            Some(norm) => norm.forward(x, &pass.at("norm")),
            None => x,
        };
        let x = self.activation.forward(x);
        self.dropout.forward(x, &pass.at("dropout"))
    }
}

impl Stochastic<Tensor<2>> for Mlp {
    type Output = Outputs;

    fn run(&self, input: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        meaning(self.forward(input, pass), self.task.output())
    }

    /// Networks share a batch as long as it is small: fewer, larger products.
    fn run_many(&self, input: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        fold(&input, passes, FOLDED_ROWS, |input, pass| self.forward(input, pass), &mut |number, raw| {
            sink(number, meaning(raw, self.task.output()));
        });
    }
}

/// More are a mistake: nothing comes through so many without a way around them, and reading them takes a time that grows with their square.
const MOST_LAYERS: usize = 100;

/// What no single machine trains: a wrong digit in a width, found before it is allocated.
const MOST_PARAMETERS: usize = 1 << 31;

/// Rows of a folded batch: beyond a few hundred, a larger product is not a faster one.
const FOLDED_ROWS: usize = 512;
