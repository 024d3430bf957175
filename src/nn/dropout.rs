//! Dropout: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural networks
//! from overfitting", JMLR 15 (2014), <https://jmlr.org/papers/v15/srivastava14a.html>. We scale in training (inverted dropout)
//! where the paper scales the weights at test: see [`to_inverted_scaling`](super::to_inverted_scaling).

use burn::tensor::Tensor;

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

rate_layer! {
    /// Drops each unit with probability `rate`, independently, and scales what is kept.
    ///
    /// ```text
    /// y_i = x_i m_i / (1 - rate),   m_i ~ Bernoulli(1 - rate);   E[y] = x
    /// ```
    /// Whether a mask is drawn, and whether rows share it, is the pass's to say: [`Pass::mean`] gives the identity on every device,
    /// [`Pass::train`] a mask for each row, [`Pass::network`] one for all rows. Burn's own `Dropout` acts on autodiff devices only.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::DropoutConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Device, Tensor};
    ///
    /// let dropout = DropoutConfig::new(0.2).init();
    /// let x = Tensor::<2>::ones([64, 8], &Device::flex());
    /// let y = dropout.forward(x.clone(), &Pass::train(Key::new(7)).at("dropout")); // 0 or 1.25
    /// let z = dropout.forward(x, &Pass::mean().at("dropout")); // 1
    /// # }
    /// ```
    Dropout, DropoutConfig
}

impl Dropout {
    /// Drops units of `x`.
    ///
    /// # Shapes
    /// - input: `[rows, ...]`
    /// - output: `[rows, ...]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        match pass.draw(Law::Bernoulli(self.rate), x.dims(), &x.device()) {
            Some(mask) => x * (mask * self.rate.scale()),
            None => x,
        }
    }

    /// The units, of `units` a row, that the pass keeps in all its rows; `None` where rows or networks have masks of their own.
    pub fn kept(&self, units: usize, pass: &Pass<'_>) -> Option<Vec<usize>> {
        pass.kept(self.rate, units)
    }
}
