//! Stochastic depth: Huang, Sun, Liu, Sedra & Weinberger, "Deep networks with stochastic depth", ECCV 2016,
//! <https://arxiv.org/abs/1603.09382>. We scale in training where the paper scales the branches at test, by their probability of
//! being kept.

use burn::tensor::Tensor;

use super::rate_layer::rate_layer;
use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

rate_layer! {
    /// Drops a whole residual branch with probability `rate`, and scales it where it is kept: `x + depth.forward(branch(x), pass)`.
    ///
    /// ```text
    /// y = branch m / (1 - rate),   m ~ Bernoulli(1 - rate);   E[y] = branch
    /// ```
    /// All entries of a row share its draw; in [`Pass::network`] all rows do, and the network is the shallower one without this branch.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Pass, nn::StochasticDepthConfig};
    /// # #[cfg(feature = "flex")] {
    /// use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
    ///
    /// let device = Device::flex();
    /// let (branch, depth) = (LinearConfig::new(8, 8).init(&device), StochasticDepthConfig::new(0.2).init());
    /// let (x, pass) = (Tensor::<2>::ones([64, 8], &device), Pass::train(Key::new(7)));
    /// let y = x.clone() + depth.forward(branch.forward(x), &pass.at("depth"));
    /// # }
    /// ```
    StochasticDepth, StochasticDepthConfig
}

impl StochasticDepth {
    /// Drops `branch`, row by row.
    ///
    /// # Shapes
    /// - input: `[rows, ...]`
    /// - output: `[rows, ...]`
    pub fn forward<const D: usize>(&self, branch: Tensor<D>, pass: &Pass<'_>) -> Tensor<D> {
        match pass.draw(Law::Bernoulli(self.rate), [branch.dims()[0]], &branch.device()) {
            Some(mask) => {
                let mut shape = [1; D];
                [shape[0]] = mask.dims();
                branch * (mask * self.rate.scale()).reshape(shape)
            }
            None => branch,
        }
    }

    /// The paper's linear schedule for `blocks` blocks: the l-th of L is dropped with the rate `l / L * last`, the last one with `last`.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Rate, nn::StochasticDepth};
    ///
    /// let rates: Vec<f64> = StochasticDepth::schedule(Rate::new(0.5)?, 4).into_iter().map(Rate::get).collect();
    /// assert_eq!(rates, [0.125, 0.25, 0.375, 0.5]);
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn schedule(last: Rate, blocks: usize) -> Vec<Rate> {
        let rate = |block| last.get() * (block as f64 / blocks as f64);
        (1..=blocks).map(|block| Rate::new(rate(block)).expect("a share of a rate is a rate")).collect()
    }
}
