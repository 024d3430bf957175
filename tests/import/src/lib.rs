//! Modules of an importer: a layer of burn-zoo in a module of their own, and a head of burn-zoo over it.

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Key, Pass, Stochastic,
    nn::{Dropout, DropoutConfig, RecurrentConfig, VariationalGru, init_weights},
    outputs::{Outputs, Point},
};

/// A network of the importer's own, with dropout of burn-zoo in place of Burn's.
#[derive(Module, Debug)]
pub struct Own {
    first: Linear,
    dropout: Dropout,
    last: Linear,
}

impl Own {
    /// Of `d_input` numbers.
    pub fn new(d_input: usize, device: &Device) -> Self {
        let own = Self {
            first: LinearConfig::new(d_input, 16).init(device),
            dropout: DropoutConfig::new(0.1).init(),
            last: LinearConfig::new(16, 1).init(device),
        };
        init_weights(own, Key::new(0).fold_str("init"))
    }

    /// The features behind the first layer: a backbone for a head.
    pub fn features(&self, x: Tensor<2>) -> Tensor<2> {
        relu(self.first.forward(x))
    }
}

impl Stochastic<Tensor<2>> for Own {
    type Output = Outputs;

    fn run(&self, x: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        let x = self.dropout.forward(self.features(x), &pass.at("dropout"));
        Outputs::Point(Point(self.last.forward(x)))
    }
}

/// A recurrent network of the importer's own.
#[derive(Module, Debug)]
pub struct Sequence {
    gru: VariationalGru,
    last: Linear,
}

impl Sequence {
    /// Of steps of `d_input` numbers.
    pub fn new(d_input: usize, device: &Device) -> Self {
        let rate = "0.2".parse().expect("a rate");
        let config = RecurrentConfig::new(d_input, 8).with_input_rate(rate).with_recurrent_rate(rate);
        let last = init_weights(LinearConfig::new(8, 1).init(device), Key::new(1));
        Self { gru: config.init(device, Key::new(0).fold_str("init")), last }
    }

    /// `[rows, steps, d_input]` to `[rows, 1]`.
    pub fn forward(&self, x: Tensor<3>, pass: &Pass<'_>) -> Tensor<2> {
        let (_, state) = self.gru.forward(x, None, &pass.at("gru"));
        self.last.forward(state.hidden.squeeze_dim::<2>(0))
    }
}
