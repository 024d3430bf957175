//! Alpha dropout: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-normalizing neural networks", NIPS 2017,
//! <https://arxiv.org/abs/1706.02515>, section "New dropout technique".

use burn::tensor::Tensor;

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

/// What SELU tends to far below zero, `-lambda alpha`: its way of being off.
const OFF: f64 = -1.758_099_340_847_376_6;

rate_layer! {
    /// Dropout for networks of SELU units: sets units to SELU's lower limit with probability `rate`, independently, and then moves and
    /// scales all of them so that mean 0 and variance 1 stay.
    ///
    /// ```text
    /// y_i = a (x_i m_i + alpha' (1 - m_i)) + b,   m_i ~ Bernoulli(1 - rate),   alpha' = -1.7580993408473766
    /// a = ((1 - rate) (1 + rate alpha'^2))^(-1/2),   b = -a rate alpha'
    /// E[y | x] = a (1 - rate) x = sqrt((1 - rate) / (1 + rate alpha'^2)) x;   E[y] = 0 and Var[y] = 1, if E[x] = 0 and Var[x] = 1
    /// ```
    /// So it is unbiased over units with mean 0, and biased for a unit with a given x: that is drawn towards 0, to 0.83 x at a rate of 0.1.
    /// The mean pass, which is the identity, is therefore not the mean of the sampled passes.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::AlphaDropoutConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Device, Tensor, activation::selu};
    ///
    /// let dropout = AlphaDropoutConfig::new(0.05).init();
    /// let x = selu(Tensor::<2>::ones([64, 8], &Device::flex()));
    /// let y = dropout.forward(x, &Pass::train(Key::new(7)).at("dropout"));
    /// # }
    /// ```
    AlphaDropout, AlphaDropoutConfig
}

impl AlphaDropout {
    /// Switches units of `x` off.
    ///
    /// # Shapes
    /// - input: `[rows, ...]`
    /// - output: `[rows, ...]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        let Some(mask) = pass.draw(Law::Bernoulli(self.rate), x.dims(), &x.device()) else { return x };
        let a = self.slope();
        // alpha' a + b where a unit is off, b where it is on.
        let shift = mask.clone() * (-a * OFF) + a * OFF * self.rate.keep();
        x * (mask * a) + shift
    }

    /// `a`: what the units that stay on are multiplied by.
    fn slope(&self) -> f64 {
        1.0 / (self.rate.keep() * (1.0 + self.rate.get() * OFF.powi(2))).sqrt()
    }
}
