//! Gaussian dropout: Srivastava et al., JMLR 15 (2014), <https://jmlr.org/papers/v15/srivastava14a.html>, section 10
//! ("multiplicative Gaussian noise"); Keras' `GaussianDropout`.

use burn::tensor::Tensor;

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

rate_layer! {
    /// Multiplies each unit with normal noise of the mean and the variance that [`Dropout`](super::Dropout) with this rate has.
    ///
    /// ```text
    /// y_i = x_i (1 + sqrt(rate / (1 - rate)) n_i),   n_i ~ N(0, 1);   E[y] = x,   Var[y] = x^2 rate / (1 - rate)
    /// ```
    /// The paper's variance is (1 - p) / p, with p the probability of keeping. No unit is ever quite dropped, so the network does not thin.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::GaussianDropoutConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Device, Tensor};
    ///
    /// let dropout = GaussianDropoutConfig::new(0.2).init();
    /// let x = Tensor::<2>::ones([64, 8], &Device::flex());
    /// let y = dropout.forward(x, &Pass::train(Key::new(7)).at("dropout")); // 1, give or take 0.5
    /// # }
    /// ```
    GaussianDropout, GaussianDropoutConfig
}

impl GaussianDropout {
    /// Makes `x` noisy.
    ///
    /// # Shapes
    /// - input: `[rows, ...]`
    /// - output: `[rows, ...]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        let law = if self.rate.is_zero() { Law::Bernoulli(Rate::ZERO) } else { Law::Normal };
        match pass.draw(law, x.dims(), &x.device()) {
            Some(noise) => x * (noise * (self.rate.get() * self.rate.scale()).sqrt() + 1.0),
            None => x,
        }
    }
}
