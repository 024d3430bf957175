//! Dropout: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural networks
//! from overfitting", JMLR 15 (2014), <https://jmlr.org/papers/v15/srivastava14a.html>. We scale in training (inverted dropout)
//! where the paper scales the weights at test: see [`to_inverted_scaling`](super::to_inverted_scaling).

use burn::{
    config::Config,
    module::{Content, DisplaySettings, Module, ModuleDisplay},
    tensor::Tensor,
};

use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

/// Configuration of [`Dropout`].
#[derive(Config, Debug)]
pub struct DropoutConfig {
    /// The probability of dropping a unit, in `[0, 1)`; checked by [`DropoutConfig::init`] and by [`Rate::new`].
    pub rate: f64,
}

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
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct Dropout {
    #[module(skip)]
    rate: Rate,
}

impl DropoutConfig {
    /// A dropout layer.
    ///
    /// # Panics
    /// If the rate is not in `[0, 1)`. For numbers from a user: [`Rate::new`], then [`Dropout::new`].
    pub fn init(&self) -> Dropout {
        Dropout::new(Rate::new(self.rate).unwrap_or_else(|error| panic!("{error}")))
    }
}

impl Dropout {
    /// A layer that drops with a rate that was checked before.
    pub fn new(rate: Rate) -> Self {
        Self { rate }
    }

    /// The probability of dropping.
    pub fn rate(&self) -> Rate {
        self.rate
    }

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
}

impl ModuleDisplay for Dropout {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content.add("rate", &self.rate.get()).optional()
    }
}
