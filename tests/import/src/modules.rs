//! Modules.

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Key, Law, Pass, Rate, Stochastic,
    nn::{Dropout, DropoutConfig, RecurrentConfig, VariationalGru, init_weights},
    outputs::{Outputs, Point},
};

/// A layer of the importer's own: noise on what passes through. It asks the pass, and is the identity where nothing is drawn.
#[derive(Module, Debug)]
pub struct Jitter {
    sd: f64,
}

impl Jitter {
    fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        match pass.draw(Law::Normal, x.dims(), &x.device()) {
            Some(noise) => x + noise * self.sd,
            None => x,
        }
    }
}

/// A network of the importer's own, with dropout of burn-zoo in place of Burn's.
#[derive(Module, Debug)]
pub struct Own {
    jitter: Jitter,
    first: Linear,
    dropout: Dropout,
    last: Linear,
}

impl Own {
    /// Of `d_input` numbers.
    pub fn new(d_input: usize, device: &Device) -> Self {
        let own = Self {
            jitter: Jitter { sd: 0.05 },
            first: LinearConfig::new(d_input, 16).init(device),
            dropout: DropoutConfig::new(0.1).init(),
            last: LinearConfig::new(16, 1).init(device),
        };
        init_weights(own, Key::new(0).fold_str("init"))
    }

    /// What the first layer makes of a row: a backbone for a head.
    pub fn features(&self, x: Tensor<2>) -> Tensor<2> {
        relu(self.first.forward(x)) // [rows, 16]
    }
}

impl Stochastic<Tensor<2>> for Own {
    type Output = Outputs;

    fn run(&self, x: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        let x = self.jitter.forward(x, &pass.at("jitter"));
        let x = self.dropout.forward(self.features(x), &pass.at("dropout"));
        Outputs::Point(Point(self.last.forward(x))) // [rows, 1]
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
    pub fn new(d_input: usize, device: &Device) -> burn_zoo::Result<Self> {
        let (rate, init_key) = (Rate::new(0.2)?, Key::new(0).fold_str("init"));
        let config = RecurrentConfig::new(d_input, 8).with_input_rate(rate).with_recurrent_rate(rate);
        Ok(Self {
            gru: config.init(device, init_key.fold_str("gru")),
            last: init_weights(LinearConfig::new(8, 1).init(device), init_key.fold_str("last")),
        })
    }

    /// # Shapes
    /// - input: `[rows, steps, d_input]`
    /// - output: `[rows, 1]`
    pub fn forward(&self, x: Tensor<3>, pass: &Pass<'_>) -> Tensor<2> {
        let (_, state) = self.gru.forward(x, None, &pass.at("gru"));
        self.last.forward(state.hidden.squeeze_dim::<2>(0))
    }
}
